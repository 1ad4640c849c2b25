"""Who has a human label: the share of labelled units in groups that are known for every unit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from moored.study import Study

MOST_LEVELS, MOST_GROUPS = 6, 14


def label_groups(study: Study, units: pd.DataFrame) -> list[dict[str, Any]]:
    """All units, then groups by each covariate that is known for all: name, units, labelled.

    A covariate with few values gives one group for each; any other is cut at its quartiles.
    """
    groups = [_group("all units", units)]
    for covariate in study.covariates:
        if covariate.human is not None or covariate.name not in units:
            continue
        column = units[covariate.name]
        levels = column.dropna().unique()
        if len(levels) <= MOST_LEVELS:
            parts = {f"{covariate.name} = {_level(level)}": column == level for level in sorted(levels)}
        elif pd.api.types.is_numeric_dtype(column):
            parts = _quarters(covariate.name, column.astype(float))
        else:
            parts = {}
        groups += [_group(name, units[chosen]) for name, chosen in parts.items()]
    return groups[:MOST_GROUPS]


def _quarters(name: str, column: pd.Series) -> dict[str, pd.Series]:
    edges = np.unique(np.nanquantile(column, (0, 0.25, 0.5, 0.75, 1)))
    parts = {}
    for low, high in pairwise(edges):
        last = high == edges[-1]
        inside = (column >= low) & ((column <= high) if last else (column < high))
        parts[f"{name} {_level(low)} to {_level(high)}"] = inside
    return parts


def _group(name: str, units: pd.DataFrame) -> dict[str, Any]:
    return {"name": name, "units": len(units), "labelled": int(units["labelled"].astype(bool).sum())}


def _level(level: object) -> str:
    return f"{level:.4g}" if isinstance(level, int | float | np.number) else str(level)
