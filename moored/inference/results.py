"""What a fit returns: a frozen record whose intervals and p-values always agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from moored.errors import DataInvalid, NonFinite
from moored.inference.data import Array
from moored.inference.joint import Adjustment, Joint, adjust, joint_test
from moored.inference.solve.frame import Frame

Alternative = Literal["two-sided", "larger", "smaller"]
Target = Literal["population", "corpus"]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One estimator's answer for p parameters.

    Attributes
    ----------
    estimator, family : names.
    terms : names of the p parameters.
    estimate : (p,) theta-hat.
    covariance : (p, p) of theta-hat itself, not scaled by T.
    se : (p,) square roots of its diagonal.
    lower, upper : (p,) interval at `level`; an open end of a one-sided interval is infinite.
    p_value : (p,) of theta_j = 0 against `alternative`, from the same law as the interval.
    level : of the interval, in (0, 1).
    alternative : "two-sided"; "larger" (lower bound only) or "smaller" (upper bound only).
    df : degrees of freedom of Student's t; None: the normal law.
    n_labelled, n_total : n and T.
    j, j_df, j_p_value : Hansen's test of the overidentifying moments, None where there are none.
    r2 : (p,) share of the human influence function that the sources explain among the labelled;
        None where the estimator makes no such use of them.
    effective_n : (p,) n (se_human / se)^2; None for naive estimators, whose error is bias.
    labels_saved : (p,) 1 - n / effective_n, a share of the labels; None as above.
    warnings : what the reader must know.
    sources : names of the sources that were used.
    tuning : what the estimator chose, such as PPI++'s lambda.
    target : "population", the law that units are drawn from, or "corpus", what all T labels would have given.
    """

    estimator: str
    family: str
    terms: tuple[str, ...]
    estimate: Array
    covariance: Array
    se: Array
    lower: Array
    upper: Array
    p_value: Array
    level: float
    alternative: Alternative
    df: float | None
    n_labelled: int
    n_total: int
    j: float | None
    j_df: int | None
    j_p_value: float | None
    r2: Array | None
    effective_n: Array | None
    labels_saved: Array | None
    warnings: tuple[str, ...]
    sources: tuple[str, ...]
    tuning: tuple[tuple[str, float], ...] = ()
    target: Target = "population"

    def rows(self) -> list[dict[str, Any]]:
        """One dict a term, its keys estimator, term, estimate, se, lower, upper, p_value, effective_n,
        labels_saved, r2.

        Numbers are finite or None.
        """
        table = []
        for index, term in enumerate(self.terms):
            row: dict[str, Any] = {"estimator": self.estimator, "term": term}
            for name in ("estimate", "se", "lower", "upper", "p_value", "effective_n", "labels_saved", "r2"):
                values = getattr(self, name)
                row[name] = None if values is None else _finite_or_none(values[index])
            table.append(row)
        return table

    def summary(self) -> dict[str, Any]:
        """The fit's own row: estimator, target, n_labelled, n_total, j, j_df, j_p_value, warnings, covariance.

        `covariance` is a list of p lists of p numbers.
        """
        return {
            "estimator": self.estimator,
            "target": self.target,
            "n_labelled": self.n_labelled,
            "n_total": self.n_total,
            "j": self.j,
            "j_df": self.j_df,
            "j_p_value": self.j_p_value,
            "warnings": list(self.warnings),
            "covariance": self.covariance.tolist(),
        }

    def wald(self, R: Any = None, q: Any = 0.0) -> Joint:
        """Joint test of R theta = q, R (c, p), by default of all terms but the constant: see `joint.joint_test`."""
        p = len(self.terms)
        free = [j for j, term in enumerate(self.terms) if term.rpartition(":")[2] != "Intercept" or p == 1]
        rows = np.eye(p)[free] if R is None else np.atleast_2d(np.asarray(R, dtype=np.float64))
        return joint_test(self.estimate, self.covariance, rows, q, self.df)

    def adjusted(self, method: Adjustment = "holm") -> Array:
        """p-values (p,) for reading all terms: see `joint.adjust`."""
        return adjust(self.p_value, method)

    def simultaneous(self) -> tuple[Array, Array]:
        """Interval ends (p,) that hold for all terms at once, at the fit's level (Bonferroni)."""
        level = 1.0 - (1.0 - self.level) / len(self.terms)
        if len(self.terms) == 1:
            return self.lower, self.upper
        lower, upper, _ = wald(self.estimate, self.se, level, self.alternative, self.df)
        return lower, upper

    def contrast(self, L: Any) -> list[dict[str, Any]]:
        """Estimates of L theta for L (p,) or (c, p), one dict a row: estimate, se, lower, upper, p_value."""
        rows = np.atleast_2d(np.asarray(L, dtype=np.float64))
        if rows.shape[1] != len(self.terms) or not np.isfinite(rows).all():
            raise DataInvalid(f"A contrast needs {len(self.terms)} finite numbers a row; got {rows.shape}.")
        estimate = rows @ self.estimate
        se = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, self.covariance, rows), 0.0))
        lower, upper, p_value = wald(estimate, se, self.level, self.alternative, self.df)
        if len(self.terms) == 1 and self.alternative == "two-sided":  # its interval need not be Wald's
            ends = rows * np.concatenate([self.lower, self.upper])
            lower, upper = ends.min(axis=1), ends.max(axis=1)
            p_value = np.where(rows[:, 0] != 0, self.p_value, 1.0)
        names = ("estimate", "se", "lower", "upper", "p_value")
        return [
            {name: _finite_or_none(value) for name, value in zip(names, values, strict=True)}
            for values in zip(estimate, se, lower, upper, p_value, strict=True)
        ]


def role_of(estimator: str, headline: str | None) -> str:
    """What a row is for: "headline", the one to read; "biased", model labels as if true; else "comparison"."""
    if estimator == headline:
        return "headline"
    return "biased" if estimator.startswith("naive") else "comparison"


def _finite_or_none(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def refuse_level(level: float, alternative: str) -> None:
    """Raise DataInvalid for a level outside (0, 1) or an alternative that there is not."""
    if not 0 < level < 1:
        raise DataInvalid(f"The level is {level}; it must lie between 0 and 1, such as 0.95.")
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


def make_fit(
    *,
    estimator: str,
    family: str,
    terms: tuple[str, ...],
    estimate: Array,
    covariance: Array,
    n_labelled: int,
    n_total: int,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    df: float | None = None,
    human_se: Array | None = None,
    human_covariance: Array | None = None,
    frame: Frame | None = None,
    r2: Array | None = None,
    j: tuple[float, int, float] | None = None,
    warnings: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    tuning: tuple[tuple[str, float], ...] = (),
    interval: tuple[Array, Array, Array] | None = None,
    target: Target = "population",
) -> Fit:
    """A Fit from an estimate (p,) and its covariance (p, p).

    `human_se` (p,), or `human_covariance` (p, p), gives the effective sample size; without either it is left out.
    `frame` maps estimate and covariances back to the data's columns. `interval` is (lower, upper, p-value),
    (p,) each, where it is not Wald's. Raises NonFinite rather than let a NaN out.
    """
    if target not in ("population", "corpus"):
        raise DataInvalid(f"The target is {target!r}; use 'population' or 'corpus'.")
    if frame is not None:
        estimate, covariance = frame.point(estimate), frame.covariance(covariance)
        human_covariance = None if human_covariance is None else frame.covariance(human_covariance)
    if human_covariance is not None:
        human_se = np.sqrt(np.maximum(np.diag(human_covariance), 0.0))
    covariance = (covariance + covariance.T) / 2.0
    if not (np.isfinite(estimate).all() and np.isfinite(covariance).all()):
        raise NonFinite(f"{estimator}: the estimate or its covariance is not finite; rescale the data.")
    se = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    lower, upper, p_value = interval or wald(estimate, se, level, alternative, df)
    effective = saved = None
    if human_se is not None:
        both_zero = (human_se == 0) & (se == 0)
        beyond = (
            1.0 / n_total if target == "corpus" else 0.0
        )  # the error of all T labels, which is not counted
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = (human_se / se) ** 2
            at_all = (
                n_labelled * ratio if not beyond else 1.0 / (beyond + (1.0 / n_labelled - beyond) / ratio)
            )
            effective = np.where(both_zero, n_labelled, at_all)
            saved = 1.0 - n_labelled / effective
        saved = np.where(effective == 0, -np.inf, saved)
    return Fit(
        estimator=estimator,
        family=family,
        terms=terms,
        estimate=estimate,
        covariance=covariance,
        se=se,
        lower=lower,
        upper=upper,
        p_value=p_value,
        level=level,
        alternative=alternative,
        df=df,
        n_labelled=n_labelled,
        n_total=n_total,
        j=None if j is None else j[0],
        j_df=None if j is None else j[1],
        j_p_value=None if j is None else j[2],
        r2=r2,
        effective_n=effective,
        labels_saved=saved,
        warnings=warnings,
        sources=sources,
        tuning=tuning,
        target=target,
    )
