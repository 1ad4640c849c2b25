"""A run that changes nothing, without Prefect: decided from the store, recorded as any other run.

Prefect's import and its server take longer than the whole decision. Where the user names a Prefect server the flow
decides, so that the run is seen there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from moored.cli.surroundings import may_be_configured
from moored.errors import MooredError

if TYPE_CHECKING:
    from moored.run.plan import RunPlan
    from moored.run.record import Report
    from moored.run.run import Run
    from moored.settings import Settings
    from moored.storage.ingest import Units
    from moored.study import Study
    from moored.study.scope import Scope


def may_be_unchanged(study: Study, folder: Path, scope: Scope, settings: Settings) -> bool:
    """Whether reading the data may show that a run has nothing to do: quick, and False is certain."""
    from moored.run.run import new_run
    from moored.run.unchanged import same_work

    if scope.again or scope.sources or may_be_configured() or not settings.store.exists():
        return False
    with suppress(MooredError):
        return same_work(new_run(study, folder, settings))
    return False


def unchanged_run(study: Study, folder: Path, settings: Settings, units: Units) -> Report | None:
    """Do and record the run where nothing has changed, else None. What stands against it, the flow says."""
    from moored.run.run import new_run, only_run
    from moored.run.unchanged import find_unchanged

    run = new_run(study, folder, settings)
    with suppress(MooredError), only_run(run):
        found = find_unchanged(run, units)
        if found is not None:
            _record(run, units, *found)
            return found[1]
    return None


def _record(run: Run, units: Units, plan: RunPlan, report: Report) -> None:
    """Leave what the flow leaves: the study, the plan, a beginning, an ending, log lines, metrics."""
    from moored.monitor.beginnings import begin, log_read
    from moored.monitor.endings import ending_of, settle
    from moored.storage.generations import store_plan
    from moored.storage.snapshot import refresh_snapshot
    from moored.storage.warehouse import open_store

    begin(run)
    try:
        log_read(run, units)
        with open_store(run.settings.store) as store:
            store_plan(store, run.study.name, run.run_id, plan.data_version, plan.planned)
            refresh_snapshot(store, run.settings.snapshot)
        ending = ending_of(run.study.name, None, report, run_id=run.run_id)
    except BaseException as error:
        settle(ending_of(run.study.name, None, error, run_id=run.run_id), run.settings)
        raise
    settle(ending, run.settings)
