"""Read a study's file of own expectations without running the study: what `moored validate` asks."""

from __future__ import annotations

from prefect import flow

from moored.study import Study
from tasks.check import refuse_broken_expectations


@flow(name="own-expectations", flow_run_name="{study.name}")
def custom_expectations(study: Study, folder: str) -> None:
    """Refuse a file of own expectations that cannot be used. Errors: `StudyInvalid`."""
    refuse_broken_expectations(study, folder)
