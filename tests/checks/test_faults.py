from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from checked_worlds import clean
from faults import FAULTS, outcomes_of

from checks import Previous, check_results, messages
from checks.suites import BEFORE, results
from moored.run.estimates import Estimates
from moored.storage.published import estimate_rows
from moored.study import CheckName
from tests.runs import fit

RESULTS = {check.name for check in results.CHECKS}


def failing(outcomes):
    return {outcome.check for outcome in outcomes if not outcome.passed}


def stopping(outcomes):
    return {outcome.check for outcome in outcomes if not outcome.passed and outcome.severity == "critical"}


def test_every_check_has_a_fault_and_may_be_named_in_a_study():
    before = {check.name for checks in BEFORE.values() for check in checks}
    assert set(FAULTS) == before
    assert set(RESULT_FAULTS) == RESULTS
    assert set(get_args(CheckName)) == before | RESULTS


@pytest.mark.parametrize("check", FAULTS)
def test_a_fault_is_caught_by_its_check_and_by_no_other_critical_one(check):
    outcomes = outcomes_of(check)
    own = next(outcome for outcome in outcomes if outcome.check == check)
    assert not own.passed, own.message
    assert stopping(outcomes) - {check} == set(), messages(outcomes)


def test_a_clean_world_passes_everything():
    outcomes = outcomes_of(None)
    assert failing(outcomes) == set()
    assert messages(outcomes) == ""


TERMS = ("Intercept", "long")


def fits(**changes):
    """Three fits; changes are of gmm-proxy."""
    return (
        fit("human", se=0.05, terms=TERMS),
        fit("naive-proxy", se=0.01, terms=TERMS),
        replace(fit("gmm-proxy", se=0.04, terms=TERMS, j_p_value=0.4), **changes),
    )


def checked(given, previous=None, ruled="gmm-proxy"):
    estimators = ["human", "naive-proxy", "gmm-proxy"]
    evidence = clean(estimate={"formula": "mood ~ long", "estimators": estimators})
    return check_results(Estimates(given, None, ruled, ()), replace(evidence, previous=previous))


def last(estimate):
    return Previous(3, estimate_rows(fits(estimate=np.full(2, estimate))), pd.DataFrame())


NOTHING = np.full(2, np.nan)
RESULT_FAULTS = {
    "estimators-present": lambda: checked(fits()[1:]),
    "headline-present": lambda: checked(fits(estimate=NOTHING, lower=NOTHING, upper=NOTHING)),
    "estimates-finite": lambda: checked(fits(estimate=np.array([0.5, np.inf]))),
    "errors-positive": lambda: checked(fits(se=np.array([0.04, 0.0]))),
    "interval-holds-estimate": lambda: checked(fits(lower=np.full(2, 0.51))),
    "near-human": lambda: checked(
        fits(estimate=np.full(2, 0.7), lower=np.full(2, 0.6), upper=np.full(2, 0.8))
    ),
    "fit-j": lambda: checked(fits(j_p_value=1e-5)),
    "no-harm": lambda: checked(fits(se=np.full(2, 0.07))),
    "estimate-drift": lambda: checked(fits(), last(0.9)),
}


@pytest.mark.parametrize("ruled", ["gmm-small", "gmm-synth"])
def test_another_estimator_is_no_headline(ruled):
    """What the rule names must be there; that others are does not help."""
    assert failing(checked(fits(), last(0.51), ruled=ruled)) == {"headline-present"}


def test_a_clean_table_passes():
    assert failing(checked(fits(), last(0.51))) == set()


@pytest.mark.parametrize("check", RESULT_FAULTS)
def test_a_fault_of_the_results_is_caught(check):
    outcomes = RESULT_FAULTS[check]()
    assert check in failing(outcomes)
    # An estimate that is absent is not finite either.
    allowed = {check} | ({"estimates-finite"} if check == "headline-present" else set())
    assert stopping(outcomes) <= allowed
