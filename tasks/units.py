"""Begin a run: remember the study, read the units, append their data version."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from moored.monitor.logs import log, set_up_logs
from moored.run.examples import picked_line
from moored.run.plan import Data, units_of
from moored.run.run import Run
from moored.storage.events import store_began
from moored.storage.studies import store_study, store_units
from moored.storage.warehouse import open_store


@task(cache_policy=NO_CACHE)
def remember_study(run: Run) -> None:
    """Keep what the run is about, and where; say that it began."""
    set_up_logs(run.settings.log)
    with open_store(run.settings.store, create=True) as store:
        store_study(store, run.study, run.folder)
        store_began(store, run.study.name, run.run_id, flow_run.root_flow_run_id)
    log("run began", study=run.study.name, run_id=run.run_id, code_version=run.code_version)


@task(cache_policy=NO_CACHE)
def load_units(run: Run) -> Data:
    """Read the user's table, draw the labelled units, append what is new."""
    units = units_of(run.study, run.folder, run.settings)
    with open_store(run.settings.store) as store:
        store_units(store, run.study, units)
    log(
        "data read",
        study=run.study.name,
        run_id=run.run_id,
        data_version=units.version,
        units=len(units.frame),
        labelled=int(units.frame["labelled"].sum()),
    )
    return Data(units.version, units.shown_units, picked_line(run.study, units), units.notes)
