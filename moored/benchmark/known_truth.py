"""Worlds with a known truth: who is valid where sources, labelling or sizes are bad, and what J says.

A scenario says what is wrong (or right), and what the theory says of it: are the intervals of the GMM valid, and
should Hansen's J notice? Draws are those of `moored.inference.simulate.worlds`, trial t from
SeedSequence(seed).spawn(trials)[t].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from moored.benchmark.metrics import band
from moored.benchmark.trials import AT_ONCE
from moored.inference.data import Sample, Source
from moored.inference.simulate.worlds import WORLDS, draw
from moored.inference.stacked import Answers, Draws, fit_draws

ESTIMATORS_SHOWN = ("human", "naive-pooled", "ppi++-proxy", "gmm-synth", "gmm-small")
REJECTS = 0.05
WORLDS_SHOWN = ("mean gaussian", "ols", "logit")
CONDITIONED = "conditioned"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation. valid: intervals should cover. seen: J should reject."""

    name: str
    n: int = 200
    T: int = 2000
    M: int = 2
    quality: str = "useful"
    at_random: bool = True
    valid: bool = True
    seen: bool = False
    worlds: tuple[str, ...] = WORLDS_SHOWN

    def draw(self, world: str, rng: np.random.Generator) -> Sample:
        """One draw of the scenario in a world."""
        if self.quality == CONDITIONED:
            return conditioned(rng, self.n, self.T)
        quality, at_random = self.quality, self.at_random
        return draw(world, rng, n=self.n, T=self.T, M=self.M, quality=quality, at_random=at_random)


def conditioned(rng: np.random.Generator, n: int, T: int) -> Sample:
    """A mean of 0, and texts written from the truth where it is known and from the model's reading elsewhere.

    The reading is off by .05 on average, so the two laws differ by little in the mean: what validity rule 2
    (docs/checks.md) forbids and Hansen's J hardly sees.
    """
    X, one = rng.standard_normal(T), np.ones((T, 1))
    read = 0.8 * X + 0.6 * rng.standard_normal(T) + 0.05
    y = X + 0.3 * rng.standard_normal(T)
    labelled = np.zeros(T, dtype=bool)
    labelled[rng.choice(T, n, replace=False)] = True
    proxy = read + 0.3 * rng.standard_normal(T)
    written = np.where(labelled, X, read) + 0.3 * rng.standard_normal(T)
    return Sample(
        y,
        one,
        labelled,
        (),
        (Source("read", "proxy", proxy, one), Source("written", "synthetic", written, one)),
    )


SCENARIOS = (
    Scenario("useful sources"),
    Scenario("useless sources", quality="useless"),
    Scenario("perfect source", quality="perfect", M=1),
    Scenario("many sources", M=6),
    Scenario("few labels", n=30, T=300),
    Scenario(
        "written from labels", n=1000, T=10_000, quality=CONDITIONED, valid=False, worlds=("mean gaussian",)
    ),
    Scenario("another law where labelled", quality="asymmetric", valid=False, seen=True),
    Scenario("labelled by outcome", at_random=False, valid=False, seen=True),
    Scenario("recipe drifted", quality="drifted", valid=False, seen=True),
)


@dataclass(frozen=True, slots=True)
class WorldPiece:
    """All trials of one scenario."""

    scenario: Scenario
    trials: int
    seed: int
    level: float = 0.95


def world_pieces(trials: int, seed: int) -> list[WorldPiece]:
    """Every scenario."""
    return [WorldPiece(scenario, trials, seed) for scenario in SCENARIOS] if trials else []


def run_world(piece: WorldPiece) -> list[dict[str, Any]]:
    """Rows of `benchmark_worlds`, for the last parameter of each world."""
    rows = []
    for world in piece.scenario.worlds:
        found = _answers(piece, world)
        rows += [_row(piece, world, name, found) for name in ESTIMATORS_SHOWN]
    return rows


def draws(piece: WorldPiece, world: str) -> Iterator[Sample]:
    """One sample a trial."""
    for child in np.random.SeedSequence(piece.seed).spawn(piece.trials):
        yield piece.scenario.draw(world, np.random.default_rng(child))


def _answers(piece: WorldPiece, world: str) -> dict[str, list[Answers]]:
    """By estimator, AT_ONCE draws at a time."""
    found: dict[str, list[Answers]] = {name: [] for name in ESTIMATORS_SHOWN}
    coming = draws(piece, world)
    while some := list(islice(coming, AT_ONCE)):
        together = Draws.of(some)
        for name, parts in found.items():
            parts.append(fit_draws(name, together, WORLDS[world].family, level=piece.level))
    return found


def _row(piece: WorldPiece, world: str, name: str, found: dict[str, list[Answers]]) -> dict[str, Any]:
    scenario, truth = piece.scenario, WORLDS[world].truth[-1]
    own, human = found[name], found["human"]
    error, theirs = (
        np.concatenate([part.estimate[:, -1] for part in parts]) - truth for parts in (own, human)
    )
    lower, upper = (np.concatenate([getattr(part, end)[:, -1] for part in own]) for end in ("lower", "upper"))
    p_value = np.concatenate([part.j_p_value for part in own])
    ended, both = np.isfinite(error), np.isfinite(error) & np.isfinite(theirs)
    count = int(ended.sum())
    hits = int(((lower <= truth) & (truth <= upper))[ended].sum())
    low, high = band(count, piece.level)
    tested = np.isfinite(p_value)
    return {
        "scenario": scenario.name,
        "world": world,
        "estimator": name,
        "n": scenario.n,
        "units": scenario.T,
        "sources": scenario.M,
        "trials": piece.trials,
        "failed": piece.trials - count,
        "coverage": hits / count if count else None,
        "band_low": low,
        "band_high": high,
        "bias": float(error[ended].mean()) if count else None,
        "mse_ratio": float((error[both] ** 2).sum() / (theirs[both] ** 2).sum()) if both.any() else None,
        "j_rejected": float((p_value[tested] < REJECTS).mean()) if tested.any() else None,
    }
