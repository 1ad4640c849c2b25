"""Where generation runs: an external Dask scheduler, worker processes on this machine, or threads of the flow."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import cloudpickle
import dask
from distributed import Client, LocalCluster
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner

from moored.errors import MooredError, StudyInvalid
from moored.llm.endpoints import Endpoint
from moored.run.forking import interrupts_ignored, start_forking
from moored.run.workers import lacking_here
from moored.settings import Settings
from moored.storage.journal import Journal

T = TypeVar("T")

STARTS = 3
"""How often a cluster is started before the run gives up."""
_CLOSE_S = 5
_SCHEDULER_S = 20
_LOOK_S, _GONE_S = 5.0, 60.0
_THREADS, STAND_FOR = 4, 2
"""Threads of the flow wait for chunks of one event loop; they stand for so many workers."""
GATHER_S = 1.0
"""What ends within this time is stored together. Its replies are in the journal already: nothing can be lost."""


@contextmanager
def workers(settings: Settings, processes: int) -> Iterator[TaskRunner[Any]]:
    """The workers of an external scheduler that the settings name, so many processes, or threads, for the block's
    time.

    Each task carries the running flow with it; the code of `flows` and `tasks` travels by value, so workers
    need the package alone.
    """
    for room in ("flows", "tasks"):
        cloudpickle.register_pickle_by_value(sys.modules[room])
    if settings.dask_address:
        _refuse_no_scheduler(settings.dask_address)
        with DaskTaskRunner(address=settings.dask_address) as runner:
            yield runner
    elif processes:
        with _cluster(processes) as address, DaskTaskRunner(address=address) as runner:
            yield runner
    else:
        pool: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=_THREADS)
        with pool as runner:
            yield runner


def _refuse_no_scheduler(address: str) -> None:
    """Errors: `StudyInvalid`, with Dask's reason."""
    try:
        Client(address, timeout=_SCHEDULER_S, set_as_default=False).close()
    except (
        Exception
    ) as error:  # of what answers there anything may come: a web server's reply is read as a length
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StudyInvalid(
            f"MOORED_DASK_ADDRESS is {address!r}, where no Dask scheduler answers ({why[:200]}); write it as "
            "tcp://host:8786 and start `dask scheduler` there, or leave it out"
        ) from error


def next_finished(
    finished: SimpleQueue[PrefectFuture[T]], pool: TaskRunner[Any], running: int
) -> list[PrefectFuture[T]]:
    """The next tasks that ended, of so many that run: the first, and those that end within `GATHER_S` after it.

    Empty where all workers are gone and none has come back for a while. A worker process that dies is replaced, but
    on a machine with too much to do a replacement may fail for good; Dask then waits for ever.
    """
    alone_s = 0.0
    while alone_s < _GONE_S:
        try:
            return [finished.get(timeout=_LOOK_S), *_soon(finished, running - 1)]
        except Empty:
            alone_s = 0.0 if _has_workers(pool) else alone_s + _LOOK_S
    return []


def _soon(finished: SimpleQueue[PrefectFuture[T]], most: int) -> Iterator[PrefectFuture[T]]:
    until = time.monotonic() + GATHER_S
    with suppress(Empty):
        for _ in range(most):
            yield finished.get(timeout=max(0.0, until - time.monotonic()))


def _has_workers(pool: TaskRunner[Any]) -> bool:
    return not isinstance(pool, DaskTaskRunner) or bool(pool.client.nthreads())


def workers_of(pool: TaskRunner[Any], settings: Settings) -> int:
    """How many work: those that the scheduler has now, or the processes of the settings."""
    if settings.dask_address and isinstance(pool, DaskTaskRunner):
        return len(pool.client.nthreads())
    return settings.processes


def in_one_process(pool: TaskRunner[Any]) -> int:
    """How many workers each process of the pool stands for."""
    return STAND_FOR if isinstance(pool, ThreadPoolTaskRunner) else 1


def refuse_far_workers(settings: Settings, endpoints: Iterable[Endpoint]) -> None:
    """Ask the workers of an external scheduler whether they see the journal and the models on this machine.

    Errors: `StudyInvalid`, which names the first that does not.
    """
    if not settings.dask_address:
        return
    with Journal(settings.journal) as journal:
        journal.calls()  # it is there from now on
    addresses = sorted({at for e in endpoints if e.local for at in (e.base_url, *e.replicas)})
    with Client(settings.dask_address, set_as_default=False) as client:
        said = client.run(lacking_here, settings.journal, addresses)
    for worker, lacking in said.items():
        if lacking is not None:
            raise StudyInvalid(f"the Dask worker {worker} {lacking}, or leave MOORED_DASK_ADDRESS out")


@contextmanager
def _cluster(processes: int) -> Iterator[str]:
    """Worker processes on loopback. Gives the scheduler's address."""
    with _forked():
        with interrupts_ignored():
            cluster = _started(processes)
        try:
            yield cluster.scheduler_address
        finally:
            with suppress(TimeoutError):  # a machine with too much to do; what is left ends with this process
                cluster.close(timeout=_CLOSE_S)


def _started(processes: int, tries: int = STARTS) -> LocalCluster:
    """A cluster whose workers are up; where one dies as it starts, all start again."""
    try:
        return LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="ERROR",
            env=dict(os.environ),  # of today, not of the day when the process that forks began
        )
    except (RuntimeError, TimeoutError) as error:
        if tries > 1:
            return _started(processes, tries - 1)
        raise MooredError(
            f"Dask's worker processes do not start ({error}); run again when the machine has less to "
            "do, or set MOORED_WORKERS=0 for threads"
        ) from error


@contextmanager
def _forked() -> Iterator[None]:
    """Workers are forked from one process that has imported what they need, where that can be."""
    if not start_forking():
        yield
        return
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield
