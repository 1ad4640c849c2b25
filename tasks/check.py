"""The second gate: what the checks say of what will be estimated from, and of the estimates."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from checks import CheckResult, Evidence, Previous, check_results, messages, run_checks
from checks.data_docs import write_data_docs
from checks.extension import custom_expectations
from checks.rows import failing_first, outcome_frame
from moored.errors import ChecksFailed
from moored.monitor.logs import log
from moored.run.estimates import Estimates, sample_of
from moored.run.plan import RunPlan
from moored.run.readings import Material, gather, gather_version
from moored.run.record import run_row
from moored.run.run import Run
from moored.settings import Settings
from moored.storage.generations import recipes_tried, served_models
from moored.storage.results import latest_run, newest_run, store_stopped
from moored.storage.snapshot import refresh_snapshot
from moored.storage.studies import study_of_run
from moored.storage.warehouse import open_store
from moored.study import Study

MOST_SHOWN = 100
"""Outcomes in a run's artifact, failing ones first; the store has them all."""


@task(cache_policy=NO_CACHE)
def refuse_broken_expectations(study: Study, folder: str) -> None:
    """Read the study's file of own expectations, if it names one. Errors: `StudyInvalid`."""
    custom_expectations(study, Path(folder))


@task(cache_policy=NO_CACHE)
def gather_material(run: Run, plan: RunPlan) -> Material:
    """Read back what is stored: units, generations, and what each source says of each unit."""
    with open_store(run.settings.store) as store:
        return gather(store, run.study, plan.data_version, plan.planned)


@task(cache_policy=NO_CACHE)
def gather_previous(run: Run) -> Previous | None:
    """The last published version, to compare with."""
    with open_store(run.settings.store) as store:
        published = latest_run(store, run.study.name)
        if published is None:
            return None
        values = gather_version(store, study_of_run(store, published), published).long_values()
    return Previous(published.version, published.estimates, values, published.recipes, published.data_version)


@task(cache_policy=NO_CACHE)
def arrange_evidence(run: Run, plan: RunPlan, material: Material, previous: Previous | None) -> Evidence:
    """Everything that the checks look at."""
    sample = sample_of(run.study, material)
    generations = material.generations.assign(conditioning=plan.conditioning(material.generations))
    with open_store(run.settings.store) as store:
        tried = recipes_tried(store, run.study.name, plan.data_version)
        served = served_models(store, run.study.name, plan.data_version, plan.asked_elsewhere)
    return Evidence(
        run.study,
        material.units,
        generations,
        sample,
        previous,
        run.folder,
        plan.data_version,
        served=served,
        tried=tried,
    )


@task(cache_policy=NO_CACHE)
def check_inputs(evidence: Evidence) -> tuple[CheckResult, ...]:
    """The checks that come before estimation."""
    return run_checks(evidence)


@task(cache_policy=NO_CACHE)
def check_estimates(evidence: Evidence, estimates: Estimates) -> tuple[CheckResult, ...]:
    """The checks of the estimates themselves."""
    return check_results(estimates, evidence)


@task(cache_policy=NO_CACHE)
def show_outcomes(run: Run, outcomes: tuple[CheckResult, ...]) -> None:
    """Log how many checks failed, and leave the outcomes with Prefect as an artifact `checks-<study>`."""
    failed = {outcome.check: outcome.severity for outcome in outcomes if not outcome.passed}
    log("checked", study=run.study.name, run_id=run.run_id, outcomes=len(outcomes), failed=failed)
    create_table_artifact(
        table=[
            {
                "outcome": ("passed" if outcome.passed else outcome.severity),
                "suite": outcome.suite,
                "check": outcome.check,
                "observed": outcome.observed,
                "allowed": outcome.threshold,
                "message": outcome.message,
            }
            for outcome in failing_first(outcomes)[:MOST_SHOWN]
        ],
        key=f"checks-{run.study.name.replace('_', '-')}",
        description=f"Checks of run {run.run_id}",
    )


@task(cache_policy=NO_CACHE)
def stop_if_critical(
    run: Run, plan: RunPlan, outcomes: tuple[CheckResult, ...], override: str | None
) -> None:
    """Keep what the checks said and stop, unless they passed or the user overrides them with a reason."""
    sentence = messages(outcomes)
    if not sentence or override:
        return
    with open_store(run.settings.store) as store:
        store_stopped(store, run_row(store, run, plan), outcome_frame(outcomes))
        refresh_snapshot(store, run.settings.snapshot)
    raise ChecksFailed(f"{sentence}. Nothing was published; the generations are kept")


@task(cache_policy=NO_CACHE)
def write_docs(settings: Settings, study: str, version: int | None, folder: Path) -> Path:
    """Great Expectations' Data Docs of a run that is in the store; gives their index page. Errors: `NotStored`."""
    with open_store(settings.store) as store:
        run = newest_run(store, study, version)
        then = study_of_run(store, run)
        material = gather_version(store, then, run)
    return write_data_docs(Evidence(then, material.units, material.generations), folder)
