"""Where generation runs: an external Dask scheduler, worker processes on this machine, or threads of the flow."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cloudpickle
from distributed import LocalCluster
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner

from moored.settings import Settings

_CLOSE_S = 5


@contextmanager
def workers(settings: Settings) -> Iterator[TaskRunner[Any]]:
    """The workers that the settings name, for the block's time.

    Each task carries the running flow with it; the code of `flows` and `tasks` travels by value, so workers
    need the package alone.
    """
    for room in ("flows", "tasks"):
        cloudpickle.register_pickle_by_value(sys.modules[room])
    if settings.dask_address:
        with DaskTaskRunner(address=settings.dask_address) as runner:
            yield runner
    elif settings.workers:
        with _cluster(settings.workers) as address, DaskTaskRunner(address=address) as runner:
            yield runner
    else:
        pool: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
        with pool as runner:
            yield runner


@contextmanager
def _cluster(processes: int) -> Iterator[str]:
    """Worker processes on loopback. Gives the scheduler's address."""
    with _interrupts_ignored():
        cluster = LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="ERROR",
        )
    try:
        yield cluster.scheduler_address
    finally:
        with suppress(TimeoutError):  # a machine with too much to do; what is left ends with this process
            cluster.close(timeout=_CLOSE_S)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started here inherit it: Ctrl-C is for the flow, which ends its workers itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
