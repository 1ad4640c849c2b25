"""How a run ended: recorded in the store, logged, alerted, counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from moored.errors import BudgetReached, ChecksFailed, MooredError, StudyBusy
from moored.monitor.alerts import Alert
from moored.monitor.logs import log
from moored.monitor.repeats import send_news, send_recovery
from moored.run.record import Report
from moored.settings import Settings
from moored.storage.events import RunEnding, run_endings, run_of_flow, store_ended
from moored.storage.results import checks_of
from moored.storage.run_lock import BUSY
from moored.storage.warehouse import Warehouse, open_store

DRIFT = frozenset({"estimate-drift", "value-drift"})
IN_A_ROW = 3
"""So many runs that were cancelled one after another are worth an alert."""
STOPPED = "stopped by a signal; what was generated is stored"
_ALERTED = {"failed", "stopped", "budget-reached", "died"}
_GOOD = {"published", "unchanged"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How one run ended."""

    study: str
    outcome: RunEnding
    message: str
    flow_run: str | None = None
    """Prefect's id of the run."""
    run_id: str | None = None
    """The run, where Prefect has not heard of it."""


def ending_of(study: str, flow_run: str | None, result: object, run_id: str | None = None) -> Ending:
    """The ending that a run's result stands for: its report, or the error that ended it."""
    if isinstance(result, Report):
        ended: RunEnding = "published" if result.changed else "unchanged"
        return Ending(result.study, ended, result.sentence, flow_run, run_id)
    outcome: RunEnding = "failed"
    if isinstance(result, ChecksFailed):
        outcome = "stopped"
    elif isinstance(result, BudgetReached):
        outcome = "budget-reached"
    elif isinstance(result, StudyBusy) or is_signal(result):
        outcome = "cancelled"
    return Ending(study, outcome, public_sentence(result), flow_run, run_id)


def is_signal(error: object) -> bool:
    """Whether an error is how Python or Prefect says that the process was told to stop."""
    return isinstance(error, KeyboardInterrupt | SystemExit) or type(error).__name__ == "TerminationSignal"


def public_sentence(error: object) -> str:
    """An error for eyes elsewhere: what a text or a reply said is left out, and what anybody else's code says."""
    if isinstance(error, MooredError):
        return error.public
    if is_signal(error):
        return STOPPED
    if isinstance(error, BaseException):
        return f"{type(error).__name__}; the run's log in Prefect says more"
    return "the run ended without a word; Prefect's log says more"


def settle(ending: Ending, settings: Settings) -> None:
    """Record an ending, log it, send what somebody must know, write the metrics. Raises nothing of moored's."""
    run_id, drift, row = None, "", 0
    about: dict[str, Any] = {"study": ending.study, "outcome": ending.outcome}
    try:
        if settings.store.exists():
            with open_store(settings.store) as store:
                run_id = _record(store, ending)
                drift = _drift(store, run_id) if ending.outcome == "published" and run_id else ""
                row = _cancelled_in_a_row(store, ending.study)
    except (MooredError, OSError) as error:
        log(f"the ending is not recorded: {error}", level=logging.WARNING, **about)
    level = logging.ERROR if ending.outcome in _ALERTED else logging.INFO
    log(f"{ending.study}: {ending.message}", run_id=run_id, level=level, **about)
    for alert in _alerts(ending, run_id, drift, row):
        send_news(settings.store, alert)
    if ending.outcome in _GOOD:
        send_recovery(settings.store, ending.study, ending.message, run_id)
    refresh_metrics(settings.metrics, settings.store)


def _alerts(ending: Ending, run_id: str | None, drift: str, row: int) -> Iterator[Alert]:
    """What somebody must know. row: how many runs in a row were cancelled."""
    if ending.outcome in _ALERTED:
        yield Alert(ending.outcome, ending.study, ending.message, run_id)  # type: ignore[arg-type]
    if drift:
        yield Alert("drift", ending.study, f"{ending.message}: {drift}", run_id)
    if row >= IN_A_ROW:
        yield Alert(
            "cancelled",
            ending.study,
            f"the last {row} runs were cancelled ({ending.message}); look at them in Prefect, or run less often",
            run_id,
        )


def _cancelled_in_a_row(store: Warehouse, study: str) -> int:
    """How many of the last runs, the last one first, were cancelled though no other one was under way."""
    endings = reversed(run_endings(store, study, IN_A_ROW))
    alone = takewhile(lambda ending: ending.event == "cancelled" and BUSY not in ending.message, endings)
    return sum(1 for _ in alone)


def refresh_metrics(file: Path | None, store: Path) -> None:
    """Write the metrics file, where one is wanted."""
    if file is not None:
        from moored.monitor.metrics import write_metrics_or_warn

        write_metrics_or_warn(file, store)


def _record(store: Warehouse, ending: Ending) -> str | None:
    run_id = run_of_flow(store, ending.flow_run) if ending.flow_run else ending.run_id
    store_ended(store, ending.study, run_id, ending.flow_run, ending.outcome, ending.message)
    return run_id


def _drift(store: Warehouse, run_id: str) -> str:
    rows = checks_of(store, run_id)
    return "; ".join(row.message for row in rows if row.check in DRIFT and not row.passed)
