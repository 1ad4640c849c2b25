"""Versions: the one that still holds, or a new one."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from checks import CheckResult
from checks.rows import marks, outcome_frame
from moored.run.estimates import Estimates
from moored.run.plan import RunPlan
from moored.run.record import Report, run_row
from moored.run.run import Run
from moored.run.unchanged import unchanged_report
from moored.storage.results import publish
from moored.storage.snapshot import refresh_snapshot
from moored.storage.warehouse import open_store


@task(cache_policy=NO_CACHE)
def unchanged_version(run: Run, plan: RunPlan) -> Report | None:
    """The latest or the newest version, if nothing that it was computed from has changed."""
    with open_store(run.settings.store) as store:
        refresh_snapshot(store, run.settings.snapshot)
        return unchanged_report(store, run, plan)


@task(cache_policy=NO_CACHE)
def publish_version(
    run: Run, plan: RunPlan, outcomes: tuple[CheckResult, ...], estimates: Estimates, override: str | None
) -> Report:
    """Append one new version in one transaction."""
    with open_store(run.settings.store) as store:
        row = run_row(
            store,
            run,
            plan,
            headline=estimates.headline,
            marks=(*marks(outcomes), *estimates.marks, *plan.marks),
            override=override,
        )
        version = publish(
            store,
            row,
            outcome_frame(outcomes),
            estimates.fits,
            () if estimates.everyone is None else (estimates.everyone,),
        )
        refresh_snapshot(store, run.settings.snapshot)
    return Report(run.study.name, version, run.run_id, changed=True, latest=version)
