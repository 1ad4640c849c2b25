"""Seeded worlds in which the checks are tried: clean ones, to be broken on purpose."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from checks import Evidence
from moored.inference.data import Sample, Source
from moored.study import Study, parse_study

_SPOKEN = """
river stone market window garden letter winter engine silver forest teacher bridge kitchen summer doctor island
painter village morning thunder pocket ladder candle museum station harvest orchard captain feather lantern
meadow compass blanket chimney whistle marble cottage sailor curtain barrel saddle needle fiddle
"""
WORDS = _SPOKEN.split()
_COMMON = "the of and to in is that for it was on with as you this but not are have be"
LITTLE = _COMMON.split()


def study(**changes: Any) -> Study:
    raw: dict[str, Any] = {
        "name": "world",
        "seed": 1,
        "data": {"source": "world.csv"},
        "outcome": {"name": "mood", "human": "mood", "ask": "Mood?", "answers": {"bad": 0.0, "good": 1.0}},
        "covariates": [{"name": "long", "rule": "length(text) > 60"}],
        "labels": {"design": "simple-random"},
        "model": {"name": "embedded"},
        "sources": [
            {"name": "proxy", "kind": "proxy"},
            {"name": "other", "kind": "proxy"},
            {"name": "restated", "kind": "synthetic"},
        ],
        "estimate": {"formula": "mood ~ long", "family": "ols"},
    }
    return parse_study(raw | changes)


def sentence(rng: np.random.Generator) -> str:
    kinds = [WORDS if i % 2 else LITTLE for i in range(int(rng.integers(8, 16)))]
    return " ".join(kind[int(rng.integers(len(kind)))] for kind in kinds)


def content_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class World:
    """Readings by source, before they become rows."""

    study: Study
    units: pd.DataFrame
    readings: dict[str, np.ndarray]
    texts: dict[str, list[str]]

    def evidence(self) -> Evidence:
        generations = self.generations()
        return Evidence(self.study, self.units, generations, self.sample(generations))

    def generations(self) -> pd.DataFrame:
        parts = []
        for source, values in self.readings.items():
            shared = {
                "unit_id": self.units["unit_id"],
                "source": source,
                "draw": 0,
                "recipe": f"recipe-{source}",
                "content_hash": self.units["content_hash"],
                "status": "ok",
                "error": None,
                "attempts": 1,
            }
            if source in self.texts:
                inputs = {"value": np.nan, "text": self.texts[source], "conditioning": "text, read.mood"}
                parts.append(pd.DataFrame(shared | {"step": "write"} | inputs))
            parts.append(
                pd.DataFrame(
                    shared | {"step": "read.mood", "value": values, "text": None, "conditioning": None}
                )
            )
        return pd.concat(parts, ignore_index=True)

    def sample(self, generations: pd.DataFrame) -> Sample:
        T = len(self.units)
        X = np.column_stack([np.ones(T), self.units["long"]])
        sources = []
        for source in self.readings:
            own = generations[generations["source"] == source]
            failed = set(own.loc[own["status"] != "ok", "unit_id"])
            reads = own[own["step"] == "read.mood"].drop_duplicates("unit_id").set_index("unit_id")
            y = reads["value"].reindex(self.units["unit_id"]).to_numpy(dtype=float)
            observed = np.array([u not in failed for u in self.units["unit_id"]]) & np.isfinite(y)
            kind = "synthetic" if source in self.texts else "proxy"
            sources.append(Source(source, kind, y, X, observed))
        labelled = self.units["labelled"].to_numpy()
        y = self.units["mood"].to_numpy(dtype=float)
        return Sample(y, X, labelled, ("Intercept", "long"), tuple(sources))


def world(seed: int = 0, T: int = 400, n: int = 120, failing: float = 0.03, **changes: Any) -> World:
    """Units with a binary mood, two soft proxies and one synthetic source, labelled at random."""
    rng = np.random.default_rng(seed)
    texts = [f"{sentence(rng)} {i}" for i in range(T)]
    long = (rng.random(T) < 0.5).astype(float)
    mood = (rng.random(T) < 0.35 + 0.3 * long).astype(float)
    labelled = np.zeros(T, bool)
    labelled[rng.choice(T, n, replace=False)] = True
    units = pd.DataFrame(
        {
            "unit_id": [f"u{i}" for i in range(T)],
            "text": texts,
            "content_hash": [content_hash(text) for text in texts],
            "labelled": labelled,
            "probability": n / T,
            "cluster": None,
            "mood": np.where(labelled, mood, np.nan),
            "long": long,
        }
    )
    readings = {name: _soft(rng, mood) for name in ("proxy", "other", "restated")}
    for values in readings.values():
        values[rng.random(T) < failing] = np.nan
    return World(study(**changes), units, readings, {"restated": [sentence(rng) for _ in range(T)]})


def _soft(rng: np.random.Generator, mood: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(2 * mood - 1 + rng.normal(size=len(mood)))))


def failed_are_marked(generations: pd.DataFrame) -> pd.DataFrame:
    """A reading without a value is a failed one."""
    failed = generations["step"].str.startswith("read.") & generations["value"].isna()
    return generations.assign(status=generations["status"].mask(failed, "failed"))


def clean(seed: int = 0, **options: Any) -> Evidence:
    """The evidence of a world in which nothing is wrong."""
    made = world(seed, **options)
    generations = failed_are_marked(made.generations())
    evidence = Evidence(made.study, made.units, generations, made.sample(generations))
    return replace(evidence, tried={source.name: 1 for source in made.study.sources})


def changed(evidence: Evidence, **parts: Any) -> Evidence:
    return replace(evidence, **parts)
