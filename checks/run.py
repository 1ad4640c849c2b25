"""Run the suites: evidence in, outcomes out. A check that fails is an outcome, never an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from checks import frames
from checks.check import Check, Frame, Measure
from checks.evidence import CheckResult, Evidence
from checks.extension import custom_expectations
from checks.suites import BEFORE, MEASURES, results
from checks.suites.same_law import decided
from checks.validator import Validator, Verdict, build
from checks.view import View
from checks.words import of_custom, of_rows, of_subjects
from moored.plaintext import counted
from moored.run.estimates import Estimates
from moored.study import Study

Thresholds = Mapping[str, Any]
Tables = Mapping[Frame, Callable[[], pd.DataFrame]]
"""Made as they are asked for, one at a time: each is as long as the data."""


def run_checks(evidence: Evidence) -> tuple[CheckResult, ...]:
    """Every check that is asked before estimation, suite by suite, then the custom ones.

    Errors: `StudyInvalid`, where the study's file of custom expectations cannot be used.
    """
    custom = custom_expectations(evidence.study, evidence.folder)
    view = View(evidence)
    found, alpha_each = decided(
        [m for measure in MEASURES for m in measure(view)], evidence.study.checks.alpha
    )
    thresholds = _thresholds(evidence.study, alpha_each)
    tables: Tables = {
        "units": lambda: frames.units(view),
        "labelled": lambda: frames.labelled(view),
        "written": lambda: frames.written(view),
        "generations": lambda: frames.generations(view),
        "measures": lambda: frames.measured(found),
    }
    validator = Validator()
    outcomes = _outcomes(BEFORE, tables, found, evidence.study, thresholds, validator)
    return tuple(outcomes) + tuple(_custom_results(custom, tables, validator))


def check_results(estimates: Estimates, evidence: Evidence) -> tuple[CheckResult, ...]:
    """Every check that is asked of the estimates."""
    found = list(results.measures(estimates, evidence))
    tables: Tables = {
        "estimates": lambda: results.frame(estimates.every_fit),
        "measures": lambda: frames.measured(found),
    }
    suites = {"results": results.CHECKS}
    each = evidence.study.checks.alpha / max(1, sum(m.check == "fit-j" for m in found))
    thresholds = _thresholds(evidence.study, each)
    return tuple(_outcomes(suites, tables, found, evidence.study, thresholds, Validator()))


def messages(outcomes: Iterable[CheckResult]) -> str:
    """What stopped the run: each failing critical check, its rows, what to do. Empty where none failed."""
    failed = [o for o in outcomes if o.severity == "critical" and not o.passed]
    if not failed:
        return ""
    count = counted(len(failed), "check")
    return f"{count} stopped the run: " + "; ".join(
        f"[{o.check}] {o.message.removesuffix('.')}" for o in failed
    )


def _thresholds(study: Study, alpha_each: float) -> Thresholds:
    return {**study.checks.model_dump(), "alpha_each": alpha_each, "nothing": 0}


def _outcomes(
    suites: Mapping[str, tuple[Check, ...]],
    tables: Tables,
    found: Sequence[Measure],
    study: Study,
    thresholds: Thresholds,
    validator: Validator,
) -> list[CheckResult]:
    answers: dict[str, Verdict] = {}
    for frame, table in tables.items():
        asked = [check for checks in suites.values() for check in checks if check.frame == frame]
        answers |= _answers(table(), asked, thresholds, validator)
    outcomes = []
    for suite, checks in suites.items():
        for check in checks:
            severity = study.checks.severity.get(check.name, check.severity)  # type: ignore[call-overload]
            answer = answers.get(check.name)
            if check.frame == "measures":
                own = [m for m in found if m.check == check.name]
                outcomes.append(of_subjects(suite, check, severity, answer, own, thresholds))
            else:
                outcomes.append(of_rows(suite, check, severity, answer, thresholds))
    return outcomes


def _answers(
    table: pd.DataFrame, asked: Sequence[Check], thresholds: Thresholds, validator: Validator
) -> dict[str, Verdict]:
    """The answers of the checks that can be asked: those whose column holds anything."""
    able = [c for c in asked if c.column in table and table[c.column].notna().any()]
    index = frames.ROW if frames.ROW in table else frames.UNIT
    columns = list(dict.fromkeys([index, *(check.column for check in able)]))
    expectations = [build(check.expectation, check.filled(thresholds)) for check in able]
    answers = validator.validate(table[columns], expectations, index)
    return {check.name: answer for check, answer in zip(able, answers, strict=True)}


def _custom_results(
    custom: Mapping[str, list[Any]], tables: Mapping[Any, Callable[[], pd.DataFrame]], validator: Validator
) -> list[CheckResult]:
    outcomes = []
    for frame, expectations in custom.items():
        answers = validator.validate(tables[frame](), expectations, frames.UNIT)
        outcomes += [of_custom(frame, e, answer) for e, answer in zip(expectations, answers, strict=True)]
    return outcomes
