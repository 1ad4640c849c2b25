"""Begin a run: remember the study, read the units, append their data version."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from moored.context import Data, Run
from moored.storage.ingest import read_units
from moored.storage.studies import store_study, store_units
from moored.storage.warehouse import open_store


@task(cache_policy=NO_CACHE)
def remember_study(run: Run) -> None:
    """Keep what the run is about, and where."""
    with open_store(run.settings.store, create=True) as store:
        store_study(store, run.study, run.folder)


@task(cache_policy=NO_CACHE)
def load_units(run: Run) -> Data:
    """Read the user's table, draw the labelled units, append what is new."""
    units = read_units(run.study, run.folder, run.settings.cache)
    with open_store(run.settings.store) as store:
        store_units(store, run.study, units)
    return Data(units.version, units.spent)
