"""Runs that nobody was left to speak for: overdue, or dead. Read from the store alone."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from moored.errors import NotStored, Overdue, StudyInvalid
from moored.monitor.alerts import Alert
from moored.monitor.endings import refresh_metrics
from moored.monitor.repeats import send_news
from moored.settings import Settings
from moored.storage.events import OpenRun, StudyOutcome, open_runs, store_ended, study_outcomes
from moored.storage.run_lock import holds
from moored.storage.warehouse import open_store

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AHEAD = timedelta(hours=1)
"""How far clocks of several machines may differ."""


def watch_store(settings: Settings, expected_every: timedelta, studies: Collection[str] = ()) -> list[Alert]:
    """What is overdue and which runs died, of these studies or of all in the store; each is alerted.

    A run that died is recorded as such, so it is alerted once; an overdue study until a run ends well. Errors:
    `NotStored`, `StoreLocked`.
    """
    with open_store(settings.store) as store:
        known, began = study_outcomes(store), open_runs(store)
        _refuse_unknown(studies, {row.study for row in known})
        now = datetime.now(UTC)
        asked = [run for run in began if not studies or run.study in studies]
        gone = dead_runs(asked, expected_every, now, settings.run_lock)
        for run in gone:
            store_ended(store, run.study, run.run_id, run.flow_run, "died", died_sentence(run))
    alerts = [Alert("died", run.study, died_sentence(run), run.run_id) for run in gone]
    alerts += overdue([row for row in known if not studies or row.study in studies], expected_every, now)
    for alert in alerts:
        send_news(settings.store, alert)
    refresh_metrics(settings.metrics, settings.store)
    return alerts


def refuse_overdue(alerts: Collection[Alert]) -> None:
    """Say all that was found, if anything was. Errors: `Overdue`."""
    if alerts:
        raise Overdue("; ".join(f"{alert.study}: {alert.message}" for alert in alerts))


def overdue(studies: Iterable[StudyOutcome], expected_every: timedelta, now: datetime) -> list[Alert]:
    """Studies in which no run published or found nothing changed for too long."""
    found = []
    for row in studies:
        since = row.ended_well_at or row.published_at or row.known_at
        if since - now > _AHEAD:
            when = f"{since:%Y-%m-%d %H:%M:%S%z}"
            found.append(
                Alert(
                    "overdue",
                    row.study,
                    f"its last good run is said to be of {when}, which is yet to come: the clock was wrong then, "
                    "or is now, so nobody knows how long ago that was; set it, and run again",
                )
            )
        elif now - since > expected_every:
            last = "no run has ended well since it came into the store"
            if since != row.known_at:
                last = "the last run that ended well was"
            waited = f"{_words(now - since)} ago, at {since:%Y-%m-%d %H:%M:%S%z}"
            found.append(
                Alert("overdue", row.study, f"{last} {waited}; expected every {_words(expected_every)}")
            )
    return found


def dead_runs(
    began: Iterable[OpenRun], expected_every: timedelta, now: datetime, lock_of: Callable[[str], Path]
) -> list[OpenRun]:
    """The open runs whose process is gone; of one on another host, those that began too long ago.

    lock_of: the lock that a run of a study holds.
    """
    return [
        run
        for run in began
        if (lives := lives_here(run, lock_of(run.study))) is False
        or (lives is None and now - run.said_at > expected_every)
    ]


def parse_duration(text: str) -> timedelta:
    """`90s`, `30m`, `26h`, `7d`. Errors: `StudyInvalid`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or float(found[1]) == 0:
        raise StudyInvalid(f"{text!r} is no duration; write a number and its unit, such as 90s, 30m, 26h, 7d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def _refuse_unknown(studies: Collection[str], known: Collection[str]) -> None:
    if unknown := sorted(set(studies) - set(known)):
        raise NotStored(
            f"the store has no study {', '.join(unknown)}; it has {', '.join(sorted(known)) or 'none'}"
        )


def lives_here(run: OpenRun, lock: Path) -> bool | None:
    """Whether the process that began a run is there; None for one on another host.

    A younger process with its number is another one, unless the run holds its lock: a clock that was put ahead
    makes all processes younger.
    """
    import psutil  # type: ignore[import-untyped]

    if run.host != socket.gethostname():
        return None
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(run.process)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return bool(process.create_time() <= run.said_at.timestamp()) or holds(lock, run.run_id)
    return False


def died_sentence(run: OpenRun) -> str:
    """What is known of a run whose process is gone."""
    return (
        f"the run that began at {run.said_at:%Y-%m-%d %H:%M:%S%z} on {run.host} (process {run.process}) "
        "ended without a word; what was generated is stored, run again to go on"
    )


def _words(span: timedelta) -> str:
    return str(timedelta(seconds=round(span.total_seconds())))
