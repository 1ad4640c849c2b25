"""Versions of the benchmark: appended in one transaction, the version's own row last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from moored.errors import NotStored
from moored.fingerprint import canonical
from moored.storage.warehouse import Warehouse

TABLES = ("results", "tasks", "sources", "worlds", "timings")
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A version's own row. `plan`: what was asked for; equal plans and code give equal rows, timings aside."""

    benchmark_id: str
    plan: Mapping[str, Any]
    code_version: str
    workers: int
    wall_s: float
    started_at: datetime


def store_benchmark(store: Warehouse, row: BenchmarkRow, tables: Mapping[str, Rows]) -> int:
    """Append one version: rows by table, one entry for each of TABLES. Gives the version."""
    with store.transaction():
        found = store.row("next_benchmark")
        assert found is not None
        for name, rows in tables.items():
            frame = pd.DataFrame(list(rows)).assign(benchmark_id=row.benchmark_id)
            if name != "timings":
                frame = frame.assign(position=range(len(frame)))
            if rows:
                store.append(_INSERT[name], frame)
        store.rows(
            "insert_benchmark",
            {
                "benchmark_id": row.benchmark_id,
                "version": found["version"],
                "plan": canonical(dict(row.plan)),
                "code_version": row.code_version,
                "workers": row.workers,
                "wall_s": row.wall_s,
                "started_at": row.started_at,
            },
        )
    return int(found["version"])


def find_benchmark(store: Warehouse, version: int | None = None) -> dict[str, Any]:
    """A version with its tables, by default the newest. Errors: `NotStored`."""
    row = store.row("benchmark", {"version": version})
    if row is None:
        wanted = "no benchmark" if version is None else f"no version {version} of the benchmark"
        raise NotStored(f"the store has {wanted}; `moored benchmark` makes one")
    key = {"benchmark_id": row["benchmark_id"]}
    tables = {name: store.rows(_SELECT[name], key) for name in TABLES}
    return row | {"plan": json.loads(row["plan"])} | tables


_INSERT = {
    "results": "insert_benchmark_results",
    "tasks": "insert_benchmark_tasks",
    "sources": "insert_benchmark_sources",
    "worlds": "insert_benchmark_worlds",
    "timings": "insert_benchmark_timings",
}
_SELECT = {
    "results": "benchmark_results",
    "tasks": "benchmark_tasks",
    "sources": "benchmark_sources",
    "worlds": "benchmark_worlds",
    "timings": "benchmark_timings",
}
