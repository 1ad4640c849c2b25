"""Look for what is overdue, from outside: a run that died cannot say so."""

from __future__ import annotations

from prefect import flow

from flows.ending import TOLD_FAILURES
from moored.monitor.logs import set_up_logs
from moored.monitor.overdue import parse_duration, refuse_overdue, watch_store
from moored.settings import read_settings


@flow(name="watch", **TOLD_FAILURES)
def watch(expected_every: str, studies: list[str] | None = None) -> None:
    """Alert where a study published nothing for longer than `expected_every` (26h, 7d), or a run died.

    studies: names in the store; by default all. Errors: `Overdue`, once every alert is sent.
    """
    settings = read_settings()
    set_up_logs(settings.log)
    refuse_overdue(watch_store(settings, parse_duration(expected_every), studies or ()))
