"""Labels that say too little of their own error: a share with few events, or an outcome that does not vary.

Every standard error here is made of residuals. Where all labels are alike there is none, and the interval
would be a point. A share of ones and zeros has an exact law, which gives an interval for any number of events; any
other outcome of that kind is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.errors import Separated, Unidentified
from moored.inference.computed import Computed
from moored.inference.data import Array
from moored.inference.families import Linear, Logit, Poisson, spelled
from moored.inference.laws import Alternative, refuse_level
from moored.inference.results import Fit, Target
from moored.inference.solve.passes import Passes
from moored.plaintext import counted

FEW_EVENTS = 5
"""Labelled ones (or zeros, or clusters with one of them) below which a share has the binomial interval."""
NO_RESIDUAL = 1e-24  # share of the outcome's squared range below which squared residuals are rounding
CANCELLED = 1e-13  # of a variance: below it, the residuals cancel but for rounding (two steps add a ridge)
LITTLE = 1e-9  # of a parameter's variance: below it, a direction of the parameters does not touch it
_WAY_OUT = "label more of those units, or merge the group with another"


@dataclass(frozen=True, slots=True)
class Share:
    """A share of ones, `value`, worth `size` independent units; `events` labels (clusters) are `rarer`, 0 or 1."""

    value: float
    size: float
    events: int
    rarer: float
    clustered: bool
    weighed: bool

    @property
    def sentence(self) -> str:
        """What the reader must know."""
        one, many = (
            ("labelled cluster holds", "labelled clusters hold")
            if self.clustered
            else ("label is", "labels are")
        )
        return (
            f"only {counted(self.events, one, many)} {self.rarer:g}, fewer than {FEW_EVENTS}: this is the "
            "share among the "
            "labelled units with its binomial (mid-P) interval; the sources are not used, since so few events do "
            "not say how good they are"
        )

    def fit(
        self, passes: Passes, name: str, level: float, alternative: Alternative, target: Target = "population"
    ) -> Fit:
        """The labelled share with its mid-P binomial interval, whatever the estimator.

        With the corpus as target the interval leaves out shares that the labels already exclude; it errs on the
        wide side.
        """
        n, z = self.size, 1.96
        centre = (self.value * n + z * z / 2) / (n + z * z)
        variance = np.array([[centre * (1.0 - centre) / (n + z * z)]])
        counted = 0.0
        if target == "corpus":
            labelled = passes.counts.labelled / passes.counts.total
            variance = variance * (1.0 - labelled)
            counted = 0.0 if self.weighed else labelled
        return Computed(
            estimator=name,
            family=spelled(passes.family),
            terms=passes.terms,
            estimate=np.array([self.value]),
            covariance=variance,
            law=Binomial(self.value, self.size, counted),
            n_labelled=passes.counts.labelled,
            n_total=passes.counts.total,
            level=level,
            alternative=alternative,
            human_se=np.sqrt(np.diag(variance)),
            warnings=(self.sentence,),
            target=target,
        ).fit()


@dataclass(frozen=True, slots=True)
class Binomial:
    """The mid-P law of a share (Lancaster 1961): `value` of `size` units; `counted` of all units are known."""

    value: float
    size: float
    counted: float = 0.0

    def interval(self, level: float, alternative: Alternative) -> tuple[Array, Array]:
        """Ends (1,); an open one is infinite."""
        refuse_level(level, alternative)
        tail = (1.0 - level) / 2.0 if alternative == "two-sided" else 1.0 - level
        lower = -np.inf if alternative == "smaller" else self._end(lambda p: self._tails(p)[0] - tail, 0.0)
        upper = np.inf if alternative == "larger" else self._end(lambda p: self._tails(p)[1] - tail, 1.0)
        if self.counted:
            least, most = self._possible()
            lower, upper = max(lower, least), min(upper, most)
        return np.array([lower]), np.array([upper])

    def p_value(self, null: Array, alternative: Alternative) -> Array:
        """Of a share of `null` (1,); what cannot be a share, or is excluded by the labels, has none."""
        share = float(null[0])
        if share == self.value:
            return np.ones(1)
        least, most = self._possible()
        if self.counted and not least <= share <= most:
            return np.zeros(1)
        more, fewer = (1.0, 0.0) if share > most else (0.0, 1.0) if share < least else self._tails(share)
        chance = {"larger": more, "smaller": fewer}.get(alternative, 2.0 * min(more, fewer))
        return np.array([min(chance, 1.0)])

    def _possible(self) -> tuple[float, float]:
        """The shares of all units that the labelled ones leave possible."""
        return self.counted * self.value, 1.0 - self.counted * (1.0 - self.value)

    def _tails(self, p: float) -> tuple[float, float]:
        """P(more events) and P(fewer) at a share of p, each with P(as many) / 2; for any real number of events.

        Without an event (or with nothing else) with P(as many) whole: there mid-P covers too little.
        """
        from scipy.special import betainc

        k, n = self.value * self.size, self.size
        least = 1.0 if k <= 0 else float(betainc(k, n - k + 1.0, p))
        more = 0.0 if k >= n else float(betainc(k + 1.0, max(n - k, 1e-9), p))
        if k <= 0 or k >= n:
            return least, 1.0 - more
        return (least + more) / 2.0, 1.0 - (least + more) / 2.0

    def _end(self, excess: Callable[[float], float], extreme: float) -> float:
        from scipy.optimize import brentq

        if (
            self.value == extreme or excess(0.0) * excess(1.0) > 0
        ):  # the second at one-sided levels below one half
            return self.value
        return float(brentq(excess, 0.0, 1.0, xtol=1e-14))


def few_events(passes: Passes, least: int = FEW_EVENTS) -> Share | None:
    """The labelled share, where the family is the mean of ones and zeros and fewer than `least` are rarer.

    Its size is Kish's: (sum w)^2 / sum w^2 over units, or over clusters, each counted as one.
    """
    one_term = isinstance(passes.family, Linear) and len(passes.terms) == 1
    if not (one_term and passes.begins_with_ones_and_zeros and passes.counts.ones_and_zeros):
        return None
    values: list[Array] = []
    weights: list[Array] = []
    codes: list[NDArray[Any]] = []
    for block in passes:
        w = np.ones(len(block.human.y)) if block.weight is None else block.weight
        if not bool((block.human.X == 1.0).all()):
            return None
        values.append(block.human.y)
        weights.append(w)
        codes += [] if block.cluster is None else [block.cluster[block.labelled]]
    y, w = np.concatenate(values), np.concatenate(weights)
    if codes:
        _, code = np.unique(np.concatenate(codes), return_inverse=True)
        events, rarer = min((len(np.unique(code[y == answer])), answer) for answer in (1.0, 0.0))
        size = np.bincount(code, weights=w).astype(np.float64)
    else:
        events, rarer = min((int(np.count_nonzero(y == answer)), answer) for answer in (1.0, 0.0))
        size = w
    if events >= least or len(size) < 2:
        return None
    return Share(
        float(w @ y / w.sum()),
        float(w.sum() ** 2 / np.sum(size**2)),
        events,
        rarer,
        bool(codes),
        bool((w != 1.0).any()),
    )


def refuse_constant(passes: Passes) -> None:
    """Raise where every label is the same: Separated without events, else Unidentified."""
    counts, family = passes.counts, passes.family
    if counts.low != counts.high:
        return
    alike = f"All {counts.labelled} labels are {counts.low:g}"
    ways_out = {
        (Logit, 0.0): ", or take the family 'mean' without covariates",
        (Logit, 1.0): ", or take the family 'mean' without covariates",
        (Poisson, 0.0): "",
    }
    way_out = ways_out.get((type(family), counts.low))
    if way_out is not None:
        raise Separated(
            f"{alike}: the {family.name} regression has no finite estimate; label more units{way_out}.",
            term=passes.terms[0],
        )
    raise Unidentified(
        f"{alike}: labels that do not vary say nothing of their error; label more units, or look at whether "
        "the right column was taken.",
        n=counts.labelled,
    )


def leave_nothing(squares: Array, bread: Array, width: Array) -> NDArray[np.bool_]:
    """(B,) whether linear fits leave no residual.

    squares, bread (B, p): the diagonals of T Omega and of the Jacobian. width (B,): the outcome's squared range.
    """
    return np.asarray((squares <= NO_RESIDUAL * width[:, None] * np.abs(bread)).all(axis=1))


def refuse_exact(passes: Passes, S: Array, H: Array) -> None:
    """Raise Unidentified where a linear fit leaves no residual. S, H (p, p): T Omega and the Jacobian."""
    counts = passes.counts
    if not isinstance(passes.family, Linear):
        return
    width = ((counts.high - counts.low) / passes.frame.spread) ** 2
    if leave_nothing(np.diag(S)[None], np.diag(H)[None], np.reshape(width, 1))[0]:
        raise Unidentified(
            "The covariates explain every label exactly, so there is no error to estimate from; drop the "
            "covariate that the outcome is computed from, or label more units.",
            n=counts.labelled,
        )


@dataclass(frozen=True, slots=True)
class Alike:
    """Terms for which labels say too little of their own error.

    flat : their standard error is zero. part : a part of it is, for a group that they compare is without residuals.
    """

    flat: tuple[str, ...]
    part: tuple[str, ...]

    def warnings(self) -> list[str]:
        """What the reader must know."""
        found = []
        if self.flat:
            found.append(
                f"the standard error of {_named(self.flat)} is zero by the labels alone: those that it rests on "
                f"are all alike, and its interval says nothing; {_WAY_OUT}"
            )
        if self.part:
            found.append(
                f"the standard error of {_named(self.part)} is too small by the labels alone: it rests on a group "
                "that is a single labelled unit (or cluster) or whose labels are all alike, and the group's own "
                f"error is not in it; {_WAY_OUT}"
            )
        return found


def alike_terms(passes: Passes, S: Array, bread: Array) -> Alike:
    """The terms along which the labels leave no residual, although others do.

    With d'S d = 0 the units (clusters) that d tells apart have none: a unit of a leverage of 1, a cell whose labels
    are all alike. Its error is then missing in each term where d is not zero.
    S, bread (p, p): T Omega and the inverse Jacobian, in the passes' frame.
    """
    try:
        root = np.linalg.cholesky((bread + bread.T) * (0.5 * np.sign(np.trace(bread))))
    except np.linalg.LinAlgError:  # moments of a user's own, whose slopes are not symmetric
        return Alike((), ())
    values, vectors = np.linalg.eigh(root.T @ S @ root)
    empty: NDArray[np.bool_] = values <= CANCELLED * values[-1]
    rows = passes.frame.back @ root @ vectors
    size = np.sum(rows**2, axis=1)
    touched = np.sum(rows[:, empty] ** 2, axis=1) > LITTLE * size
    flat = rows**2 @ np.maximum(values, 0.0) <= CANCELLED * values[-1] * size
    terms = np.array(passes.terms, dtype=object)
    return Alike(tuple(terms[flat]), tuple(terms[touched & ~flat]))


def _named(terms: tuple[str, ...]) -> str:
    return ", ".join(map(repr, terms))
