"""Versioned results: appended in one transaction, the run's own row last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moored.errors import NotStored
from moored.fingerprint import canonical, fingerprint
from moored.storage.published import (
    CheckRow,
    EstimateRow,
    FitRow,
    Move,
    PublishedRun,
    StoredRun,
    check_row,
    estimate_row,
    estimate_rows,
    fit_row,
    fit_rows,
)
from moored.storage.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

    from moored.inference.results import Fit

_JSON = ("recipes", "counts", "timings")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a version is computed from; equal inputs give equal results."""

    study_fingerprint: str
    data_version: str
    code_version: str
    recipes: Mapping[str, str]
    """Recipe fingerprint by source."""
    generation_seq: int

    @property
    def fingerprint(self) -> str:
        """The key that says whether anything changed."""
        return fingerprint("inputs-1", asdict(self))


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run's own row."""

    run_id: str
    study: str
    inputs: Inputs
    started_at: datetime
    headline: str | None = None
    """The estimator to read, by the rule of `moored.inference.headline`."""
    marks: tuple[str, ...] = ()
    override_reason: str | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)


def publish(
    store: Warehouse, run: RunRow, checks: pd.DataFrame, fits: Sequence[Fit], yardsticks: Sequence[Fit] = ()
) -> int:
    """Append one new version of a study's results; all of it or nothing. Gives the version.

    yardsticks: fits whose estimates are shown beside the others, and nothing else of them.
    """
    return publish_rows(store, run, checks, estimate_rows((*fits, *yardsticks)), fit_rows(fits))


def publish_rows(
    store: Warehouse,
    run: RunRow,
    checks: pd.DataFrame,
    estimate_table: Sequence[EstimateRow],
    fit_table: Sequence[FitRow],
) -> int:
    """The same, of rows."""
    import pandas as pd

    estimates, fits = (pd.DataFrame([asdict(row) for row in rows]) for rows in (estimate_table, fit_table))
    with store.transaction():
        row = store.row("next_version", {"study": run.study})
        assert row is not None
        store.append("insert_checks", checks.assign(run_id=run.run_id))
        store.append("insert_estimates", estimates.assign(run_id=run.run_id, position=range(len(estimates))))
        store.append("insert_fits", fits.assign(run_id=run.run_id))
        store.rows("insert_run", _row(run, "published", row["version"]))
    return int(row["version"])


def store_stopped(store: Warehouse, run: RunRow, checks: pd.DataFrame) -> None:
    """Keep what a stopped run's checks said; it publishes nothing."""
    with store.transaction():
        store.append("insert_checks", checks.assign(run_id=run.run_id))
        store.rows("insert_run", _row(run, "stopped", None))


def latest_run(store: Warehouse, study: str) -> PublishedRun | None:
    """The latest published version, or None."""
    return _published(store, store.row("latest_run", {"study": study}))


def newest_version(store: Warehouse, study: str) -> PublishedRun | None:
    """The newest published version, or None: after a rollback, not the latest."""
    return _published(store, store.row("newest_version", {"study": study}))


def roll_back(store: Warehouse, study: str, version: int, reason: str | None = None) -> None:
    """Make an older version (or again a newer one) the latest, until a new one is published; deletes nothing.

    Errors: `NotStored`.
    """
    find_run(store, study, version)
    store.rows("insert_move", {"study": study, "version": version, "reason": reason})


def moves(store: Warehouse, study: str) -> list[Move]:
    """Every rollback of a study, oldest first."""
    return [Move(**row) for row in store.rows("moves", {"study": study})]


def find_run(store: Warehouse, study: str, version: int | None = None) -> PublishedRun:
    """A published version, by default the latest. Errors: `NotStored`."""
    if version is None:
        run = latest_run(store, study)
        wanted = "no published version"
    else:
        run = _published(store, store.row("run_of_version", {"study": study, "version": version}))
        wanted = f"no version {version}"
    if run is None:
        raise NotStored(
            f"the study {study!r} has {wanted} in this store; `moored history {study}` lists them"
        )
    return run


def newest_run(store: Warehouse, study: str, version: int | None = None) -> StoredRun:
    """A published version's run, by default the newest run, stopped or published. Errors: `NotStored`."""
    if version is not None:
        return find_run(store, study, version)
    row = store.row("newest_run", {"study": study})
    if row is None:
        raise NotStored(f"the study {study!r} has no finished run in this store; `moored run` makes one")
    return StoredRun.of(_parsed(row))


def history(store: Warehouse, study: str) -> list[StoredRun]:
    """Every run of a study, published or stopped, oldest first."""
    return [StoredRun.of(_parsed(row)) for row in store.rows("history", {"study": study})]


def estimates_of(store: Warehouse, run_id: str) -> tuple[EstimateRow, ...]:
    """The estimates of a run, in the order of its table."""
    return tuple(map(estimate_row, store.rows("estimates_of_run", {"run_id": run_id})))


def fits_of(store: Warehouse, run_id: str) -> tuple[FitRow, ...]:
    """One row per estimator of a run."""
    return tuple(map(fit_row, store.rows("fits_of_run", {"run_id": run_id})))


def checks_of(store: Warehouse, run_id: str) -> tuple[CheckRow, ...]:
    """What the checks said of a run."""
    return tuple(map(check_row, store.rows("checks_of_run", {"run_id": run_id})))


def _row(run: RunRow, status: str, version: int | None) -> dict[str, Any]:
    inputs = run.inputs
    return {
        "run_id": run.run_id,
        "study": run.study,
        "version": version,
        "status": status,
        "inputs": inputs.fingerprint,
        "study_fingerprint": inputs.study_fingerprint,
        "data_version": inputs.data_version,
        "code_version": inputs.code_version,
        "recipes": canonical(dict(inputs.recipes)),
        "generation_seq": inputs.generation_seq,
        "headline": run.headline,
        "marks": list(run.marks),
        "override_reason": run.override_reason,
        "counts": canonical(dict(run.counts)),
        "timings": canonical(dict(run.timings)),
        "started_at": run.started_at,
    }


def _published(store: Warehouse, row: Mapping[str, Any] | None) -> PublishedRun | None:
    if row is None:
        return None
    estimates, fits = estimates_of(store, row["run_id"]), fits_of(store, row["run_id"])
    return PublishedRun.of(_parsed(row), estimates=estimates, fits=fits)


def _parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json.loads(value) if key in _JSON else value for key, value in row.items()}
