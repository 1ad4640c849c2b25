"""Begin a run: remember the study, read the units, append their data version."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from moored.context import Data, Run, new_run
from moored.settings import Settings
from moored.storage.ingest import read_units
from moored.storage.studies import store_study, store_units
from moored.storage.warehouse import open_store
from moored.study import Study


@task(cache_policy=NO_CACHE)
def start_run(study: Study, folder: str, settings: Settings) -> Run:
    """Give the run its id and remember the study."""
    run = new_run(study, Path(folder), settings)
    with open_store(settings.store, create=True) as store:
        store_study(store, study, run.folder)
    return run


@task(cache_policy=NO_CACHE)
def load_units(run: Run) -> Data:
    """Read the user's table, draw the labelled units, append what is new."""
    units = read_units(run.study, run.folder, run.settings.cache)
    with open_store(run.settings.store) as store:
        store_units(store, run.study, units)
    return Data(units.version, units.spent)
