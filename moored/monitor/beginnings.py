"""How a run begins: recorded in the store, logged."""

from __future__ import annotations

import logging

from moored.monitor.logs import log, set_up_logs
from moored.plaintext import counted
from moored.run.run import Run
from moored.storage.events import store_began
from moored.storage.generations import rows_sent
from moored.storage.ingest import Units
from moored.storage.journal import Journal
from moored.storage.studies import store_study
from moored.storage.warehouse import Warehouse, open_store


def begin(run: Run, flow_run: str | None = None) -> None:
    """Keep what the run is about, and where; say that it began. flow_run: Prefect's id of it."""
    set_up_logs(run.settings.log)
    with open_store(run.settings.store, create=True) as store:
        store_study(store, run.study, run.folder)
        store_began(store, run.study.name, run.run_id, flow_run)
        lost = _rows_without_journal(store, run)
    if lost:
        log(
            f"the journal {run.settings.journal} knows of no request of {run.study.name!r}, and the store has "
            f"{counted(lost, 'row that was', 'rows that were')} asked for: it was not copied along with "
            "the store, or removed; what was used "
            "before is not counted in the caps of `generation`, and its replies are asked for again where needed",
            study=run.study.name,
            run_id=run.run_id,
            level=logging.WARNING,
        )
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


def _rows_without_journal(store: Warehouse, run: Run) -> int:
    """How many rows were asked of a model of which the journal knows nothing."""
    with Journal(run.settings.journal, run.study.name) as journal:
        if journal.calls():
            return 0
    return rows_sent(store, run.study.name)
