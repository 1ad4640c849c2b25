"""Fan generation out over the workers until every unit has its terminal rows."""

from __future__ import annotations

from prefect.futures import as_completed

from moored.context import Plan, Run
from moored.errors import MooredError
from moored.llm.endpoints import open_endpoints
from moored.scope import Scope
from tasks.generate import generate_chunk, missing_chunks, store_chunk

ROUNDS = 3
"""A chunk whose worker died has no rows; the next round finds it in the database, not in task states."""


def generate_missing(run: Run, plan: Plan, scope: Scope) -> None:
    """Generate for every unit that needs it, chunk by chunk, each stored as it finishes."""
    for _ in range(ROUNDS):
        chunks = missing_chunks(run, plan, scope)
        if not chunks:
            return
        with open_endpoints(run.study, run.settings.cache, run.settings.base_url) as endpoints:
            futures = [
                generate_chunk.submit(
                    chunk,
                    plan.recipes[chunk.source],
                    endpoints[chunk.source],
                    run.study.name,
                    run.settings.replies,
                    run.study.generation,
                    again=scope.again,
                )
                for chunk in chunks
            ]
            for future in as_completed(futures):
                rows = future.result(raise_on_failure=False)
                if isinstance(rows, MooredError):
                    raise rows
                if isinstance(rows, list):
                    store_chunk(run, rows)
        scope = Scope()
