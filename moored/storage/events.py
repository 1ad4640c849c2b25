"""How runs went: appended as a run begins and as it ends, read by monitoring."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from moored.storage.warehouse import Warehouse

RunEnding = Literal["published", "unchanged", "stopped", "budget-reached", "failed", "cancelled", "died"]


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that began and never said how it ended."""

    study: str
    run_id: str
    flow_run: str | None
    """Prefect's id of it."""
    host: str
    process: int
    said_at: datetime
    """When it began."""


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a study stands: when it came into the store, how its last run ended, its latest version."""

    study: str
    known_at: datetime
    outcome: RunEnding | None
    ended_at: datetime | None
    ended_well_at: datetime | None
    """When a run last published, or found nothing changed."""
    version: int | None
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredEnding:
    """How one run ended."""

    study: str
    run_id: str | None
    flow_run: str | None
    event: RunEnding
    message: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class GenerationTotal:
    """Generation rows ever, of one study, source, status and kind of failure.

    Tokens, USD and seconds are those of rows that were sent: what came from the journal cost nothing.
    """

    study: str
    source: str
    status: str
    kind: str
    rows: int
    sent: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    latency_s: float


def store_began(store: Warehouse, study: str, run_id: str, flow_run: str | None) -> None:
    """Say that a run began, in this process."""
    _append(store, study, run_id, flow_run, "began", "")


def store_ended(
    store: Warehouse, study: str, run_id: str | None, flow_run: str | None, outcome: RunEnding, message: str
) -> None:
    """Say how a run ended."""
    _append(store, study, run_id, flow_run, outcome, message)


def run_of_flow(store: Warehouse, flow_run: str) -> str | None:
    """The run that began in one of Prefect's flow runs; None where it was refused before."""
    row = store.row("run_of_flow", {"flow_run": flow_run})
    return None if row is None else str(row["run_id"])


def open_runs(store: Warehouse) -> list[OpenRun]:
    """Runs that began and never said how they ended, oldest first."""
    return [OpenRun(**row) for row in store.rows("open_runs")]


def study_outcomes(store: Warehouse) -> list[StudyOutcome]:
    """How each study stands, by name."""
    return [StudyOutcome(**row) for row in store.rows("study_outcomes")]


def run_endings(store: Warehouse, study: str | None = None, most: int | None = None) -> list[StoredEnding]:
    """How runs ended, oldest first, of a study or of all.

    most: only the last so many. Empty where `store` is a snapshot, which has what is published only.
    """
    if store.written_at:
        return []
    return [StoredEnding(**row) for row in store.rows("run_endings", {"study": study, "most": most})]


def open_alerts(store: Warehouse, study: str) -> dict[str, str]:
    """What was said last about a study since it recovered, by kind of alert."""
    return {row["kind"]: row["message"] for row in store.rows("open_alerts", {"study": study})}


def store_alert(store: Warehouse, study: str, kind: str, message: str) -> None:
    """Say that somebody was told."""
    store.rows("insert_alert", {"study": study, "kind": kind, "message": message})


def generation_totals(store: Warehouse) -> list[GenerationTotal]:
    """Rows, tokens, USD and seconds ever, by study, source, status and kind of failure."""
    return [GenerationTotal(**row) for row in store.rows("generation_totals")]


def _append(
    store: Warehouse, study: str, run_id: str | None, flow_run: str | None, event: str, message: str
) -> None:
    row = {"study": study, "run_id": run_id, "flow_run": flow_run, "event": event, "message": message}
    store.rows("insert_run_event", row | {"host": socket.gethostname(), "process": os.getpid()})
