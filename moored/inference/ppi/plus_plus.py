"""PPI++ with tuned lambda, and its version with a proxy and a synthetic loss.

With h the model's score at the common parameter b, the estimate solves

    mean_L psi(b) - lambda (mean_L h(b) - mean_U h(b)) = 0

over labelled L and unlabelled U. lambda minimises the trace of the asymptotic variance, is clipped to
[0, 1] (Angelopoulos, Duchi and Zrnic 2023, "PPI++", proposition 2), and serves estimate, interval and p-value
alike; the variance is H^-1 [var_L(psi - lambda h) / n + lambda^2 var_U(h) / N] H^-1.

Conventions, those of ppi-python 0.2.3, whose point estimates these are: U is the unlabelled units alone;
lambda is tuned at the lambda = 1 estimate, with the variance of h pooled over L and U (denominator one less
than the count) and H taken over all units. For the mean and OLS, theta is
OLS_L(y) - lambda (OLS_L(yhat) - OLS_U(yhat)). Ours: where the model's covariates are not the human ones, H
is taken over the labelled units; variances divide by n, so that lambda = 0 is the human fit with HC0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moored.errors import DataInvalid, EstimationError
from moored.inference.baselines import human
from moored.inference.computed import Computed
from moored.inference.data import Array, Sample
from moored.inference.events import few_events
from moored.inference.failures import failure_warnings, observed_shares, one_sided
from moored.inference.families import family_of, spelled
from moored.inference.gmm.first_step import human_equation, solved
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.notes import with_notes
from moored.inference.ppi.variance import (
    Contrast,
    Mix,
    Scores,
    contrast,
    corpus_covariance,
    mixed_scores,
)
from moored.inference.results import Fit, Target
from moored.inference.solve.newton import inverse, solve_all
from moored.inference.solve.passes import Block, Passes, Stream, with_sources


def estimate_at(passes: Passes, lam: float, mix: Mix, human_estimate: Array) -> Array:
    """The PPI++ estimate (p,) at a given lambda."""
    if lam == 0:
        return human_estimate
    if passes.family.linear:
        return human_estimate - lam * _linear_gap(passes, mix)
    family, n, N = passes.family, *_sizes(passes)
    shares = observed_shares(passes)

    def sums(block: Block, b: Array) -> tuple[Array, Array]:
        score, J = block.human.sums(family, b, block.weight)
        w = np.zeros(block.size)
        w[block.labelled] = 1.0 if block.weight is None else block.weight
        for c, rows, (inside, outside) in zip(mix, block.sources, shares, strict=True):
            if c:
                contrast_weight = lam * (block.rest_weight * (n / N / outside) - w / inside)
                extra, slope = rows.sums(family, b, c * contrast_weight)
                score, J = score + extra, J + slope
        return score, J

    equation = human_equation(passes)
    equation.what, equation.sums, equation.guess = "PPI++", sums, human_estimate
    solve_all(passes, [equation])
    return solved(equation)


def _sizes(passes: Passes) -> tuple[float, float]:
    n = N = 0.0
    for block in passes:
        n += len(block.human.y) if block.weight is None else float(block.weight.sum())
        N += float(block.rest_weight.sum())
    return n, N


def _linear_gap(passes: Passes, mix: Mix) -> Array:
    """OLS_L(yhat) - OLS_U(yhat) of the mixed source."""
    k = len(passes.terms)
    A, r = np.zeros((2, k, k)), np.zeros((2, k))
    shares = observed_shares(passes)
    for block in passes:
        for c, share, whole, inside in zip(mix, shares, block.sources, block.overlap, strict=True):
            if c:
                for side, (rows, weight) in enumerate(((inside, block.weight), (whole, block.rest_weight))):
                    cross, score = rows.start(passes.family, weight)
                    A[side] += c / share[side] * cross
                    r[side] += c / share[side] * score
    what = "The model's data among the "
    labelled, rest = inverse(A[0], what + "labelled"), inverse(A[1], what + "unlabelled")
    return np.asarray(labelled @ r[0] - rest @ r[1])


@dataclass(frozen=True, slots=True)
class Prepared:
    """The data without the sources that cannot be used, the human-only fit, and what to say.

    `start` (p,) is the human-only estimate in the passes' frame; `kept` numbers the usable of the `given` sources.
    """

    passes: Passes
    base: Fit
    start: Array
    warnings: tuple[str, ...]
    kept: tuple[int, ...]
    given: int

    def over_all(self, mix: Mix) -> Mix:
        """Weights of the usable sources as weights of all."""
        weights = dict(zip(self.kept, mix, strict=True))
        return tuple(weights.get(m, 0.0) for m in range(self.given))


def prepared(data: Sample | Stream, family: str | Moments, name: str, target: Target) -> Prepared:
    """What a PPI method begins with; refuses what it cannot use."""
    passes = Passes(data, family_of(family), scaled=True)
    if not passes.names:
        raise DataInvalid(f"{name} needs a source that the sample does not have; add one or drop {name}.")
    if passes.counts.certain and passes.counts.labelled < passes.counts.total:
        raise DataInvalid(
            f"{name} compares labelled with unlabelled units, but some units were labelled with certainty; "
            "use 'gmm-synth' or 'gmm-proxy'."
        )
    base, unusable, given = human(data, family, target=target), one_sided(passes), len(passes.names)
    kept = tuple(m for m in range(given) if m not in unusable)
    warnings = (*base.warnings, *unusable.values(), *failure_warnings(passes, list(kept)))
    if unusable:
        names = {passes.names[m] for m in kept}
        passes = Passes(with_sources(data, lambda source: source.name in names), passes.family, scaled=True)
    return Prepared(passes, base, _start(passes, base), warnings, kept, given)


def _start(passes: Passes, base: Fit) -> Array:
    if not passes.moved:
        return base.estimate
    found = human_equation(passes)
    solve_all(passes, [found])
    return base.estimate if found.root is None else found.root


def settled(begun: Prepared, name: str, level: float, alternative: Alternative) -> Fit | None:
    """The fit, where no source can change it: too few events, every unit labelled, or no source left."""
    base = begun.base
    if (share := few_events(begun.passes)) is not None:
        return share.fit(begun.passes, name, level, alternative, base.target)
    if base.n_labelled == base.n_total:
        why = "every unit is labelled: the sources add nothing, this is the human-only fit"
    elif not begun.passes.names:
        why = "no source can be used: this is the human-only fit"
    else:
        return None
    return Computed(
        estimator=name,
        family=base.family,
        terms=base.terms,
        estimate=base.estimate,
        covariance=base.covariance,
        n_labelled=base.n_labelled,
        n_total=base.n_total,
        level=level,
        alternative=alternative,
        human_se=base.se,
        warnings=(*begun.warnings, why),
        target=base.target,
    ).fit()


@with_notes
def ppi_plus_plus(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    lam: float | None = None,
    mix: Mix | None = None,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    target: Target = "population",
    name: str = "ppi++",
    tuning: tuple[tuple[str, float], ...] = (),
) -> Fit:
    """PPI++ over the mixture sum_m c_m h_m of the sample's sources.

    Parameters
    ----------
    data, family, level, alternative, target : as in `gmm`.
    lam : a fixed lambda; None: tuned.
    mix : M weights c_m; None: equal, summing to one.
    tuning : further choices to report beside lambda.

    Raises
    ------
    DataInvalid : no source, or units labelled with certainty. Also the errors of `gmm`.
    """
    begun = prepared(data, family, name, target)
    if (fit := settled(begun, name, level, alternative)) is not None:
        return fit
    passes = begun.passes
    untuned: tuple[str, ...] = ()
    mix = (1.0 / len(passes.names),) * len(passes.names) if mix is None else tuple(mix[m] for m in begun.kept)
    if lam is None:
        lam, untuned = tuned(passes, mix, begun.start)
    theta = estimate_at(passes, lam, mix, begun.start)
    rows_of = mixed_scores(passes, theta, mix)
    found = contrast(passes, rows_of, theta, mix)
    return finished(
        begun,
        theta,
        found,
        lam,
        rows_of,
        name=name,
        level=level,
        alternative=alternative,
        warnings=untuned,
        tuning=(("lambda", lam), *tuning),
        sources=tuple(source for c, source in zip(mix, passes.names, strict=True) if c),
    )


def tuned(passes: Passes, mix: Mix, human_estimate: Array) -> tuple[float, tuple[str, ...]]:
    """lambda tuned at the lambda = 1 estimate, or at the human one (and a warning) where there is none."""
    warnings: tuple[str, ...] = ()
    try:
        at = estimate_at(passes, 1.0, mix, human_estimate)
    except EstimationError:
        at = human_estimate
        warnings = ("lambda was tuned at the human estimate: there is no estimate at lambda = 1",)
    return contrast(passes, mixed_scores(passes, at, mix), at, mix).best(), warnings


def finished(
    begun: Prepared,
    theta: Array,
    found: Contrast,
    lam: float,
    rows_of: Scores,
    *,
    name: str,
    level: float,
    alternative: Alternative,
    tuning: tuple[tuple[str, float], ...],
    sources: tuple[str, ...],
    warnings: tuple[str, ...] = (),
) -> Fit:
    """The result record of a PPI estimate; `warnings` stand behind those that it began with."""
    passes, base = begun.passes, begun.base
    covariance = found.variance(lam)
    if base.target == "corpus":
        covariance = corpus_covariance(passes, rows_of, theta, lam, found)
    return Computed(
        estimator=name,
        family=spelled(passes.family),
        terms=passes.terms,
        estimate=theta,
        covariance=covariance,
        frame=passes.frame,
        n_labelled=base.n_labelled,
        n_total=base.n_total,
        level=level,
        alternative=alternative,
        human_se=base.se,
        warnings=(*begun.warnings, *warnings),
        sources=sources,
        tuning=tuning,
        target=base.target,
    ).fit()
