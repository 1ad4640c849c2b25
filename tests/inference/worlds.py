"""Worlds that the tests draw from: p covariates, M sources of chosen quality, n of T units labelled."""

from __future__ import annotations

import numpy as np

from moored.inference import Sample, Source


def coefficients(p: int) -> np.ndarray:
    return np.linspace(0.2, 0.6, p)


def outcome(index: np.ndarray, family: str, rng: np.random.Generator) -> np.ndarray:
    if family in ("mean", "ols"):
        return index + rng.normal(size=len(index))
    if family == "logit":
        return (rng.random(len(index)) < 1 / (1 + np.exp(-index))).astype(float)
    return rng.poisson(np.exp(index)).astype(float)


def proxy_of(y: np.ndarray, family: str, rng: np.random.Generator) -> np.ndarray:
    T = len(y)
    if family in ("mean", "ols"):
        return 0.3 + 0.7 * y + 0.6 * rng.normal(size=T)
    if family == "logit":
        return np.clip(0.6 * y + 0.4 * rng.random(T), 0, 1)
    return np.maximum(y + rng.integers(-1, 3, T), 0).astype(float)


def draw(
    family: str = "ols",
    *,
    T: int = 1000,
    n: int = 150,
    p: int = 3,
    M: int = 1,
    rng: np.random.Generator | int = 0,
    predicted_covariates: bool = True,
    kinds: tuple[str, ...] = (),
) -> Sample:
    """A sample whose true parameter is `coefficients(p)`."""
    rng = np.random.default_rng(rng)
    X = np.column_stack([np.ones(T), rng.normal(size=(T, p - 1))])
    y = outcome(X @ coefficients(p), family, rng)
    sources = []
    for m in range(M):
        noise = 0.4 * rng.normal(size=X.shape) if predicted_covariates else np.zeros(X.shape)
        noise[:, 0] = 0
        kind = kinds[m] if kinds else "proxy"
        sources.append(Source(f"s{m}", kind, proxy_of(y, family, rng), X + noise))
    labelled = np.zeros(T, bool)
    labelled[rng.choice(T, n, replace=False)] = True
    hidden = np.where(labelled, y, np.nan)
    covariates = np.where(labelled[:, None], X, np.nan)
    return Sample(hidden, covariates, labelled, (), tuple(sources))
