"""Worlds with a known truth: populations of units, and sources of a chosen quality.

A world is a population of units; a quality says what the sources are worth; a labelling says which units
people read. `draw` makes a Sample of the three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from moored.errors import DataInvalid
from moored.inference.data import Array, Mask, Sample, Source, generator

Units = Callable[[Generator, int], tuple[Array, Array]]


@dataclass(frozen=True, slots=True)
class World:
    """A population: `units(rng, T)` draws X (T, p) and y (T,), of which `truth` (p,) is the parameter."""

    name: str
    family: str
    truth: tuple[float, ...]
    units: Units

    @property
    def binary(self) -> bool:
        """Outcomes are 0 and 1."""
        return self.family == "logit" or "binary" in self.name

    @property
    def counts(self) -> bool:
        """Outcomes are counts."""
        return self.family == "poisson"


def _mean(outcome: Callable[[Generator, int], Array]) -> Units:
    return lambda rng, T: (np.ones((T, 1)), outcome(rng, T))


def _regression(
    beta: Sequence[float],
    outcome: Callable[[Generator, Array, Array], Array],
    covariate: Callable[[Generator, tuple[int, int]], Array] = Generator.standard_normal,
) -> Units:
    def units(rng: Generator, T: int) -> tuple[Array, Array]:
        X = np.column_stack([np.ones(T), covariate(rng, (T, len(beta) - 1))])
        return X, outcome(rng, X, X @ np.asarray(beta))

    return units


def _gaussian(rng: Generator, X: Array, index: Array) -> Array:
    return np.asarray(index + rng.standard_normal(len(X)))


def _uneven(rng: Generator, X: Array, index: Array) -> Array:
    return np.asarray(index + np.sqrt(0.3 + 0.7 * X[:, 1] ** 2) * rng.standard_normal(len(X)))


def _bernoulli(rng: Generator, X: Array, index: Array) -> Array:
    return np.asarray(rng.random(len(X)) < _expit(index), dtype=np.float64)


def _poisson(rng: Generator, X: Array, index: Array) -> Array:  # noqa: ARG001
    return rng.poisson(np.exp(index)).astype(np.float64)


def _expit(index: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-index)))


def _skewed(rng: Generator, shape: tuple[int, int]) -> Array:
    return np.asarray(rng.exponential(size=shape) - 1.0)


def _share(chance: float) -> Callable[[Generator, int], Array]:
    return lambda rng, T: np.asarray(rng.random(T) < chance, dtype=np.float64)


_ALL = (
    World("mean gaussian", "mean", (0.0,), _mean(lambda rng, T: rng.standard_normal(T))),
    World("mean binary .3", "mean", (0.3,), _mean(_share(0.3))),
    World("ols", "ols", (0.5, 1.0), _regression((0.5, 1.0), _gaussian)),
    World("logit", "logit", (-0.3, 0.8), _regression((-0.3, 0.8), _bernoulli)),
    # Not of the goal; docs/small-samples.md says which were seen while the estimator was chosen.
    World("mean heavy-tailed", "mean", (0.0,), _mean(lambda rng, T: rng.standard_t(3, T))),
    World("mean skewed", "mean", (1.0,), _mean(lambda rng, T: rng.exponential(size=T))),
    World("mean binary .15", "mean", (0.15,), _mean(_share(0.15))),
    World("ols heteroskedastic", "ols", (0.5, 1.0), _regression((0.5, 1.0), _uneven)),
    World("ols skewed covariate", "ols", (0.5, 1.0), _regression((0.5, 1.0), _gaussian, _skewed)),
    World("ols p=4", "ols", (0.5, 1.0, 0.5, -0.5), _regression((0.5, 1.0, 0.5, -0.5), _gaussian)),
    World("logit p=3", "logit", (-0.3, 0.8, -0.5), _regression((-0.3, 0.8, -0.5), _bernoulli)),
    World("logit rare", "logit", (-1.6, 0.8), _regression((-1.6, 0.8), _bernoulli)),
    World("poisson", "poisson", (0.5, 0.4), _regression((0.5, 0.4), _poisson)),
)
WORLDS: Mapping[str, World] = {world.name: world for world in _ALL}
GOAL = ("mean gaussian", "mean binary .3", "ols", "logit")


# Sources ---------------------------------------------------------------------------------------------


def _blurred(rng: Generator, X: Array, by: float) -> Array:
    """X as a model reads it off its own text: every column but the constant with noise."""
    out = X.copy()
    out[:, 1:] += by * rng.standard_normal((len(X), X.shape[1] - 1))
    return out


def _fresh(rng: Generator, X: Array) -> Array:
    out = X.copy()
    out[:, 1:] = rng.standard_normal((len(X), X.shape[1] - 1))
    return out


def _flipped(rng: Generator, y: Array, chance: float) -> Array:
    return np.where(rng.random(len(y)) < chance, 1.0 - y, y)


def _reading(rng: Generator, world: World, y: Array, m: int) -> Array:
    """A useful model's outcome: sources 0, 3, 6 ... hard or linear, 1, 4 ... worse, 2, 5 ... soft."""
    noise = rng.standard_normal(len(y))
    if world.binary:
        return _flipped(rng, y, (0.1, 0.15)[m % 3]) if m % 3 < 2 else _expit(-1.0 + 3.0 * y + 0.7 * noise)
    if world.counts:
        return rng.binomial(y.astype(np.int64), 0.7).astype(np.float64) + rng.poisson(0.3, len(y))
    return np.asarray((0.3 + 0.8 * y + 0.6 * noise) if m % 3 < 2 else (0.1 + 0.7 * y + 0.7 * noise))


def useful(rng: Generator, world: World, X: Array, y: Array, m: int, labelled: Mask) -> Source:  # noqa: ARG001
    """A model that reads y with errors; every third source writes a new text first and blurs X as well."""
    synthetic = m % 3 == 1
    X_m = _blurred(rng, X, 0.4) if synthetic else X
    return Source(f"m{m}", "synthetic" if synthetic else "proxy", _reading(rng, world, y, m), X_m)


def useless(rng: Generator, world: World, X: Array, y: Array, m: int, labelled: Mask) -> Source:  # noqa: ARG001
    """A model that looks at X or at nothing, never at y; odd sources make X up as well."""
    X_m = _fresh(rng, X) if m % 2 else X
    index = 0.5 * X_m[:, 1] if X.shape[1] > 1 else np.zeros(len(y))
    if world.binary:
        made_up = _bernoulli(rng, X_m, index)
    elif world.counts:
        made_up = _poisson(rng, X_m, index)
    else:
        made_up = _gaussian(rng, X_m, index)
    return Source(f"m{m}", "synthetic" if m % 2 else "proxy", made_up, X_m)


def one_useful(rng: Generator, world: World, X: Array, y: Array, m: int, labelled: Mask) -> Source:
    """The first source is useful and the others are useless."""
    return (useless if m else useful)(rng, world, X, y, m, labelled)


def perfect(rng: Generator, world: World, X: Array, y: Array, m: int, labelled: Mask) -> Source:  # noqa: ARG001
    """A model that makes no mistake."""
    return Source(f"m{m}", "proxy", y, X)


def asymmetric(rng: Generator, world: World, X: Array, y: Array, m: int, labelled: Mask) -> Source:
    """Generation conditioned on the truth where labelled, and on a poor guess of it elsewhere: two laws."""
    known = useful(rng, world, X, y, m, labelled)
    guess = rng.permutation(y) if world.binary or world.counts else 0.5 * y + 0.5
    guessed = useful(rng, world, X, guess, m, labelled)
    return Source(known.name, known.kind, np.where(labelled, known.y, guessed.y), known.X)


def drifted(rng: Generator, world: World, X: Array, y: Array, m: int, labelled: Mask) -> Source:
    """A recipe that was changed after the labelled units were done."""
    source = useful(rng, world, X, y, m, labelled)
    if world.binary:
        later = np.where(rng.random(len(y)) < 0.2, 1.0, source.y)
    else:
        later = source.y + (1.0 if world.counts else 0.4)
    return Source(source.name, source.kind, np.where(labelled, source.y, later), source.X)


Recipe = Callable[[Generator, World, Array, Array, int, Mask], Source]
QUALITIES: Mapping[str, Recipe] = {
    "useful": useful,
    "useless": useless,
    "one useful": one_useful,
    "perfect": perfect,
    "asymmetric": asymmetric,
    "drifted": drifted,
}


def draw(
    world: World | str,
    rng: Generator | int,
    *,
    n: int,
    T: int,
    M: int,
    quality: str = "useful",
    at_random: bool = True,
) -> Sample:
    """T units of the world, n of them labelled, with M sources.

    With `at_random` false, a unit whose outcome is above the mean is three times as likely to be labelled:
    labelling that no estimator here survives, and that the J test is for.
    """
    rng = generator(rng)
    chosen = WORLDS[world] if isinstance(world, str) else world
    if quality not in QUALITIES:
        raise DataInvalid(f"No quality is called {quality!r}; choose one of {', '.join(QUALITIES)}.")
    if not 0 < n <= T or M < 0:
        raise DataInvalid(f"n={n}, T={T}, M={M}: needs 0 < n <= T and M >= 0.")
    X, y = chosen.units(rng, T)
    chance = None
    if not at_random:
        chance = np.where(y > y.mean(), 3.0, 1.0)
        chance /= chance.sum()
    labelled = np.zeros(T, dtype=bool)
    labelled[rng.choice(T, n, replace=False, p=chance)] = True
    sources = tuple(QUALITIES[quality](rng, chosen, X, y, m, labelled) for m in range(M))
    return Sample(y=y, X=X, labelled=labelled, sources=sources)
