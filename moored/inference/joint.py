"""Several coefficients at once: Wald's joint test, and p-values for a reader who looks at all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from moored.errors import DataInvalid
from moored.inference.data import Array

Adjustment = Literal["holm", "bonferroni"]
DEPENDENT = 1e-12  # smallest eigenvalue of the correlation of the tested combinations


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint test: statistic, its degrees of freedom, those of its error (None: chi-squared), p-value."""

    statistic: float
    df: int
    error_df: float | None
    p_value: float


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
    p_value = chdtrc(c, statistic) if df is None else fdtrc(c, df, statistic / c)
    return Joint(statistic, c, df, float(p_value))


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
