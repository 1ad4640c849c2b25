"""Sums of large files. A sum that was once computed is noted beside its file, and holds until the file changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

BLOCK = 1 << 20
Count = Callable[[int], None]
"""Told how many bytes are done so far."""


def nobody(_: int) -> None:
    """Nobody is told."""


def sum_of(stream: IO[bytes], size: int | None = None, count: Count = nobody) -> str:
    """The sha256 of the stream's next `size` bytes, or of all that is left."""
    digest = hashlib.sha256()
    done = 0
    while block := stream.read(BLOCK if size is None else min(BLOCK, size - done)):
        digest.update(block)
        done += len(block)
        count(done)
    return digest.hexdigest()


def append(source: IO[bytes], growing: Path, count: Count = nobody) -> None:
    """Append the rest of the source to the file, and wait until it is on the disk."""
    done = 0
    with growing.open("ab") as sink:
        while block := source.read(BLOCK):
            sink.write(block)
            done += len(block)
            count(done)
        sink.flush()
        os.fsync(sink.fileno())


def file_sum(file: Path, count: Count = nobody) -> str:
    """The file's sha256: as noted beside it, or computed."""
    noted = noted_sum(file)
    if noted is not None:
        return noted
    with file.open("rb") as stream:
        return sum_of(stream, count=count)


def note_sum(file: Path, sha256: str) -> None:
    """Note the file's sum beside it, with the size and time that it holds for; not where writing is forbidden."""
    note = _note_of(file)
    with suppress(OSError):
        draft = note.with_name(f"{note.name}.{os.getpid()}")
        draft.write_text(f"{_state(file)} {sha256}\n", encoding="ascii")
        draft.replace(note)


def noted_sum(file: Path) -> str | None:
    """The sum that is noted for the file as it is now; nothing is computed."""
    try:
        state, _, sha256 = _note_of(file).read_text(encoding="ascii").strip().rpartition(" ")
        return sha256 if state == _state(file) else None
    except (OSError, ValueError):
        return None


def _state(file: Path) -> str:
    found = file.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _note_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")
