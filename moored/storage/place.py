"""The folder of a store: whether a run can write there, found out before anything is spent."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path

from moored.errors import DiskFull, NotStored, StoreUnwritable

_NEXT = "name a place that you can write to by MOORED_STORE, such as /home/you/moored.duckdb"


_MARK = b"DUCK"
"""What a DuckDB file has behind its first 8 bytes."""


def refuse_other_file(store: Path) -> None:
    """Refuse a file that is no DuckDB file: of a table DuckDB would make a database in memory, and forget it.

    Errors: `NotStored`.
    """
    try:
        if store.is_dir() or not store.exists():
            return
        start = _start(store) if store.is_file() else None
    except (OSError, ValueError):
        return  # whoever opens it says why it cannot be read
    if start is not None and (not start or start[8:] in (_MARK, bytes(len(_MARK)))):
        return
    what = "it is no file" if start is None else f"it begins with {start!r}"
    raise NotStored(f"{store} is no store of moored ({what}); name another file by MOORED_STORE")


def _start(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(12)


def refuse_unwritable(store: Path, *beside: Path) -> None:
    """Write to the store's folder, and look at the files that are there.

    Errors: `StoreUnwritable`, `DiskFull`, `NotStored`.
    """
    try:
        if store.is_symlink() and not store.exists():
            raise StoreUnwritable(
                f"the store {store} is a link to {store.readlink()}, which is not there; make it or remove the link"
            )
        if store.is_dir():
            raise StoreUnwritable(
                f"the store {store} is a folder; name a file by MOORED_STORE, such as {store}/moored.duckdb"
            )
        refuse_other_file(store)
        store.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=store.parent) as trial:
            trial.write(b"moored")
    except (OSError, ValueError) as error:
        raise unwritable(store, error) from error
    for file in (store, *beside):
        if file.exists() and not os.access(file, os.R_OK | os.W_OK):
            raise StoreUnwritable(
                f"{file} cannot be written (it belongs to {_owner(file)}, mode {file.stat().st_mode & 0o777:o}); "
                f"have it given to you, or {_NEXT}"
            )


def unwritable(store: Path, error: Exception) -> StoreUnwritable | DiskFull:
    """What the system says of a store's place, as a sentence."""
    why = getattr(error, "strerror", None) or str(error)
    where = _culprit(store)
    if why in {"No space left on device", "Disk quota exceeded"}:
        return DiskFull(f"the store {store} cannot be written ({why}); free disk space and run again")
    return StoreUnwritable(f"the store {store} cannot be written: {where}{why}; {_NEXT}")


def _culprit(store: Path) -> str:
    """What on the way there is no folder, for the sentence."""
    for parent in reversed(store.parents):
        try:
            if parent.exists() and not parent.is_dir():
                return f"{parent} is a file, "
            if parent.is_symlink() and not parent.exists():
                return f"{parent} is a link to nothing, "
        except (OSError, ValueError):
            return ""
    return ""


def _owner(file: Path) -> str:
    owner = file.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"user {owner}"
