"""A version of the benchmark: the tables that its cells make, stored."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from moored.benchmark.bounds import bounds, truth_of
from moored.benchmark.corpus import Corpus
from moored.benchmark.metrics import summarise, timings
from moored.benchmark.trials import Cell, Plan
from moored.settings import Settings, code_version
from moored.storage.benchmarks import BenchmarkRow, store_benchmark
from moored.storage.warehouse import open_store


def tables(
    plan: Plan, corpora: Sequence[Corpus], cells: Sequence[Cell], worlds: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """Rows by table of the store."""
    settings_of = [(corpus, family) for corpus in corpora for family in corpus.task.families]
    truths = {(corpus.task.name, str(family)): truth_of(corpus, family) for corpus, family in settings_of}
    return {
        "results": summarise(cells, truths, plan.level),
        "tasks": [bounds(corpus, family) for corpus, family in settings_of],
        "worlds": list(worlds),
        "timings": timings(cells),
    }


def publish(
    settings: Settings,
    plan: Plan,
    corpora: Sequence[Corpus],
    cells: Sequence[Cell],
    worlds: Sequence[Mapping[str, Any]],
    started_at: datetime,
) -> int:
    """Append a version; gives its number."""
    found = tables(plan, corpora, cells, worlds)
    now = datetime.now(UTC)
    row = BenchmarkRow(
        benchmark_id=f"{started_at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        plan=asdict(plan) | {"tasks": [corpus.task.name for corpus in corpora]},
        code_version=code_version(settings.pipeline),
        workers=settings.workers,
        wall_s=(now - started_at).total_seconds(),
        started_at=started_at,
    )
    with open_store(settings.store, create=True) as store:
        return store_benchmark(store, row, found)
