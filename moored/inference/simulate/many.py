"""The page of worlds: the headline beside its rivals where statistics is hard (docs/worlds.md).

    python -m moored.inference.simulate.many --trials 1000 --seed 2027

Every draw is a new corpus. A world is a law of (X, y); a quality a law of the sources given them. All are made many
draws at once; unequal weights, strata and clusters are fitted one by one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from moored.inference.data import Array, Mask, Sample, Source, generator
from moored.inference.simulate.rivals import answers_of
from moored.inference.stacked import Answers

METHODS = ("gmm-small", "human HC3+t", "ppi++-proxy", "gmm-proxy")
BATCH = 100


@dataclass(frozen=True, slots=True)
class Hard:
    """`units(rng, T)` draws X and y, of which `truth` is the parameter."""

    family: str
    truth: tuple[float, ...]
    units: Callable[[Generator, int], tuple[Array, Array]]


def _one(rng: Generator, T: int, y: Array) -> tuple[Array, Array]:  # noqa: ARG001
    return np.ones((T, 1)), y


def _line(
    covariate: Callable[[Generator, int], Array],
    noise: Callable[[Generator, Array], Array],
    slope: float = 1.0,
) -> Callable[[Generator, int], tuple[Array, Array]]:
    def units(rng: Generator, T: int) -> tuple[Array, Array]:
        x = covariate(rng, T)
        return np.column_stack([np.ones(T), x]), 0.5 + slope * x + noise(rng, x)

    return units


def _link(
    intercept: float,
    slopes: Sequence[float],
    outcome: Callable[[Generator, Array], Array],
    share: float = 0.0,
) -> Callable[[Generator, int], tuple[Array, Array]]:
    def units(rng: Generator, T: int) -> tuple[Array, Array]:
        Z = rng.standard_normal((T, len(slopes)))
        Z = (rng.random((T, len(slopes))) < share).astype(float) if share else Z
        return np.column_stack([np.ones(T), Z]), outcome(rng, intercept + Z @ np.asarray(slopes))

    return units


def _plain(rng: Generator, x: Array) -> Array:
    return rng.standard_normal(len(x))


def _dummy(rng: Generator, T: int, share: float) -> Array:
    return (rng.random(T) < share).astype(np.float64)


def _yes(rng: Generator, index: Array) -> Array:
    return np.asarray(rng.random(len(index)) < 1.0 / (1.0 + np.exp(-index)), dtype=np.float64)


def _counts(rng: Generator, index: Array) -> Array:
    return rng.poisson(np.exp(index)).astype(np.float64)


def _clumped(rng: Generator, index: Array) -> Array:
    return rng.poisson(np.exp(index) * rng.gamma(1.5, 1 / 1.5, len(index))).astype(np.float64)


WORLDS: Mapping[str, Hard] = {
    "mean, Gaussian": Hard("mean", (0.0,), lambda r, T: _one(r, T, r.standard_normal(T))),
    "mean, lognormal": Hard("mean", (float(np.exp(0.5)),), lambda r, T: _one(r, T, r.lognormal(size=T))),
    "mean, gamma": Hard("mean", (0.7,), lambda r, T: _one(r, T, r.gamma(0.7, size=T))),
    "mean, t3": Hard("mean", (0.0,), lambda r, T: _one(r, T, r.standard_t(3, T))),
    "mean, zero-inflated": Hard(
        "mean", (0.5,), lambda r, T: _one(r, T, (r.random(T) < 0.25) * r.exponential(2.0, T))
    ),
    "mean, Likert": Hard(
        "mean",
        (4.1,),
        lambda r, T: _one(r, T, r.choice([1.0, 2, 3, 4, 5], T, p=[0.05, 0.05, 0.15, 0.25, 0.5])),
    ),
    "mean, a tenth": Hard("mean", (0.1,), lambda r, T: _one(r, T, (r.random(T) < 0.1).astype(float))),
    "OLS": Hard("ols", (0.5, 1.0), _line(lambda r, T: r.standard_normal(T), _plain)),
    "OLS, lognormal covariate": Hard("ols", (0.5, 1.0), _line(lambda r, T: r.lognormal(size=T), _plain)),
    "OLS, uneven errors": Hard(
        "ols",
        (0.5, 1.0),
        _line(
            lambda r, T: r.standard_normal(T),
            lambda r, x: (0.3 + 0.8 * np.abs(x)) * r.standard_normal(len(x)),
        ),
    ),
    "OLS, dummy of a tenth": Hard("ols", (0.5, 1.0), _line(lambda r, T: _dummy(r, T, 0.1), _plain)),
    "OLS, two groups": Hard("ols", (0.5, 1.0), _line(lambda r, T: _dummy(r, T, 0.4), _plain)),
    "OLS, misspecified": Hard(
        "ols",
        (0.5, 1.0),
        _line(lambda r, T: r.standard_normal(T), lambda r, x: 0.6 * (x**2 - 1) + _plain(r, x)),
    ),
    "logit": Hard("logit", (-0.3, 0.8), _link(-0.3, (0.8,), _yes)),
    "logit, rare": Hard("logit", (-2.4, 0.7), _link(-2.4, (0.7,), _yes)),
    "logit, p = 5": Hard("logit", (-0.2, 0.7, -0.4, 0.3, 0.0), _link(-0.2, (0.7, -0.4, 0.3, 0.0), _yes)),
    "logit, dummy of a fifth": Hard("logit", (-0.4, 0.8), _link(-0.4, (0.8,), _yes, 0.2)),
    "Poisson": Hard("poisson", (0.4, 0.4), _link(0.4, (0.4,), _counts)),
    "Poisson, overdispersed": Hard("poisson", (0.4, 0.4), _link(0.4, (0.4,), _clumped)),
}


def read(rng: Generator, quality: str, family: str, X: Array, y: Array) -> tuple[Array, np.ndarray | None]:
    """A source's outcomes, and which units it answered for (None: all)."""
    T, two = len(y), bool(np.isin(y, (0.0, 1.0)).all())
    if two:
        good = np.where(rng.random(T) < 0.12, 1.0 - y, y)
        lost = (rng.random(T) < 0.4).astype(float)
    elif family == "poisson":
        good = rng.binomial(y.astype(int), 0.75) + rng.poisson(0.25, T).astype(float)
        lost = rng.poisson(1.5, T).astype(float)
    else:
        good = 0.2 + 0.85 * y + 0.6 * y.std() * rng.standard_normal(T)
        lost = y.std() * rng.standard_normal(T)
    if quality == "useless":
        return lost, None
    if quality == "one group":
        return np.where(X[:, -1] <= np.median(X[:, -1]), good, lost), None
    if quality == "outliers" and not two:
        return np.where(rng.random(T) < 0.01, good + 30.0 * y.std(), good), None
    if quality == "failing by text":
        return good, rng.random(T) > 0.05 + 0.2 * (X[:, -1] > X[:, -1].mean())
    return good, None


def draw(world: Hard, rng: Generator | int, n: int, T: int, M: int, quality: str) -> Sample:
    """A corpus with n of its units labelled."""
    rng = generator(rng)
    X, y = world.units(rng, T)
    found = [read(rng, quality, world.family, X, y) for _ in range(M)]
    sources = tuple(Source(f"m{m}", "proxy", given, X, seen) for m, (given, seen) in enumerate(found))
    return Sample(y, X, np.arange(T) < n, (), sources)


def labelled_by(sample: Sample, labelling: str, rng: Generator) -> Sample:
    """The same corpus, labelled or dependent in another way."""
    T, n = sample.n_total, sample.n_labelled
    if labelling == "weights":
        chance = rng.lognormal(0.0, 0.8, T)
        chance = np.minimum(chance * n / chance.sum(), 1.0)
        labelled = rng.random(T) < chance
        return replace(sample, labelled=labelled & (chance < 1), probability=np.minimum(chance, 0.999))
    if labelling == "strata":
        strata = (sample.y > np.median(sample.y)).astype(int)
        labelled = np.zeros(T, dtype=bool)
        for code, count in ((0, n // 3), (1, n - n // 3)):
            labelled[rng.choice(np.flatnonzero(strata == code), count, replace=False)] = True
        return replace(sample, labelled=labelled, strata=strata)
    who = np.arange(T) // 5
    shared = rng.standard_normal(who.max() + 1)[who] * 0.7 * sample.y.std()
    moved = [replace(s, y=s.y + shared) for s in sample.sources]
    return replace(sample, y=sample.y + shared, sources=tuple(moved), cluster=who)


CELLS: tuple[tuple[str, int, int, int, str, str], ...] = (
    *((w, n, r, M, q, "") for w in WORLDS for n, r, M, q in (
        (20, 10, 1, "useless"), (30, 10, 3, "useful"), (60, 5, 6, "useful"), (60, 10, 2, "useless"),
        (150, 10, 3, "useful"), (400, 4, 2, "useful"),
    )),
    *((w, n, 10, M, "one group", "") for w in ("OLS", "OLS, two groups", "logit, dummy of a fifth", "Poisson")
      for n, M in ((30, 1), (60, 2))),
    *((w, n, 10, M, "outliers", "") for w in ("mean, Gaussian", "OLS", "Poisson") for n, M in ((30, 1), (60, 3))),
    *((w, n, 10, 2, "failing by text", "") for w in ("OLS", "logit", "Poisson") for n in (40, 120)),
    *((w, n, 100, 2, "useful", "") for w in ("mean, Gaussian", "OLS", "logit") for n in (30, 100)),
    *((w, n, 2, 2, "useful", "") for w in ("mean, Gaussian", "OLS", "logit") for n in (30, 100)),
    *((w, n, 10, 2, "useful", d) for w in ("mean, gamma", "OLS") for d in ("weights", "strata", "clusters")
      for n in (60, 150)),
)  # fmt: skip


def cell(key: tuple[str, int, int, int, str, str], trials: int, seed: int) -> str:
    """One line of the table: of each method coverage, median width and mean squared error over human HC3+t."""
    name, n, ratio, M, quality, labelling = key
    world = WORLDS[name]
    given = []
    for child in np.random.SeedSequence([seed, CELLS.index(key)]).spawn(trials):
        rng = np.random.default_rng(child)
        sample = draw(world, rng, n, ratio * n, M, quality)
        given.append(labelled_by(sample, labelling, rng) if labelling else sample)
    found = {
        method: answers_of(method, given, world.family, BATCH, alone=bool(labelling)) for method in METHODS
    }
    truth = np.asarray(world.truth)
    own = np.isfinite(found["gmm-small"].lower).all(axis=1)
    both: Mask = np.asarray(np.isfinite(found["human HC3+t"].estimate).all(axis=1) & own)
    base = ((found["human HC3+t"].estimate[both] - truth) ** 2).mean(axis=0)
    parts = [name, str(n), str(ratio * n), f"{M} {quality}{', ' + labelling if labelling else ''}"]
    parts += [_told(found[method], truth, both, base) for method in METHODS]
    return f"| {' | '.join(parts)} | {int(trials - own.sum())} |\n"


def _told(found: Answers, truth: Array, both: Mask, base: Array) -> str:
    got = np.isfinite(found.lower).all(axis=1)
    hit = ((found.lower <= truth) & (truth <= found.upper))[got].mean(axis=0)
    width = np.median((found.upper - found.lower)[got], axis=0)
    use = both & got
    error = ((found.estimate[use] - truth) ** 2).mean(axis=0) / base

    def several(values: Array, digits: int) -> str:
        return " ".join(f"{value:.{digits}f}" for value in values)

    return f"{several(hit, 3)} ({several(width, 2)}; {several(error, 2)})"


HEAD = (
    "| world | n | T | sources | `gmm-small` | human HC3+t | `ppi++-proxy` | `gmm-proxy` | no answer |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m moored.inference.simulate.many")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--world", nargs="+", default=list(WORLDS))
    chosen = parser.parse_args(arguments)
    sys.stdout.write(HEAD)
    for key in CELLS:
        if key[0] in chosen.world:
            sys.stdout.write(cell(key, chosen.trials, chosen.seed))
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
