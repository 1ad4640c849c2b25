"""The cache folder: whether there is room, who works in it, and what the system says of it as a sentence."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from moored.errors import CacheUnwritable, DiskFull

MARGIN = 50 * 10**6
"""Bytes that are left free."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Make the folder; what the system refuses inside the block becomes `DiskFull` or `CacheUnwritable`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in _FULL:
            raise DiskFull(
                f"{folder} has no room left ({why}); free disk space, or name another folder by MOORED_CACHE, "
                "and run again: what is there is kept"
            ) from error
        raise CacheUnwritable(
            f"the cache folder {folder} cannot be written ({why}); name one that can by MOORED_CACHE"
        ) from error


def require_room(folder: Path, needed: int) -> None:
    """Errors: `DiskFull` where the folder's disk has fewer free bytes than needed, and some to spare."""
    free = shutil.disk_usage(folder).free
    if free < needed + MARGIN:
        raise DiskFull(
            f"{folder} needs {in_words(needed + MARGIN)} of free disk space and has {in_words(free)}; free some, "
            "or name another folder by MOORED_CACHE"
        )


@contextmanager
def alone_in(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the folder against other processes. waiting: called once where another one holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waiting()
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()


def in_words(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
