"""The two-step GMM of Byun, Gupta, Lipton, Childers and Wilder (2025) in closed structure.

The augmented moments of unit t are g_t = (w_t psi(real; theta), w_t h_t(eta), h_t(eta)), with w_t =
S_t pi_bar / pi_t and h_t the stacked scores of the M sources at their own parameters eta. theta enters the
first block only, which is just identified. Partialling it out (docs/method.md section 3) leaves, with
z = sum_t (w_t h_t, (1 - w_t) h_t) and S = sum_t of the outer products at the first step,

    eta-hat    minimises z(eta)' S_zz^-1 z(eta)
    theta-hat  solves sum_t w_t psi_t(theta) = B z(eta-hat),  B = S_pz S_zz^-1
    Var        = H^-1 [S_pp - B S_zp + B G Var(eta-hat) G' B'] H^-1,  Var(eta-hat) = (G' S_zz^-1 G)^-1
    J          = z(eta-hat)' S_zz^-1 z(eta-hat), chi-squared with M p degrees of freedom

which is the literal two-step estimator and its variance, whatever the weights, clusters or strata. With
equal labelling probabilities S_zz is block-diagonal and B is zero on the unlabelled, as in docs/method.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from moored.errors import DataInvalid, Unidentified
from moored.inference.data import Array
from moored.inference.events import CANCELLED, FEW_EVENTS, alike_terms, refuse_exact
from moored.inference.families import Logit, Poisson
from moored.inference.gmm.augmented import Linearised, least_squares, linearise
from moored.inference.gmm.first_step import FirstStep, first_step, human_equation, solved
from moored.inference.gmm.rank import independent_sources
from moored.inference.headline import LABELS_A_COEFFICIENT, headline, labels_for_gmm
from moored.inference.leverage import Leverage
from moored.inference.solve.newton import inverse, solve_all, solve_scaled
from moored.inference.solve.passes import Passes
from moored.plaintext import counted

Omega = Literal["first", "final"]


@dataclass(frozen=True, slots=True)
class TwoStep:
    """The two-step estimate in full, for results and diagnostics.

    Attributes
    ----------
    theta, covariance : (p,), (p, p).
    residual : (p, p) the part of the covariance that comes from what the sources do not explain.
    human, human_covariance : the first step and its sandwich.
    etas, first_etas : one (k,) a source; those of the second and of the first step.
    bread, first_bread : (p, p) inverse Jacobians at theta and at `human`.
    link : (p, q) D_1 - D_2 of `gmm.corpus`.
    explained : (p, p) the part of the human covariance that the sources explain.
    j, j_df : Hansen's statistic and its degrees of freedom, None with no source.
    sources : names of the sources used.
    warnings : what was dropped and why.
    n, T : labelled units, units.
    """

    theta: Array
    covariance: Array
    residual: Array
    human: Array
    human_covariance: Array
    etas: tuple[Array, ...]
    first_etas: tuple[Array, ...]
    bread: Array
    first_bread: Array
    link: Array
    explained: Array
    j: float | None
    j_df: int | None
    sources: tuple[str, ...]
    warnings: tuple[str, ...]
    n: int
    T: int


def two_step(passes: Passes, first: FirstStep = "full", omega: Omega = "first") -> TwoStep:
    """The estimator, from a sample or a stream. Raises the named errors of `moored.errors`."""
    if omega not in ("first", "final"):
        raise DataInvalid(f"Omega is taken at {omega!r}; use 'first' or 'final'.")
    human, etas, warnings = first_step(passes, first)
    theta = solved(human)
    counts, p = passes.counts, len(passes.terms)
    if counts.labelled == counts.total and etas:
        warnings.append("every unit is labelled: the sources add nothing, this is the human-only fit")
        etas = {}
    used = tuple(etas)
    leverage = Leverage(passes, theta, human.slope)
    moments = linearise(passes, theta, tuple(etas.values()), used, leverage.add)
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
            f"{counted(counts.labelled, 'labelled unit')} cannot weigh {p} real and {q} auxiliary "
            "moments; label more, "
            "use fewer sources or covariates, or use 'human'.",
            n=counts.labelled,
            p=p,
            q=q,
        )
    if counts.effective < labels_for_gmm(p, len(used)):
        warnings.append(_too_few(passes, p, len(used)))
    else:
        warnings += leverage.warnings(_way_out(passes, len(used)))
    if isinstance(passes.family, Logit | Poisson) and counts.rarer < FEW_EVENTS:
        warnings.append(_rare(passes, len(used)))
    return _second_step(passes, theta, {m: etas[m] for m in used}, moments, tuple(warnings), omega)


def _too_few(passes: Passes, p: int, M: int) -> str:
    what = counted(passes.counts.independent, "labelled cluster" if passes.clustered else "labelled unit")
    if passes.counts.effective < passes.counts.independent:
        what += f" (worth {passes.counts.effective} of equal {'size' if passes.clustered else 'weight'})"
    split = f" ({p} of yours, and {p} for each source)" if M else ""
    return (
        f"{what} for {counted(p * (1 + M), 'coefficient')}{split}, fewer than "
        f"{LABELS_A_COEFFICIENT} for each: these intervals are too narrow; " + _way_out(passes, M)
    )


def _rare(passes: Passes, M: int) -> str:
    what = "of the rarer answer" if isinstance(passes.family, Logit) else "above 0"
    return (
        f"only {counted(passes.counts.rarer, 'label is', 'labels are')} {what}, fewer than {FEW_EVENTS}: "
        "intervals by the normal law do not "
        f"hold for so few; {_way_out(passes, M)}"
    )


def _way_out(passes: Passes, M: int) -> str:
    return "read 'gmm-small' instead" if headline(passes.family, M) == "gmm-small" else "label more"


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


@dataclass(frozen=True, slots=True)
class _Weights:
    """S_pp, S_pz of T Omega, B = S_pz S_zz^-1 (p, 2q), and K (2q, 2q) with K'K = S_zz^-1."""

    S_pp: Array
    S_pz: Array
    B: Array
    whitener: Array

    @classmethod
    def of(cls, S: Array, p: int) -> _Weights:
        S_pp, S_pz, S_zz = S[:p, :p], S[:p, p:], S[p:, p:]
        if not len(S_zz):
            return cls(S_pp, S_pz, S_pz, S_zz)
        scale = 1.0 / np.sqrt(np.diag(S_zz))
        root = np.linalg.cholesky(S_zz * np.outer(scale, scale))
        return cls(S_pp, S_pz, solve_scaled(S_zz, S_pz.T).T, np.linalg.solve(root, np.diag(scale)))

    @property
    def explained(self) -> Array:
        """The part of S_pp that the sources explain (p, p)."""
        return np.asarray(self.B @ self.S_pz.T)

    def variance(self, G: Array) -> tuple[Array, Array]:
        """The variance of the real moment's sum (p, p), and D_1 - D_2 (p, q) of `gmm.corpus`. G (2q, q)."""
        if not len(self.whitener):
            return self.S_pp, np.zeros((len(self.S_pp), 0))
        K: Array = np.asarray(np.linalg.qr(self.whitener @ G, mode="r"))
        tail = np.linalg.solve(K.T, (self.B @ G).T)
        D = self.B - tail.T @ np.linalg.solve(K.T, (self.whitener @ G).T @ self.whitener)
        q = G.shape[1]
        return self.S_pp - self.explained + tail.T @ tail, D[:, :q] - D[:, q:]


def _second_step(
    passes: Passes,
    human: Array,
    etas: dict[int, Array],
    at: Linearised,
    warnings: tuple[str, ...],
    omega: Omega,
) -> TwoStep:
    p, counts = len(human), passes.counts
    refuse_exact(passes, at.S[:p, :p], at.H)
    used, J, target = tuple(etas), None, np.zeros(p)
    eta = np.concatenate([*etas.values()]) if used else np.zeros(0)
    G = np.zeros((0, 0))
    weigh = _Weights.of(at.S, p)
    if used:
        eta, z, G = least_squares(passes, used, eta, weigh.whitener, (at.z, at.slopes))
        target = weigh.B @ z
        J = float(np.sum((weigh.whitener @ z) ** 2))
    theta, H = shifted(passes, human, target, at)
    first_bread, explained = inverse(at.H, "The human labels"), weigh.explained
    human_covariance = first_bread @ at.S[:p, :p] @ first_bread.T
    if omega == "final" and used:
        final = tuple(np.split(eta, len(used)))
        weigh = _Weights.of(linearise(passes, theta, final, used).S, p)
    bread = inverse(H, "The estimate")
    left, link = weigh.variance(G)
    warnings = (*warnings, *alike_terms(passes, at.S[:p, :p], first_bread).warnings())
    k = len(eta) // max(len(used), 1)
    return TwoStep(
        theta=theta,
        covariance=bread @ left @ bread.T,
        residual=bread @ (weigh.S_pp - weigh.explained) @ bread.T,
        human=human,
        human_covariance=human_covariance,
        etas=tuple(eta[i * k : (i + 1) * k] for i in range(len(used))),
        first_etas=tuple(etas.values()),
        bread=bread,
        first_bread=first_bread,
        link=link,
        explained=first_bread @ explained @ first_bread.T,
        j=J,
        j_df=len(eta) if used else None,
        sources=tuple(passes.names[m] for m in used),
        warnings=warnings,
        n=counts.labelled,
        T=counts.total,
    )


def explained_share(explained: Array, whole: Array) -> Array:
    """(p,) ratios of the diagonals of two covariances (p, p), 0 where there is nothing to explain but rounding."""
    part, total = np.diag(explained), np.diag(whole)
    share = np.clip(np.divide(part, total, out=np.zeros_like(part), where=total > 0), 0.0, 1.0)
    return np.where(share < CANCELLED, 0.0, share)


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
