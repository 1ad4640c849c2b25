"""PPI++ with tuned lambda, over many draws (`moored.inference.ppi.plus_plus`; the conventions are its own)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moored.inference.data import Array, Kind, Mask
from moored.inference.families import family_of
from moored.inference.moments import Moments
from moored.inference.stacked.answers import Answers, no_answers, normal_answers
from moored.inference.stacked.draws import Draws, StackedSource
from moored.inference.stacked.gmm import human_fit, sandwich
from moored.inference.stacked.newton import jacobian, root, scores, solve, times


def ppi_proxy(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """PPI++ over the proxies, equally weighed."""
    return equally_mixed(draws, family, "proxy", level)


def equally_mixed(draws: Draws, family: str, kind: Kind | None, level: float) -> Answers:
    """PPI++ over the sources of one kind (or all), equally weighed."""
    regular, sources = draws.regular(family_of(family)), draws.kept(kind)
    if not sources or draws.n == draws.T:
        return no_answers(draws)
    mix = np.full((draws.size, len(sources)), 1.0 / len(sources))
    return mixed(draws, family_of(family), sources, mix, level, regular)


def mixed(
    draws: Draws,
    family: Moments,
    sources: tuple[StackedSource, ...],
    mix: Array,
    level: float,
    regular: Mask,
) -> Answers:
    """PPI++ over sum_m c_m h_m, with c = mix (B, M)."""
    base, base_covariance = human_fit(draws, family, regular)
    se = np.sqrt(np.diagonal(base_covariance, axis1=-2, axis2=-1))
    at = estimate_at(draws, family, sources, mix, np.ones(draws.size), base, regular)
    lam = contrast(draws, family, sources, mix, at, regular).best(regular)
    theta = estimate_at(draws, family, sources, mix, lam, base, regular)
    covariance = contrast(draws, family, sources, mix, theta, regular).variance(lam, regular)
    return normal_answers(theta, covariance, regular, level=level, n=draws.n, human_se=se)


def estimate_at(
    draws: Draws,
    family: Moments,
    sources: tuple[StackedSource, ...],
    mix: Array,
    lam: Array,
    base: Array,
    regular: Mask,
) -> Array:
    """The estimates (B, p) at lam (B,)."""
    ratio = draws.n / (draws.T - draws.n)
    if family.linear:
        gap = [_least_squares(sources, mix, side, regular) for side in (0, 1)]
        return np.asarray(base - lam[:, None] * (gap[0] - gap[1]))
    parts = [(draws.human, np.ones(draws.size))]
    for m, source in enumerate(sources):
        inside, outside = source.share(0), source.share(1)
        parts += [
            (source.labelled, -lam * mix[:, m] / inside),
            (source.rest, lam * mix[:, m] * ratio / outside),
        ]
    return root(family, parts, regular, guess=base)


def _least_squares(sources: tuple[StackedSource, ...], mix: Array, side: int, regular: Mask) -> Array:
    p = sources[0].labelled.X.shape[-1]
    A, r = np.zeros((len(mix), p, p)), np.zeros((len(mix), p))
    for m, source in enumerate(sources):
        rows, c = (source.labelled, source.rest)[side], mix[:, m] / source.share(side)
        A += c[:, None, None] * times(rows.X, rows.X)
        r += c[:, None] * times(rows.X, rows.y[..., None])[..., 0]
    return solve(A, r, regular)


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Centred second moments of (psi_L, h_L) and of h_U, and what goes with them; (B, p, p) each.

    psi, cross, inside : sums over labelled units of psi psi', psi h' and h h', centred; outside : of h h' over the
    others. gap : mean of h over labelled less over the others (B, p). H : mean Jacobian over the labelled; H_all :
    over all units where the model's covariates are the human ones, else H.
    """

    psi: Array
    cross: Array
    inside: Array
    outside: Array
    gap: Array
    H: Array
    H_all: Array
    n: int
    N: int

    def best(self, regular: Mask) -> Array:
        """The clipped lambda (B,) of least asymptotic variance."""
        n, N = self.n, self.N
        pooled = self.inside + self.outside + self.gap[:, :, None] * self.gap[:, None, :] * (n * N / (n + N))
        least = (1.0 + n / N) * _trace(sandwich(self.H_all, pooled / (n + N - 1.0), regular))
        both = (self.cross + np.swapaxes(self.cross, -1, -2)) / n
        gain = _trace(sandwich(self.H_all, both, regular)) / 2.0
        return np.clip(np.divide(gain, least, out=np.zeros_like(gain), where=least > 0), 0.0, 1.0)

    def variance(self, lam: Array, regular: Mask) -> Array:
        """Covariance (B, p, p) of the estimates at lam (B,)."""
        at = lam[:, None, None]
        inside = self.psi - at * (self.cross + np.swapaxes(self.cross, -1, -2)) + at**2 * self.inside
        middle = inside / self.n**2 + at**2 * self.outside / self.N**2
        return sandwich(np.where(at == 0, self.H, self.H_all), middle, regular)


def _trace(A: Array) -> Array:
    return np.asarray(np.trace(A, axis1=-2, axis2=-1))


def centred(rows: Array) -> Array:
    """Rows (B, m, p) less their mean in each draw."""
    return np.asarray(rows - rows.mean(axis=1, keepdims=True))


def contrast_of(psi: Array, h_L: Array, h_U: Array, H: Array, H_all: Array) -> Contrast:
    """The contrast of given scores: (B, n, p), (B, n, p), (B, N, p)."""
    a, b, c = centred(psi), centred(h_L), centred(h_U)
    gap = h_L.mean(axis=1) - h_U.mean(axis=1)
    n, N = psi.shape[1], h_U.shape[1]
    return Contrast(times(a, a), times(a, b), times(b, b), times(c, c), gap, H, H_all, n, N)


def contrast(
    draws: Draws,
    family: Moments,
    sources: tuple[StackedSource, ...],
    mix: Array,
    b: Array,
    regular: Mask,  # noqa: ARG001  the signature of a step
) -> Contrast:
    """The contrast of the mixed scores at b (B, p)."""
    n, T = draws.n, draws.T
    psi = scores(family, draws.human, b)
    h_L, h_U = np.zeros_like(psi), np.zeros((len(b), T - n, psi.shape[-1]))
    H = jacobian(family, draws.human, b)
    H_rest, same = np.zeros_like(H), np.ones(len(b), dtype=bool)
    for m, source in enumerate(sources):
        c = mix[:, m, None, None]
        h_L += c * source.filled(scores(family, source.labelled, b), 0)
        h_U += c * source.filled(scores(family, source.rest, b), 1)
        H_rest += c * jacobian(family, source.rest, b)
        alike = source.whole & (source.labelled.X == draws.human.X).all(axis=(-1, -2))
        same &= alike | (mix[:, m] == 0)
    H_all = np.where(same[:, None, None], (H + H_rest) / T, H / n)
    return contrast_of(psi, h_L, h_U, H / n, H_all)
