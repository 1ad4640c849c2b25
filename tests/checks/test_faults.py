from dataclasses import replace
from typing import get_args

import pandas as pd
import pytest
from checked_worlds import clean
from faults import FAULTS, outcomes_of

from checks import Previous, check_results, messages
from checks.suites import BEFORE, results
from moored.study import CheckName

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


def table(**changes):
    rows = [
        {
            "estimator": name,
            "term": term,
            "estimate": 0.5,
            "se": se,
            "lower": 0.5 - 2 * se,
            "upper": 0.5 + 2 * se,
        }
        for name, se in (("human", 0.05), ("naive-proxy", 0.01), ("gmm-proxy", 0.04))
        for term in ("Intercept", "long")
    ]
    frame = pd.DataFrame(rows)
    for column, value in changes.items():
        frame.loc[frame["estimator"] == "gmm-proxy", column] = value
    return frame


def checked(estimates, previous=None, j_p_value=0.4):
    estimators = ["human", "naive-proxy", "gmm-proxy"]
    evidence = clean(estimate={"formula": "mood ~ long", "estimators": estimators})
    return check_results(
        estimates,
        pd.DataFrame([{"estimator": "gmm-proxy", "j_p_value": j_p_value}]),
        replace(evidence, previous=previous),
    )


def last(estimate):
    return Previous(3, table(estimate=estimate)[["estimator", "term", "estimate", "se"]], pd.DataFrame())


RESULT_FAULTS = {
    "estimators-present": lambda: checked(table().query("estimator != 'human'")),
    "headline-present": lambda: checked(table(estimate=None, lower=None, upper=None)),
    "estimates-finite": lambda: checked(table(estimate=[0.5, float("inf")])),
    "errors-positive": lambda: checked(table(se=[0.04, 0.0])),
    "interval-holds-estimate": lambda: checked(table(lower=0.51)),
    "near-human": lambda: checked(table(estimate=0.7, lower=0.6, upper=0.8)),
    "fit-j": lambda: checked(table(), j_p_value=1e-5),
    "no-harm": lambda: checked(table(se=0.07)),
    "estimate-drift": lambda: checked(table(), last(0.9)),
}


def test_a_clean_table_passes():
    assert failing(checked(table(), last(0.51))) == set()


@pytest.mark.parametrize("check", RESULT_FAULTS)
def test_a_fault_of_the_results_is_caught(check):
    outcomes = RESULT_FAULTS[check]()
    assert check in failing(outcomes)
    # An estimate that is absent is not finite either.
    allowed = {check} | ({"estimates-finite"} if check == "headline-present" else set())
    assert stopping(outcomes) <= allowed
