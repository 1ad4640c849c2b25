"""The checks of texts, labels and their design, asked before any model is: what would stop a run stops here.

Thresholds are compared here: to import Great Expectations takes seconds. The run itself asks again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from checks import frames
from checks.check import Check, Frame, Measure
from checks.evidence import CheckResult, Evidence
from checks.run import messages
from checks.suites import labels, texts, validity
from checks.suites.same_law import known_of_all
from checks.suites.texts import LANGUAGE_SAMPLE
from checks.textprints import Texts, alike, nearly_repeated
from checks.validator import Verdict
from checks.view import View
from checks.words import of_rows, of_subjects
from moored.errors import ChecksFailed
from moored.study import Study

_COLUMNS = ("unit_id", "source", "step", "draw", "recipe", "content_hash", "status", "value", "text", "error")
SUITES: Mapping[str, tuple[Check, ...]] = {
    "texts": texts.CHECKS,
    "labels": labels.CHECKS,
    "validity": tuple(
        check
        for check in validity.CHECKS
        if check.name in ("demonstrations-spent", "label-design", "label-probabilities", "labels-random")
    ),
}


def refuse_before_asking(study: Study, units: pd.DataFrame, folder: Path) -> tuple[str, ...]:
    """What the checks say of the data alone: a warning each. Errors: `ChecksFailed`, as the run would end."""
    view = _view(study, units, folder)
    found = list(_measures(view))
    thresholds = {
        **study.checks.model_dump(),
        "alpha_each": study.checks.alpha / _most_tests(view, found),
        "nothing": 0,
    }
    tables: dict[Frame, pd.DataFrame] = {"units": frames.units(view), "labelled": frames.labelled(view)}
    outcomes = [
        _outcome(suite, check, study, tables, found, thresholds)
        for suite, checks in SUITES.items()
        for check in checks
    ]
    if sentence := messages(outcomes):
        raise ChecksFailed(f"{sentence}. A run would end with this, so no model was asked")
    return tuple(f"[{o.check}] {o.message}" for o in outcomes if not o.passed)


def nearly_shown(study: Study, units: pd.DataFrame) -> set[str]:
    """The examples of the study, as it spells them, that equal or nearly equal the text of one of its units."""
    shown = [text for question in study.questions.values() for text, _ in question.examples]
    view = _view(study, units, Path())
    examples = Texts(shown)
    here = np.isin(examples.keys, view.raw_texts.keys)
    long = view.raw_texts.lengths >= validity.LONG_ENOUGH
    for row in np.flatnonzero(examples.lengths >= validity.LONG_ENOUGH):
        here[row] |= bool((long & alike(view.raw_texts.prints, examples.prints[[row]])).any())
    return {text for text, found in zip(shown, here, strict=True) if found}


def near_copies(found: Sequence[str]) -> set[str]:
    """Those texts that equal or nearly equal another one of them."""
    return {text for text, near in zip(found, nearly_repeated(Texts(found)), strict=True) if near}


def _view(study: Study, units: pd.DataFrame, folder: Path) -> View:
    return View(Evidence(study, units, pd.DataFrame({name: [] for name in _COLUMNS}), folder=folder))


def _measures(view: View) -> Iterator[Measure]:
    yield from labels.measures(view)
    if view.T <= LANGUAGE_SAMPLE or any(name in view.study.checks.severity for name in _names(texts.CHECKS)):
        yield from texts.measures(view)
    yield from validity.demonstrations(view)
    yield from validity.labelling(view)
    yield from known_of_all(view)


def _names(checks: Sequence[Check]) -> set[str]:
    return {check.name for check in checks}


def _most_tests(view: View, found: Sequence[Measure]) -> int:
    """No fewer tests than the run will ask: its threshold of each is at least what follows from this."""
    here = sum(m.check == "labels-random" and math.isfinite(m.observed) for m in found)
    sources = len(view.study.sources)
    readings = sources * len(view.study.questions)
    groups = 5 * sum(c.human is None for c in view.study.covariates)
    return here + sources * (2 + groups) + 1 + readings * (readings + 1) // 2


def _outcome(
    suite: str,
    check: Check,
    study: Study,
    tables: Mapping[Frame, pd.DataFrame],
    found: Sequence[Measure],
    thresholds: Mapping[str, Any],
) -> CheckResult:
    severity = study.checks.severity.get(check.name, check.severity)  # type: ignore[call-overload]
    if check.frame == "measures":
        own = [m for m in found if m.check == check.name]
        values = np.array([m.observed for m in own if math.isfinite(m.observed)])
        answer = _answer(check, pd.Series(values, dtype=float), thresholds) if len(values) else None
        return of_subjects(suite, check, severity, answer, own, thresholds)
    table = tables[check.frame]
    answer = _answer(check, table[check.column], thresholds, table["unit_id"]) if len(table) else None
    return of_rows(suite, check, severity, answer, thresholds)


def _answer(
    check: Check, column: pd.Series, thresholds: Mapping[str, Any], ids: pd.Series | None = None
) -> Verdict:
    """What the expectation of a check would find."""
    arguments = check.filled(thresholds)
    if "value_set" in arguments:
        wrong = ~column.isin(arguments["value_set"])
    elif "min_value" in arguments or "max_value" in arguments:
        wrong = (column < arguments.get("min_value", -math.inf)) | (
            column > arguments.get("max_value", math.inf)
        )
    else:
        wrong = column.duplicated(keep=False)
    mask = np.asarray(wrong, dtype=np.bool_)
    rows = () if ids is None else tuple({"unit_id": str(unit)} for unit in ids[mask][:20])
    return Verdict(not mask.any(), int(mask.sum()), len(column), rows, None, None)
