"""The survey flow: raw text -> proxies and synthetic texts -> checks -> estimates -> one new version."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from checks import CheckResult
from flows.ending import TOLD, completed
from flows.generation import generate_missing
from moored.run.plan import RunPlan
from moored.run.record import Report
from moored.run.run import Run, new_run, only_run
from moored.settings import read_settings
from moored.study import Study
from moored.study.scope import Scope
from tasks.check import (
    arrange_evidence,
    check_estimates,
    check_inputs,
    gather_material,
    gather_previous,
    refuse_broken_expectations,
    show_outcomes,
    stop_if_critical,
)
from tasks.estimate import estimate
from tasks.generate import plan_generation, settle_failures
from tasks.publish import publish_version, unchanged_version
from tasks.report import show_estimates, write_version_report
from tasks.units import load_units, remember_study


@flow(name="survey", flow_run_name="{study.name}", **TOLD)
def survey(
    study: Study, folder: str, scope: Scope | None = None, publish_anyway: str | None = None
) -> Report:
    """Run one study and publish its results as a new version, unless nothing changed.

    folder: where the study's relative paths start. scope: what to generate beyond what is missing.
    publish_anyway: the reason to publish although a critical check fails.
    """
    run = new_run(study, Path(folder), read_settings())
    with only_run(run):
        refuse_broken_expectations(study, folder)
        remember_study(run)
        plan = plan_generation(run, load_units(run))
        generate_missing(run, plan, scope or Scope())
        settle_failures(run, plan)
        if (unchanged := unchanged_version(run, plan)) is not None:
            return completed(unchanged)
        report = check_and_publish(run, plan, publish_anyway)
        write_version_report(run, report, return_state=True)  # where it fails, the version stands
        return completed(report)


def check_and_publish(run: Run, plan: RunPlan, publish_anyway: str | None) -> Report:
    """Check what is stored, estimate from it, publish. What was read for this is let go before the page is made."""
    material = gather_material(run, plan)
    evidence = arrange_evidence(run, plan, material, gather_previous(run))
    outcomes = check_inputs(evidence)
    judge(run, plan, outcomes, publish_anyway)
    estimates = estimate(run, evidence)
    outcomes += check_estimates(evidence, estimates)
    judge(run, plan, outcomes, publish_anyway)
    report = publish_version(run, plan, outcomes, estimates, publish_anyway)
    show_estimates(run, report, estimates, return_state=True)  # where it fails, the version stands
    return report


def judge(run: Run, plan: RunPlan, outcomes: tuple[CheckResult, ...], publish_anyway: str | None) -> None:
    """Show what the checks said so far, and stop where a critical one failed."""
    show_outcomes(run, outcomes)
    stop_if_critical(run, plan, outcomes, publish_anyway)
