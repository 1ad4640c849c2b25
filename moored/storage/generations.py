"""Generation rows: appended as chunks finish, read as the last terminal row of each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from moored.storage.parts import joined, unit_ranges
from moored.storage.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NOT_STORABLE = (UnicodeError, OverflowError, duckdb.ConversionException, duckdb.InvalidInputException)
"""What DuckDB and pandas raise for content that they cannot take."""
_STATES = ("ok", "failed", "refused", "missing")
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


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What a run needs of one source."""

    source: str
    recipe: str
    """The recipe's fingerprint."""
    expected_rows: int
    """Terminal rows per unit, over all steps and draws."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that replies of one source name."""

    source: str
    model: str
    units: int
    labelled: int
    unit_ids: list[str]
    """The first few."""


def store_plan(
    store: Warehouse, study: str, run_id: str, data_version: str, planned: Sequence[SourcePlan]
) -> None:
    """Say what a run sets out to generate."""
    import pandas as pd

    frame = pd.DataFrame([asdict(part) for part in planned])
    store.append(
        "insert_plan",
        frame.assign(study=study, run_id=run_id, data_version=data_version, position=range(len(frame))),
    )


def store_recipe(store: Warehouse, fingerprint: str, recipe: str) -> None:
    """Keep what a recipe's fingerprint stands for, as JSON."""
    store.rows("insert_recipe", {"fingerprint": fingerprint, "recipe": recipe})


def stored_recipe(store: Warehouse, fingerprint: str) -> str | None:
    """The JSON that a recipe's fingerprint stands for."""
    row = store.row("recipe", {"fingerprint": fingerprint})
    return None if row is None else str(row["recipe"])


def append_generations(
    store: Warehouse, study: str, run_id: str, rows: Sequence[Mapping[str, object]]
) -> None:
    """Append rows in one transaction.

    A row whose content no database takes is stored as failed, without it; the others as they are.
    """
    try:
        with store.transaction():
            _append(store, study, run_id, rows)
    except NOT_STORABLE as error:
        if (half := len(rows) // 2) > 0:
            append_generations(store, study, run_id, rows[:half])
            append_generations(store, study, run_id, rows[half:])
        else:
            with store.transaction():
                _append(store, study, run_id, [_emptied(row, error) for row in rows])


def _append(store: Warehouse, study: str, run_id: str, rows: Sequence[Mapping[str, object]]) -> None:
    import pandas as pd

    store.append("insert_generations", pd.DataFrame(rows).assign(study=study, run_id=run_id))


def _emptied(row: Mapping[str, object], error: Exception) -> dict[str, object]:
    why = f"the reply could not be stored: {type(error).__name__}"
    without = {
        "value": None,
        "text": None,
        "reply": None,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "usd": 0.0,
    }
    return {**row, **without, "status": "failed", "error": why, "error_kind": "store"}


def latest_generations(
    store: Warehouse, study: str, data_version: str, planned: Sequence[SourcePlan], seq: int = NOW
) -> pd.DataFrame:
    """The last terminal row of each (unit, source, step, draw) of the planned recipes, up to `seq`, by unit."""
    key = {"study": study, "data_version": data_version, "seq": seq, "recipes": _pairs(planned)}
    shared = ("source", "step", "recipe", "status", "error", "error_kind", "flag")
    ranges = unit_ranges(store, study, data_version)
    parts = (store.frame("generations", key | bounds) for bounds in ranges)
    return joined(parts, texts=("unit_id", "content_hash", "text"), shared=shared)


def whole_generations(
    store: Warehouse, study: str, data_version: str, planned: SourcePlan, at_once: int = 2000
) -> Iterator[list[dict[str, Any]]]:
    """The same of one source with the raw replies, for so many units at once."""
    key = {"study": study, "data_version": data_version, "source": planned.source, "recipe": planned.recipe}
    for bounds in unit_ranges(store, study, data_version, at_once):
        yield store.rows("whole_generations", key | bounds)


def source_state(store: Warehouse, study: str, data_version: str, planned: SourcePlan) -> SourceState:
    """How far one planned source is."""
    row = store.row("source_state", _of_source(study, data_version, planned))
    assert row is not None
    return SourceState(planned.source, **row)


def source_states(
    store: Warehouse, study: str, data_version: str, planned: Sequence[SourcePlan]
) -> list[SourceState]:
    """How far each planned source is."""
    return [source_state(store, study, data_version, part) for part in planned]


def _of_source(study: str, data_version: str, planned: SourcePlan) -> dict[str, Any]:
    return {
        "study": study,
        "data_version": data_version,
        "source": planned.source,
        "recipe": planned.recipe,
        "expected": planned.expected_rows,
    }


def generation_seq(store: Warehouse, study: str) -> int:
    """The number of a study's last generation row."""
    row = store.row("generation_seq", {"study": study})
    assert row is not None
    return int(row["seq"])


def rows_sent(store: Warehouse, study: str) -> int:
    """How many of a study's rows were asked of a model, not taken from the journal."""
    row = store.row("sent_rows", {"study": study})
    assert row is not None
    return int(row["rows"])


def missing_units(
    store: Warehouse,
    study: str,
    data_version: str,
    planned: SourcePlan,
    *,
    failed: bool = False,
    only: Sequence[str] = (),
) -> list[str]:
    """The ids of the units that a source still needs, in order.

    failed: those that failed, too. only: these units, whatever their state.
    """
    states = _STATES if only else ("missing", "failed") if failed else ("missing",)
    values = _of_source(study, data_version, planned) | {"states": list(states)}
    units = [str(row["unit_id"]) for row in store.rows("units_in_state", values)]
    wanted = set(only)
    return [unit for unit in units if unit in wanted] if only else units


def failed_units(store: Warehouse, study: str, data_version: str, planned: SourcePlan) -> list[str]:
    """The ids of the units that a source has no answer for: failed or refused, in order."""
    values = _of_source(study, data_version, planned) | {"states": ["failed", "refused"]}
    return [str(row["unit_id"]) for row in store.rows("units_in_state", values)]


def texts_of(
    store: Warehouse, study: str, data_version: str, unit_ids: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Units as (unit_id, text, content_hash), in the order asked for."""
    key = {"study": study, "data_version": data_version, "unit_ids": list(unit_ids)}
    found = {row["unit_id"]: row for row in store.rows("units_by_id", key)}
    return [(unit, found[unit]["text"], found[unit]["content_hash"]) for unit in unit_ids]


def recipes_tried(store: Warehouse, study: str, data_version: str) -> dict[str, int]:
    """By source, how many recipes the runs on a data version set out with, this run's included."""
    rows = store.rows("recipes_tried", {"study": study, "data_version": data_version})
    return {row["source"]: int(row["recipes"]) for row in rows}


def served_models(
    store: Warehouse, study: str, data_version: str, planned: Sequence[SourcePlan]
) -> list[ServedModel]:
    """Which models the replies of each source name, that of most units first."""
    key = {"study": study, "data_version": data_version, "recipes": _pairs(planned)}
    return [ServedModel(**row) for row in store.rows("served_models", key)]


def ended_units(store: Warehouse, study: str, planned: SourcePlan) -> set[tuple[str, str]]:
    """The units (id, content hash) that need nothing more of a source, whatever their data version."""
    key = {
        "study": study,
        "source": planned.source,
        "recipe": planned.recipe,
        "expected": planned.expected_rows,
    }
    return {(row["unit_id"], row["content_hash"]) for row in store.rows("ended_units", key)}


def failures(
    store: Warehouse, study: str, data_version: str, planned: Sequence[SourcePlan]
) -> list[dict[str, Any]]:
    """Why generations failed: source, step, status, kind, rows, example; most frequent first."""
    key = {"study": study, "data_version": data_version, "recipes": _pairs(planned)}
    return store.rows("failures", key)


def recipe_pairs(recipes: Mapping[str, str]) -> list[dict[str, str]]:
    """Recipes by source as queries take them: two sources may have had the same one, one after the other."""
    return [{"source": source, "recipe": recipe} for source, recipe in recipes.items()]


def _pairs(planned: Sequence[SourcePlan]) -> list[dict[str, str]]:
    return recipe_pairs({part.source: part.recipe for part in planned})


def run_counts(store: Warehouse, run_id: str) -> dict[str, Any]:
    """What a run generated: rows by status, rows from the journal, tokens, cost, seconds."""
    return store.row("run_counts", {"run_id": run_id}) or {}
