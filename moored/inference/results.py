"""What a fit returns: a frozen record whose intervals and p-values always agree."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from moored.inference.data import Array
from moored.inference.joint import Adjustment, Joint, Region, adjust, joint_test
from moored.inference.laws import Alternative, Combinable, Law, Wald, wald
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
    estimator, family
        Names.
    terms
        Names of the p parameters.
    estimate
        (p,) theta-hat.
    covariance
        (p, p) of theta-hat itself, not scaled by T.
    se
        (p,) square roots of its diagonal.
    lower, upper
        (p,) interval at `level`; an open end of a one-sided interval is infinite.
    p_value
        (p,) of theta_j = 0 against `alternative`, from the same law as the interval.
    level
        Of the interval, in (0, 1).
    alternative
        "two-sided"; "larger" (lower bound only) or "smaller" (upper bound only).
    df
        Degrees of freedom of Student's t; None: the normal law.
    n_labelled, n_total
        N and T.
    j, j_df, j_p_value
        Hansen's test of the overidentifying moments, None where there are none.
    r2
        (p,) share of the human influence function that the sources explain among the labelled;
        None where the estimator makes no such use of them.
    effective_n
        (p,) n (se_human / se)^2; None for naive estimators, whose error is bias.
    labels_saved
        (p,) 1 - n / effective_n, a share of the labels; None as above.
    warnings
        What the reader must know.
    sources
        Names of the sources that were used.
    tuning
        What the estimator chose, such as PPI++'s lambda.
    target
        "population", the law that units are drawn from, or "corpus", what all T labels would have given.
    law
        Where the intervals come from; None: Wald's, with `df`.
    formula
        Over the human columns, where there was one.
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
        R
            Words, such as "x = age" or ["x = 0", "age = 0.5"]; or numbers (c, p); None: every term but the
            constant is zero. q : (c,) or one number, what R theta is held against; words say it themselves.
        """
        chosen = self._several(R, q)
        found = joint_test(
            self.estimate, self.covariance, chosen.matrix, chosen.null, self._df_along(chosen.matrix)
        )
        if len(chosen.matrix) > 1 or not isinstance(self.law, Combinable):
            return found
        p_value = float(self.law.along(chosen.matrix).p_value(chosen.null, "two-sided")[0])
        return replace(found, p_value=p_value, by_law=not math.isclose(p_value, found.p_value, rel_tol=1e-6))

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
