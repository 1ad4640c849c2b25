"""`gmm-small`: the same moments as the two-step GMM, weighed by what few labels can tell. The headline at every n.

    theta  =  theta_L  -  sum_m A_m' (gamma_m,L - gamma_m,all)                (the form of Chen and Chen 2000)

theta_L is the fit of the labelled units, gamma_m,L source m's on the same units, gamma_m,all on all units; each
by Firth's method where the family is logit or Poisson. Both fits of a source have the same limit however bad the
model is, so theta is consistent for every A. What differs from the two-step GMM:

- **The weights A** (`coefficients`): one coefficient per source, then a matrix of all cross-moments, both by ridge
  with a cross-validated penalty that may be infinite, then only as far as it pays in each direction of the
  parameters. With many labels the penalties vanish, and A tends to the two-step GMM's weights.
- **A floor**: a source's second moment among the labelled is at least half of what all units imply. Below, a
  coefficient would be more than twice the best one, and do harm.
- **Delete-one jackknife** (Tukey 1958) over the labelled units, or clusters, of the whole procedure at its
  penalties; the groups without a labelled unit add the variance of gamma_m,all (`deletions`).
- **Student's t** with Bell and McCaffrey's (2002) degrees of freedom for each parameter, fewer where a parameter
  rests on few units; for logit the normal law with a variance of at least the model's own (`solution`).
- **Skewed estimates**, of linear families, reach further on the side of their long tail (`intervals`).

What was tried and lost is in docs/small-samples.md, with figures.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from moored.errors import DataInvalid, Separated, Unidentified
from moored.inference.computed import Computed
from moored.inference.data import Array, Sample
from moored.inference.events import FEW_EVENTS, alike_terms, few_events, refuse_exact
from moored.inference.families import Linear, Quantile, family_of
from moored.inference.gmm.first_step import first_fits, solved
from moored.inference.gmm.two_step import explained_share
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.notes import with_notes
from moored.inference.results import Fit, Target
from moored.inference.small.bias_reduced import Rows, refuse_unknown
from moored.inference.small.coefficients import FLOOR, Evidence, Weighed, repeats, weigh
from moored.inference.small.deletions import Auxiliary, Fitted, Groups, auxiliary, fitted, grouped
from moored.inference.small.law import Combined
from moored.inference.small.quantile import quantile
from moored.inference.small.solution import Solution, conclude, events
from moored.inference.solve.newton import dependent_column
from moored.inference.solve.passes import Block, Passes, Stream
from moored.inference.solve.passes import Rows as Units
from moored.plaintext import counted

SAME = 1e-9  # sources whose influence functions correlate by 1 less this are one source
NOTHING = 1e-18  # share of a source's squared scores below which it has no residual
FEW = 20
LEAST_EVENTS = 2
"""Labels of the rarer answer from which on a share uses its sources; with weights or clusters FEW_EVENTS."""
SEPARATED = (
    "the covariates separate the labels, so that the human-only fit has no finite estimate: this is the "
    "bias-reduced one (Firth 1993), pulled towards zero; label more units before you trust its size"
)


@with_notes
def gmm_small(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    target: Target = "population",
    name: str = "gmm-small",
    least_events: int = LEAST_EVENTS,
    **_: Any,
) -> Fit:
    """Shrunken control variates with jackknife intervals; see the module.

    Parameters
    ----------
    data
        A Sample in memory. Labelling probabilities (or strata with unequal rates) weight the labelled
        units; with clusters the jackknife deletes clusters; strata do not narrow the interval.
    family
        "mean", "ols", "logit", "poisson" or "quantile:TAU".
    level, alternative : of intervals and p-values.
    least_events
        Labels of the rarer answer from which on a mean of two answers uses its sources.
    target
        As in `gmm`. For the corpus, what the sources say of all units does not vary, and the jackknife's
        squares are multiplied by 1 - n / T (1 - pi_t where probabilities are known).

    Returns
    -------
    Fit
        `df` is the least of the terms' degrees of freedom. `tuning` holds the penalties ("ridge" of the
        sources' coefficients, "matrix" of the cross-moments; infinite where not used), "coefficients"
        (their effective number) and each source's coefficient. Without sources: the human estimate.

    Raises
    ------
    DataInvalid
        A stream, or a family without a per-unit information matrix; use `gmm` for those.
    Unidentified
        Too few labelled units (clusters). Others as `gmm`.

    Example
    -------
    With the sample of `Sample`:

    >>> fit = gmm_small(sample, "mean")
    >>> bool(fit.effective_n[0] > 100)
    True
    """
    chosen = family_of(family)
    if not isinstance(data, Sample):
        raise DataInvalid("gmm-small needs the sample in memory; use gmm-synth for a stream.")
    if isinstance(chosen, Quantile):
        return quantile(data, chosen, gmm_small, name, level, alternative, target)
    refuse_unknown(chosen)
    passes = Passes(data, chosen, scaled=True)
    designed = passes.clustered or passes.stratified or passes.counts.mean_probability is not None
    if (share := few_events(passes, FEW_EVENTS if designed else least_events)) is not None:
        return share.fit(passes, name, level, alternative, target)
    equation, etas, warnings = first_fits(passes)
    theta = None if isinstance(equation.failure, Separated) else solved(equation)
    warnings += [SEPARATED] if theta is None else []
    (block,) = passes
    groups, rows = groups_of(block), labelled_rows(block.human, block.weight)
    human = _human(passes, rows, groups, theta)
    scores = human.influence[0] @ human.H[0]
    S = scores.T @ scores
    refuse_exact(passes, S, human.H[0])
    warnings += alike_terms(passes, S, human.P[0]).warnings() if isinstance(chosen, Linear) else []
    names, sources, dropped = _sources(passes, block, groups, etas)
    missed = missed_shares(passes, block, groups) if target == "corpus" else None
    evidence, used, more = _evidence(rows, human, names, sources, groups)
    weighed = None if evidence is None else weigh(evidence if missed is None else evidence.of_corpus())
    answer = conclude(chosen, rows, human, weighed, groups, missed)
    law = Combined(answer, passes.frame, np.eye(len(passes.terms)))
    df = law.df
    whole, left = human.influence[0] @ passes.frame.back.T, answer.left[0] @ passes.frame.back.T
    return Computed(
        estimator=name,
        family=chosen.name,
        terms=passes.terms,
        estimate=answer.estimate[0],
        covariance=(answer.inside + answer.outside)[0],
        frame=passes.frame,
        law=law,
        n_labelled=passes.counts.labelled,
        n_total=passes.counts.total,
        level=level,
        alternative=alternative,
        df=float(df.min()) if np.isfinite(df).all() else None,
        human_covariance=answer.alone[0],
        r2=explained_share(whole.T @ whole - left.T @ left, whole.T @ whole),
        warnings=(*warnings, *dropped, *more, *_cautions(passes, answer)),
        sources=used,
        tuning=_tuning(used, weighed),
        target=target,
    ).fit()


def labelled_rows(units: Units, weight: Array | None) -> Rows:
    """One draw's units with the design's weights, 0 where a generation failed."""
    w = np.ones(len(units.y)) if weight is None else weight
    return Rows(units.y[None], units.X[None], (w if units.seen is None else w * units.seen)[None])


def groups_of(block: Block) -> Groups | None:
    """The block's clusters, those with a labelled unit first."""
    if block.cluster is None:
        return None
    codes = np.unique(block.cluster, return_inverse=True)[1]
    touched = np.zeros(int(codes.max()) + 1, dtype=bool)
    touched[codes[block.labelled]] = True
    number = np.empty(len(touched), dtype=np.intp)
    number[np.argsort(~touched, kind="stable")] = np.arange(len(touched))
    return Groups(number[codes[block.labelled]], number[codes[~block.labelled]])


def missed_shares(passes: Passes, block: Block, groups: Groups | None) -> Array:
    """(1, G) of each labelled group, 1 less its probability of being labelled: what the corpus as target leaves."""
    counts = passes.counts
    overall = counts.mean_probability or counts.labelled / counts.total
    weight = np.ones(counts.labelled) if block.weight is None else block.weight
    missed = np.maximum(1.0 - overall / weight, 0.0)[None]
    if groups is None:
        return missed
    sizes = grouped(np.ones_like(missed), groups.inside, groups.labelled)
    return grouped(missed, groups.inside, groups.labelled) / sizes


def _human(passes: Passes, rows: Rows, groups: Groups | None, theta: Array | None) -> Fitted:
    """The labelled units' fit. Raises Unidentified where a deletion has no root."""
    G, p = rows.y.shape[1] if groups is None else groups.labelled, len(passes.terms)
    what = counted(G, "labelled unit" if groups is None else "labelled cluster")
    if p + 2 > G:
        few = f"{what} leave no degrees of freedom for {counted(p, 'parameter')}; label more."
        raise Unidentified(few, n=G, p=p)
    human = fitted(passes.family, rows, groups, None if theta is None else theta[None])
    if human.alone[0] or not human.fine[0]:
        raise Unidentified(
            f"Without one of the {what} the parameters {', '.join(passes.terms)} are not identified, so the "
            "jackknife has no answer; drop or merge the term that only it informs, or label more like it.",
            n=G,
            p=p,
        )
    return human


def _sources(
    passes: Passes, block: Block, groups: Groups | None, etas: dict[int, Array]
) -> tuple[list[str], list[Auxiliary], list[str]]:
    """Names and fits of the usable sources, and warnings on the others."""
    names, sources, warnings = [], [], []
    for m, eta in etas.items():
        found = _source(passes, block, groups, m, eta)
        if isinstance(found, str):
            warnings.append(f"source {passes.names[m]!r} dropped: {found}")
        else:
            names.append(passes.names[m])
            sources.append(found)
    return names, sources, warnings


def _source(passes: Passes, block: Block, groups: Groups | None, m: int, eta: Array) -> Auxiliary | str:
    """A source made ready, or why it is dropped."""
    family, every = passes.family, block.sources[m]
    psi = every.psi(family, eta)
    seen = np.ones(len(psi)) if every.seen is None else every.seen
    if float((psi**2).sum()) <= NOTHING * float(((every.X * (every.y * seen)[:, None]) ** 2).sum()):
        return "it leaves no residual"
    labelled = labelled_rows(block.overlap[m], block.weight)
    weighted = labelled.X[0] * labelled.w[0][:, None]
    if dependent_column(weighted.T @ labelled.X[0]) is not None:
        return "its covariates are collinear among the labelled units"
    inside, outside = labelled_rows(block.overlap[m], None), labelled_rows(every.take(~block.labelled), None)
    found = auxiliary(family, labelled, inside, outside, groups, eta[None], block.design_by_side)
    if found.alone[0]:
        return "its covariates rest on a single labelled unit"
    return found if found.fine[0] else "its fit among the labelled units did not converge"


def _evidence(
    rows: Rows, human: Fitted, names: list[str], sources: list[Auxiliary], groups: Groups | None
) -> tuple[Evidence | None, tuple[str, ...], list[str]]:
    """What the sources say, which they are, and warnings: on repeated ones, and where the floor binds."""
    live = [bool((source.labelled.influence**2).sum() > 0) for source in sources]
    silent = [name for name, alive in zip(names, live, strict=True) if not alive]
    warnings = [f"source {name!r} dropped: it leaves no residual among the labelled units" for name in silent]
    names = [name for name, alive in zip(names, live, strict=True) if alive]
    sources = [source for source, alive in zip(sources, live, strict=True) if alive]
    if not sources:
        return None, (), warnings
    again, first = (found[0] for found in repeats(Evidence.of(rows, human, sources, groups), SAME))
    pairs = ((names[m], names[first[m]]) for m in np.flatnonzero(again))
    warnings += [f"source {name!r} dropped: it repeats {other!r}" for name, other in pairs]
    kept = np.flatnonzero(~again).tolist()
    evidence = Evidence.of(rows, human, [sources[m] for m in kept], groups)
    chosen = tuple(names[m] for m in kept)
    shares = zip(chosen, evidence.share[0], strict=True)
    warnings += [_held(name, share) for name, share in shares if share < FLOOR]
    return evidence, chosen, warnings


def _held(name: str, share: float) -> str:
    return (
        f"source {name!r} varies among the labelled units only {share:.2g} times as much as among all (outliers, "
        "or answers that no labelled unit has): its coefficient is held down, and all units' spread is in the "
        "interval; look at its most extreme answers"
    )


def _tuning(names: tuple[str, ...], weighed: Weighed | None) -> tuple[tuple[str, float], ...]:
    if weighed is None:
        return (("ridge", np.inf), ("matrix", np.inf), ("coefficients", 0.0))
    own = (
        ("ridge", weighed.penalty),
        ("matrix", weighed.matrix_penalty),
        ("coefficients", weighed.effective),
    )
    coefficients = zip(names, weighed.a[0], strict=True)
    return (
        *((what, float(value[0])) for what, value in own),
        *((source, float(a)) for source, a in coefficients),
    )


def _cautions(passes: Passes, answer: Solution) -> tuple[str, ...]:
    what, out = "labelled clusters" if passes.clustered else "labelled units", []
    if answer.binary[0] and (count := float(events(answer.rows, answer.groups)[0])) < FEW_EVENTS:
        held = "labelled clusters hold" if passes.clustered else "labels are of"
        out.append(
            f"only {count:.3g} {held} the rarer answer, fewer than {FEW_EVENTS}: how good the sources are rests on "
            "these; label more before you trust a narrow interval"
        )
    if passes.counts.independent < FEW:
        out.append(f"{passes.counts.independent} {what}: below {FEW} no interval here has been checked")
    if passes.stratified:
        out.append("gmm-small does not use the strata in its standard error, which is then on the wide side")
    return tuple(out)
