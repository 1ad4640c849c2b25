"""What is published, as a second file that can be read at any time: also while a run writes to the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from moored.errors import MooredError, StoreLocked, StoreUnwritable
from moored.storage.schema import up_to_date
from moored.storage.warehouse import CONFIG, Warehouse, open_store

log = logging.getLogger(__name__)


def refresh_snapshot(store: Warehouse, path: Path) -> None:
    """Write the snapshot at `path` anew where the store has more to show; readers see the old or the new file.

    A snapshot that cannot be written stops nothing: what it shows is in the store. It is logged.
    """
    with open_snapshot(path) as old:
        counts = None if old is None else old.row("snapshot")
    now = store.row("published_counts")
    assert now is not None
    if counts is not None and now.items() <= counts.items():
        return
    try:
        write_snapshot(store, path)
    except MooredError as error:
        log.warning("the snapshot is of an earlier time: %s", error)


def write_snapshot(store: Warehouse, path: Path) -> None:
    """Write the snapshot at `path`, whatever is there."""
    store.fill("fill_snapshot", path)


@contextmanager
def open_snapshot(path: Path) -> Iterator[Warehouse | None]:
    """The snapshot at `path` to read; None where there is none that this moored can read."""
    with ExitStack() as stack:
        try:
            connection = duckdb.connect(path, read_only=True, config=CONFIG)
            stack.callback(connection.close)
            readable = up_to_date(connection)
        except duckdb.Error:
            readable = False
        if not readable:
            yield None
            return
        snapshot = Warehouse(connection)
        row = snapshot.row("snapshot")
        assert row is not None
        snapshot.written_at = row["written_at"]
        yield snapshot


@contextmanager
def open_to_read(
    path: Path, snapshot: Path, tell: Callable[[str], object], patience_s: float = 10.0
) -> Iterator[Warehouse]:
    """The store at `path`; where another process holds it, or it cannot be written, its snapshot; `tell` is told.

    Errors: as of `open_store`; `StoreLocked` (after `patience_s` seconds) and `StoreUnwritable` only where there
    is no snapshot.
    """
    with ExitStack() as stack:
        try:
            store = stack.enter_context(open_store(path, patience_s=0))
        except (StoreLocked, StoreUnwritable) as held:
            published = stack.enter_context(open_snapshot(snapshot))
            if published is None:
                store = stack.enter_context(open_store(path, patience_s=patience_s))
            else:
                store = published
                tell(
                    f"the store {_because(held)}; "
                    f"this is its snapshot of {store.written_at:%Y-%m-%d %H:%M:%S}"
                )
        yield store


def _because(error: MooredError) -> str:
    holder = error.details.get("holder")
    return f"is held by {holder}" if holder else "cannot be written"
