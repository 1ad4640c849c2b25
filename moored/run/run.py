"""One run of one study: who, where, since when."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from moored.settings import Settings, code_version
from moored.storage.place import refuse_unwritable
from moored.storage.run_lock import hold
from moored.study import Study


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one study, at one place."""

    run_id: str
    study: Study
    folder: Path
    """Where the study's relative paths start."""
    settings: Settings
    code_version: str
    started_at: datetime


def new_run(study: Study, folder: Path, settings: Settings) -> Run:
    """A run with an id of its own, from now."""
    started = datetime.now(UTC)
    own = study.checks.expectations
    return Run(
        run_id=f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        study=study,
        folder=folder,
        settings=settings,
        code_version=code_version(settings.pipeline, folder / own if own else None),
        started_at=started,
    )


@contextmanager
def only_run(run: Run) -> Iterator[None]:
    """No other run of the same study, for the block's time.

    Errors: `StudyBusy`; `StoreUnwritable` and `DiskFull`, before anything is spent.
    """
    settings = run.settings
    refuse_unwritable(settings.store, settings.journal, settings.run_lock(run.study.name))
    with hold(settings.run_lock(run.study.name), run.study.name, run.run_id):
        yield
