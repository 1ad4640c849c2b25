"""The paper's claims, held against the table: for each setting (task and family) and over all of them.

A setting's figure is the mean over the label fractions of the method's MSE (width) over the human-only one's.
Naive methods do not compete: where their bias happens to be small their error is, too, and nothing in their
output says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

OURS = "gmm-synth"
SMALL = "gmm-small"
RIVALS = ("human", "ppi++-proxy", "ppi++-synth", "reppi", "gmm-proxy", OURS)
"""The methods of the paper's comparison."""
SAVED = 0.5
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper's, and in how many settings it holds here: `held` of `settings`; `where` names these."""

    name: str
    paper: str
    held: int
    settings: int
    where: tuple[str, ...]


def focus(
    results: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]], design: str = "redrawn"
) -> pd.DataFrame:
    """The rows of each task's own coefficient in one design, with `setting` and, against human-only at the same
    label fraction, `width_ratio` and `bias_ratio` = bias / sqrt(mse_human)."""
    wanted = {(row["task"], row["family"]): row["term"] for row in tasks}
    frame = pd.DataFrame([r for r in results if wanted.get((r["task"], r["family"])) == r["term"]])
    frame = frame[frame["design"] == design].copy()
    frame["setting"] = frame["task"] + " " + frame["family"]
    human = frame[frame["estimator"] == "human"].set_index(["setting", "fraction"])
    human = human.reindex(pd.MultiIndex.from_frame(frame[["setting", "fraction"]]))
    frame["width_ratio"] = frame["width"].to_numpy() / human["width"].to_numpy()
    frame["bias_ratio"] = frame["bias"].to_numpy() / np.sqrt(human["mse"].to_numpy(dtype=float))
    return frame


def by_setting(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Mean of a value over the label fractions: settings by estimators, in the order of the frame."""
    table = frame.pivot_table(index="setting", columns="estimator", values=value, sort=False)
    return table.reindex(columns=list(dict.fromkeys(frame["estimator"])))


def claims(frame: pd.DataFrame) -> list[Claim]:
    """The paper's claims over the settings that have a synthetic source; none where a rival was not run."""
    if not set(RIVALS) <= set(frame["estimator"]):
        return []
    frame = frame[frame["setting"].isin(frame.loc[frame["estimator"] == OURS, "setting"])]
    rivals = frame[frame["estimator"].isin(RIVALS)]
    error, width = by_setting(rivals, "mse_ratio"), by_setting(rivals, "width_ratio")
    ours = frame[frame["estimator"] == OURS]
    saved = ours.groupby("setting", sort=False)["labels_saved"].max() > SAVED
    no_better = error["ppi++-synth"] >= error["ppi++-proxy"]
    found = [
        ("lowest MSE", "8 of 8", error.idxmin(axis=1) == OURS),
        ("narrowest intervals", "7 of 8", width.idxmin(axis=1) == OURS),
        ("valid coverage at every label fraction", "8 of 8", _valid(frame, OURS)),
        ("more than 50% of the labels saved at some label fraction", "yes", saved),
        ("gmm-synth has a lower MSE than gmm-proxy", "8 of 8", error[OURS] < error["gmm-proxy"]),
        ("ppi++-synth has no lower MSE than ppi++-proxy", "5 of 8", no_better),
    ]
    if (frame["estimator"] == SMALL).any():
        found.insert(3, (f"the same of {SMALL}, for few labels", "not in it", _valid(frame, SMALL)))
    return [
        Claim(name, paper, int(holds.sum()), len(holds), tuple(holds.index[holds]))
        for name, paper, holds in found
    ]


def _valid(frame: pd.DataFrame, estimator: str) -> pd.Series:
    """By setting: is coverage nowhere below the band?"""
    own = frame[frame["estimator"] == estimator]
    return (own["coverage"] >= own["band_low"]).groupby(own["setting"], sort=False).all()
