"""The survey flow as a schedule calls it: with parameters that are plain values."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from flows.ending import TOLD, completed, name_of
from flows.survey import survey
from moored.run.record import Report
from moored.settings import read_settings
from moored.storage.studies import find_study
from moored.study import Study


def run_name() -> str:
    """The study's name; the version comes with the end."""
    return name_of(flow_run.parameters["study"])


@flow(name="scheduled", flow_run_name=run_name, **TOLD)
def scheduled(study: Study | str) -> Report:
    """Run a study as it is now; where data, recipes and code are unchanged, nothing is asked or published.

    study: a study file, the name of a study in the store, or a study itself (its relative paths then start in
    the folder that the run is in).
    """
    found, folder = find_study(study, read_settings().store)
    return completed(survey(found, str(folder)))
