"""How far a study is, from what is stored."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moored.storage.generations import SourcePlan, failures, missing_units, source_states
from moored.storage.journal import Journal
from moored.storage.studies import refuse_unknown
from moored.storage.warehouse import Warehouse, open_store, peek

if TYPE_CHECKING:
    from moored.study.scope import Scope


def study_status(path: Path, replies: Path, name: str) -> dict[str, Any]:
    """The object of `status --json`: sources with their counts, model calls ever sent, open batches,
    failures by kind.

    Errors: `NotStored`.
    """
    with open_store(path) as store:
        refuse_unknown(store, name)
        data_version, planned = latest_plan(store, name)
        states = source_states(store, name, data_version, planned)
        why = failures(store, name, data_version, planned)
    calls = batches = 0
    if replies.exists():
        with Journal(replies, name) as journal:
            calls, batches = journal.calls(), journal.waiting_batches()
    return {
        "study": name,
        "sources": [asdict(state) for state in states],
        "model_calls": calls,
        "open_batches": batches,
        "failures": why,
    }


def latest_plan(store: Warehouse, study: str) -> tuple[str, list[SourcePlan]]:
    """The data version and sources of the last run that began. No run yet: ("", [])."""
    rows = store.rows("latest_plan", {"study": study})
    return (rows[0]["data_version"] if rows else ""), _planned(rows)


def rows_to_generate(path: Path, study: str, since: datetime, scope: Scope) -> int | None:
    """Terminal rows that the run which began after `since` still has to make; None before it has a plan."""
    with peek(path) as store:
        if store is None:
            return None
        plan = store.rows("latest_plan", {"study": study})
        if not plan or plan[0]["stored_at"] < since:
            return None
        key = (store, study, plan[0]["data_version"])
        return sum(
            part.expected_rows * len(missing_units(*key, part, failed=scope.failed, only=scope.units))
            for part in _planned(plan)
            if not scope.sources or part.source in scope.sources
        )


def _planned(rows: list[dict[str, Any]]) -> list[SourcePlan]:
    return [SourcePlan(row["source"], row["recipe"], row["expected_rows"]) for row in rows]
