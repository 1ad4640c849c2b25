"""What a notebook passes to `moored.inference`: seeds as numbers, and sentences for what does not fit."""

import re

import numpy as np
import pytest

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, Sample, Source, estimate, fit
from moored.inference.bootstrap import bootstrap
from moored.inference.formula import Columns, sample_from_frame

COMMAND_LINE = re.compile(r"--\w")


def sample():
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(200), rng.normal(size=200)])
    y = X[:, 1] + rng.normal(size=200)
    labelled = np.arange(200) < 80
    sources = tuple(
        Source(kind, kind, y + rng.normal(size=200), X + rng.normal(size=(200, 2)) * [0, 0.2])
        for kind in ("proxy", "synthetic")
    )
    return Sample(np.where(labelled, y, np.nan), X, labelled, sources=sources)


def test_a_number_is_a_seed():
    given = bootstrap(sample(), rng=1, draws=99).draws
    np.testing.assert_array_equal(given, bootstrap(sample(), rng=np.random.default_rng(1), draws=99).draws)
    for name in ("ppi++-synth", "reppi"):
        if name in ESTIMATORS:
            a = ESTIMATORS[name](sample(), rng=0).estimate
            np.testing.assert_array_equal(a, ESTIMATORS[name](sample()).estimate)


def test_a_world_is_drawn_with_a_number_as_well():
    from moored.inference.simulate.worlds import draw

    one, other = (draw("logit", rng, n=20, T=60, M=1) for rng in (3, np.random.default_rng(3)))
    np.testing.assert_array_equal(one.X, other.X)


@pytest.mark.parametrize("rng", ["one", -1, 1.5, None, object()])
def test_what_is_no_seed_is_a_sentence(rng):
    with pytest.raises(DataInvalid, match=r"give a whole number from 0, such as rng=1"):
        bootstrap(sample(), rng=rng, draws=99)


@pytest.mark.parametrize("sources", [["gpt ~ x"], "gpt ~ x", ("gpt", "gpt ~ x"), None, 3])
def test_sources_without_names_are_a_sentence(sources):
    frame = {"y": [1.0, 0.0] * 20, "x": [1.0, 2.0, 3.0, 4.0] * 10, "s": [1, 1] * 20, "gpt": [1.0, 0.0] * 20}
    with pytest.raises(DataInvalid, match=r'sources=\{"proxy": "gpt ~ hedge"\}') as refusal:
        sample_from_frame(frame, Columns("y ~ x", "s", sources))
    assert not COMMAND_LINE.search(str(refusal.value))


@pytest.mark.parametrize("sources", [{"proxy": 1}, "proxy", [1, 2], 5])
def test_sources_that_are_none_are_a_sentence(sources):
    one = sample()
    with pytest.raises(DataInvalid, match="give a tuple of Source"):
        Sample(one.y, one.X, one.labelled, sources=sources)


def test_one_source_needs_no_tuple():
    one = sample()
    assert Sample(one.y, one.X, one.labelled, sources=one.sources[0]).sources == one.sources[:1]


@pytest.mark.parametrize("formula", ["y ~ nothing", "~", "y ~ x +", "", "y ~ x ~ z", "y ~ x + open('f')"])
def test_a_formula_s_refusal_names_no_flag(formula):
    frame = {"y": [1.0, 0.0] * 20, "x": [1.0, 2.0, 3.0, 4.0] * 10, "s": [1, 1] * 20}
    with pytest.raises(DataInvalid) as refusal:
        sample_from_frame(frame, Columns(formula, "s", {}))
    assert not COMMAND_LINE.search(str(refusal.value)), refusal.value


@pytest.mark.parametrize("estimators", ["nope", ["nope"], [1]])
def test_an_estimator_that_is_none_is_a_sentence(estimators):
    with pytest.raises(DataInvalid) as refusal:
        estimate(sample(), estimators=estimators)
    assert not COMMAND_LINE.search(str(refusal.value))


@pytest.mark.parametrize(
    ("family", "words"), [("mean", "a line through zero"), ("quantile:0.5", "write y ~ 1")]
)
@pytest.mark.parametrize("formula", ["y ~ 0 + x", "y ~ x - 1"])
def test_a_mean_of_something_else_than_the_constant_is_refused(family, words, formula):
    """`y ~ 0 + x` has one term, and was fitted as a line through the origin under the name of a mean."""
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(3.0, 1.0, 60), "y": rng.normal(size=60), "s": [1] * 30 + [0] * 30}
    for estimator in ("human", "gmm-small", "gmm-proxy"):
        with pytest.raises(DataInvalid, match=words):
            fit(table, formula, family=family, labelled="s", sources={"p": formula}, estimator=estimator)


def test_a_mean_over_a_single_group_is_the_mean():
    table = {"g": ["a"] * 20, "y": [0.5 * k for k in range(20)]}
    found = fit(table, "y ~ 0 + C(g)", family="mean", estimator="human")
    np.testing.assert_allclose(found.estimate, np.mean(table["y"]))
