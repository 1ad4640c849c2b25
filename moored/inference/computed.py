"""From what an estimator computed to the Fit that it returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moored.errors import DataInvalid, NonFinite
from moored.inference.data import Array
from moored.inference.laws import Alternative, Law, Wald
from moored.inference.results import Fit, Target
from moored.inference.solve.frame import Frame


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Computed:
    """What an estimator computed of p parameters. `fit` makes the record that its reader gets.

    `human_se` (p,), or `human_covariance` (p, p), gives the effective sample size; without either it is left out.
    `frame` maps estimate and covariances back to the data's columns. `law` makes the intervals where they are not
    Wald's; `interval` is its (lower, upper, p-value), (p,) each, where it is computed already.
    """

    estimator: str
    family: str
    terms: tuple[str, ...]
    estimate: Array
    covariance: Array
    n_labelled: int
    n_total: int
    level: float = 0.95
    alternative: Alternative = "two-sided"
    df: float | None = None
    human_se: Array | None = None
    human_covariance: Array | None = None
    frame: Frame | None = None
    r2: Array | None = None
    j: tuple[float, int, float] | None = None
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tuning: tuple[tuple[str, float], ...] = ()
    interval: tuple[Array, Array, Array] | None = None
    law: Law | None = None
    target: Target = "population"

    def fit(self) -> Fit:
        """The Fit. Raises NonFinite rather than let a NaN out; DataInvalid for a target that is none."""
        if self.target not in ("population", "corpus"):
            raise DataInvalid(f"The target is {self.target!r}; use 'population' or 'corpus'.")
        estimate, covariance = self._in_columns()
        se = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        lower, upper, p_value = self._interval(estimate, se)
        effective, saved = self._worth(se)
        j, j_df, j_p_value = (None, None, None) if self.j is None else self.j
        return Fit(
            estimator=self.estimator,
            family=self.family,
            terms=self.terms,
            estimate=estimate,
            covariance=covariance,
            se=se,
            lower=lower,
            upper=upper,
            p_value=p_value,
            level=self.level,
            alternative=self.alternative,
            df=self.df,
            n_labelled=self.n_labelled,
            n_total=self.n_total,
            j=j,
            j_df=j_df,
            j_p_value=j_p_value,
            r2=self.r2,
            effective_n=effective,
            labels_saved=saved,
            warnings=self.warnings,
            sources=self.sources,
            tuning=self.tuning,
            target=self.target,
            law=self.law,
        )

    def _in_columns(self) -> tuple[Array, Array]:
        """Estimate (p,) and covariance (p, p) in the data's own columns."""
        estimate, covariance = self.estimate, self.covariance
        if self.frame is not None:
            estimate, covariance = self.frame.point(estimate), self.frame.covariance(covariance)
        covariance = (covariance + covariance.T) / 2.0
        if not (np.isfinite(estimate).all() and np.isfinite(covariance).all()):
            raise NonFinite(
                f"{self.estimator}: the estimate or its covariance is not finite; rescale the data."
            )
        return estimate, covariance

    def _interval(self, estimate: Array, se: Array) -> tuple[Array, Array, Array]:
        if self.interval is not None:
            return self.interval
        law = Wald(estimate, se, self.df) if self.law is None else self.law
        ends = law.interval(self.level, self.alternative)
        return (*ends, law.p_value(np.zeros(len(self.terms)), self.alternative))

    def _worth(self, se: Array) -> tuple[Array | None, Array | None]:
        """Effective sample size and share of labels saved, (p,) each."""
        human = self._human_se()
        if human is None:
            return None, None
        n = self.n_labelled
        # For the corpus the error of all T labels is not counted.
        beyond = 1.0 / self.n_total if self.target == "corpus" else 0.0
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = (human / se) ** 2
            at_all = n * ratio if not beyond else 1.0 / (beyond + (1.0 / n - beyond) / ratio)
            effective = np.where((human == 0) & (se == 0), n, at_all)
            saved = 1.0 - n / effective
        return effective, np.where(effective == 0, -np.inf, saved)

    def _human_se(self) -> Array | None:
        covariance = self.human_covariance
        if covariance is None:
            return self.human_se
        if self.frame is not None:
            covariance = self.frame.covariance(covariance)
        return np.sqrt(np.maximum(np.diag(covariance), 0.0))
