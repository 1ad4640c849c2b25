"""Finished runs as the store gives them back: frozen records, their fields named as the columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from moored.inference.results import Fit

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """One estimator's answer for one term. None: an open end of an interval, or no such number."""

    estimator: str
    term: str
    estimate: float
    se: float
    lower: float | None
    upper: float | None
    p_value: float
    effective_n: float | None
    labels_saved: float | None
    r2: float | None


@dataclass(frozen=True, slots=True)
class FitRow:
    """What holds for all terms of one estimator."""

    estimator: str
    family: str
    level: float
    n_labelled: int
    n_total: int
    j: float | None
    j_df: int | None
    j_p_value: float | None
    warnings: tuple[str, ...]
    target: str | None
    covariance: Matrix | None
    """(p, p), in the order of the terms; None in versions older than this column."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """What one check said of a run."""

    suite: str
    check: str
    severity: str
    passed: bool
    observed: str | None
    threshold: str | None
    unit_ids: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A finished run, published or stopped by its checks: a row of `runs`."""

    run_id: str
    study: str
    version: int | None
    """None where the run was stopped."""
    status: Literal["published", "stopped"]
    inputs: str
    """The fingerprint of what it was computed from."""
    study_fingerprint: str
    data_version: str
    code_version: str
    recipes: Mapping[str, str]
    """The fingerprint of each source's recipe."""
    generation_seq: int
    headline: str | None
    """The estimator to read."""
    marks: tuple[str, ...]
    """What a reader must know."""
    override_reason: str | None
    counts: Mapping[str, Any]
    timings: Mapping[str, float]
    started_at: datetime
    stored_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any], **more: Any) -> Self:
        """From a row of `runs` whose JSON is parsed; `more` are the fields that such a row lacks."""
        return cls(**{field.name: _frozen(row[field.name]) for field in fields(StoredRun)}, **more)


@dataclass(frozen=True, slots=True)
class PublishedRun(StoredRun):
    """A published version with its numbers."""

    version: int
    estimates: tuple[EstimateRow, ...]
    """In the order of its table: by estimator, then by term."""
    fits: tuple[FitRow, ...]
    """One row per estimator."""

    def fit_of(self, estimator: str | None) -> FitRow | None:
        """What holds for all terms of an estimator; None where it was not fitted."""
        return next((fit for fit in self.fits if fit.estimator == estimator), None)

    def estimates_by(self, estimator: str | None) -> tuple[EstimateRow, ...]:
        """An estimator's rows, one row per term."""
        return tuple(row for row in self.estimates if row.estimator == estimator)


@dataclass(frozen=True, slots=True)
class Move:
    """A rollback: `version` became the latest while `newest` was the newest version."""

    version: int
    newest: int
    reason: str | None
    moved_at: datetime


def estimate_rows(fits: Iterable[Fit]) -> tuple[EstimateRow, ...]:
    """The rows of some fits, one row per estimator and term."""
    return tuple(EstimateRow(**row) for fit in fits for row in fit.rows())


def fit_rows(fits: Iterable[Fit]) -> tuple[FitRow, ...]:
    """What holds for all terms, one row per fit."""
    return tuple(fit_row(fit.record() | {"family": fit.family, "level": fit.level}) for fit in fits)


def estimate_row(row: Mapping[str, Any]) -> EstimateRow:
    """From a row of `estimates`."""
    return EstimateRow(**row)


def fit_row(row: Mapping[str, Any]) -> FitRow:
    """From a row of `fits`."""
    return FitRow(**{name: _frozen(value) for name, value in row.items()})


def check_row(row: Mapping[str, Any]) -> CheckRow:
    """From a row of `checks`."""
    return CheckRow(**{name: _frozen(value) for name, value in row.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
