"""Chunks that are gone through many times: made once, then read from a temporary file."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")

_ON_DISK = Path("/var/tmp")  # noqa: S108
"""A folder on disk where /tmp may be memory."""


def spooled(chunks: Callable[[], Iterable[T]]) -> Callable[[], Iterator[T]]:
    """The same chunks, made in the first pass that comes to its end, and from then on read from a file.

    The file has no name, nobody else can open it, and it ends with the process. Where there is no room for it each
    pass makes its chunks itself, as the first one does.
    """
    whole: list[_Spool] = []

    def passes() -> Iterator[T]:
        if whole:
            yield from whole[0].read()
            return
        spool = _Spool()  # of this pass alone: another may have begun
        for chunk in chunks():
            spool.add(chunk)
            yield chunk
        if spool.complete():
            whole[:] = [spool]

    return passes


class _Spool:
    """Pickled objects in a file, and where each begins."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._file: IO[bytes] | None = None
        with suppress(OSError):
            self._file = tempfile.TemporaryFile(prefix="moored-", dir=large_files_folder())  # noqa: SIM115

    def add(self, chunk: object) -> None:
        """One more, if there is room."""
        if self._file is None:
            return
        try:
            self._begins.append(self._file.tell())
            pickle.dump(chunk, self._file, protocol=5)
        except OSError:
            self._file = None

    def complete(self) -> bool:
        """Whether all that was added is in the file."""
        with suppress(OSError):
            if self._file is not None:
                self._file.flush()
                return True
        return False

    def read(self) -> Iterator[T]:
        """Each in turn; several passes may read at one time."""
        assert self._file is not None
        for begins in self._begins:
            self._file.seek(begins)
            yield pickle.load(self._file)  # noqa: S301 - written by this process, to a file without a name


def large_files_folder() -> str | None:
    """Where large temporary files belong; None: where Python puts all of them, as TMPDIR says."""
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return None if named or not os.access(_ON_DISK, os.W_OK) else str(_ON_DISK)
