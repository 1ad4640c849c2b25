"""The Prefect server of one of pytest's processes: starting one takes as long as many tests."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from filelock import FileLock

from moored.cli.api_server import RUN_ONLY

UNUSED = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}
"""What no test asks this server for, and what is a fifth of its work. The servers that runs start have it all."""


@contextmanager
def started(folder: Path, empty: Path) -> Iterator[str]:
    """A server on loopback for the block's time, with its database in `folder`. Gives its address.

    empty: a database before its first run, which the first of pytest's processes makes for all: it takes seconds.
    """
    with ExitStack() as stack:
        with FileLock(empty.with_suffix(".lock")):
            there = empty.exists()
            if there:
                shutil.copy(empty, folder)
            process = stack.enter_context(_server(folder))
            address = None if there else _announced(process)
            if not there:
                _keep_empty_database(folder, empty)
        yield address or _announced(process)


@contextmanager
def _server(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "moored.cli.api_server", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | RUN_ONLY | UNUSED | {"PREFECT_HOME": str(folder)},
        start_new_session=True,
        text=True,
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()  # it ends with that
        process.wait(timeout=30)


def _announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address, "the Prefect server of the tests did not start"
    return address


def _keep_empty_database(folder: Path, empty: Path) -> None:
    with (
        closing(sqlite3.connect(folder / empty.name)) as database,
        closing(sqlite3.connect(empty)) as copy,
    ):
        database.backup(copy)
