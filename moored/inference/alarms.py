"""What a fit from a table asks unasked: were labels drawn by chance, does each source treat all units alike?"""

from __future__ import annotations

from moored.errors import EstimationError
from moored.inference.data import Sample
from moored.inference.diagnostics import labelling_test, source_tests
from moored.inference.moments import Moments
from moored.numbers import p_equals

ALARM = 0.01
"""All tests of a table together (Bonferroni): so often a sound one is given a warning."""


def alarms(sample: Sample, family: str | Moments) -> tuple[str, ...]:
    """A warning that names the tests that reject; none where no test has an answer.

    Failing that depends on labelling is among the fits' own warnings.
    """
    try:
        labelling, agreement = labelling_test(sample, family), source_tests(sample, family)
    except EstimationError:
        return ()
    asked = [(f"source {test.name!r}", test.p_value) for test in agreement]
    if labelling is not None:
        asked.insert(0, ("readings and covariates together", labelling.p_value))
    found = [f"{what}: {p_equals(p)}" for what, p in asked if p < ALARM / len(asked)]
    said = (
        f"labelled and unlabelled units differ ({', '.join(found)}): the labels were not drawn at random, or a "
        "source treats them otherwise; no interval here is safe"
    )
    return (said,) if found else ()
