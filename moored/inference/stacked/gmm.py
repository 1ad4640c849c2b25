"""`human` and the two-step GMM over many draws: docs/method.md section 3, with equal probabilities.

With h_L, h_U the sums of the stacked auxiliary scores over labelled and remaining units, S_L, S_U the sums of
their outer products, C = sum_L psi h' at the first step:

    eta     minimises h_L' S_L^-1 h_L + h_U' S_U^-1 h_U          (Gauss-Newton from the full-sample fits)
    theta   solves sum_L psi(theta) = C S_L^-1 h_L(eta)
    Var     H^-1 [S_pp - C S_L^-1 C' + B Var(eta) B'] H^-1,  B = C S_L^-1 G_L
"""

from __future__ import annotations

import numpy as np

from moored.inference.data import Array, Kind, Mask
from moored.inference.families import family_of
from moored.inference.moments import Moments
from moored.inference.stacked.answers import Answers, no_answers, normal_answers
from moored.inference.stacked.draws import Draws, StackedSource
from moored.inference.stacked.newton import CONVERGED, STEPS, jacobian, root, scores, solve, sums, times


def human(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """The labelled units alone, sandwich (HC0) variance."""
    kind = family_of(family)
    regular = draws.regular(kind)
    theta, covariance = human_fit(draws, kind, regular)
    se = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    return normal_answers(theta, covariance, regular, level=level, n=draws.n, human_se=se)


def human_fit(draws: Draws, family: Moments, regular: Mask) -> tuple[Array, Array]:
    """theta (B, p) and its covariance (B, p, p)."""
    if draws.n <= draws.human.X.shape[-1]:
        regular[:] = False
    theta = root(family, [(draws.human, 1.0)], regular)
    psi = scores(family, draws.human, theta)
    return theta, sandwich(jacobian(family, draws.human, theta), times(psi, psi), regular)


def sandwich(H: Array, middle: Array, regular: Mask) -> Array:
    """H^-1 middle H^-1 for symmetric H."""
    half = solve(H, middle, regular)
    return solve(H, np.swapaxes(half, -1, -2), regular)


def gmm_proxy(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """Two-step GMM over the proxies."""
    return two_step(draws, family, "proxy", level)


def gmm_synth(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """Two-step GMM over every source."""
    return two_step(draws, family, None, level)


def two_step(draws: Draws, family: str, kind: Kind | None, level: float) -> Answers:
    """The published estimator over the sources of one kind, or all."""
    from scipy.special import chdtrc

    moments, sources = family_of(family), draws.kept(kind)
    regular = draws.regular(moments)
    p = draws.human.X.shape[-1]
    if not sources or draws.n <= p * (1 + len(sources)) or draws.n == draws.T:
        return no_answers(draws)
    first = root(moments, [(draws.human, 1.0)], regular)
    etas = [root(moments, [(s.labelled, 1.0), (s.rest, 1.0)], regular) for s in sources]
    psi = scores(moments, draws.human, first)
    h_L = np.concatenate(
        [scores(moments, s.labelled, eta) for s, eta in zip(sources, etas, strict=True)], axis=-1
    )
    h_U = np.concatenate(
        [scores(moments, s.rest, eta) for s, eta in zip(sources, etas, strict=True)], axis=-1
    )
    S_pp, C, S_L, S_U = times(psi, psi), times(psi, h_L), times(h_L, h_L), times(h_U, h_U)
    weigh = _Weights(solve(S_L, _eye(S_L), regular), solve(S_U, _eye(S_U), regular))
    eta, z, G = least_squares(moments, sources, np.concatenate(etas, axis=-1), weigh, regular)
    B = C @ weigh.L
    theta = root(moments, [(draws.human, 1.0)], regular, guess=first, target=(B @ z[0][..., None])[..., 0])
    tail = B @ G[0]
    spread = (
        S_pp
        - B @ np.swapaxes(C, -1, -2)
        + tail @ solve(weigh.information(G), np.swapaxes(tail, -1, -2), regular)
    )
    se = np.sqrt(
        np.diagonal(sandwich(jacobian(moments, draws.human, first), S_pp, regular), axis1=-2, axis2=-1)
    )
    covariance = sandwich(jacobian(moments, draws.human, theta), spread, regular)
    p_value = chdtrc(eta.shape[-1], np.maximum(weigh.merit(z), 0.0))
    return normal_answers(theta, covariance, regular, level=level, n=draws.n, human_se=se, j_p_value=p_value)


class _Weights:
    """S_L^-1 and S_U^-1 (B, q, q), the second step's weights."""

    def __init__(self, L: Array, U: Array) -> None:
        self.L, self.U = L, U

    def information(self, G: tuple[Array, Array]) -> Array:
        """G_L' S_L^-1 G_L + G_U' S_U^-1 G_U."""
        return times(G[0], self.L @ G[0]) + times(G[1], self.U @ G[1])

    def gradient(self, G: tuple[Array, Array], z: tuple[Array, Array]) -> Array:
        """G_L' S_L^-1 h_L + G_U' S_U^-1 h_U, (B, q)."""
        both = times(G[0], self.L @ z[0][..., None]) + times(G[1], self.U @ z[1][..., None])
        return np.asarray(both[..., 0])

    def merit(self, z: tuple[Array, Array]) -> Array:
        """h_L' S_L^-1 h_L + h_U' S_U^-1 h_U: at the minimum, Hansen's J, (B,)."""
        both = (np.einsum("bi,bij,bj->b", h, S, h) for h, S in zip(z, (self.L, self.U), strict=True))
        return np.asarray(sum(both))


def least_squares(
    family: Moments, sources: tuple[StackedSource, ...], eta: Array, weigh: _Weights, regular: Mask
) -> tuple[Array, tuple[Array, Array], tuple[Array, Array]]:
    """Gauss-Newton over eta (B, q): eta, the sums (h_L, h_U) and the Jacobians (G_L, G_U) there."""
    moving = np.ones(len(eta), dtype=bool)
    for _ in range(2 * STEPS):
        z, G = _auxiliary(family, sources, eta)
        step = -solve(weigh.information(G), weigh.gradient(G, z), regular)
        step = np.where((moving & regular)[:, None], step, 0.0)
        eta = eta + step
        if family.linear:
            break
        moving &= np.abs(step).max(axis=-1) > CONVERGED * 1e-2 * (1.0 + np.abs(eta).max(axis=-1))
        if not (moving & regular).any():
            break
    else:
        regular &= ~moving
    return eta, *_auxiliary(family, sources, eta)


def _auxiliary(
    family: Moments, sources: tuple[StackedSource, ...], eta: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    k, M = eta.shape[-1] // len(sources), len(sources)
    z, G = np.zeros((2, *eta.shape)), np.zeros((2, *eta.shape, M * k))
    for m, source in enumerate(sources):
        at = slice(m * k, (m + 1) * k)
        for side, rows in enumerate((source.labelled, source.rest)):
            z[side, :, at], G[side, :, at, at] = sums(family, rows, eta[:, at])
    return (z[0], z[1]), (G[0], G[1])


def _eye(A: Array) -> Array:
    return np.broadcast_to(np.eye(A.shape[-1]), A.shape)
