"""One run of a study at a time: an advisory lock beside the store, which dies with its process."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from moored.errors import StudyBusy
from moored.storage.place import unwritable

BUSY = "is being run by"
"""In the sentence of `StudyBusy`."""


@contextmanager
def hold(path: Path, study: str, run_id: str) -> Iterator[None]:
    """Hold the lock at `path` for a run; other processes and other threads are refused at once.

    Errors: `StudyBusy`, which names the holder; `StoreUnwritable`, `DiskFull`.
    """
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "run_id": run_id,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    lock = FileLock(path, mode=0o600, blocking=False, thread_local=False, on_acquired=partial(_sign, holder))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise _busy(path, study) from error
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def refuse_busy(path: Path, study: str) -> None:
    """Refuse while a run holds the lock, before anything is started for another one.

    Errors: as of `hold`.
    """
    if not path.exists():
        return
    try:
        with FileLock(path, mode=0o600, blocking=False, thread_local=False):
            pass
    except Timeout as error:
        raise _busy(path, study) from error
    except OSError as error:
        raise unwritable(path, error) from error


def holds(path: Path, run_id: str | None) -> bool:
    """Whether that run holds the lock at `path`: its process lives, whatever the clock says of it."""
    try:
        if json.loads(path.read_text()).get("run_id") != run_id:
            return False
        with FileLock(path, mode=0o600, blocking=False, thread_local=False):
            return False
    except Timeout:
        return True
    except (OSError, ValueError, AttributeError):
        return False


def _sign(holder: dict[str, object], descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _busy(path: Path, study: str) -> StudyBusy:
    by = "another run"
    holder: dict[str, object] = {}
    with suppress(OSError, ValueError, KeyError):  # it has the lock and has not signed yet
        holder = json.loads(path.read_text())
        by = "process {pid} on {host} since {since} (run {run_id})".format(**holder)
    return StudyBusy(f"{study!r} {BUSY} {by}; wait for it to end, or stop it, and try again", **holder)
