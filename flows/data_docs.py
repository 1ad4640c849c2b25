"""Great Expectations' Data Docs of a run that is in the store."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from moored.settings import read_settings
from tasks.check import write_docs


@flow(name="data-docs", flow_run_name="{study}")
def data_docs(study: str, folder: str, version: int | None = None) -> Path:
    """Write the Data Docs of a version into a folder; without a version, of the newest run."""
    return write_docs(read_settings(), study, version, Path(folder))
