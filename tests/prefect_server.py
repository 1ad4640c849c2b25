"""The Prefect server of one of pytest's processes: starting one takes as long as many tests."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from moored.cli.api_server import RUN_ONLY

START_S = 180.0
UNUSED = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}
"""What no test asks this server for, and what is a fifth of its work. The servers that runs start have it all."""


@contextmanager
def started(folder: Path) -> Iterator[None]:
    """A server on loopback for the block's time, with its database in `folder`; `address_in` waits for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moored.cli.api_server", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | RUN_ONLY | UNUSED | {"PREFECT_HOME": str(folder)},
        start_new_session=True,
        text=True,
    )
    threading.Thread(target=_announce, args=(process, folder), daemon=True).start()
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it ends with that
        process.wait(timeout=30)


def _announce(process: subprocess.Popen[str], folder: Path) -> None:
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    if address:
        _keep_empty_database(folder)
    part = folder / "address.part"
    part.write_text(address)
    part.rename(folder / "address")


def _keep_empty_database(folder: Path) -> None:
    empty = folder / "empty"
    empty.mkdir()
    with (
        closing(sqlite3.connect(folder / "prefect.db")) as database,
        closing(sqlite3.connect(empty / "prefect.db")) as copy,
    ):
        database.backup(copy)


def address_in(folder: Path) -> str:
    """The address of the server whose database is in `folder`, once it answers."""
    deadline = time.monotonic() + START_S
    while not (folder / "address").exists():
        assert time.monotonic() < deadline, "the Prefect server of the tests did not start"
        time.sleep(0.05)
    address = (folder / "address").read_text()
    assert address, "the Prefect server of the tests did not start"
    return address


def empty_database_in(folder: Path) -> Path:
    """The database of that server as it was before its first run: making one takes seconds."""
    address_in(folder)
    return folder / "empty" / "prefect.db"
