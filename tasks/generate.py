"""The model's steps: plan what to ask, ask it chunk by chunk, append each finished chunk."""

from collections import Counter

from prefect import task
from prefect.cache_policies import NO_CACHE

from moored.llm.generate import generate
from moored.llm.generations import columns_of
from moored.monitor.logs import log
from moored.run.chunks import Chunk, Generated, Work, chunks_of, needed_units
from moored.run.plan import Data, RunPlan, plan_of
from moored.run.refusals import refuse_failures
from moored.run.run import Run
from moored.run.sealed import Sealed
from moored.storage.generations import (
    append_generations,
    failures,
    source_states,
    store_plan,
    store_recipe,
)
from moored.storage.journal import shared_journal
from moored.storage.warehouse import open_store
from moored.study.scope import Scope


@task(cache_policy=NO_CACHE)
def plan_generation(run: Run, data: Data) -> RunPlan:
    """Settle one recipe per source, and store what the run sets out to generate."""
    plan = plan_of(run, data)
    with open_store(run.settings.store) as store:
        for recipe in plan.recipes.values():
            store_recipe(store, recipe.fingerprint, recipe.model_dump_json())
        store_plan(store, run.study.name, run.run_id, data.version, plan.planned)
    return plan


@task(cache_policy=NO_CACHE)
def missing_chunks(run: Run, plan: RunPlan, scope: Scope) -> list[Chunk]:
    """The units that still need generation, in chunks."""
    with open_store(run.settings.store) as store:
        needed = needed_units(store, run, plan, scope)
        states = source_states(store, run.study.name, plan.data_version, plan.planned)
    rows = {source: len(units) for source, units in needed.items()}
    log("units to generate", study=run.study.name, run_id=run.run_id, units=rows)
    begun = frozenset(state.source for state in states if state.ok)
    return chunks_of(needed, run.study.generation.chunk_rows, begun)


@task(cache_policy=NO_CACHE, task_run_name="generate-{source}")
def generate_chunk(source: str, sealed: Sealed[Work]) -> Sealed[Generated]:  # noqa: ARG001
    """Every step of one source for some units. Runs in a Dask worker; each reply is durable in the journal."""
    work = sealed.inside
    with shared_journal(work.journal, work.study) as journal:
        rows = generate(
            work.units,
            work.recipe,
            work.endpoint,
            journal,
            work.limits,
            again=work.again,
            begun=work.begun,
            workers=work.workers,
        )
    return Sealed(Generated(rows))


@task(cache_policy=NO_CACHE)
def store_chunks(run: Run, sealed: Sealed[list[Generated]]) -> None:
    """Append finished chunks together: to open the store, and each transaction, costs more than a chunk."""
    rows = [columns_of(row) for chunk in sealed.inside for row in chunk.rows]
    with open_store(run.settings.store) as store:
        append_generations(store, run.study.name, run.run_id, rows)
    for chunk in sealed.inside:
        statuses = dict(Counter(row.status for row in chunk.rows))
        source = chunk.rows[0].source
        log("chunk stored", study=run.study.name, run_id=run.run_id, source=source, rows=statuses)


@task(cache_policy=NO_CACHE)
def settle_failures(run: Run, plan: RunPlan) -> None:
    """Count terminal rows in the database, not task states; refuse to go on past the study's failure share."""
    key = (run.study.name, plan.data_version)
    with open_store(run.settings.store) as store:
        states = source_states(store, *key, plan.planned)
        why = failures(store, *key, plan.planned)
    refuse_failures(run.study, states, why)
