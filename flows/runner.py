"""Where generation runs: an external Dask scheduler, worker processes on this machine, or threads of the flow."""

from __future__ import annotations

from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner

from moored.settings import Settings


def workers(settings: Settings) -> TaskRunner[Any]:
    """The runner that the settings name. Nothing starts before it is entered."""
    if settings.dask_address:
        external: TaskRunner[Any] = DaskTaskRunner(address=settings.dask_address)
        return external
    if settings.workers == 0:
        return ThreadPoolTaskRunner(max_workers=2)
    local: TaskRunner[Any] = DaskTaskRunner(
        cluster_kwargs={
            "n_workers": settings.workers,
            "threads_per_worker": 1,
            "processes": True,
            "host": "127.0.0.1",
            "dashboard_address": None,
            "silence_logs": "ERROR",
        }
    )
    return local
