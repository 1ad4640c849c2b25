"""`gmm-small`: the same moments as `gmm`, for samples in which n is not large beside the number of moments.

    theta  =  theta_L  -  sum_m a_m (gamma_m,L - gamma_m,all)                 (the form of Chen and Chen 2000)

theta_L is the human fit on the labelled units, gamma_m,all source m's own fit on all units, and gamma_m,L
one Newton step from there on the labelled units. Both source fits have the same limit however bad the
model is, so theta is consistent for every a. What is different from the two-step GMM:

- **One coefficient a source, for all p parameters**: M numbers instead of M p^2. They come from the
  regression of the human influence functions on the sources', in the metric of the human information
  matrix, so that theta(XA) = A^-1 theta(X) holds exactly.
- **Ridge**, with the penalty of least generalised cross-validation (Craven and Wahba 1979), each coefficient
  priced at 1.4 (Kim and Gu 2004; the customary gamma), the row and not the number being the unit. The grid
  ends at infinity, which is theta_L: useless sources are switched off.
- **Delete-one jackknife** (Tukey 1958) over the labelled units, or clusters, of the whole procedure: the
  human fit and the source fits by their exact (OLS) or one-step deletion, the coefficients and the penalty
  anew. The groups without a labelled unit add the variance of gamma_m,all.
- **Student's t** with n - p - (effective coefficients) degrees of freedom for mean, OLS and Poisson; for
  logit the normal law, since with a bounded outcome the jackknife already errs on the wide side.

What was tried and lost (figures in docs/small-samples.md): least squares without shrinkage; shrinkage by
max(0, 1 - 1/F); one coefficient a parameter; pooling the sources into one; AICc and marginal likelihood for
the penalty; prices 1 and 3; counting every number of a row as an observation; the sources' Hessian over all
units instead of the labelled; Jeffreys' (Firth's) prior for logit; full labelled refits of logit sources;
influence functions at the final estimate; leave-one-out (PRESS) residuals instead of the jackknife.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moored.errors import DataInvalid
from moored.inference.data import Array, Sample
from moored.inference.events import few_events, flat_terms, refuse_exact
from moored.inference.families import Logit, family_of
from moored.inference.gmm.first_step import first_step
from moored.inference.gmm.two_step import explained_share
from moored.inference.moments import Moments
from moored.inference.notes import with_notes
from moored.inference.results import Alternative, Fit, Target, make_fit
from moored.inference.small.deletions import (
    Auxiliary,
    Groups,
    Part,
    curvature,
    groups_of,
    human_part,
    source_part,
)
from moored.inference.solve.newton import inverse
from moored.inference.solve.passes import Block, Passes, Stream

PRICE = 1.4  # of one coefficient in generalised cross-validation
PENALTIES: Array = np.append(np.logspace(-3, 2, 16), np.inf)  # on sources of unit variance
MOST = 0.5  # at most this share of the rows' degrees of freedom goes into coefficients
SAME = 1e-9  # sources whose influence functions correlate by 1 less this are one source
FEW = 20


@with_notes
def gmm_small(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    target: Target = "population",
    name: str = "gmm-small",
    **_: Any,
) -> Fit:
    """Control variates with one shrunken coefficient a source, and jackknife intervals; see the module.

    Parameters
    ----------
    data : a Sample in memory. Labelling probabilities (or strata with unequal rates) weight the labelled
        units; with clusters the jackknife deletes clusters; strata do not narrow the interval.
    family : "mean", "ols", "logit" or "poisson".
    level, alternative : of intervals and p-values.
    target : as in `gmm`. For the corpus, what the sources say of all units does not vary, and the jackknife's
        squares are multiplied by 1 - n / T (1 - pi_t where probabilities are known).

    Returns
    -------
    Fit; `tuning` holds the penalty ("ridge", infinite when the sources are switched off), "coefficients"
    (their effective number) and each source's coefficient. With no source: the human estimate with the
    jackknife's interval.

    Raises
    ------
    DataInvalid : a stream, or a family without a per-unit information matrix; use `gmm` for those.
    Unidentified : too few labelled units (clusters), or one without which the parameters are not identified.
    Separated, Singular, NotConverged, NonFinite, NoLabels : as `gmm`.
    """
    chosen = family_of(family)
    if not isinstance(data, Sample):
        raise DataInvalid("gmm-small needs the sample in memory; use gmm-synth for a stream.")
    curvature(chosen, np.zeros(1))  # refuses a family without one
    passes = Passes(data, chosen, scaled=True)
    if (share := few_events(passes)) is not None:
        return share.fit(passes, name, level, alternative, target)
    theta, etas, warnings = first_step(passes, "full")
    block = next(iter(passes))
    groups = groups_of(block)
    human, H = human_part(block, chosen, theta, groups, passes.terms)
    S = H @ human.influence.T @ human.influence @ H
    refuse_exact(passes, S, H)
    warnings += flat_terms(passes.terms, S, inverse(H, "The human labels"))
    found = []
    for m, eta in etas.items():
        part = source_part(block, chosen, m, eta, groups, passes.names[m])
        warnings += [part] if isinstance(part, str) else []
        found += [] if isinstance(part, str) else [part]
    sources, repeats = _distinct(found, H)
    missed = missed_shares(passes, block, groups) if target == "corpus" else None
    solution = _combine(theta, human, H, sources, missed)
    df = None if isinstance(chosen, Logit) else max(groups.labelled - len(theta) - solution.spent, 1.0)
    return make_fit(
        estimator=name,
        family=chosen.name,
        terms=passes.terms,
        estimate=solution.theta,
        covariance=solution.covariance,
        n_labelled=passes.counts.labelled,
        n_total=passes.counts.total,
        level=level,
        alternative=alternative,
        df=df,
        human_covariance=_spread(human.without, missed),
        frame=passes.frame,
        r2=explained_share(*(passes.frame.covariance(V) for V in (solution.explained, solution.whole))),
        warnings=(*warnings, *repeats, *_cautions(groups, passes)),
        sources=tuple(source.name for source in sources),
        tuning=solution.tuning(sources),
        target=target,
    )


def _distinct(found: list[Auxiliary], H: Array) -> tuple[list[Auxiliary], list[str]]:
    """The sources without those whose influence function is a multiple of an earlier one's."""
    kept: list[Auxiliary] = []
    warnings = []
    for source in found:
        z = source.labelled.influence
        size = float(np.einsum("gi,ij,gj->", z, H, z))
        twin = None
        for other in kept:
            o = other.labelled.influence
            cross = float(np.einsum("gi,ij,gj->", z, H, o))
            if cross**2 >= (1.0 - SAME) * size * float(np.einsum("gi,ij,gj->", o, H, o)):
                twin = other.name
                break
        if size <= 0.0:
            warnings.append(f"source {source.name!r} dropped: it leaves no residual among the labelled units")
        elif twin is not None:
            warnings.append(f"source {source.name!r} dropped: it repeats {twin!r}")
        else:
            kept.append(source)
    return kept, warnings


# Coefficients and the jackknife ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Solution:
    """theta (p,), covariance (p, p), coefficients (M,), penalty, their effective number.

    `whole` (p, p) sums the outer products of the human influence functions; the sources explain `explained` of it.
    """

    theta: Array
    covariance: Array
    coefficients: Array
    penalty: float
    spent: float
    explained: Array
    whole: Array

    def tuning(self, sources: list[Auxiliary]) -> tuple[tuple[str, float], ...]:
        """For the result record."""
        named = [(source.name, float(a)) for source, a in zip(sources, self.coefficients, strict=True)]
        return (("ridge", self.penalty), ("coefficients", self.spent), *named)


def missed_shares(passes: Passes, block: Block, groups: Groups) -> Array:
    """(G,) of each labelled group, 1 less its probability of being labelled: what the corpus as target leaves."""
    counts = passes.counts
    overall = counts.mean_probability or counts.labelled / counts.total
    weight = np.ones(counts.labelled) if block.weight is None else block.weight
    rows = np.column_stack([np.maximum(1.0 - overall / weight, 0.0), np.ones(counts.labelled)])
    sums = groups.sum(rows, block.labelled)[: groups.labelled]
    return np.asarray(sums[:, 0] / sums[:, 1])


def _combine(
    theta: Array, human: Part, H: Array, sources: list[Auxiliary], missed: Array | None = None
) -> Solution:
    p, M = len(theta), len(sources)
    if M == 0:
        nothing = np.zeros((p, p))
        return Solution(theta, _spread(human.without, missed), np.zeros(0), np.inf, 0.0, nothing, nothing)
    u = human.influence
    Z = np.stack([source.labelled.influence for source in sources], axis=1)  # (G, M, p)
    gaps = np.stack([source.gap for source in sources])
    a, penalty, spent, a_without = _coefficients(u, Z, H)
    known = 1.0 if missed is None else 0.0  # the corpus's own gamma_all is what it is
    moved = np.stack(
        [s.gap + s.labelled.without - known * s.without_all for s in sources], axis=1
    )  # (G, M, p)
    without = human.without - np.einsum("gm,gmp->gp", a_without, moved)
    rest = np.einsum("m,mgp->gp", a, np.stack([source.rest for source in sources]))
    left = u - np.einsum("m,gmp->gp", a, Z)
    whole = u.T @ u
    covariance = _spread(without, missed) + known * rest.T @ rest
    return Solution(theta - a @ gaps, covariance, a, penalty, spent, whole - left.T @ left, whole)


def _spread(without: Array, missed: Array | None = None) -> Array:
    """Tukey's jackknife: (G - 1) / G times the sum of squares about the mean (p, p), each times `missed` (G,)."""
    centred = without - without.mean(axis=0)
    centred = centred if missed is None else centred * np.sqrt(missed)[:, None]
    return np.asarray((len(without) - 1) / len(without) * centred.T @ centred)


def _coefficients(u: Array, Z: Array, H: Array) -> tuple[Array, float, float, Array]:
    """Ridge coefficients (M,), penalty, effective number, and the coefficients without each group (G, M).

    Minimises over a  sum_g |u_g - sum_m a_m z_mg|_H^2 + penalty, the sources scaled to unit size first.
    """
    G, _, p = Z.shape
    root = np.linalg.cholesky(H)
    u, Z = u @ root, Z @ root
    cross = np.einsum("gmp,gkp->gmk", Z, Z)
    against = np.einsum("gmp,gp->gm", Z, u)
    size = (u**2).sum(axis=1)
    scale = 1.0 / np.sqrt(np.einsum("gmm->m", cross))
    cross, against = cross * np.outer(scale, scale), against * scale
    a, penalty, spent = ridge(cross.sum(0)[None], against.sum(0)[None], size.sum()[None], G, p)
    share = G / (G - 1)
    without, _, _ = ridge(
        (cross.sum(0) - cross) * share,
        (against.sum(0) - against) * share,
        np.maximum(size.sum() - size, 0.0) * share,
        G - 1,
        p,
    )
    return a[0] * scale, float(penalty[0]), float(spent[0]), without * scale


def ridge(S: Array, c: Array, v: Array, n: int, p: int) -> tuple[Array, Array, Array]:
    """K ridge regressions, each at the penalty of least generalised cross-validation over PENALTIES.

    Parameters
    ----------
    S : (K, M, M) cross-products of the sources, near unit diagonal; c : (K, M) with the response; v : (K,)
        the response's own sum of squares.
    n : rows; p : degrees of freedom already spent on the response.

    Returns
    -------
    coefficients (K, M), penalties (K,), effective numbers of coefficients (K,).
    """
    w, V = np.linalg.eigh(S)
    w = np.maximum(w, 0.0)[:, None, :]
    q = np.einsum("kij,ki->kj", V, c)
    inverse = 1.0 / (w + PENALTIES[:, None])  # (K, penalties, M)
    fitted = (q**2)[:, None, :] * inverse
    left = np.maximum(v[:, None] - 2.0 * fitted.sum(2) + (fitted * w * inverse).sum(2), 0.0)
    spent = (w * inverse).sum(2)
    used = (p + PRICE * spent) / n
    score = np.where((used > MOST) & (spent > 0), np.inf, left / np.maximum(1.0 - used, 1.0 / n) ** 2)
    best = score.argmin(axis=1)
    at = np.arange(len(best))
    a = np.einsum("kij,kj->ki", V, q * inverse[at, best])
    return a, PENALTIES[best], spent[at, best]


# What to tell the reader -----------------------------------------------------------------------------


def _cautions(groups: Groups, passes: Passes) -> tuple[str, ...]:
    what = "labelled clusters" if groups.clustered else "labelled units"
    out = []
    if groups.labelled < FEW:
        out.append(f"{groups.labelled} {what}: below {FEW} no interval here has been checked")
    if passes.stratified:
        out.append("gmm-small does not use the strata in its standard error, which is then on the wide side")
    return tuple(out)
