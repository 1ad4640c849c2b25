"""Versions: the one that still holds, or a new one."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from checks import Outcome
from checks.rows import marks, outcome_frame
from moored.analysis import Estimates
from moored.context import Plan, Report, Run, run_row
from moored.storage.results import latest_run, publish
from moored.storage.warehouse import open_store


@task(cache_policy=NO_CACHE)
def unchanged_version(run: Run, plan: Plan) -> Report | None:
    """The latest version, if nothing that it was computed from has changed."""
    with open_store(run.settings.store) as store:
        inputs = run_row(store, run, plan).inputs.fingerprint
        latest = latest_run(store, run.study.name)
    if latest is None or latest["inputs"] != inputs:
        return None
    return Report(run.study.name, latest["version"], latest["run_id"], changed=False)


@task(cache_policy=NO_CACHE)
def publish_version(
    run: Run, plan: Plan, outcomes: tuple[Outcome, ...], estimates: Estimates, override: str | None
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
        version = publish(store, row, outcome_frame(outcomes), estimates.estimates, estimates.fits)
    return Report(run.study.name, version, run.run_id, changed=True)
