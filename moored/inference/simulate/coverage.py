"""The coverage of estimators in worlds with a known truth (docs/method.md section 8).

    python -m moored.inference.simulate.coverage small --trials 2000 --seed 1

Every trial draws all T units of a world (`moored.inference.simulate.worlds`) anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from moored.errors import DataInvalid, EstimationError
from moored.inference.data import Array
from moored.inference.estimators import ESTIMATORS
from moored.inference.results import Fit
from moored.inference.simulate.worlds import GOAL, WORLDS, World, draw


@dataclass(frozen=True, slots=True)
class Coverage:
    """One estimator in one world, over the trials in which every estimator had an answer.

    coverage, mse, width : (p,) of the intervals and estimates; oracle_width : (p,) twice the level's
    quantile of the absolute error, the narrowest symmetric interval that an oracle could print.
    trials : those counted; failed : those left out for all because some estimator raised.
    """

    estimator: str
    coverage: Array
    mse: Array
    width: Array
    oracle_width: Array
    trials: int
    failed: int


def coverage(
    world: World | str,
    estimators: Iterable[str],
    *,
    n: int,
    T: int,
    M: int,
    quality: str = "useful",
    at_random: bool = True,
    trials: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> tuple[Coverage, ...]:
    """Each estimator's coverage, mean squared error and width, all on the same draws.

    Trial t uses numpy's SeedSequence(seed).spawn(trials)[t]. A draw on which an estimator raises an
    EstimationError (separation, mostly) is left out for all of them, and counted.
    """
    chosen = WORLDS[world] if isinstance(world, str) else world
    names = tuple(estimators)
    fits: list[list[Fit]] = []
    for child in np.random.SeedSequence(seed).spawn(trials):
        rng = np.random.default_rng(child)
        sample = draw(chosen, rng, n=n, T=T, M=M, quality=quality, at_random=at_random)
        try:
            fits.append([ESTIMATORS[name](sample, chosen.family, level=level) for name in names])
        except EstimationError:
            continue
    if not fits:
        raise DataInvalid(f"No draw of {chosen.name!r} with n={n} could be fitted; use more units.")
    truth, failed = np.asarray(chosen.truth), trials - len(fits)
    return tuple(
        _summary(name, column, truth, level, failed)
        for name, column in zip(names, zip(*fits, strict=True), strict=True)
    )


def _summary(name: str, fits: Sequence[Fit], truth: Array, level: float, failed: int) -> Coverage:
    error = np.array([fit.estimate for fit in fits]) - truth
    lower, upper = np.array([fit.lower for fit in fits]), np.array([fit.upper for fit in fits])
    hit = (lower <= truth) & (truth <= upper)
    reach = 2.0 * np.quantile(np.abs(error), level, axis=0)
    return Coverage(name, hit.mean(0), (error**2).mean(0), (upper - lower).mean(0), reach, len(fits), failed)


HEAD = (
    "| world | n | T | sources | coverage | MSE / human | width / oracle | human coverage | failed |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def row(world: str, n: int, T: int, M: int, quality: str, *, trials: int, seed: int) -> str:
    """One line of the table: gmm-small beside `human`; one figure per term."""
    human, small = coverage(
        world, ("human", "gmm-small"), n=n, T=T, M=M, quality=quality, trials=trials, seed=seed
    )
    cells = (
        " ".join(f"{value:.3f}" for value in small.coverage),
        " ".join(f"{value:.2f}" for value in small.mse / human.mse),
        " ".join(f"{value:.2f}" for value in small.width / small.oracle_width),
        " ".join(f"{value:.3f}" for value in human.coverage),
    )
    return f"| {world} | {n} | {T} | {M} {quality} | {' | '.join(cells)} | {small.failed} |\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m moored.inference.simulate.coverage")
    parser.add_argument("table", choices=("small", "other"))
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, nargs="+", default=[30, 50, 100])
    parser.add_argument("--sources", type=int, nargs="+", default=[1, 3, 6])
    parser.add_argument("--ratio", type=int, default=10, help="T / n")
    chosen = parser.parse_args(arguments)
    worlds = GOAL if chosen.table == "small" else tuple(name for name in WORLDS if name not in GOAL)
    sys.stdout.write(HEAD)
    for world in worlds:
        for n in chosen.n:
            for M in chosen.sources:
                for quality in ("useful", "useless"):
                    line = row(world, n, chosen.ratio * n, M, quality, trials=chosen.trials, seed=chosen.seed)
                    sys.stdout.write(line)
                    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
