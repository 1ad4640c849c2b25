"""A version of the benchmark: the tables that its cells make, stored."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from moored.benchmark.bounds import bounds, source_bounds, truth_of
from moored.benchmark.corpus import Corpus
from moored.benchmark.metrics import summarise, timings
from moored.benchmark.trials import Cell, TrialPlan
from moored.errors import StudyInvalid
from moored.fingerprint import canonical
from moored.settings import Settings, code_version
from moored.storage.benchmarks import BenchmarkRow, find_benchmark, store_benchmark
from moored.storage.warehouse import open_store


def tables(
    plan: TrialPlan, corpora: Sequence[Corpus], cells: Sequence[Cell], worlds: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """Rows by table of the store."""
    settings_of = [(corpus, family) for corpus in corpora for family in corpus.task.families]
    truths = {(corpus.task.name, str(family)): truth_of(corpus, family) for corpus, family in settings_of}
    return {
        "results": summarise(cells, truths, plan.level),
        "tasks": [bounds(corpus, family) for corpus, family in settings_of],
        "sources": [row for corpus, family in settings_of for row in source_bounds(corpus, family)],
        "worlds": list(worlds),
        "timings": timings(cells),
    }


def refuse_other_plan(earlier: Mapping[str, Any], plan: TrialPlan) -> None:
    """A version grows by tasks of its own plan only. Errors: `StudyInvalid`, naming what differs."""
    wanted: dict[str, Any] = json.loads(canonical(asdict(plan)))
    other = [
        f"{key} {earlier['plan'][key]}" for key, value in wanted.items() if earlier["plan"][key] != value
    ]
    if other:
        raise StudyInvalid(
            f"version {earlier['version']} of the benchmark was made with {', '.join(other)}; ask for the same"
        )


def grown(earlier: Mapping[str, Any], found: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The earlier version's rows of tasks that were not run again, then the new rows."""
    again = {row["task"] for row in found["tasks"]}
    kept = {
        name: [row for row in earlier[name] if row["task"] not in again]
        for name in ("results", "tasks", "sources", "timings")
    }
    worlds = found["worlds"] or earlier["worlds"]
    return {name: rows + found[name] for name, rows in kept.items()} | {"worlds": worlds}


def publish(
    settings: Settings,
    plan: TrialPlan,
    corpora: Sequence[Corpus],
    cells: Sequence[Cell],
    worlds: Sequence[Mapping[str, Any]],
    started_at: datetime,
    workers: int,
    onto: int | None = None,
) -> int:
    """Append a version, with the rows of `onto`; gives its number. workers: how many there were.

    Errors: those of `refuse_other_plan`.
    """
    found = tables(plan, corpora, cells, worlds)
    if onto is not None:
        with open_store(settings.store) as store:
            earlier = find_benchmark(store, onto)
        refuse_other_plan(earlier, plan)
        found = grown(earlier, found)
    now = datetime.now(UTC)
    row = BenchmarkRow(
        benchmark_id=f"{started_at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        plan=asdict(plan)
        | {"tasks": list(dict.fromkeys(row["task"] for row in found["tasks"])), "onto": onto},
        code_version=code_version(settings.pipeline),
        workers=workers,
        wall_s=(now - started_at).total_seconds(),
        started_at=started_at,
    )
    with open_store(settings.store, create=True) as store:
        return store_benchmark(store, row, found)
