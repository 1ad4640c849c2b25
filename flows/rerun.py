"""`moored rerun` as a flow of its own: to deploy, with parameters that are plain values."""

from __future__ import annotations

from prefect import flow

from flows.ending import TOLD, completed
from flows.scheduled import run_name
from flows.survey import survey
from moored.run.record import Report
from moored.settings import read_settings
from moored.storage.studies import find_study
from moored.study import Study
from moored.study.scope import rerun_scope


@flow(name="rerun", flow_run_name=run_name, **TOLD)
def rerun(
    study: Study | str,
    failed: bool = False,
    source: list[str] | None = None,
    units: list[str] | None = None,
    publish_anyway: str | None = None,
) -> Report:
    """Generate again what failed, then check, estimate and publish a new version.

    study: as in `flows.scheduled`. failed: generate again what failed or is missing. source: only these.
    units: only these ids, whatever their state. publish_anyway: the reason to publish although a critical
    check fails.
    """
    found, folder = find_study(study, read_settings().store)
    scope = rerun_scope(found, failed=failed, sources=tuple(source or ()), units=tuple(units or ()))
    return completed(survey(found, str(folder), scope, publish_anyway))
