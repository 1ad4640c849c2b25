"""The tables that expectations look at, derived from the evidence without changing it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from checks.check import Measure
from checks.view import TERMINAL, View

UNIT = "unit_id"
ROW = "row"
"""Names a row of the measures."""
DOMAINS = {"logit": (0.0, 1.0), "poisson": (0.0, np.inf)}
"""What the outcome of a family may be."""


def units(view: View) -> pd.DataFrame:
    """The units with `has_id`, `length` (0: no text), `written_length` (NaN: no text), `unknown_covariates`."""
    length = view.raw_texts.lengths.astype(np.float64)
    unknown = np.zeros(view.T)
    for _, values in view.known_for_all():
        unknown += ~np.isfinite(values)
    written = view.units["text"].str.len().to_numpy(dtype=np.float64, na_value=np.nan)
    derived = {
        "has_id": view.units[UNIT].notna().to_numpy(),
        "length": length,
        "written_length": np.where(length > 0, written, np.nan),
        "unknown_covariates": unknown,
    }
    return view.units.assign(**derived)


def labelled(view: View) -> pd.DataFrame:
    """The labelled units with `unknown_variables`, `outside_family` and `outside_answers` (distances)."""
    table = view.units[view.labelled]
    outcome = table[view.study.outcome.name].to_numpy(dtype=np.float64)
    unknown = (~np.isfinite(outcome)).astype(float)
    for covariate in view.study.covariates:
        if covariate.human is not None:
            unknown += ~np.isfinite(table[covariate.name].to_numpy(dtype=np.float64))
    least, most = {"logit": (0.0, 1.0), "poisson": (0.0, np.inf)}.get(
        view.study.estimate.family, (-np.inf, np.inf)
    )
    worth = view.study.outcome.answers.values()
    derived = {
        "unknown_variables": unknown,
        "outside_family": _outside(outcome, least, most),
        "outside_answers": _outside(outcome, min(worth), max(worth)),
    }
    return table.assign(**derived)


def generations(view: View) -> pd.DataFrame:
    """A row a generation with flags: `single`, `known`, `current`, `ended`, `parsed`, `in_range`."""
    table = view.evidence.generations
    value = table["value"].to_numpy(dtype=np.float64)
    reading = np.array([step.startswith("read.") for _, step in view.steps] + [False])[view.step_codes]
    bounds = np.array([_bounds(view, step) for _, step in view.steps] + [(-np.inf, np.inf)])[view.step_codes]
    inside = (value >= bounds[:, 0]) & (value <= bounds[:, 1])
    return pd.DataFrame(
        {
            UNIT: table[UNIT].array,
            "single": ~_repeated(view),
            "known": view.known,
            "current": _current(view),
            "ended": table["status"].isin(TERMINAL).to_numpy(),
            "parsed": ~(reading & view.ok_rows & ~np.isfinite(value)),
            "in_range": ~(reading & view.ok_rows & np.isfinite(value)) | inside,
        }
    )


def written(view: View) -> pd.DataFrame:
    """A row a written text: unit, source, `text`, the parent's text and `has_text`."""
    parts = []
    for source in view.study.sources:
        if source.kind == "synthetic":
            own = view.written(source.name)
            parts.append(
                pd.DataFrame(
                    {
                        UNIT: view.units[UNIT].to_numpy(dtype=object)[own.parents],
                        "source": source.name,
                        "text": own.texts.given.to_numpy(dtype=object),
                        "parent_text": view.units["text"].to_numpy(dtype=object)[own.parents],
                        "has_text": own.texts.lengths > 0,
                    }
                )
            )
    columns = [UNIT, "source", "text", "parent_text", "has_text"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def measured(found: Iterable[Measure]) -> pd.DataFrame:
    """A row a measure, with its number in the column of its check."""
    return pd.DataFrame([{ROW: i, m.check: m.observed} for i, m in enumerate(found)])


def _outside(values: np.ndarray, least: float, most: float) -> np.ndarray:
    return np.maximum(np.maximum(least - values, values - most), 0.0)


def _bounds(view: View, step: str) -> tuple[float, float]:
    if not step.startswith("read."):
        return -np.inf, np.inf
    worth = view.study.questions[step.removeprefix("read.")].answers.values()
    slack = 1e-9 * max(1.0, max(worth) - min(worth))
    return min(worth) - slack, max(worth) + slack


def _repeated(view: View) -> np.ndarray:
    """Rows that share unit, step and draw with another; rows of unknown units or steps are not compared."""
    draw = view.evidence.generations["draw"].to_numpy(dtype=np.int64)
    cell = (view.unit_codes * len(view.steps) + view.step_codes) * (draw.max(initial=0) + 1) + draw
    again = pd.Series(cell).where(view.known, -1).duplicated(keep=False)
    return np.asarray(view.known & again, dtype=np.bool_)


def _current(view: View) -> np.ndarray:
    codes = view.unit_codes
    made_from = view.evidence.generations["content_hash"]
    if not view.T:
        return np.ones(len(made_from), np.bool_)
    today = view.units["content_hash"].iloc[codes]
    return np.asarray((codes < 0) | (made_from.array == today.array), dtype=np.bool_)
