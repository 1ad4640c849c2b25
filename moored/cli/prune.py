"""What Prefect remembers of old runs is deleted: its database would grow with every run, also one that changes
nothing. What moored knows of its runs is in the store and stays."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from moored.cli.surroundings import KEEP_RUNS

_PATIENCE_S = 20.0
_ENDED = "('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"
_CUTOFF = f"""
SELECT created FROM flow_run WHERE parent_task_run_id IS NULL AND state_type IN {_ENDED}
ORDER BY created DESC LIMIT 1 OFFSET ?
"""  # noqa: S608
_DELETE = (
    f"DELETE FROM flow_run WHERE created < :cutoff AND state_type IN {_ENDED}",  # noqa: S608
    "DELETE FROM log WHERE timestamp < :cutoff",
    "DELETE FROM artifact WHERE updated < :cutoff",
    "DELETE FROM artifact_collection WHERE latest_id NOT IN (SELECT id FROM artifact)",
    "DELETE FROM event_resources WHERE occurred < :cutoff",
    "DELETE FROM events WHERE occurred < :cutoff",
)
"""Task runs and states go with their flow run, by Prefect's own foreign keys."""


def prune_runs() -> None:
    """Delete all but the newest MOORED_KEEP_RUNS runs from the SQLite database in PREFECT_HOME.

    Nothing where that variable is not set or 0, as with a home that the user named. A database that is busy, or
    that this knows nothing of, is left for the next time.
    """
    keep = os.environ.get(KEEP_RUNS, "")
    file = Path(os.environ.get("PREFECT_HOME", "")) / "prefect.db"
    if keep.isdigit() and int(keep) and file.is_file():
        with suppress(sqlite3.Error):
            _prune(file, int(keep))


def _prune(file: Path, keep: int) -> None:
    with closing(sqlite3.connect(file, timeout=_PATIENCE_S)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        found = database.execute(_CUTOFF, (keep - 1,)).fetchone()
        if found is None:
            return
        with database:
            for statement in _DELETE:
                database.execute(statement, {"cutoff": found[0]})
