"""The progress bar of a run, on stderr: read from what the workers have written, not from the flow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moored.errors import MooredError
from moored.plaintext import counted
from moored.settings import Settings
from moored.storage.journal import Journal
from moored.storage.progress import rows_to_generate
from moored.study import Study
from moored.study.scope import Scope

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_EVERY_S = 0.5


@contextmanager
def show_progress(study: Study, scope: Scope, settings: Settings) -> Iterator[None]:
    """Show rows done and failed, tokens and the time left, as long as the block runs; not among log lines."""
    if settings.log in {"json", "plain"}:
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    over = threading.Event()
    with progress:
        bar = progress.add_task(study.name, total=None, rows="reading the data")
        watcher = threading.Thread(
            target=_watch, args=(progress, bar, study, scope, settings, over), name="progress", daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _watch(
    progress: Progress, bar: TaskID, study: Study, scope: Scope, settings: Settings, over: threading.Event
) -> None:
    began = datetime.now(UTC)
    with Journal(settings.journal, study.name) as journal:
        start = journal.progress()
        total: int | None = None
        while not over.wait(_EVERY_S):
            try:
                if total is None:
                    total = rows_to_generate(settings.store, study.name, began, scope)
                    continue
                now, batches = journal.progress(since=start), journal.waiting_batches()
                wait = journal.waits_until()
            except MooredError:
                continue  # the store is busy; the next look will do
            done = min(now.rows, total)
            words = f"{done}/{total} rows, {now.lost} failed, {now.tokens:,} tokens"
            if batches:
                words = (
                    f"waiting for {counted(batches, 'batch', 'batches')}; Ctrl-C leaves it so, run "
                    "again to fetch the rest"
                )
            if wait is not None:
                back = datetime.fromtimestamp(wait).astimezone()
                words = f"{done}/{total} rows; the endpoint asks to wait until {back:%H:%M:%S}"
            progress.update(bar, total=total or 1, completed=done if total else 1, rows=words)
