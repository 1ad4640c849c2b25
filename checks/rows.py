"""Outcomes as rows to store, and as the marks that a published version carries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import pandas as pd

from checks.evidence import CheckResult


def outcome_frame(outcomes: Iterable[CheckResult]) -> pd.DataFrame:
    """One row an outcome; observed and threshold as text."""
    rows = [
        asdict(outcome)
        | {
            "observed": None if outcome.observed is None else str(outcome.observed),
            "threshold": None if outcome.threshold is None else str(outcome.threshold),
            "unit_ids": list(outcome.unit_ids),
        }
        for outcome in outcomes
    ]
    return pd.DataFrame(rows)


def marks(outcomes: Iterable[CheckResult]) -> tuple[str, ...]:
    """A sentence for each check that failed, critical ones first: what a reader of the version must know."""
    return tuple(f"[{o.check}] {o.message}" for o in failing_first(outcomes) if not o.passed)


def failing_first(outcomes: Iterable[CheckResult]) -> list[CheckResult]:
    """Critical failures, then warnings, then what passed."""
    return sorted(outcomes, key=lambda o: (o.passed, o.severity))
