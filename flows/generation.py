"""Fan generation out over the workers until every unit has its terminal rows."""

from __future__ import annotations

from prefect import flow
from prefect.futures import as_completed

from flows.progress import Progress
from flows.runner import workers
from moored.context import Chunk, Plan, Run, out_of_budget
from moored.errors import MooredError
from moored.llm.endpoints import open_endpoints
from moored.scope import Scope
from tasks.batches import fill_journal
from tasks.generate import generate_chunk, missing_chunks, store_chunk

ROUNDS = 3
"""A chunk whose worker died has no rows; the next round finds it in the database, not in task states."""


@flow(name="generation", flow_run_name="{run.study.name}", validate_parameters=False)
def generate_missing(run: Run, plan: Plan, scope: Scope) -> None:
    """Generate for every unit that needs it. Nothing is started where nothing is needed.

    Where the study sends in batches, their answers are in the journal before the first chunk looks there.
    """
    if run.study.generation.send == "batch":
        fill_journal(run, plan, scope)
    for _ in range(ROUNDS):
        chunks = missing_chunks(run, plan, scope)
        if not chunks:
            return
        generate_chunks(run, plan, chunks, again=scope.again)
        scope = Scope()


def generate_chunks(run: Run, plan: Plan, chunks: list[Chunk], *, again: bool) -> None:
    """One task a chunk, each chunk stored as it finishes.

    Errors: what makes going on useless (key refused, endpoint down, budget reached), once everything that
    had finished is stored.
    """
    study, settings = run.study, run.settings
    refusal: MooredError | None = None
    progress = Progress(run, chunks)
    with open_endpoints(study, settings.cache, settings.base_url) as endpoints, workers(settings) as pool:
        futures = [
            pool.submit(
                generate_chunk,
                {
                    "chunk": chunk,
                    "recipe": plan.recipes[chunk.source],
                    "endpoint": endpoints[chunk.source],
                    "study": study.name,
                    "replies": settings.replies,
                    "limits": study.generation,
                    "again": again,
                },
            )
            for chunk in chunks
        ]
        for future in as_completed(futures):
            rows = future.result(raise_on_failure=False)
            if isinstance(rows, list):
                store_chunk(run, rows)
                progress.add(len({row.unit_id for row in rows}))
                if refusal is None and any(row.status == "over-budget" for row in rows):
                    refusal = out_of_budget(run)
            elif isinstance(rows, MooredError):
                refusal = refusal or rows
    if refusal is not None:
        raise refusal
