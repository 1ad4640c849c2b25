"""How runs went: appended as a run begins and as it ends, read by monitoring."""

from __future__ import annotations

import os
import socket
from typing import Any, Literal

from moored.storage.warehouse import Warehouse

RunEnding = Literal["published", "unchanged", "stopped", "budget-reached", "failed", "cancelled", "died"]


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


def open_runs(store: Warehouse) -> list[dict[str, Any]]:
    """Runs that began and never said how they ended: study, run_id, flow_run, host, process, said_at."""
    return store.rows("open_runs")


def study_outcomes(store: Warehouse) -> list[dict[str, Any]]:
    """One row per study: known_at, and (or None) outcome, ended_at, ended_well_at, version, published_at."""
    return store.rows("study_outcomes")


def run_endings(store: Warehouse, study: str | None = None, most: int | None = None) -> list[dict[str, Any]]:
    """How runs ended, oldest first, of a study or of all: study, run_id, flow_run, event, message, said_at.

    most: only the last so many. Empty where `store` is a snapshot, which has what is published only.
    """
    return [] if store.written_at else store.rows("run_endings", {"study": study, "most": most})


def open_alerts(store: Warehouse, study: str) -> dict[str, str]:
    """What was said last about a study since it recovered, by kind of alert."""
    return {row["kind"]: row["message"] for row in store.rows("open_alerts", {"study": study})}


def store_alert(store: Warehouse, study: str, kind: str, message: str) -> None:
    """Say that somebody was told."""
    store.rows("insert_alert", {"study": study, "kind": kind, "message": message})


def generation_totals(store: Warehouse) -> list[dict[str, Any]]:
    """Rows, tokens, USD and seconds ever, by study, source, status and kind of failure."""
    return store.rows("generation_totals")


def _append(
    store: Warehouse, study: str, run_id: str | None, flow_run: str | None, event: str, message: str
) -> None:
    row = {"study": study, "run_id": run_id, "flow_run": flow_run, "event": event, "message": message}
    store.rows("insert_run_event", row | {"host": socket.gethostname(), "process": os.getpid()})
