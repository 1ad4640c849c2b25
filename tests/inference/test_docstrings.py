"""The public statistics are documented in numpydoc: parameters that exist, and examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect

import griffe
import numpy as np
import pytest

import moored.inference
from moored.inference.fitting import fit

PUBLIC = [
    thing
    for thing in (fit, *(getattr(moored.inference, name) for name in moored.inference.__all__))
    if inspect.isfunction(thing) or inspect.isclass(thing)
]
FUNCTIONS = [thing for thing in PUBLIC if inspect.isfunction(thing)]


def the_sample():
    """What examples call "the sample of `Sample`"."""
    names = {"np": np, "Sample": moored.inference.Sample, "Source": moored.inference.Source}
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(moored.inference.Sample)):
        if not example.want:
            exec(example.source, names)
    return names["sample"]


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_every_example_runs_and_says_what_comes(thing):
    module = importlib.import_module(thing.__module__)
    names = vars(moored.inference) | vars(module) | {"np": np, "sample": the_sample()}
    tests = doctest.DocTestFinder(recurse=False).find(thing, thing.__name__, module=module, globs=dict(names))
    results = [doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test) for test in tests]
    assert sum(result.failed for result in results) == 0


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_every_function_has_an_example(function):
    assert ">>>" in (inspect.getdoc(function) or "")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_what_is_said_of_parameters_are_parameters(function):
    docstring = griffe.Docstring(inspect.getdoc(function) or "")
    described = {
        name.strip(" *")
        for section in docstring.parse("numpy", warnings=False)
        if section.kind is griffe.DocstringSectionKind.parameters
        for parameter in section.value
        for name in parameter.name.split(",")
    }
    assert described <= set(inspect.signature(function).parameters)
