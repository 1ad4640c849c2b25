"""How far a study is now, and what failed: what a page of the server shows while a run is under way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from moored.errors import StudyBusy
from moored.settings import Settings
from moored.storage.generations import SourceState, failed_units, failures, source_states
from moored.storage.progress import latest_plan
from moored.storage.run_lock import refuse_busy
from moored.storage.warehouse import Warehouse

MOST_IDS = 200


@dataclass(frozen=True, slots=True)
class Progress:
    """How far each source of the last run is."""

    running: str
    """The sentence of the run under way; empty without one."""
    sources: tuple[SourceState, ...]
    failures: tuple[dict[str, Any], ...]
    failed: tuple[tuple[str, str], ...]
    """(source, unit) of units that failed or were refused, the first of them."""

    def as_json(self) -> dict[str, Any]:
        """What a page asks for again and again."""
        return {"running": self.running, "sources": [asdict(source) for source in self.sources]}


def progress_of(store: Warehouse, settings: Settings, study: str) -> Progress:
    """How far a study is."""
    data_version, planned = latest_plan(store, study)
    failed = [
        (part.source, unit) for part in planned for unit in failed_units(store, study, data_version, part)
    ]
    return Progress(
        running=_running(settings, study),
        sources=tuple(source_states(store, study, data_version, planned)),
        failures=tuple(failures(store, study, data_version, planned)) if planned else (),
        failed=tuple(failed[:MOST_IDS]),
    )


def _running(settings: Settings, study: str) -> str:
    try:
        refuse_busy(settings.run_lock(study), study)
    except StudyBusy as busy:
        return busy.message
    return ""
