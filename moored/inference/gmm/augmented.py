"""The augmented moments at a point: their sums, slopes and outer products, and the least squares over eta."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from moored.errors import NotConverged
from moored.inference.data import Array
from moored.inference.moments import Moments
from moored.inference.solve.gram import Gram
from moored.inference.solve.newton import CONVERGED, STEPS
from moored.inference.solve.passes import Block, Passes


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
    passes: Passes,
    theta: Array,
    etas: tuple[Array, ...],
    used: tuple[int, ...],
    watch: Callable[[Block], None] | None = None,
) -> Linearised:
    """All that the second step needs of the first step's estimate, in one pass. `watch` is shown each block."""
    family, p = passes.family, len(theta)
    q = sum(map(len, etas))
    gram = Gram(passes, p + 2 * q)
    psi, H = np.zeros(p), np.zeros((p, p))
    z, slopes = np.zeros((2, q)), [np.zeros((2, len(eta), len(eta))) for eta in etas]
    for block in passes:
        if watch is not None:
            watch(block)
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
    return Linearised(gram.value(), z.ravel(), psi, H, tuple(slopes))


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
