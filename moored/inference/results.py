"""What a fit returns: a frozen record whose intervals and p-values always agree."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from moored.errors import DataInvalid, NonFinite
from moored.inference.data import Array
from moored.inference.joint import Adjustment, Joint, Region, adjust, joint_test
from moored.inference.laws import Alternative, Combinable, Law, Wald, wald
from moored.inference.solve.frame import Frame
from moored.reader.combinations import Combinations, combinations_of
from moored.reader.frames import ROW
from moored.reader.levels import stated_level
from moored.reader.readable import Readable

Target = Literal["population", "corpus"]
TURNED: dict[Alternative, Alternative] = {"larger": "smaller", "smaller": "larger", "two-sided": "two-sided"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fit(Readable):
    """One estimator's answer for p parameters. What it offers its reader is in `moored.reader.readable`.

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
    law : where the intervals come from; None: Wald's, with `df`.
    formula : over the human columns, where there was one.
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
    law: Law | None = None
    formula: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """One dict per term, its keys estimator, term, estimate, se, lower, upper, p_value, effective_n,
        labels_saved, r2.

        Numbers are finite or None.
        """
        table = []
        for index, term in enumerate(self.terms):
            row: dict[str, Any] = {"estimator": self.estimator, "term": term}
            for name in ROW:
                values = getattr(self, name)
                row[name] = None if values is None else _finite_or_none(values[index])
            table.append(row)
        return table

    def record(self) -> dict[str, Any]:
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

    def wald_test(self, R: Any = None, q: Any = None) -> Joint:
        """Joint test of combinations of terms: see `joint.joint_test`.

        Parameters
        ----------
        R : words, such as "x = age" or ["x = 0", "age = 0.5"]; or numbers (c, p); None: every term but the
            constant is zero. q : (c,) or one number, what R theta is held against; words say it themselves.
        """
        chosen = self._several(R, q)
        found = joint_test(
            self.estimate, self.covariance, chosen.matrix, chosen.null, self._df_along(chosen.matrix)
        )
        if len(chosen.matrix) > 1 or not isinstance(self.law, Combinable):
            return found
        p_value = self.law.along(chosen.matrix).p_value(chosen.null, "two-sided")
        return replace(found, p_value=float(p_value[0]))

    def confidence_region(self, R: Any = None, level: float | None = None) -> Region:
        """The combinations of terms (`R` as in `wald_test`) that `wald_test` does not reject: an ellipsoid."""
        chosen = self._several(R, None)
        V = chosen.matrix @ self.covariance @ chosen.matrix.T
        df = self._df_along(chosen.matrix)
        stated = self.level if level is None else stated_level(level)
        return Region(chosen.labels, chosen.matrix @ self.estimate, V, df, stated)

    def adjusted(self, method: Adjustment = "holm") -> Array:
        """p-values (p,) for reading all terms: see `joint.adjust`."""
        return adjust(self.p_value, method)

    def simultaneous(self) -> tuple[Array, Array]:
        """Interval ends (p,) that hold for all terms at once, at the fit's level (Bonferroni)."""
        level = 1.0 - (1.0 - self.level) / len(self.terms)
        if len(self.terms) == 1:
            return self.lower, self.upper
        return self.ends(level)

    def ends(self, level: float) -> tuple[Array, Array]:
        """Interval ends (p,) at another level than the fit's, from the same law."""
        return self._law().interval(level, self.alternative)

    def combined(self, combinations: Combinations, level: float) -> dict[str, Array]:
        """estimate, se, lower, upper, p_value, (c,) each, by the law that the fit's own rows have.

        Wald's where that law knows single terms only, which then keep it.
        """
        rows, null = combinations.matrix, combinations.null
        estimate = rows @ self.estimate
        se = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, self.covariance, rows), 0.0))
        if isinstance(self.law, Combinable):
            law = self.law.along(rows)
            lower, upper = law.interval(level, self.alternative)
            p_value = law.p_value(null, self.alternative)
        else:
            lower, upper, _ = wald(estimate, se, level, self.alternative, self.df)
            p_value = wald(estimate - null, se, level, self.alternative, self.df)[2]
        for k in np.flatnonzero(np.count_nonzero(rows, axis=1) == 1) if self.law is not None else ():
            lower[k], upper[k], p_value[k] = self._single(rows[k], float(null[k]), level)
        return {"estimate": estimate, "se": se, "lower": lower, "upper": upper, "p_value": p_value}

    def _single(self, row: Array, null: float, level: float) -> tuple[float, float, float]:
        """Interval and p-value of weight * theta_j, whose law is the term's own turned round if weight < 0."""
        (j,) = np.flatnonzero(row)
        weight, law = float(row[j]), self._law()
        turned = TURNED[self.alternative] if weight < 0 else self.alternative
        lower, upper = law.interval(level, turned)
        ends = sorted((weight * float(lower[j]), weight * float(upper[j])))
        return ends[0], ends[1], float(law.p_value(np.full(len(row), null / weight), turned)[j])

    def _df_along(self, L: Array) -> float | None:
        """Of a joint statistic of L theta: the least of its rows' degrees of freedom; None: chi-squared."""
        if not isinstance(self.law, Combinable):
            return self.df
        least = float(self.law.along(L).df.min())
        return least if math.isfinite(least) else None

    def _law(self) -> Law:
        return Wald(self.estimate, self.se, self.df) if self.law is None else self.law

    def _several(self, R: Any, q: Any) -> Combinations:
        if R is None:
            free = [j for j, term in enumerate(self.terms) if term.rpartition(":")[2] != "Intercept"]
            R = np.eye(len(self.terms))[free or [0]]
        return combinations_of(R, self.terms, q)


def _finite_or_none(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


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
    law: Law | None = None,
    target: Target = "population",
) -> Fit:
    """A Fit from an estimate (p,) and its covariance (p, p).

    `human_se` (p,), or `human_covariance` (p, p), gives the effective sample size; without either it is left out.
    `frame` maps estimate and covariances back to the data's columns. `law` makes the intervals where they are not
    Wald's; `interval` is its (lower, upper, p-value), (p,) each, where it is computed already. Raises NonFinite
    rather than let a NaN out.
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
    if interval is None:
        own = Wald(estimate, se, df) if law is None else law
        interval = (*own.interval(level, alternative), own.p_value(np.zeros(len(terms)), alternative))
    lower, upper, p_value = interval
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
        law=law,
    )
