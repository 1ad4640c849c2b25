"""`gmm`: the two-step estimate as a result record."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from moored.errors import DataInvalid, Unidentified
from moored.inference.computed import Computed
from moored.inference.data import Array, Sample
from moored.inference.events import few_events
from moored.inference.families import Quantile, family_of, spelled
from moored.inference.gmm.corpus import corpus_covariances
from moored.inference.gmm.first_step import FirstStep
from moored.inference.gmm.two_step import Omega, TwoStep, explained_share, two_step
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.notes import with_notes
from moored.inference.results import Fit, Target
from moored.inference.solve.passes import Passes, Stream
from moored.plaintext import counted

Correction = Literal["none", "lw"]


@with_notes
def gmm(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    first_step: FirstStep = "full",
    correction: Correction = "none",
    target: Target = "population",
    omega: Omega = "first",
    name: str = "gmm",
) -> Fit:
    """Two-step GMM over every source of the sample (docs/method.md section 3; Byun et al. 2025, section 4).

    Parameters
    ----------
    data
        A Sample, or for data larger than memory a function returning a fresh iterable of Sample chunks.
    family
        "mean", "ols", "logit", "poisson", or any `Moments`.
    level, alternative
        Of intervals and p-values, by the normal law.
    first_step
        "full" starts eta at the full-sample fits and does not depend on the covariates' units;
        "identity" is the paper's W = I to the letter, which does.
    correction
        "none", the published variance and the normal law; "lw" multiplies its residual part by
        n / (n - p - q) (1 + q / (n - q - 2)) for q auxiliary moments (Lavenberg and Welch 1981) and takes
        Student's t with n - p - q degrees of freedom. `gmm-small` is the better answer to few labels.
    target
        What the interval is for: "population", the law that the units are drawn from, or "corpus", the
        parameter that all T labels would have given.
    omega
        Where Omega is taken for the variance: "first", at the first step's estimate, as for the weights;
        "final", again at the final one, as some software has it. The estimate is the same.

    Returns
    -------
    Fit
        With Hansen's J, the score R2, the effective sample size, and a warning for each dropped source.

    Raises
    ------
    Unidentified, Singular, Separated, NotConverged, NonFinite, NoLabels, DataInvalid.

    Example
    -------
    With the sample of `Sample`:

    >>> fit = gmm(sample, "mean")
    >>> fit.terms, fit.j_df
    (('Intercept',), 1)
    """
    passes = Passes(data, family_of(family), scaled=first_step == "full")
    if (share := few_events(passes)) is not None:
        return share.fit(passes, name, level, alternative, target)
    found = two_step(passes, first_step, omega)
    if not passes.names:
        found = replace(found, warnings=("there is no source: this is the human-only fit",))
    return as_fit(found, passes, name, level, alternative, correction, target)


def _factor(found: TwoStep, correction: Correction) -> tuple[float, float | None]:
    """By what the residual part of the variance grows, and degrees of freedom; None for the normal law."""
    if correction == "none":
        return 1.0, None
    if correction != "lw":
        raise DataInvalid(f"The correction is {correction!r}; use 'none' or 'lw'.")
    n, p, q = found.n, len(found.theta), found.j_df or 0
    df = n - p - q
    if df < 1 or n - q - 2 < 1:
        raise Unidentified(
            f"{counted(n, 'labelled unit leaves', 'labelled units leave')} no degrees of freedom for "
            f"{counted(p + q, 'moment')}; label more, or use fewer "
            "sources.",
            n=n,
            p=p,
            q=q,
        )
    return n / df * (1.0 + q / (n - q - 2)), float(df)


def _covariances(
    found: TwoStep, passes: Passes, correction: Correction, target: Target
) -> tuple[Array, Array, float | None]:
    """Of the estimate and of the human-only one (p, p), and degrees of freedom."""
    factor, df = _factor(found, correction)
    if target == "corpus":
        mine, human = corpus_covariances(passes, found)
        return factor * mine, human, df
    if factor == 1.0:
        return found.covariance, found.human_covariance, df
    return found.covariance + (factor - 1.0) * found.residual, found.human_covariance, df


def _known(warnings: tuple[str, ...], found: TwoStep, target: Target) -> tuple[str, ...]:
    if target == "population" or found.n < found.T:
        return warnings
    return (*warnings, "every unit is labelled: this is the corpus's own value, and no draw changes it")


def _at_a_label(found: TwoStep, passes: Passes) -> tuple[Array, tuple[str, ...]]:
    """A step function's root (1,) without the bisection's rounding, and what is said where labels tie there."""
    if not isinstance(passes.family, Quantile):
        return found.theta, found.warnings
    y = np.concatenate([block.human.y for block in passes])
    theta = y[[int(np.argmin(np.abs(y - found.theta[0])))]]
    tied, tau = int((y == theta[0]).sum()), passes.family.tau
    if tied < 2 or tied / len(y) < np.sqrt(tau * (1.0 - tau) / len(y)):
        return theta, found.warnings
    tie = (
        f"{tied} of {len(y)} labels are {theta[0]:g}: a quantile's standard error supposes labels that differ, "
        "and this interval says nothing; read 'gmm-small', whose ends are labels"
    )
    return theta, (*found.warnings, tie)


def as_fit(
    found: TwoStep,
    passes: Passes,
    name: str,
    level: float,
    alternative: Alternative,
    correction: Correction = "none",
    target: Target = "population",
) -> Fit:
    """The result record of a two-step estimate."""
    from scipy.special import chdtrc

    covariance, human_covariance, df = _covariances(found, passes, correction, target)
    theta, warnings = (found.theta, found.warnings) if passes.family.smooth else _at_a_label(found, passes)
    frame, j = passes.frame, None
    if found.j is not None and found.j_df is not None:
        j = (found.j, found.j_df, float(chdtrc(found.j_df, found.j)))
    return Computed(
        estimator=name,
        family=spelled(passes.family),
        terms=passes.terms,
        estimate=theta,
        covariance=covariance,
        df=df,
        n_labelled=found.n,
        n_total=found.T,
        level=level,
        alternative=alternative,
        human_covariance=human_covariance,
        frame=frame,
        r2=explained_share(frame.covariance(found.explained), frame.covariance(found.human_covariance)),
        j=j,
        warnings=_known(warnings, found, target),
        sources=found.sources,
        target=target,
    ).fit()
