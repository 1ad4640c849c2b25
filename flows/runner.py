"""Where tasks run: an external Dask scheduler, or a cluster of worker processes on this machine."""

from __future__ import annotations

from typing import Any

from prefect_dask import DaskTaskRunner

from moored.settings import read_settings


def task_runner() -> DaskTaskRunner[Any]:
    """The runner that the settings name. Nothing starts before a flow does."""
    settings = read_settings()
    if settings.dask_address:
        return DaskTaskRunner(address=settings.dask_address)
    return DaskTaskRunner(
        cluster_kwargs={
            "n_workers": settings.workers,
            "threads_per_worker": 1,
            "processes": True,
            "host": "127.0.0.1",
            "dashboard_address": None,
            "silence_logs": "ERROR",
        }
    )
