"""Where an interval and its p-values come from, so that another level asks the same law."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from moored.errors import DataInvalid
from moored.inference.data import Array

Alternative = Literal["two-sided", "larger", "smaller"]


class Law(Protocol):
    """What the intervals of a fit of p terms are made from."""

    def interval(self, level: float, alternative: Alternative) -> tuple[Array, Array]:
        """Ends (p,) at a level; an open end is infinite."""

    def p_value(self, null: Array, alternative: Alternative) -> Array:
        """p-values (p,) of theta = null (p,), by the law of the interval."""


@runtime_checkable
class Combinable(Law, Protocol):
    """A law that also knows combinations of its terms, each with degrees of freedom of its own."""

    @property
    def df(self) -> Array:
        """(p,) degrees of freedom of Student's t, infinite for the normal law."""

    def along(self, L: Array) -> Combinable:
        """The law of L theta, L (c, p)."""


@dataclass(frozen=True, slots=True, eq=False)
class Wald:
    """The normal law, or Student's t.

    Attributes
    ----------
    estimate, se : (p,). df : degrees of freedom of t; None: normal.
    """

    estimate: Array
    se: Array
    df: float | None

    def interval(self, level: float, alternative: Alternative) -> tuple[Array, Array]:
        """See `wald`."""
        return wald(self.estimate, self.se, level, alternative, self.df)[:2]

    def p_value(self, null: Array, alternative: Alternative) -> Array:
        """See `wald`."""
        return wald(self.estimate - null, self.se, 0.95, alternative, self.df)[2]


def refuse_level(level: object, alternative: str) -> None:
    """Raise DataInvalid for a level outside (0, 1) or an alternative that there is not."""
    if not 0 < (float(level) if isinstance(level, Real) else np.nan) < 1:
        raise DataInvalid(f"The level is {level!r}; it must lie between 0 and 1, such as 0.95.")
    if alternative not in ("two-sided", "larger", "smaller"):
        raise DataInvalid(f"The alternative is {alternative!r}; use 'two-sided', 'larger' or 'smaller'.")


def wald(
    estimate: Array, se: Array, level: float, alternative: Alternative, df: float | None
) -> tuple[Array, Array, Array]:
    """Interval and p-value from one law: theta_j is outside the interval exactly where p < 1 - level.

    Parameters
    ----------
    estimate, se : (p,).
    level : in (0, 1).
    alternative : "two-sided", "larger" or "smaller".
    df : degrees of freedom of t; None: normal.

    Returns
    -------
    lower, upper, p_value : (p,) each.
    """
    from scipy.special import ndtr, ndtri, stdtr, stdtrit  # loaded late: a third of a second

    refuse_level(level, alternative)
    tail = (1.0 - level) / 2.0 if alternative == "two-sided" else 1.0 - level
    reach = float(-ndtri(tail) if df is None else -stdtrit(df, tail)) * se
    z = _ratio(estimate, se)

    def below(q: Array) -> Array:
        return np.asarray(ndtr(q) if df is None else stdtr(df, q))

    infinite = np.full(len(estimate), np.inf)
    if alternative == "larger":
        return estimate - reach, infinite, below(-z)
    if alternative == "smaller":
        return -infinite, estimate + reach, below(z)
    return estimate - reach, estimate + reach, np.minimum(2.0 * below(-np.abs(z)), 1.0)


def _ratio(estimate: Array, se: Array) -> Array:
    """estimate / se, with 0 / 0 = 0 and x / 0 = a signed infinity, as is a ratio too large for a number."""
    out = np.where(estimate == 0, 0.0, np.copysign(np.inf, estimate))
    with np.errstate(over="ignore"):
        return np.divide(estimate, se, out=out, where=se > 0)
