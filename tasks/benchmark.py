"""The benchmark's steps: read the corpora, run a piece of the trials, keep the tables as a version."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from moored.benchmark.corpus import Corpus, read_corpus
from moored.benchmark.known_truth import WorldPiece, run_world
from moored.benchmark.task import find_tasks
from moored.benchmark.trials import Cell, Piece, TrialPlan, run_piece
from moored.benchmark.version import publish
from moored.settings import Settings


@task(cache_policy=NO_CACHE)
def read_corpora(tasks: Sequence[str], data: Path | None) -> list[Corpus]:
    """The corpora of the named tasks. Errors: those of `read_corpus`."""
    return [read_corpus(located, data) for located in find_tasks(tasks)]


@task(cache_policy=NO_CACHE)
def run_trials(piece: Piece) -> list[Cell]:
    """Draw and fit some trials of one task and family."""
    return run_piece(piece)


@task(cache_policy=NO_CACHE)
def run_known_truth(piece: WorldPiece) -> list[dict[str, Any]]:
    """All trials of one scenario with a known truth."""
    return run_world(piece)


@task(cache_policy=NO_CACHE)
def check_known_truth(piece: WorldPiece, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the checks say of these trials, beside each row."""
    from checks.known_truth import checked  # a worker, which is sent this whole file, may not have the checks

    return checked(piece, rows)


@task(cache_policy=NO_CACHE)
def publish_benchmark(
    settings: Settings,
    plan: TrialPlan,
    corpora: Sequence[Corpus],
    cells: Sequence[Cell],
    worlds: Sequence[dict[str, Any]],
    started_at: datetime,
    many: int,
    onto: int | None,
) -> int:
    """Append the benchmark's tables as a new version; gives the version."""
    return publish(settings, plan, corpora, cells, worlds, started_at, many, onto)
