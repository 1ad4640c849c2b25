"""Fan generation out over the workers until every unit has its terminal rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.progress import Progress
from flows.runner import STAND_FOR, in_one_process, next_finished, refuse_far_workers, workers
from moored.errors import MooredError
from moored.llm.endpoints import Endpoint
from moored.llm.serving import open_endpoints
from moored.llm.useless import Start
from moored.run.chunks import Chunk, Generated, Work, texts_by_chunk
from moored.run.plan import RunPlan
from moored.run.refusals import out_of_budget
from moored.run.run import Run
from moored.run.sealed import Sealed
from moored.run.workers import worth_processes
from moored.study.scope import Scope
from tasks.batches import fill_journal
from tasks.generate import generate_chunk, missing_chunks, store_chunks

ROUNDS = 3
"""A chunk whose worker died has no rows; the next round finds it in the database, not in task states."""
AHEAD = 32
"""Chunks with the workers at one time: what is in memory does not grow with the study."""


def generate_missing(run: Run, plan: RunPlan, scope: Scope) -> None:
    """Generate for every unit that needs it. Nothing is started where nothing is needed.

    Where the study sends in batches, their answers are in the journal before the first chunk looks there.
    """
    if run.study.generation.send == "batch":
        fill_journal(run, plan, scope)
    for _ in range(ROUNDS):
        chunks = missing_chunks(run, plan, scope)
        if not chunks:
            return
        processes = worker_processes(run, plan, chunks)
        generate = generate_with_workers if processes or run.settings.dask_address else generate_chunks
        if generate(run, plan, chunks, processes, again=scope.again):
            return
        scope = Scope()


def worker_processes(run: Run, plan: RunPlan, chunks: Sequence[Chunk]) -> int:
    """How many processes send these chunks; 0: threads of this one do."""
    study, settings = run.study, run.settings
    requests = sum(len(chunk.unit_ids) * plan.recipes[chunk.source].expected_rows for chunk in chunks)
    here = all(study.model_of(source).runs_here for source in study.sources)
    in_flight = study.generation.concurrency * STAND_FOR
    chosen = settings.workers is not None or worth_processes(requests, in_flight, here=here)
    return settings.processes if chosen else 0


@flow(name="generation", flow_run_name="{run.study.name}", validate_parameters=False)
def generate_with_workers(
    run: Run, plan: RunPlan, chunks: list[Chunk], processes: int, *, again: bool
) -> bool:
    """As `generate_chunks`, in a flow of its own: a task takes the flow that it runs in to its worker, and `survey`
    cannot travel. Threads need none, and to make one takes a third of a second."""
    return generate_chunks(run, plan, chunks, processes, again=again)


def generate_chunks(run: Run, plan: RunPlan, chunks: list[Chunk], processes: int, *, again: bool) -> bool:
    """One task per chunk, each chunk stored soon after it finished; a few chunks ahead of the workers, no more.
    Whether all are: a worker that died left some.

    Errors: what makes going on useless (key refused, endpoint down, budget reached), once everything that
    had finished is stored.
    """
    study, settings = run.study, run.settings
    refusal: MooredError | None = None
    progress = Progress(run, chunks)
    starts = {} if again or study.generation.max_failed_share == 1 else _starts(chunks)
    left, running, stored = deque(chunks), 0, 0
    finished = SimpleQueue[PrefectFuture[Sealed[Generated]]]()
    with models_and_workers(run, processes) as (endpoints, pool):
        refuse_far_workers(settings, endpoints.values())
        while running or (left and refusal is None):
            if left and refusal is None and running <= AHEAD // 2:
                turn = [left.popleft() for _ in range(min(AHEAD - running, len(left)))]
                for sent in send_chunks(pool, run, plan, turn, endpoints, again=again):
                    sent.add_done_callback(finished.put)
                running += len(turn)
            ended = next_finished(finished, pool, running)
            if not ended:
                break  # the next round starts new workers
            running -= len(ended)
            results = [one.result(raise_on_failure=False) for one in ended]
            reason = store_finished(run, results, starts, progress)
            refusal = refusal or reason
            stored += sum(isinstance(result, Sealed) for result in results)
    if refusal is not None:
        raise refusal
    return stored == len(chunks)


def store_finished(
    run: Run, results: Sequence[object], starts: Mapping[str, Start], progress: Progress
) -> MooredError | None:
    """Store what finished; the reason to stop, if one of these results is one."""
    done = [result.inside for result in results if isinstance(result, Sealed)]
    if done:
        store_chunks(run, Sealed(done))
        progress.add(sum(generated.units for generated in done))
    reasons = [useless(starts, generated) for generated in done]
    reasons += [out_of_budget(run) for generated in done if generated.over_budget]
    reasons += [result for result in results if isinstance(result, MooredError)]
    return next((reason for reason in reasons if reason is not None), None)


@contextmanager
def models_and_workers(run: Run, processes: int) -> Iterator[tuple[Mapping[str, Endpoint], TaskRunner[Any]]]:
    """Each source's endpoint and what sends to them; both start side by side."""
    settings = run.settings
    with ExitStack() as stack, ThreadPoolExecutor(1, "models") as beside:
        models = open_endpoints(run.study, settings.cache, settings.base_url)
        opening = beside.submit(stack.enter_context, models)
        pool = stack.enter_context(workers(settings, processes))
        yield opening.result(), pool


def useless(starts: Mapping[str, Start], done: Generated) -> MooredError | None:
    """The reason to stop where all chunks of a source so far hold nothing usable."""
    for row in done.rows:
        if (start := starts.get(row.source)) is not None:
            error = start.ended(row.step, row.status, row.error_kind, row.error)
            if error is not None:
                return error
    return None


def _starts(chunks: list[Chunk]) -> dict[str, Start]:
    return {chunk.source: Start(chunk.source) for chunk in chunks if not chunk.begun}


def send_chunks(
    pool: TaskRunner[Any],
    run: Run,
    plan: RunPlan,
    chunks: Sequence[Chunk],
    endpoints: Mapping[str, Endpoint],
    *,
    again: bool,
) -> Iterator[PrefectFuture[Sealed[Generated]]]:
    """Hand chunks with their texts to the workers."""
    for chunk, units in zip(chunks, texts_by_chunk(run, plan, chunks), strict=True):
        work = Work(
            units=units,
            recipe=plan.recipes[chunk.source],
            endpoint=endpoints[chunk.source],
            study=run.study.name,
            journal=run.settings.journal,
            limits=run.study.generation,
            again=again,
            begun=chunk.begun,
            workers=in_one_process(pool),
        )
        yield pool.submit(generate_chunk, {"source": chunk.source, "sealed": Sealed(work)})
