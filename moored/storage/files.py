"""Files of the store's own: for their owner alone, and whole or not there at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OTHERS_NOTHING = 0o077


class _Private:
    """As long as any thread is inside, the process makes files for their owner alone.

    By the umask, since DuckDB gives the log that it writes beside a file no mode of its own. It comes back
    when the last thread leaves.
    """

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._inside = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._counting:
            if self._inside == 0:
                self._before = os.umask(_OTHERS_NOTHING)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._counting:
            self._inside -= 1
            if self._inside == 0:
                os.umask(self._before)


private = _Private()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; at the end it is on disk and becomes `path` in one step, or is gone.

    For one writer at a time. What a killed writer left is removed.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        _remove(unfinished)
        yield unfinished
        _flush(unfinished)
        unfinished.replace(path)
        _flush(path.parent)
    finally:
        _remove(unfinished)


def _remove(unfinished: Path) -> None:
    for file in (unfinished, unfinished.with_name(f"{unfinished.name}.wal")):
        file.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
