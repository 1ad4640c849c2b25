"""Generation rows: appended as chunks finish, read as the last terminal row of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from moored.storage.warehouse import Warehouse
from moored.study import Study

NOW = 2**62
"""A sequence number after every row."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """How far one source is: counts of units."""

    source: str
    expected: int
    ok: int
    failed: int
    refused: int
    missing: int


def append_generations(store: Warehouse, study: Study, run_id: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Append a finished chunk in one transaction."""
    with store.transaction():
        store.append("insert_generations", pd.DataFrame(rows).assign(study=study.name, run_id=run_id))


def latest_generations(
    store: Warehouse, study: Study, data_version: str, recipes: Mapping[str, str], seq: int = NOW
) -> pd.DataFrame:
    """The last terminal row of each (unit, source, step, draw) of the given recipes, up to `seq`."""
    return store.frame(
        "generations",
        {"study": study.name, "data_version": data_version, "seq": seq, "recipes": list(recipes.values())},
    )


def unit_states(
    store: Warehouse, study: Study, data_version: str, source: str, recipe: str, expected_rows: int
) -> pd.Series:
    """Each unit's state in a source (ok, failed, refused, missing), indexed by unit id."""
    frame = store.frame(
        "unit_states",
        {
            "study": study.name,
            "data_version": data_version,
            "source": source,
            "recipe": recipe,
            "expected": expected_rows,
        },
    )
    return frame.set_index("unit_id")["state"]


def source_state(source: str, states: pd.Series) -> SourceState:
    """The counts of `unit_states`."""
    count = states.value_counts()
    return SourceState(
        source, len(states), *(int(count.get(state, 0)) for state in ("ok", "failed", "refused", "missing"))
    )


def generation_seq(store: Warehouse, study: str) -> int:
    """The number of a study's last generation row."""
    row = store.row("generation_seq", {"study": study})
    assert row is not None
    return int(row["seq"])
