"""How a run begins: recorded in the store, logged."""

from __future__ import annotations

from moored.monitor.logs import log, set_up_logs
from moored.run.run import Run
from moored.storage.events import store_began
from moored.storage.ingest import Units
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store


def begin(run: Run, flow_run: str | None = None) -> None:
    """Keep what the run is about, and where; say that it began. flow_run: Prefect's id of it."""
    set_up_logs(run.settings.log)
    with open_store(run.settings.store, create=True) as store:
        store_study(store, run.study, run.folder)
        store_began(store, run.study.name, run.run_id, flow_run)
    log("run began", study=run.study.name, run_id=run.run_id, code_version=run.code_version)


def log_read(run: Run, units: Units) -> None:
    """Log what was read of the user's table."""
    log(
        "data read",
        study=run.study.name,
        run_id=run.run_id,
        data_version=units.version,
        units=len(units.frame),
        labelled=int(units.frame["labelled"].sum()),
    )
