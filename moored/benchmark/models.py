"""Is a model good enough? What its sources know, what that saved, and what a claim that fails would take.

A source's model is the beginning of its name, up to a slash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from moored.benchmark.claims import OURS, RIVALS, SAVED, by_setting

Rows = Sequence[Mapping[str, Any]]
PROXIES = "gmm-proxy"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Need:
    """A setting's R2 and the R2 with which a claim would hold there; None where it holds.

    best: the lowest MSE of all methods. proxies: a lower MSE than without the synthetic sources. half: more than
    half of the labels saved at some label fraction. The methods that it is compared with are taken as they are.
    """

    setting: str
    r2: float
    best: float | None
    proxies: float | None
    half: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """What sources of some R2 saved at a label fraction, a share of the labels; `models`: whose sources."""

    models: str
    estimator: str
    fraction: float
    r2: float
    saved: float


def model_of(source: str) -> str:
    """The model that a source's name begins with."""
    return source.partition("/")[0]


def writers(sources: Rows) -> dict[str, str]:
    """The models that wrote a task's synthetic texts, by task."""
    return _models(sources, "synthetic")


def readers(sources: Rows) -> dict[str, str]:
    """The models whose readings are a task's proxies, by task."""
    return _models(sources, "proxy")


def _models(sources: Rows, kind: str) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for row in sources:
        names = found.setdefault(row["task"], {})
        if row["kind"] == kind:
            names[model_of(row["source"])] = None
    return {task: ", ".join(sorted(names)) or NONE for task, names in found.items()}


def who(sources: Rows) -> dict[str, str]:
    """In words, by task: whose readings are the proxies, and who wrote the synthetic texts."""
    read, wrote = readers(sources), writers(sources)
    return {
        task: f"{models} reads and writes"
        if models == wrote[task]
        else f"proxy {models}, synthetic {wrote[task]}"
        for task, models in read.items()
    }


def by_models(frame: pd.DataFrame, sources: Rows) -> dict[str, pd.DataFrame]:
    """The rows of `claims.focus` by whose sources the tasks have."""
    names = frame["task"].map(who(sources))
    return {str(name): frame[names == name] for name in dict.fromkeys(names.dropna())}


def needs(frame: pd.DataFrame, tasks: Rows) -> list[Need]:
    """What the claims about MSE would take, by setting. `frame` as from `claims.focus`.

    In large samples a method's MSE over that of the human labels falls by 1 - n/T for each unit of R2
    (`moored.benchmark.bounds`), so a gap in MSE is a gap in R2.
    """
    if not set(RIVALS) <= set(frame["estimator"]):
        return []
    whole = {f"{row['task']} {row['family']}": float(row["r2"]) for row in tasks}
    rivals = frame[frame["estimator"].isin(RIVALS)]
    ours = frame[frame["estimator"] == OURS]
    error = by_setting(rivals, "mse_ratio").loc[list(dict.fromkeys(ours["setting"]))]
    slope = float((1.0 - ours["fraction"]).mean())
    found = []
    for setting, errors in error.iterrows():
        name = str(setting)
        others = errors.drop(OURS).min()
        own = ours[ours["setting"] == name]
        gap = ((SAVED - own["labels_saved"]) / (1.0 - own["fraction"])).min()
        found.append(
            Need(
                name,
                whole[name],
                _need(whole[name], (errors[OURS] - others) / slope),
                _need(whole[name], (errors[OURS] - errors[PROXIES]) / slope),
                _need(whole[name], float(gap)),
            )
        )
    return found


def _need(r2: float, gap: float) -> float | None:
    return r2 + gap if gap > 0 else None


def points(frame: pd.DataFrame, tasks: Rows, sources: Rows) -> list[Point]:
    """What the proxies alone and all sources together saved, for every setting and label fraction."""
    bounds = {f"{row['task']} {row['family']}": row for row in tasks}
    read, wrote = readers(sources), writers(sources)
    found = []
    for row in frame.to_dict("records"):
        bound, task = bounds[row["setting"]], row["task"]
        r2 = bound["r2"] if row["estimator"] == OURS else bound["r2_proxy"]
        if row["estimator"] not in (OURS, PROXIES) or r2 is None or task not in read:
            continue
        models = read[task] if row["estimator"] == PROXIES else _together(read[task], wrote[task])
        found.append(Point(models, row["estimator"], row["fraction"], r2, row["labels_saved"]))
    return found


def _together(*models: str) -> str:
    names = {name for several in models for name in several.split(", ") if several != NONE}
    return ", ".join(sorted(names))
