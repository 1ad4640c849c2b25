"""The Batch API's step, before the ordinary one."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from moored.llm.batch import BatchWork, answer_by_batches
from moored.llm.serving import describe_endpoints
from moored.run.chunks import needed_units, read_texts
from moored.run.plan import RunPlan
from moored.run.run import Run
from moored.storage.journal import Journal
from moored.storage.warehouse import open_store
from moored.study.scope import Scope


@task(cache_policy=NO_CACHE)
def fill_journal(run: Run, plan: RunPlan, scope: Scope) -> None:
    """Have the missing units' requests answered by the Batch API, and wait for it: hours, at most a day a round."""
    study, settings = run.study, run.settings
    endpoints = describe_endpoints(study, settings.cache, settings.base_url)
    names = [source.name for source in study.sources if study.in_batches(source)]
    with open_store(settings.store) as store:
        needed = needed_units(store, run, plan, scope)
        works = [
            BatchWork(plan.recipes[name], endpoints[name], read_texts(store, run, plan, needed[name]))
            for name in names
            if name in needed
        ]
    with Journal(settings.journal, study.name) as journal:
        answer_by_batches(works, journal, study.generation, settings.poll_s)
