"""The two-step GMM of Byun, Gupta, Lipton, Childers and Wilder (2025) in closed structure.

The augmented moments of unit t are g_t = (w_t psi(real; theta), w_t h_t(eta), h_t(eta)), with w_t =
S_t pi_bar / pi_t and h_t the stacked scores of the M sources at their own parameters eta. theta enters the
first block only, which is just identified. Partialling it out (METHOD.md section 3) leaves, with
z = sum_t (w_t h_t, (1 - w_t) h_t) and S = sum_t of the outer products at the first step,

    eta-hat    minimises z(eta)' S_zz^-1 z(eta)
    theta-hat  solves sum_t w_t psi_t(theta) = B z(eta-hat),  B = S_pz S_zz^-1
    Var        = H^-1 [S_pp - B S_zp + B G Var(eta-hat) G' B'] H^-1,  Var(eta-hat) = (G' S_zz^-1 G)^-1
    J          = z(eta-hat)' S_zz^-1 z(eta-hat), chi-squared with M p degrees of freedom

which is the literal two-step estimator and its variance, whatever the weights, clusters or strata. With
equal labelling probabilities S_zz is block-diagonal and B is zero on the unlabelled, as in METHOD.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from moored.errors import DataInvalid, EstimationError, NotConverged, Unidentified
from moored.inference.data import Array, Sample
from moored.inference.gram import Gram
from moored.inference.moments import Moments, family_of
from moored.inference.newton import CONVERGED, STEPS, Equation, equation, inverse, solve_all, solve_scaled
from moored.inference.passes import Block, Passes, Stream
from moored.inference.results import Alternative, Fit, make_fit

FirstStep = Literal["full", "identity"]
REDUNDANT = 1e-9  # share of a source's moments that earlier sources leave unexplained, below which it goes
MANY_MOMENTS = 10  # warn when the labelled units are fewer than this many times the auxiliary moments


@dataclass(frozen=True, slots=True)
class Linearised:
    """The augmented moments and their slopes at the first step.

    Attributes
    ----------
    S : (p + 2q, p + 2q) T Omega, ordered real, labelled auxiliary, remaining auxiliary.
    z : (2q,) sums of the auxiliary moments.
    psi : (p,) sum of the real moment.
    H : (p, p) its Jacobian.
    slopes : one (2, k, k) a source: Jacobians of its labelled and of its remaining sum.
    """

    S: Array
    z: Array
    psi: Array
    H: Array
    slopes: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class TwoStep:
    """The two-step estimate in full, for results and diagnostics.

    Attributes
    ----------
    theta, covariance : (p,), (p, p).
    human, human_covariance : the first step and its sandwich.
    etas : one (k,) a source.
    r2 : (p,) share of the human influence function that the sources explain.
    j, j_df : Hansen's statistic and its degrees of freedom, None with no source.
    sources : names of the sources used.
    warnings : what was dropped and why.
    n, T, groups : labelled units, units, clusters or strata (None where independent).
    """

    theta: Array
    covariance: Array
    human: Array
    human_covariance: Array
    etas: tuple[Array, ...]
    r2: Array
    j: float | None
    j_df: int | None
    sources: tuple[str, ...]
    warnings: tuple[str, ...]
    n: int
    T: int
    groups: int | None


# First step ------------------------------------------------------------------------------------------


def human_equation(passes: Passes) -> Equation:
    """sum_t w_t psi_t(theta) = 0 over the labelled units."""
    family = passes.family
    return equation(
        family,
        what="The human labels",
        terms=passes.terms,
        start=lambda block: block.human.start(family, block.weight),
        sums=lambda block, b: block.human.sums(family, b, block.weight),
        target=np.zeros(len(passes.terms)),
    )


def source_equation(passes: Passes, m: int) -> Equation:
    """sum_t h_t(eta_m) = 0 over all units: source m taken at its word."""
    family = passes.family
    return equation(
        family,
        what=f"Source {passes.names[m]!r}",
        terms=passes.terms,
        start=lambda block: block.sources[m].start(family, None),
        sums=lambda block, b: block.sources[m].sums(family, b, None),
        target=np.zeros(len(passes.terms)),
    )


def refuse_unidentified(passes: Passes) -> None:
    """Raise Unidentified with no more labelled units than parameters."""
    n, p = passes.counts.labelled, len(passes.terms)
    if n <= p:
        raise Unidentified(
            f"{n} labelled units cannot identify {p} parameters and their errors; label more, or drop "
            "covariates.",
            n=n,
            p=p,
        )


def solved(found: Equation) -> Array:
    """The root, or the failure raised."""
    if found.failure is not None:
        raise found.failure
    assert found.root is not None
    return found.root


def first_step(passes: Passes, first: FirstStep) -> tuple[Array, dict[int, Array], list[str]]:
    """theta (p,) from the labelled units, eta of each usable source, and warnings on the others."""
    if first not in ("full", "identity"):
        raise DataInvalid(f"The first step is {first!r}; use 'full' or 'identity'.")
    human = human_equation(passes)
    sources = [source_equation(passes, m) for m in range(len(passes.names))]
    solve_all(passes, [human, *sources])
    refuse_unidentified(passes)
    theta, etas, warnings = solved(human), {}, []
    for m, found in enumerate(sources):
        if found.failure is None:
            etas[m] = solved(found)
        else:
            warnings.append(f"source {passes.names[m]!r} dropped: {_reason(found.failure)}")
    if first == "identity":
        etas = _identity_start(passes, etas)
    return theta, etas, warnings


def _reason(failure: EstimationError) -> str:
    _, _, text = failure.message.partition(": ")
    return text.split(";")[0].rstrip(".")


def _identity_start(passes: Passes, etas: dict[int, Array]) -> dict[int, Array]:
    """Minimise |sum_L w h|^2 + |sum_all h|^2 over each eta: the paper's first step, W = I, to the letter."""
    out = {}
    for m, eta in etas.items():
        k = len(eta)
        to_all = np.eye(2 * k)  # z holds (labelled, remaining); the paper's second block is their sum
        to_all[k:, :k] = np.eye(k)
        try:
            out[m] = least_squares(passes, (m,), eta, to_all)[0]
        except NotConverged as error:
            raise NotConverged(
                f"Source {passes.names[m]!r} has no identity-weighted first step that Newton's method finds; "
                "bring the covariates to one scale, or use first_step='full', which does not depend on it."
            ) from error
    return out


# Moments at a point ------------------------------------------------------------------------------------


def auxiliary(passes: Passes, used: tuple[int, ...], eta: Array) -> tuple[Array, tuple[Array, ...]]:
    """z (2q,) and the slopes (2, k, k) of each source at the stacked eta (q,). One pass."""
    q = len(eta)
    k = q // len(used)
    z = np.zeros((2, q))
    slopes = [np.zeros((2, k, k)) for _ in used]
    for block in passes:
        for i, m in enumerate(used):
            b, at = eta[i * k : (i + 1) * k], slice(i * k, (i + 1) * k)
            inside, slope = block.overlap[m].sums(passes.family, b, block.weight)
            whole, whole_slope = block.sources[m].sums(passes.family, b, None)
            z[0, at] += inside
            z[1, at] += whole - inside
            slopes[i] += np.stack([slope, whole_slope - slope])
    return z.ravel(), tuple(slopes)


def stacked(slopes: tuple[Array, ...]) -> Array:
    """G (2q, q): the Jacobian of z, block-diagonal over sources in each half."""
    k, M = slopes[0].shape[1], len(slopes)
    G = np.zeros((2, M, k, M, k))
    for i, slope in enumerate(slopes):
        G[:, i, :, i, :] = slope
    return G.reshape(2 * M * k, M * k)


def moment_rows(
    block: Block, family: Moments, theta: Array, etas: tuple[Array, ...], used: tuple[int, ...]
) -> tuple[Array, Array]:
    """g_t of one block: labelled units (n, p + 2q), and the others' last q columns (m - n, q)."""
    w = block.weight
    psi = block.human.psi(family, theta)
    inside = [block.overlap[m].psi(family, eta) for m, eta in zip(used, etas, strict=True)]
    rest = ~block.labelled
    outside = [block.sources[m].take(rest).psi(family, eta) for m, eta in zip(used, etas, strict=True)]
    none = np.zeros((len(psi), 0))
    h = np.column_stack([none, *inside])
    if w is None:
        rows = np.column_stack([psi, h, np.zeros_like(h)])
    else:
        rows = np.column_stack([psi * w[:, None], h * w[:, None], h * (1.0 - w)[:, None]])
    return rows, np.column_stack([np.zeros((int(rest.sum()), 0)), *outside])


def linearise(
    passes: Passes, theta: Array, etas: tuple[Array, ...], used: tuple[int, ...]
) -> tuple[Linearised, int | None]:
    """All that the second step needs of the first step's estimate, in one pass; and the number of groups."""
    family, p = passes.family, len(theta)
    q = sum(map(len, etas))
    gram = Gram(passes, p + 2 * q)
    psi, H = np.zeros(p), np.zeros((p, p))
    z, slopes = np.zeros((2, q)), [np.zeros((2, len(eta), len(eta))) for eta in etas]
    for block in passes:
        rows, rest = moment_rows(block, family, theta, etas, used)
        codes = block.cluster if block.cluster is not None else block.strata
        gram.add(rows, rest, p + q, codes, block.labelled)
        psi += rows[:, :p].sum(axis=0)
        z[0] += rows[:, p : p + q].sum(axis=0)
        z[1] += rows[:, p + q :].sum(axis=0) + rest.sum(axis=0)
        H += block.human.sums(family, theta, block.weight)[1]
        for i, (m, eta) in enumerate(zip(used, etas, strict=True)):
            inside = block.overlap[m].sums(family, eta, block.weight)[1]
            slopes[i] += np.stack([inside, block.sources[m].sums(family, eta, None)[1] - inside])
    return Linearised(gram.value(), z.ravel(), psi, H, tuple(slopes)), gram.groups


# Rank rule ---------------------------------------------------------------------------------------------


def independent_sources(S_zz: Array, names: tuple[str, ...], scale_of: Array) -> tuple[list[int], list[str]]:
    """Sources whose moments add rank, in order, and a warning for each of the others.

    S_zz (2q, 2q) is ordered labelled then remaining; `scale_of` (q,) is the size that a source's score
    would have if it explained nothing, against which a zero is a zero.
    """
    M = len(names)
    k = len(S_zz) // (2 * M)
    diagonal = np.diag(S_zz)
    kept: list[int] = []
    warnings = []
    for m in range(M):
        columns = np.arange(m * k, (m + 1) * k)
        own = np.concatenate([columns, columns + M * k])
        if (diagonal[own] <= 1e-20 * np.tile(scale_of[columns], 2)).any():
            warnings.append(
                f"source {names[m]!r} dropped: its residuals are zero among the labelled or the unlabelled "
                "(a constant, or explained completely by its covariates)"
            )
            continue
        trial = [*kept, m]
        at = np.concatenate([np.concatenate([np.arange(i * k, (i + 1) * k) for i in trial])] * 2)
        at[len(at) // 2 :] += M * k
        scale = 1.0 / np.sqrt(diagonal[at])
        if np.linalg.eigvalsh(S_zz[np.ix_(at, at)] * np.outer(scale, scale))[0] < REDUNDANT:
            why = "it repeats the sources before it" if kept else "its moments are collinear"
            warnings.append(
                f"source {names[m]!r} dropped: {why}, or too few units are labelled or unlabelled to "
                "tell it apart"
            )
            continue
        kept = trial
    return kept, warnings


# Second step ---------------------------------------------------------------------------------------------


def least_squares(
    passes: Passes,
    used: tuple[int, ...],
    eta: Array,
    whitener: Array,
    begun: tuple[Array, tuple[Array, ...]] | None = None,
) -> tuple[Array, Array, Array]:
    """Minimise |K z(eta)|^2 by Gauss-Newton with step halving.

    `whitener` K (2q, 2q); `begun` the moments and slopes at the start where they are known. Returns eta
    (q,), z (2q,) and G (2q, q) there.
    """
    z, slopes = begun or auxiliary(passes, used, eta)
    G, before = stacked(slopes), np.inf
    for _ in range(STEPS):
        step = -np.linalg.lstsq(whitener @ G, whitener @ z, rcond=None)[0]
        if passes.family.linear or not passes.family.smooth:
            return eta + step, z + G @ step, G
        merit, length = float(np.sum((whitener @ z) ** 2)), 1.0
        gain = float(np.sum((whitener @ (G @ step)) ** 2))
        floor = gain <= 1e-14 * merit and gain >= before / 4.0
        if gain <= CONVERGED * 1e-4 * merit or gain <= 1e-26 or floor:
            return eta + step, z + G @ step, G
        before = gain
        for _ in range(30):
            tried, found = eta + length * step, auxiliary(passes, used, eta + length * step)
            if float(np.sum((whitener @ found[0]) ** 2)) <= merit * (1.0 + 1e-12):
                break
            length /= 2.0
        else:
            return eta, z, G  # no decrease is left at rounding level
        eta, z, G = tried, found[0], stacked(found[1])
    raise NotConverged(
        "The sources' parameters did not converge in the second step; drop the weakest source or use "
        "'gmm-small', which needs no second step."
    )


def two_step(passes: Passes, first: FirstStep = "full") -> TwoStep:
    """The estimator, from a sample or a stream. Raises the named errors of `moored.errors`."""
    theta, etas, warnings = first_step(passes, first)
    counts, p = passes.counts, len(passes.terms)
    if counts.labelled == counts.total and etas:
        warnings.append("every unit is labelled: the sources add nothing, this is the human-only fit")
        etas = {}
    for m, failed in enumerate(counts.failed):
        if failed and m in etas:
            warnings.append(
                f"source {passes.names[m]!r} failed for {failed} of {counts.total} units; their moments in "
                "it are zero"
            )
    used = tuple(etas)
    moments, groups = linearise(passes, theta, tuple(etas.values()), used)
    if used:
        q = len(moments.z) // 2
        names = tuple(passes.names[m] for m in used)
        kept, dropped = independent_sources(moments.S[p:, p:], names, _plain_size(moments, q))
        warnings += dropped
        moments = _keep(moments, p, kept, len(used))
        used = tuple(used[i] for i in kept)
    q = len(moments.z) // 2
    if counts.labelled <= p + q:
        raise Unidentified(
            f"{counts.labelled} labelled units cannot weigh {p} real and {q} auxiliary moments; label more, "
            "use fewer sources or covariates, or use 'human'.",
            n=counts.labelled,
            p=p,
            q=q,
        )
    if q and counts.labelled < MANY_MOMENTS * q:
        warnings.append(
            f"{counts.labelled} labelled units for {q} auxiliary moments: these intervals are too narrow; "
            "read 'gmm-small' instead"
        )
    return _second_step(passes, theta, {m: etas[m] for m in used}, moments, tuple(warnings), groups)


def _plain_size(moments: Linearised, q: int) -> Array:
    """(q,) a size to measure zero residuals against: the squared slope of each score, summed."""
    size = [np.abs(np.diag(slope.sum(axis=0))) for slope in moments.slopes]
    return np.concatenate(size) if size else np.zeros(q)


def _keep(moments: Linearised, p: int, kept: list[int], M: int) -> Linearised:
    k = len(moments.z) // (2 * M)
    half = np.concatenate([np.arange(i * k, (i + 1) * k) for i in kept]) if kept else np.zeros(0, dtype=int)
    at = np.concatenate([half, half + M * k]).astype(int)
    rows = np.concatenate([np.arange(p), p + at])
    slopes = tuple(moments.slopes[i] for i in kept)
    return Linearised(moments.S[np.ix_(rows, rows)], moments.z[at], moments.psi, moments.H, slopes)


def _second_step(
    passes: Passes,
    human: Array,
    etas: dict[int, Array],
    at: Linearised,
    warnings: tuple[str, ...],
    groups: int | None,
) -> TwoStep:
    p, counts = len(human), passes.counts
    S_pp, S_pz, S_zz = at.S[:p, :p], at.S[:p, p:], at.S[p:, p:]
    used, J = tuple(etas), None
    spread, target, explained = S_pp, np.zeros(p), np.zeros((p, p))
    eta = np.concatenate([*etas.values()]) if used else np.zeros(0)
    if used:
        B = solve_scaled(S_zz, S_pz.T).T
        scale = 1.0 / np.sqrt(np.diag(S_zz))
        root = np.linalg.cholesky(S_zz * np.outer(scale, scale))
        whitener = np.linalg.solve(root, np.diag(scale))
        eta, z, G = least_squares(passes, used, eta, whitener, (at.z, at.slopes))
        target = B @ z
        K: Array = np.asarray(np.linalg.qr(whitener @ G, mode="r"))
        tail = np.linalg.solve(K.T, (B @ G).T)
        explained = B @ S_pz.T
        spread = S_pp - explained + tail.T @ tail
        J = float(np.sum((whitener @ z) ** 2))
    theta, H = shifted(passes, human, target, at)
    bread, first_bread = inverse(H, "The estimate"), inverse(at.H, "The human labels")
    human_covariance = first_bread @ S_pp @ first_bread.T
    k = len(eta) // max(len(used), 1)
    return TwoStep(
        theta=theta,
        covariance=bread @ spread @ bread.T,
        human=human,
        human_covariance=human_covariance,
        etas=tuple(eta[i * k : (i + 1) * k] for i in range(len(used))),
        r2=_share(np.diag(first_bread @ explained @ first_bread.T), np.diag(human_covariance)),
        j=J,
        j_df=len(eta) if used else None,
        sources=tuple(passes.names[m] for m in used),
        warnings=warnings,
        n=counts.labelled,
        T=counts.total,
        groups=groups,
    )


def _share(part: Array, whole: Array) -> Array:
    return np.clip(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0), 0.0, 1.0)


def shifted(passes: Passes, human: Array, target: Array, at: Linearised) -> tuple[Array, Array]:
    """theta with sum_t w_t psi_t(theta) = target, and the Jacobian there, from the first step on."""
    if passes.family.linear:
        return human - inverse(at.H, "The human labels") @ (at.psi - target), at.H
    if not target.any():
        return human, at.H
    moved = human_equation(passes)
    moved.what, moved.target, moved.guess = "The shifted human equation", target, human
    solve_all(passes, [moved])
    theta = solved(moved)
    H = np.zeros_like(at.H)
    for block in passes:
        H += block.human.sums(passes.family, theta, block.weight)[1]
    return theta, H


def gmm(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    first_step: FirstStep = "full",
    name: str = "gmm",
) -> Fit:
    """Two-step GMM over every source of the sample (METHOD.md section 3; Byun et al. 2025, section 4).

    Parameters
    ----------
    data : a Sample, or for data larger than memory a function returning a fresh iterable of Sample chunks.
    family : "mean", "ols", "logit", "poisson", or any `Moments`.
    level, alternative : of intervals and p-values, by the normal law.
    first_step : "full" starts eta at the full-sample fits and does not depend on the covariates' units;
        "identity" is the paper's W = I to the letter, which does.

    Returns
    -------
    Fit, with Hansen's J, the score R2, the effective sample size, and a warning for each dropped source.

    Raises
    ------
    Unidentified, Singular, Separated, NotConverged, NonFinite, NoLabels, DataInvalid.
    """
    passes = Passes(data, family_of(family))
    found = two_step(passes, first_step)
    return as_fit(found, passes, name, level, alternative)


def as_fit(found: TwoStep, passes: Passes, name: str, level: float, alternative: Alternative) -> Fit:
    """The result record of a two-step estimate."""
    from scipy.special import chdtrc

    j = None
    if found.j is not None and found.j_df is not None:
        j = (found.j, found.j_df, float(chdtrc(found.j_df, found.j)))
    return make_fit(
        estimator=name,
        family=passes.family.name,
        terms=passes.terms,
        estimate=found.theta,
        covariance=found.covariance,
        n_labelled=found.n,
        n_total=found.T,
        level=level,
        alternative=alternative,
        human_se=np.sqrt(np.maximum(np.diag(found.human_covariance), 0.0)),
        r2=found.r2,
        j=j,
        warnings=found.warnings,
        sources=found.sources,
    )
