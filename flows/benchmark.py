"""The benchmark flow: corpora with every label -> trials over the workers -> one new version of the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow

from flows.ending import TOLD_FAILURES
from flows.runner import workers, workers_of
from moored.benchmark.known_truth import world_pieces
from moored.benchmark.trials import TrialPlan, pieces
from moored.settings import read_settings
from tasks.benchmark import check_known_truth, publish_benchmark, read_corpora, run_known_truth, run_trials


@flow(name="benchmark", **TOLD_FAILURES)
def benchmark(
    tasks: list[str], data: Path | None, plan: TrialPlan, worlds: int = 0, onto: int | None = None
) -> int:
    """Run the trials of the named tasks and of the worlds with a known truth; gives the new version.

    worlds: trials of each world. onto: a version whose other rows the new one takes over.
    """
    settings, started_at = read_settings(), datetime.now(UTC)
    corpora, scenarios = read_corpora(tasks, data), world_pieces(worlds, plan.seed)
    with workers(settings, settings.processes) as pool:
        known = [pool.submit(run_known_truth, {"piece": piece}) for piece in scenarios]
        trials = [pool.submit(run_trials, {"piece": piece}) for piece in pieces(corpora, plan)]
        rows = [
            row
            for piece, future in zip(scenarios, known, strict=True)
            for row in check_known_truth(piece, future.result())
        ]
        cells = [cell for future in trials for cell in future.result()]
        many = workers_of(pool, settings)
    return publish_benchmark(settings, plan, corpora, cells, rows, started_at, many, onto)
