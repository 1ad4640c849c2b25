"""Delete-one: each fit's influence on, and change without, every labelled unit or cluster.

Leaving group g out of sum_t w_t psi_t(b) = 0 moves the root b by -(H - H_g)^-1 s_g, with s_g the group's
scores and H_g its information: exactly for OLS, by one Newton step for logit and Poisson.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid, Unidentified
from moored.inference.data import Array
from moored.inference.families import Linear, Logit, Poisson
from moored.inference.moments import Moments
from moored.inference.solve.newton import dependent_column
from moored.inference.solve.passes import Block, Rows

SINGULAR = 1e-9  # smallest eigenvalue, in units of the whole, of the information without a group
NOTHING = 1e-18  # share of a source's squared scores below which it has no residual


@dataclass(frozen=True, slots=True)
class Part:
    """One fit as the jackknife sees it. G is the number of labelled groups (units or clusters).

    Attributes
    ----------
    influence : (G, p) H^-1 sum of the group's scores.
    without : (G, p) the fit without the group, less the fit.
    """

    influence: Array
    without: Array


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """One usable source: its name, gap = gamma_L - gamma_all (p,), its labelled part, and over all units
    `without_all` (G, p), the change of gamma_all without each labelled group, and `rest` (g, p), the
    influence on gamma_all of every group that has no labelled unit.
    """

    name: str
    gap: Array
    labelled: Part
    without_all: Array
    rest: Array


@dataclass(frozen=True, slots=True)
class Groups:
    """Units or clusters. `of` (T,) numbers them, those with a labelled unit first: G = `labelled`."""

    of: NDArray[np.intp]
    labelled: int
    total: int
    clustered: bool

    def sum(self, rows: Array, where: NDArray[Any] | slice = slice(None)) -> Array:
        """Sums (total, ...) of rows (those of the units `where`) by group."""
        out = np.zeros((self.total, *rows.shape[1:]))
        if self.clustered:
            np.add.at(out, self.of[where], rows)
        else:
            out[self.of[where]] = rows
        return out


def groups_of(block: Block) -> Groups:
    """The block's units, or clusters, numbered."""
    codes = (
        np.arange(block.size) if block.cluster is None else np.unique(block.cluster, return_inverse=True)[1]
    )
    total = int(codes.max()) + 1
    touched = np.zeros(total, dtype=bool)
    touched[codes[block.labelled]] = True
    number = np.empty(total, dtype=np.intp)
    order = np.argsort(~touched, kind="stable")
    number[order] = np.arange(total)
    return Groups(number[codes], int(touched.sum()), total, block.cluster is not None)


def curvature(family: Moments, index: Array) -> Array:
    """v_t with d psi_t / d b' = -v_t x_t x_t'."""
    if isinstance(family, Linear):
        return np.ones(len(index))
    if isinstance(family, Logit):
        mu = 1.0 / (1.0 + np.exp(-np.clip(index, -700.0, 700.0)))
        return np.asarray(mu * (1.0 - mu), dtype=np.float64)
    if isinstance(family, Poisson):
        return np.asarray(np.exp(np.minimum(index, 700.0)), dtype=np.float64)
    raise DataInvalid(f"gmm-small knows mean, ols, logit and poisson, not {family.name!r}; use gmm for it.")


def _information(rows: Rows, family: Moments, b: Array, w: Array | None) -> Array:
    """Each row's w_t v_t x_t x_t' (m, p, p), failed generations at zero."""
    v = curvature(family, rows.X @ b)
    v = v if w is None else v * w
    v = v if rows.seen is None else v * rows.seen
    return np.asarray(np.einsum("t,ti,tj->tij", v, rows.X, rows.X), dtype=np.float64)


def _deleted(H: Array, parts: Array, scores: Array) -> Array | None:
    """-(H - H_g)^-1 s_g (G, p): the fit without group g less the fit; None where one is singular."""
    scale = 1.0 / np.sqrt(np.diag(H))
    left = (H - parts) * np.outer(scale, scale)
    if len(left) and float(np.linalg.eigvalsh(left)[:, 0].min()) < SINGULAR:
        return None
    return np.asarray(-scale * np.linalg.solve(left, (scores * scale)[:, :, None])[:, :, 0])


def human_part(
    block: Block, family: Moments, theta: Array, groups: Groups, terms: tuple[str, ...]
) -> tuple[Part, Array]:
    """The human fit's part and its information H (p, p); raises Unidentified where a deletion has no root."""
    G, p = groups.labelled, len(theta)
    what = "labelled clusters" if groups.clustered else "labelled units"
    if p + 2 > G:
        raise Unidentified(
            f"{G} {what} leave no degrees of freedom for {p} parameters; label more.", n=G, p=p
        )
    scores, parts = _labelled_sums(block, block.human, family, theta, groups)
    H = parts.sum(axis=0)
    without = _deleted(H, parts, scores)
    if without is None:
        raise Unidentified(
            f"Without one of the {G} {what} the parameters {', '.join(terms)} are not identified, so the "
            "jackknife has no answer; drop the term that only it informs, label more, or use gmm.",
            n=G,
            p=p,
        )
    return Part(np.linalg.solve(H, scores.T).T, without), H


def _labelled_sums(
    block: Block, rows: Rows, family: Moments, b: Array, groups: Groups
) -> tuple[Array, Array]:
    """Weighted scores (G, p) and information (G, p, p) of the labelled groups."""
    psi = rows.psi(family, b)
    psi = psi if block.weight is None else psi * block.weight[:, None]
    parts = _information(rows, family, b, block.weight)
    G, where = groups.labelled, block.labelled
    return groups.sum(psi, where)[:G], groups.sum(parts, where)[:G]


def source_part(
    block: Block, family: Moments, m: int, eta: Array, groups: Groups, name: str
) -> Auxiliary | str:
    """The source made ready, or why it is dropped."""
    every, G = block.sources[m], groups.labelled
    psi = every.psi(family, eta)
    seen = np.ones(len(psi)) if every.seen is None else every.seen
    if float((psi**2).sum()) <= NOTHING * float(((every.X * (every.y * seen)[:, None]) ** 2).sum()):
        return f"source {name!r} dropped: it leaves no residual"
    scores, parts = _labelled_sums(block, block.overlap[m], family, eta, groups)
    H = parts.sum(axis=0)
    if dependent_column(H) is not None:
        return f"source {name!r} dropped: its covariates are collinear among the labelled units"
    gap = np.linalg.solve(H, scores.sum(axis=0))
    left = scores - parts @ gap
    without = _deleted(H, parts, left)
    all_scores, whole = groups.sum(psi), -every.sums(family, eta, None)[1]
    touched = np.flatnonzero(groups.of < G)
    all_parts = groups.sum(_information(every.take(touched), family, eta, None), touched)[:G]
    without_all = _deleted(whole, all_parts, all_scores[:G])
    if without is None or without_all is None:
        return f"source {name!r} dropped: its covariates rest on a single labelled unit"
    rest: Array = np.asarray(np.linalg.solve(whole, all_scores[G:].T).T, dtype=np.float64)
    return Auxiliary(name, gap, Part(np.linalg.solve(H, left.T).T, without), without_all, rest)
