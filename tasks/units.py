"""Begin a run: remember the study, read the units, append their data version."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from moored.monitor.beginnings import begin, log_read
from moored.run.plan import Data, units_of
from moored.run.run import Run
from moored.run.unchanged import data_of
from moored.storage.data_versions import store_units
from moored.storage.warehouse import open_store


@task(cache_policy=NO_CACHE)
def remember_study(run: Run) -> None:
    """Keep what the run is about, and where; say that it began."""
    begin(run, flow_run.root_flow_run_id)


@task(cache_policy=NO_CACHE)
def load_units(run: Run) -> Data:
    """Read the user's table, draw the labelled units, append what is new."""
    units = units_of(run.study, run.folder, run.settings)
    with open_store(run.settings.store) as store:
        store_units(store, run.study, units)
    log_read(run, units)
    return data_of(run.study, units)
