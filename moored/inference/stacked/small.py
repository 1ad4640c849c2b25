"""`gmm-small` over many draws: the functions of `moored.inference.small` take a leading axis of draws."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array, Mask
from moored.inference.events import leave_nothing
from moored.inference.families import Linear, family_of
from moored.inference.moments import Moments
from moored.inference.small.bias_reduced import Rows
from moored.inference.small.coefficients import Evidence, repeats, weigh
from moored.inference.small.control_variates import SAME
from moored.inference.small.deletions import Auxiliary, Fitted, auxiliary, fitted
from moored.inference.small.law import ends_of
from moored.inference.small.solution import conclude
from moored.inference.stacked.answers import Answers
from moored.inference.stacked.draws import Draws, StackedSource
from moored.inference.stacked.draws import Rows as Units
from moored.inference.stacked.newton import root, times

R = TypeVar("R")
PIVOT = 1e-9  # smallest scaled eigenvalue of a source's labelled cross-products; below, it is asked alone


def gmm_small(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """Shrunken control variates with jackknife intervals."""
    moments, n, p = family_of(family), draws.n, draws.human.X.shape[-1]
    regular = draws.regular(moments) & (n >= p + 2)
    rows = _rows(draws.human, None)
    human = fitted(moments, rows, None)
    regular &= human.fine & ~human.alone & ~_exact(moments, rows, human)
    sources = [_source(moments, source, regular) for source in draws.sources]
    weighed, at = None, np.flatnonzero(regular)
    if sources and len(at):
        evidence = Evidence.of(_some(rows, at), _some(human, at), [_some(s, at) for s in sources], None)
        distinct = np.flatnonzero(~repeats(evidence, SAME)[0].any(axis=1))
        weighed, at = weigh(_some(evidence, distinct)), at[distinct]
    answer = conclude(moments, _some(rows, at), _some(human, at), weighed, None)
    lower, upper, _ = ends_of(answer, np.eye(p), np.zeros((len(at), p)), level)
    shape = answer.shape(np.eye(p))
    found = (answer.estimate, lower, upper, n * (shape.alone / shape.se) ** 2)
    good = np.isfinite(answer.estimate).all(axis=1) & (shape.se > 0).all(axis=1)
    estimate, lower, upper, effective = (np.full((draws.size, p), np.nan) for _ in found)
    fine = np.zeros(draws.size, dtype=bool)
    fine[at] = good
    for whole, part in zip((estimate, lower, upper, effective), found, strict=True):
        whole[fine] = part[good]
    return Answers(estimate, lower, upper, effective, np.full(draws.size, np.nan), fine)


def _exact(family: Moments, rows: Rows, human: Fitted) -> Mask:
    """The draws whose covariates explain every label: such a draw is asked alone, and refused by name."""
    if not isinstance(family, Linear):
        return np.zeros(len(rows.y), dtype=bool)
    squares = ((human.influence @ human.H) ** 2).sum(axis=1)
    return leave_nothing(squares, np.diagonal(human.H, axis1=1, axis2=2), np.ptp(rows.y, axis=1) ** 2)


def _some(record: R, at: NDArray[np.intp]) -> R:
    """The draws `at` of a record of arrays."""

    def some(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value[at]
        return _some(value, at) if dataclasses.is_dataclass(value) else value

    fields = {f.name: some(getattr(record, f.name)) for f in dataclasses.fields(record)}  # type: ignore[arg-type]
    return dataclasses.replace(record, **fields)  # type: ignore[type-var]


def _rows(units: Units, seen: Array | None) -> Rows:
    return Rows(units.y, units.X, np.ones_like(units.y) if seen is None else seen)


def _source(family: Moments, source: StackedSource, regular: Mask) -> Auxiliary:
    """One source of every draw; `regular` loses the draws in which it is not to be used as it is."""
    eta = root(family, [(source.labelled, 1.0), (source.rest, 1.0)], regular)
    eta = np.where(regular[:, None], eta, 0.0)
    seen = source.seen or (None, None)
    inside, outside = _rows(source.labelled, seen[0]), _rows(source.rest, seen[1])
    cross = times(inside.X * inside.w[..., None], inside.X)
    size = np.diagonal(cross, axis1=1, axis2=2)
    full: Mask = np.asarray((size > 0).all(axis=1))
    scale = 1.0 / np.sqrt(np.where(full[:, None], size, 1.0))
    scaled = np.where(
        full[:, None, None], cross * scale[:, :, None] * scale[:, None, :], np.eye(cross.shape[-1])
    )
    regular &= full & (np.linalg.eigvalsh(scaled)[:, 0] > PIVOT)
    found = auxiliary(family, inside, inside, outside, None, eta)
    regular &= found.fine & ~found.alone & ((found.labelled.influence**2).sum(axis=(1, 2)) > 0)
    return found
