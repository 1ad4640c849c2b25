"""Several coefficients at once: Wald's joint test, and p-values for a reader who looks at all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from moored.errors import DataInvalid
from moored.inference.data import Array
from moored.inference.laws import refuse_level
from moored.numbers import p_equals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Adjustment = Literal["holm", "bonferroni"]
DEPENDENT = 1e-12  # smallest eigenvalue of the correlation of the tested combinations


@dataclass(frozen=True, slots=True, repr=False)
class Joint:
    """A joint test: statistic, its degrees of freedom, those of its error (None: chi-squared), p-value.

    by_law : the p-value is that of the fit's interval, of another law than the statistic's.
    """

    statistic: float
    df: int
    error_df: float | None
    p_value: float
    by_law: bool = False

    def __repr__(self) -> str:
        if self.by_law:
            return (
                f"{p_equals(self.p_value)}, by the law of the interval (Wald statistic {self.statistic:.4g})"
            )
        if self.error_df is None:
            return f"chi-squared({self.df}) = {self.statistic:.4g}, {p_equals(self.p_value)}"
        found = f"F({self.df}, {self.error_df:.1f}) = {self.statistic / self.df:.4g}"
        return f"{found}, {p_equals(self.p_value)}"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Every value of c combinations of terms that the joint test does not reject at 1 - level: an ellipsoid.

    Attributes
    ----------
    labels : (c,) what the combinations are. centre : (c,) their estimates. covariance : (c, c).
    df : degrees of freedom of t; None: normal. level : the region holds the truth with this probability.
    """

    labels: tuple[str, ...]
    centre: Array
    covariance: Array
    df: float | None
    level: float

    def __post_init__(self) -> None:
        refuse_level(self.level, "two-sided")
        joint_test(
            self.centre, self.covariance, np.eye(len(self.centre)), 0.0, self.df
        )  # refuses what has none

    @property
    def radius(self) -> float:
        """The greatest sqrt((b - centre)' covariance^-1 (b - centre)) inside."""
        from scipy.special import chdtri, fdtri

        c = len(self.centre)
        return float(
            np.sqrt(chdtri(c, 1.0 - self.level) if self.df is None else c * fdtri(c, self.df, self.level))
        )

    def contains(self, point: Any) -> bool:
        """Is (c,) inside, or on the border? Errors: `DataInvalid` for another shape."""
        given = np.asarray(point, dtype=np.float64)
        if given.shape != self.centre.shape:
            raise DataInvalid(
                f"A point of this region has {len(self.centre)} numbers, one each for {self._named}."
            )
        c = np.eye(len(given))
        return bool(joint_test(self.centre, self.covariance, c, given, self.df).statistic <= self.radius**2)

    def boundary(self, points: int = 200) -> Array:
        """(points, 2) of the ellipse of two combinations, closed. Errors: `DataInvalid` where there are not two."""
        if len(self.centre) != 2:
            raise DataInvalid(
                f"The border of {self._named} is no curve; name two terms, such as {self._two!r}."
            )
        turn = np.linspace(0.0, 2.0 * np.pi, points)
        root = np.linalg.cholesky(self.covariance)
        circle = np.column_stack([np.cos(turn), np.sin(turn)])
        return np.asarray(self.centre + self.radius * circle @ root.T)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ellipse of two combinations, its centre, and where both are zero."""
        from moored.figures.coefficients import region_plot

        return region_plot(self.boundary(), self.centre, self.labels, self.level, ax)

    @property
    def _named(self) -> str:
        return ", ".join(self.labels)

    @property
    def _two(self) -> list[str]:
        return [*self.labels, "x"][:2]


def joint_test(estimate: Array, covariance: Array, R: Array, q: Any, df: float | None) -> Joint:
    """Test of R theta = q.

    The statistic (R theta - q)' (R V R')^-1 (R theta - q) is chi-squared with c degrees of freedom; with Student's
    t, statistic / c is held against F(c, df). With one row it is the two-sided test of that contrast.

    Parameters
    ----------
    estimate, covariance : (p,), (p, p).
    R, q : (c, p) of full rank; (c,) or one number.
    df : degrees of freedom of t; None: normal.

    Raises
    ------
    DataInvalid : R or q of another shape or not finite, or rows of R that repeat each other.
    """
    from scipy.special import chdtrc, fdtrc

    p = len(estimate)
    if R.shape[1:] != (p,) or not len(R) or not np.isfinite(R).all() or np.shape(q) not in ((), (len(R),)):
        raise DataInvalid(
            f"A joint test needs R with {p} finite numbers per row, and one q per row; got R of shape {R.shape} "
            f"and q of shape {np.shape(q)}."
        )
    gap, V = R @ estimate - np.asarray(q, dtype=np.float64), R @ covariance @ R.T
    scale = np.sqrt(np.maximum(np.diag(V), 0.0))
    if not scale.all() or float(np.linalg.eigvalsh(V / np.outer(scale, scale))[0]) < DEPENDENT:
        raise DataInvalid("The rows of R repeat each other, or one of them has no error; leave it out.")
    scaled = gap / scale
    statistic, c = float(scaled @ np.linalg.solve(V / np.outer(scale, scale), scaled)), len(R)
    chance = chdtrc(c, statistic) if df is None else fdtrc(c, df, statistic / c)
    return Joint(statistic, c, df, float(chance))


def adjust(p_value: Array, method: Adjustment = "holm") -> Array:
    """p-values (p,) such that any false rejection among all terms has the chance that one of them has now.

    Parameters
    ----------
    method : "holm" (Holm 1979, never worse), or "bonferroni", which simultaneous intervals agree with.
    """
    if method not in ("holm", "bonferroni"):
        raise DataInvalid(f"The adjustment is {method!r}; use 'holm' or 'bonferroni'.")
    p = len(p_value)
    if method == "bonferroni":
        return np.minimum(p * p_value, 1.0)
    order = np.argsort(p_value, kind="stable")
    out = np.empty(p)
    out[order] = np.minimum(np.maximum.accumulate(p_value[order] * np.arange(p, 0, -1)), 1.0)
    return out
