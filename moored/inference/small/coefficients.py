"""The sources' coefficients, and the whole procedure without each labelled group, over a leading axis of draws.

Everything is measured in the metric of the human information H, so that an invertible change of the covariates
changes nothing. Three regressions of the human influence functions u on the sources' z:

1. **one coefficient per source** for all p parameters, by ridge;
2. of what is left on all M p coordinates of the sources, by ridge again: the **matrix** that lets a source be good
   for one parameter and bad for another, and the two-step GMM's weights as n grows;
3. in each **direction** of the parameters, what is left is held against the human fit alone: the correction is
   taken as far as it pays there, b (1 - 2 / F) between 0 and 1, b the least-squares share and F its test.

The penalties are those of least generalised cross-validation (Craven and Wahba 1979), each coefficient priced at
1.4 (Kim and Gu 2004), on a grid that ends at infinity, where nothing is used. Rows are counted as what they are
worth: p^2 / sum of squared leverages, and for the matrix as in the direction that has the fewest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array, Mask
from moored.inference.small.bias_reduced import Rows
from moored.inference.small.deletions import Auxiliary, Fitted, Groups, grouped

PRICE = 1.4  # of one coefficient in generalised cross-validation
PENALTIES: Array = np.append(np.logspace(-3, 2, 16), np.inf)  # on sources of unit variance
DOUBT = 2.0  # of 1 / F: a group of six that its source misreads loses 5% at most, good sources 2%
MOST = 0.5  # at most this share of the rows' degrees of freedom goes into coefficients
FLOOR = 0.5
"""Share of the second moment that all units imply, at which a source's moment among the labelled is floored.

With c the covariance of u and z and S the variance of z, a coefficient a changes the variance by a (a S - 2 c): it
does no harm while it is at most twice the best one, c / S. The labelled give c / S_L, so S_L >= S / 2 will do.
"""
TINY = 1e-12  # relative ridge under a matrix that may be singular where labels are alike


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What B draws of G labelled groups say, in the metric of H = L L': vectors are multiplied by L. q = M p.

    Attributes
    ----------
    L : (B, p, p).
    u : (B, G, p) the human influence.
    design : (B, n, p) what one working standard deviation of unit t moves; codes : (n,) its cluster, or None.
    z, moved : (B, G, q) the sources' influence; their gaps without the group.
    gap : (B, q) each source's fit on the labelled less that on all units.
    rest : (B, q, q) covariance of the sources' fits on all units from the groups without a labelled unit.
    implied : (B, q, q) second moments of z that all units imply.
    share : (B, M) a source's second moment among the labelled over what all units imply.
    change : (B, G, q) of the fits on all units without the group.
    rows : (B,) p^2 / sum of squared leverages.
    """

    L: Array
    u: Array
    design: Array
    codes: NDArray[np.intp] | None
    z: Array
    moved: Array
    gap: Array
    rest: Array
    implied: Array
    share: Array
    change: Array
    rows: Array

    @classmethod
    def of(cls, rows: Rows, human: Fitted, sources: list[Auxiliary], groups: Groups | None) -> Evidence:
        """From the fits."""
        L: Array = np.asarray(np.linalg.cholesky(human.H), dtype=np.float64)
        B, _, p = human.unit.shape
        M = len(sources)

        def wide(parts: list[Array]) -> Array:
            return np.concatenate([part @ L for part in parts], axis=-1)

        near, far = wide([s.inside for s in sources]), wide([s.outside for s in sources])
        rest = far if groups is None else wide([s.rest for s in sources])
        if any(s.design is not None for s in sources):
            near, far = wide([_counted(s, 0) for s in sources]), wide([_counted(s, 1) for s in sources])
        worth = np.repeat(np.stack([s.worth for s in sources], axis=1), p, axis=1) ** 0.5
        implied = (_squares(near) + _squares(far)) * worth[:, :, None] * worth[:, None, :]
        there = np.diagonal(implied, axis1=1, axis2=2).reshape(B, M, p).sum(axis=-1)
        here = np.stack([((s.labelled.unit @ L) ** 2).sum(axis=(1, 2)) for s in sources], axis=1)
        gap = wide([s.gap[:, None] for s in sources])
        change = wide([s.without for s in sources])
        moved = gap + wide([s.labelled.without - s.without for s in sources])
        lever = human.h if groups is None else grouped(human.h, groups.inside, groups.labelled)
        return cls(
            L=L,
            u=human.influence @ L,
            design=(rows.X @ human.P @ L) * (rows.w * np.sqrt(human.v))[..., None],
            codes=None if groups is None else groups.inside,
            z=wide([s.labelled.influence for s in sources]),
            moved=moved,
            gap=gap[:, 0],
            rest=_squares(rest),
            implied=implied,
            share=np.divide(here, there, out=np.ones_like(here), where=there > 0),
            change=change,
            rows=p**2 / np.maximum((lever**2).sum(axis=1), 1e-300),
        )

    def of_corpus(self) -> Evidence:
        """The same where the fits on all units do not vary, the corpus being what is asked about."""
        return replace(self, moved=self.moved + self.change, rest=np.zeros_like(self.rest))


def _counted(source: Auxiliary, side: int) -> Array:
    """The influence of the labelled (0) or the other units (1), by the root of what its square counts."""
    part = (source.inside, source.outside)[side]
    return part if source.design is None else part * np.sqrt(source.design[side])[..., None]


def _squares(rows: Array) -> Array:
    return np.asarray(np.swapaxes(rows, 1, 2) @ rows)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """The corrected fit, in the data's own metric again.

    shift : (B, p) to subtract from the human fit. left : (B, G, p) influence that the sources leave. without :
    (B, G, p) what the shift adds to the human fit without each group. outside : (B, p, p) covariance that the
    labelled groups do not show. a : (B, M) first-stage coefficients; penalty, matrix_penalty, effective : (B,).
    """

    shift: Array
    left: Array
    without: Array
    outside: Array
    a: Array
    penalty: Array
    matrix_penalty: Array
    effective: Array


def weigh(e: Evidence) -> Weighed:
    """All three stages, and the jackknife of the whole at their penalties."""
    p, M = e.u.shape[-1], e.share.shape[-1]
    hold = np.repeat(np.sqrt(np.maximum(1.0, FLOOR / np.maximum(e.share, 1e-300))), p, axis=1)
    a, A, without, penalty, effective = _scalars(e, hold)
    left = e.u - e.z @ A
    matrix_penalty = np.full(len(e.u), np.inf)
    if p > 1:
        D, more, matrix_penalty, extra = _matrix(e, hold, left, effective)
        A, left, without, effective = A + D, left - e.z @ D, without + more, effective + extra
    turn = _safe(e, left)
    A, without, left = A @ turn, without @ turn, e.u - (e.u - left) @ turn
    over = np.repeat(np.sqrt(np.maximum(0.0, 1.0 - e.share / FLOOR)), p, axis=1)
    outside = e.rest + e.implied * over[:, :, None] * over[:, None, :]
    back = np.linalg.inv(e.L)
    return Weighed(
        shift=np.einsum("bq,bqp->bp", e.gap, A @ back),
        left=left @ back,
        without=-without @ back,
        outside=np.swapaxes(A @ back, 1, 2) @ outside @ (A @ back),
        a=a.reshape(len(a), M),
        penalty=penalty,
        matrix_penalty=matrix_penalty,
        effective=effective,
    )


def _scalars(e: Evidence, hold: Array) -> tuple[Array, Array, Array, Array, Array]:
    """a (B, M), as a matrix (B, q, p), the shift without each group (B, G, p), penalty, effective coefficients."""
    B, G, p = e.u.shape
    M = e.share.shape[-1]
    z, moved = e.z.reshape(B, G, M, p), e.moved.reshape(B, G, M, p)
    cross = np.einsum("bgmp,bgkp->bgmk", z, z)
    against = np.einsum("bgmp,bgp->bgm", z, e.u)
    unit = 1.0 / np.sqrt(np.maximum(np.einsum("bgmm->bm", cross), 1e-300))
    scale = unit / hold[:, ::p]
    cross = cross * (unit[:, :, None] * unit[:, None, :])[:, None]
    against = against * scale[:, None]
    S, c, size = cross.sum(axis=1), against.sum(axis=1), (e.u**2).sum(axis=(1, 2))
    found, penalty, effective = ridge(S, c[..., None], size, e.rows, np.full(B, float(p)))
    a = found[..., 0] * scale
    A = np.einsum("bm,ij->bmij", a, np.eye(p)).reshape(B, M * p, p)
    on = np.isfinite(penalty)
    ridged = np.where(on, penalty, 1.0)[:, None, None, None] * np.eye(M)
    share = G / (G - 1.0)
    deleted = np.linalg.solve(
        (S[:, None] - cross) * share + ridged, ((c[:, None] - against) * share)[..., None]
    )[..., 0]
    deleted = np.where(on[:, None, None], deleted * scale[:, None], 0.0)
    return a, A, np.einsum("bgm,bgmp->bgp", deleted, moved), penalty, effective


def _matrix(e: Evidence, hold: Array, left: Array, effective: Array) -> tuple[Array, Array, Array, Array]:
    """D (B, q, p), the shift that it adds without each group, its penalty and effective coefficients."""
    q, p = e.z.shape[-1], left.shape[-1]
    size = np.diagonal(_squares(e.z), axis1=1, axis2=2).reshape(len(left), -1, p).sum(axis=-1)
    unit = np.repeat(np.sqrt(p / np.maximum(size, 1e-300)), p, axis=1)
    z = e.z * unit[:, None]
    S, c = _squares(z), np.swapaxes(z, 1, 2) @ left / hold[..., None]
    rows = _directions(e, left)[1].min(axis=1)
    found, penalty, extra = ridge(S, c, (left**2).sum(axis=(1, 2)), rows, p + PRICE * effective)
    D = found * (unit / hold)[..., None]
    on = np.isfinite(penalty)
    ridged = S + np.where(on, penalty, 1.0)[:, None, None] * np.eye(q)
    inside = np.where(on[:, None, None], np.linalg.solve(ridged, np.swapaxes(z, 1, 2)), 0.0)  # (B, q, G)
    lever = np.einsum("bgq,bqg->bg", z, inside)
    pull = np.einsum("bgq,bqg->bg", e.moved * (unit / hold**2)[:, None], inside)
    pull /= np.maximum(1.0 - lever, TINY)
    return D, e.moved @ D - pull[..., None] * (left - e.z @ D), penalty, extra


def _directions(e: Evidence, left: Array) -> tuple[Array, Array]:
    """Directions (B, p, p), columns, of unit size and with uncorrelated rest, and the rows of each (B, p)."""
    p = left.shape[-1]
    square = _squares(e.u)
    square = square + TINY * np.trace(square, axis1=1, axis2=2)[:, None, None] * np.eye(p)
    whiten = np.swapaxes(np.linalg.inv(np.linalg.cholesky(square)), 1, 2)
    _, V = np.linalg.eigh(_squares(left @ whiten))
    W = whiten @ V
    size = (e.design @ W) ** 2
    if e.codes is not None:
        size = grouped(size, e.codes, e.u.shape[1])
    return W, size.sum(axis=1) ** 2 / np.maximum((size**2).sum(axis=1), 1e-300)


def _safe(e: Evidence, left: Array) -> Array:
    """(B, p, p) what multiplies the correction, so that it is taken only where it pays."""
    W, rows = _directions(e, left)
    u, d = e.u @ W, (e.u - left) @ W
    c, s = (u * d).sum(axis=1), (d**2).sum(axis=1)
    used = s > 0
    share = np.divide(c, s, out=np.zeros_like(c), where=used)
    noise = np.maximum((u**2).sum(axis=1) - share * c, 0.0) / np.maximum(rows - 1.0, TINY)
    chance = np.divide(noise * s, c**2, out=np.full_like(c, np.inf), where=used & (c != 0))  # 1 / F
    taken = np.where(used, np.clip(share * np.maximum(1.0 - DOUBT * chance, 0.0), 0.0, 1.0), 1.0)
    return np.asarray(W @ (taken[..., None] * np.linalg.inv(W)))


def ridge(S: Array, c: Array, v: Array, n: Array, used: Array) -> tuple[Array, Array, Array]:
    """B ridge regressions of k responses, each at the penalty of least generalised cross-validation.

    Parameters
    ----------
    S : (B, q, q) cross-products of the predictors, near unit diagonal; c : (B, q, k) with the responses; v : (B,)
        the responses' own sum of squares.
    n : (B,) rows; used : (B,) degrees of freedom already used on the responses.

    Returns
    -------
    coefficients (B, q, k), penalties (B,), effective numbers of coefficients (B,).
    """
    w, V = np.linalg.eigh(S)
    w, n = np.maximum(w, 0.0)[:, None, :], n[:, None]
    r = np.swapaxes(V, 1, 2) @ c  # (B, q, k)
    inverse = 1.0 / (w + PENALTIES[:, None])  # (B, penalties, q)
    fitted = (r**2).sum(axis=2)[:, None, :] * inverse
    left = np.maximum(v[:, None] - 2.0 * fitted.sum(2) + (fitted * w * inverse).sum(2), 0.0)
    effective = (w * inverse).sum(2)
    share = (used[:, None] + PRICE * effective) / n
    score = np.where((share > MOST) & (effective > 0), np.inf, left / np.maximum(1.0 - share, 1.0 / n) ** 2)
    best, row = score.argmin(axis=1), np.arange(len(S))
    a = V @ (r * inverse[row, best][:, :, None])
    return a, PENALTIES[best], effective[row, best]


def repeats(e: Evidence, same: float) -> tuple[Mask, NDArray[np.intp]]:
    """Which sources (B, M) repeat an earlier one up to `same`, and the first that each repeats (B, M)."""
    B, G, q = e.z.shape
    M = e.share.shape[-1]
    z = e.z.reshape(B, G, M, q // M)
    cross = np.einsum("bgmp,bgkp->bmk", z, z)
    size = np.sqrt(np.maximum(np.einsum("bmm->bm", cross), 1e-300))
    alike = np.abs(cross) / (size[:, :, None] * size[:, None, :]) >= 1.0 - same
    earlier = alike & (np.arange(M)[None, :] < np.arange(M)[:, None])
    return earlier.any(axis=2), earlier.argmax(axis=2)
