"""The Prefect server of one of pytest's processes: starting one takes as long as many tests."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from moored.cli.api_server import RUN_ONLY

UNUSED = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}
"""What no test asks this server for, and what is a fifth of its work. The servers that runs start have it all."""


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """A server on loopback for the block's time, with its database in `folder`. Gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moored.cli.api_server", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | RUN_ONLY | UNUSED | {"PREFECT_HOME": str(folder)},
        start_new_session=True,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "the Prefect server of the tests did not start"
        _keep_empty_database(folder)
        yield address
    finally:
        process.stdin.close()  # it ends with that
        process.wait(timeout=30)


def _keep_empty_database(folder: Path) -> None:
    empty = empty_database_in(folder)
    empty.parent.mkdir()
    with (
        closing(sqlite3.connect(folder / "prefect.db")) as database,
        closing(sqlite3.connect(empty)) as copy,
    ):
        database.backup(copy)


def empty_database_in(folder: Path) -> Path:
    """The database of that server as it was before its first run: making one takes seconds."""
    return folder / "empty" / "prefect.db"
