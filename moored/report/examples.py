"""Example units through every stage: first those that failed, were flagged, or that humans read otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from moored.llm.replies import said_in
from moored.run.readings import Material
from moored.storage.generations import recipe_pairs
from moored.storage.published import StoredRun
from moored.storage.warehouse import Warehouse
from moored.study import Study

EACH, RANDOM, MOST_DRAWS = 25, 40, 5
"""Units of each kind on a page, units drawn at random beside them, draws told of one step."""
KINDS = {
    "failed": "a generation failed",
    "flagged": "the text looks as if it spoke to the model",
    "differ": "human and model differ",
    "labelled": "labelled by a human",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What became of one unit in one step of one source."""

    source: str
    step: str
    """`write`, or `read NAME`."""
    said: str
    """What the model said; of a writing step, the written text."""
    value: str
    """The number, and the answer that is nearest to it."""
    state: str
    """`ok`, or how it ended."""
    error: str


@dataclass(frozen=True, slots=True)
class Example:
    """One unit, from its text to the numbers."""

    unit_id: str
    text: str
    human: str
    """The human label; empty where there is none."""
    held_back: bool
    """The label is known, and not used."""
    kinds: tuple[str, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Examples:
    """The units that a page shows, and how many there are of each kind."""

    units: tuple[Example, ...]
    totals: Mapping[str, int]
    of: int


def examples_of(
    store: Warehouse, study: Study, run: StoredRun, material: Material, shown: Sequence[str] | None = None
) -> Examples:
    """The example units of a version with every stage as it is stored; or the units `shown`, in their order."""
    kinds = kinds_of(study, material)
    chosen = chosen_units(kinds, study.seed) if shown is None else list(shown)
    key = {
        "study": study.name,
        "data_version": run.data_version,
        "seq": run.generation_seq,
        "recipes": recipe_pairs(run.recipes),
        "unit_ids": chosen,
    }
    stages: dict[str, list[dict[str, Any]]] = {unit: [] for unit in chosen}
    for row in store.rows("stages_of_units", key):
        stages[row["unit_id"]].append(row)
    order = [source.name for source in study.sources]
    units = {str(row["unit_id"]): row for row in _records(material.units, chosen)}
    told = tuple(
        _example(study, units[unit], kinds.loc[[unit]].iloc[0], _ordered(stages[unit], order))
        for unit in chosen
    )
    totals = {kind: int(kinds[kind].sum()) for kind in KINDS}
    return Examples(told, totals, len(kinds))


def kinds_of(study: Study, material: Material) -> pd.DataFrame:
    """By unit id: of which kinds it is, and `gap`, how far the furthest source is from the human label.

    The gap is a share of the scale of the answers; a unit differs from half of it on.
    """
    units, rows = material.units, material.generations
    ids = units["unit_id"]
    failed = set(rows.loc[rows["status"] != "ok", "unit_id"])
    flagged = set(rows.loc[rows["flag"].notna(), "unit_id"])
    worth = list(study.outcome.answers.values())
    scale = (max(worth) - min(worth)) or 1.0
    human = pd.to_numeric(units[study.outcome.name], errors="coerce").to_numpy(dtype=float)
    gap = np.zeros(len(units))
    for values in material.values.values():
        read = pd.to_numeric(values[study.outcome.name], errors="coerce").to_numpy(dtype=float)
        gap = np.fmax(gap, np.nan_to_num(np.abs(read - human) / scale))
    labelled = units["labelled"].to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "failed": ids.isin(failed).to_numpy(),
            "flagged": ids.isin(flagged).to_numpy(),
            "differ": labelled & (gap > 0.5),
            "labelled": labelled,
            "gap": np.where(labelled, gap, 0.0),
        },
        index=pd.Index(ids, name="unit_id"),
    )


def chosen_units(kinds: pd.DataFrame, seed: int) -> list[str]:
    """Units to show: some of each kind, the largest differences first, then some at random; all if they are few."""
    if len(kinds) <= EACH + RANDOM:
        return [str(unit) for unit in kinds.index]
    drawn = kinds.index[np.random.default_rng(seed).permutation(len(kinds))]
    chosen = [
        *kinds[kinds["differ"]].sort_values("gap", ascending=False, kind="stable").index[:EACH],
        *drawn[kinds["failed"].loc[drawn]][:EACH],
        *drawn[kinds["flagged"].loc[drawn]][:EACH],
        *drawn[:RANDOM],
    ]
    return [str(unit) for unit in dict.fromkeys(chosen)]


def _records(units: pd.DataFrame, chosen: Sequence[str]) -> list[dict[str, Any]]:
    rows = units[units["unit_id"].isin(chosen)].to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _ordered(rows: Sequence[dict[str, Any]], sources: Sequence[str]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (sources.index(row["source"]), row["step"] != "write", row["draw"]))


def _example(
    study: Study, row: Mapping[str, Any], kinds: pd.Series, stages: Sequence[Mapping[str, Any]]
) -> Example:
    label, held_back = row[study.outcome.name], row["held_back"]
    known = label if pd.notna(label) else held_back
    return Example(
        unit_id=str(row["unit_id"]),
        text=str(row["text"]),
        human="" if pd.isna(known) else answer_of(float(known), study.outcome.answers),
        held_back=bool(pd.isna(label) and pd.notna(held_back)),
        kinds=tuple(kind for kind in KINDS if kinds[kind]),
        stages=tuple(_stage(study, stage) for stage in stages if stage["draw"] < MOST_DRAWS),
    )


def _stage(study: Study, row: Mapping[str, Any]) -> Stage:
    variable = row["step"].removeprefix("read.")
    asked = study.questions.get(variable)
    said = row["text"] if row["step"] == "write" or row["reply"] is None else said_in(row["reply"])
    return Stage(
        source=row["source"],
        step="write" if row["step"] == "write" else f"read {variable}",
        said=said or "",
        value="" if row["value"] is None else answer_of(row["value"], {} if asked is None else asked.answers),
        state=row["status"],
        error=row["error"] or "",
    )


def answer_of(value: float, answers: Mapping[str, float]) -> str:
    """A number as people read it: the answer where it is one, else the number and the answer nearest to it."""
    for answer, worth in answers.items():
        if worth == value:
            return f"{answer} ({value:g})"
    if not answers:
        return f"{value:.4g}"
    nearest = min(answers, key=lambda answer: abs(answers[answer] - value))
    return f"{value:.3g}, nearest to {nearest}"
