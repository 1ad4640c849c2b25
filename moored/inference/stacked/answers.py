"""What an estimator says of each of many draws, and who is asked where the stacked one cannot say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moored.inference.data import Array, Mask
from moored.inference.laws import wald
from moored.inference.stacked.draws import Draws


@dataclass(frozen=True, slots=True)
class Failure:
    """A draw on which an estimator raised: which draw, and the error's name."""

    draw: int
    error: str


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One estimator's answers on B draws; NaN where it has none.

    Attributes
    ----------
    estimate, lower, upper : (B, p).
    effective_n : (B, p), NaN for naive estimators.
    j_p_value : (B,) of Hansen's test, NaN where there is none.
    regular : (B,) False where the stacked estimator has no answer and the ordinary one was, or is to be, asked.
    failures : draws without an answer from either.
    """

    estimate: Array
    lower: Array
    upper: Array
    effective_n: Array
    j_p_value: Array
    regular: Mask
    failures: tuple[Failure, ...] = ()


def normal_answers(
    estimate: Array,
    covariance: Array,
    regular: Mask,
    *,
    level: float,
    n: int,
    human_se: Array | None = None,
    j_p_value: Array | None = None,
) -> Answers:
    """Answers with normal intervals, from estimates (B, p) and covariances (B, p, p)."""
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    fine = regular & np.isfinite(estimate).all(axis=-1) & (variance > 0).all(axis=-1)
    estimate = np.where(fine[:, None], estimate, np.nan)
    se = np.sqrt(np.where(fine[:, None], variance, np.nan))
    lower, upper, _ = wald(estimate, se, level, "two-sided", None)
    effective = np.full_like(se, np.nan) if human_se is None else n * (human_se / se) ** 2
    p_value = np.full(len(se), np.nan) if j_p_value is None else np.where(fine, j_p_value, np.nan)
    return Answers(estimate, lower, upper, effective, p_value, fine)


def no_answers(draws: Draws) -> Answers:
    """Every draw marked for the ordinary estimator."""
    B, p = draws.size, draws.human.X.shape[-1]
    estimate, lower, upper, effective = (np.full((B, p), np.nan) for _ in range(4))
    return Answers(estimate, lower, upper, effective, np.full(B, np.nan), np.zeros(B, dtype=bool))
