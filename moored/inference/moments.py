"""Estimating functions psi(y, x; b) and their Jacobians (METHOD.md section 2).

A family is anything with the methods of `Moments`. The four generalised linear ones share a class;
`UserMoments` takes a function and its Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moored.errors import DataInvalid, OutsideDomain
from moored.inference.data import Array

LARGEST_EXPONENT = 700.0


class Moments(Protocol):
    """What the estimators ask of a family. k is the number of parameters, m the number of rows given."""

    @property
    def name(self) -> str:
        """The family's name in results."""

    @property
    def linear(self) -> bool:
        """psi is linear in b, so that one Newton step is exact."""

    @property
    def smooth(self) -> bool:
        """psi is differentiable in b."""

    def parameters(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the k parameters, from the names of X's columns."""

    def check(self, y: Array, what: str) -> None:
        """Raise OutsideDomain where an outcome cannot belong to the family."""

    def start(self, y: Array, X: Array, w: Array | None) -> tuple[Array, Array]:
        """A (k, k) positive definite and r (k,), summed over rows: Newton starts at A^-1 r."""

    def sums(self, y: Array, X: Array, b: Array, w: Array | None) -> tuple[Array, Array]:
        """sum_t w_t psi_t (k,) and sum_t w_t d psi_t / d b' (k, k)."""

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """psi_t, one row a unit, (m, k)."""


@dataclass(frozen=True, slots=True)
class Linear:
    """OLS, psi = x (y - x'b); with X a column of ones, the mean."""

    name: str = "ols"
    linear: bool = True
    smooth: bool = True

    def parameters(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """One parameter a column of X."""
        if self.name == "mean" and len(terms) != 1:
            raise DataInvalid(
                f"The mean has no covariates, but X has the terms {', '.join(terms)}; use 'ols'."
            )
        return terms

    def check(self, y: Array, what: str) -> None:
        """Any finite outcome will do."""

    def start(self, y: Array, X: Array, w: Array | None) -> tuple[Array, Array]:
        """X'WX and X'Wy."""
        weighted = X if w is None else X * w[:, None]
        return weighted.T @ X, weighted.T @ y

    def sums(self, y: Array, X: Array, b: Array, w: Array | None) -> tuple[Array, Array]:
        """Score X'W(y - Xb) and Jacobian -X'WX."""
        weighted = X if w is None else X * w[:, None]
        return weighted.T @ (y - X @ b), -(weighted.T @ X)

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """Row t is x_t (y_t - x_t'b)."""
        return X * (y - X @ b)[:, None]


def _expit(index: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-np.clip(index, -LARGEST_EXPONENT, LARGEST_EXPONENT)))


@dataclass(frozen=True, slots=True)
class Logit:
    """Logistic regression, psi = x (y - expit(x'b)), y in [0, 1]."""

    name: str = "logit"
    linear: bool = False
    smooth: bool = True

    def parameters(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """One parameter a column of X."""
        return terms

    def check(self, y: Array, what: str) -> None:
        """Outcomes lie in [0, 1]."""
        _refuse_outside(y, (y < 0) | (y > 1), what, "logit needs outcomes between 0 and 1")

    def start(self, y: Array, X: Array, w: Array | None) -> tuple[Array, Array]:
        """One step of weighted least squares from mu = (y + 1/2) / 2."""
        mu = (y + 0.5) / 2.0
        v = mu * (1.0 - mu) if w is None else w * mu * (1.0 - mu)
        z = np.log(mu / (1.0 - mu)) + (y - mu) / (mu * (1.0 - mu))
        weighted = X * v[:, None]
        return weighted.T @ X, weighted.T @ z

    def sums(self, y: Array, X: Array, b: Array, w: Array | None) -> tuple[Array, Array]:
        """Score X'W(y - mu) and Jacobian -X'W mu (1 - mu) X."""
        mu = _expit(X @ b)
        residual, v = y - mu, mu * (1.0 - mu)
        if w is not None:
            residual, v = w * residual, w * v
        return X.T @ residual, -((X * v[:, None]).T @ X)

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """Row t is x_t (y_t - expit(x_t'b))."""
        return X * (y - _expit(X @ b))[:, None]


@dataclass(frozen=True, slots=True)
class Poisson:
    """Poisson regression, psi = x (y - exp(x'b)), y >= 0."""

    name: str = "poisson"
    linear: bool = False
    smooth: bool = True

    def parameters(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """One parameter a column of X."""
        return terms

    def check(self, y: Array, what: str) -> None:
        """Outcomes are not negative."""
        _refuse_outside(y, y < 0, what, "poisson needs outcomes of 0 or more")

    def start(self, y: Array, X: Array, w: Array | None) -> tuple[Array, Array]:
        """One step of weighted least squares from mu = y + 1/2."""
        mu = y + 0.5
        weighted = X * (mu if w is None else w * mu)[:, None]
        return weighted.T @ X, weighted.T @ (np.log(mu) + (y - mu) / mu)

    def sums(self, y: Array, X: Array, b: Array, w: Array | None) -> tuple[Array, Array]:
        """Score X'W(y - mu) and Jacobian -X'W mu X."""
        mu = np.exp(np.minimum(X @ b, LARGEST_EXPONENT))
        with np.errstate(over="ignore", invalid="ignore"):
            v = mu if w is None else w * mu
            return X.T @ ((y if w is None else w * y) - v), -((X * v[:, None]).T @ X)

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """Row t is x_t (y_t - exp(x_t'b))."""
        return X * (y - np.exp(np.minimum(X @ b, LARGEST_EXPONENT)))[:, None]


@dataclass(frozen=True, slots=True)
class UserMoments:
    """Your own estimating function.

    Attributes
    ----------
    function : psi(y, X, b) -> (m, k), one row a unit.
    derivative : J(y, X, b) -> (m, k, k), d psi_t / d b' of each unit.
    size : k, the number of parameters; None: as many as X has columns.
    names : the k parameters' names; None: those of X's columns, or b0, b1, ...
    guess : (k,) where Newton's method starts; None: zeros.
    """

    function: Callable[[Array, Array, Array], Array]
    derivative: Callable[[Array, Array, Array], Array]
    size: int | None = None
    names: tuple[str, ...] | None = None
    guess: tuple[float, ...] | None = None
    name: str = "user"
    linear: bool = False
    smooth: bool = True

    def parameters(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """The given names, or X's where there are as many of them."""
        if self.names is not None:
            return self.names
        k = len(terms) if self.size is None else self.size
        return terms if k == len(terms) else tuple(f"b{j}" for j in range(k))

    def check(self, y: Array, what: str) -> None:
        """The user's function says what is legal."""

    def start(self, y: Array, X: Array, w: Array | None) -> tuple[Array, Array]:
        """Minus the Jacobian at the guess, made symmetric and positive definite, and the guess itself."""
        b = self._guess(X)
        _, J = self.sums(y, X, b, w)
        metric = J.T @ J / max(float(np.linalg.norm(J, 2)), 1e-300)
        return metric, metric @ b

    def _guess(self, X: Array) -> Array:
        k = len(self.names) if self.names is not None else (self.size or X.shape[1])
        return np.zeros(k) if self.guess is None else np.asarray(self.guess, dtype=np.float64)

    def sums(self, y: Array, X: Array, b: Array, w: Array | None) -> tuple[Array, Array]:
        """Weighted sums of the user's psi and Jacobian."""
        rows, slopes = self.function(y, X, b), self.derivative(y, X, b)
        if w is None:
            return rows.sum(axis=0), slopes.sum(axis=0)
        return w @ rows, np.tensordot(w, slopes, axes=1)

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """The user's psi."""
        return np.asarray(self.function(y, X, b), dtype=np.float64)


FAMILIES: Mapping[str, Moments] = {
    "mean": Linear("mean"),
    "ols": Linear("ols"),
    "logit": Logit(),
    "poisson": Poisson(),
}


def family_of(family: str | Moments) -> Moments:
    """The family of that name, or the given one."""
    if not isinstance(family, str):
        return family
    if family not in FAMILIES:
        raise DataInvalid(f"No family is called {family!r}; choose one of {', '.join(FAMILIES)}.")
    return FAMILIES[family]


def _refuse_outside(y: Array, bad: np.ndarray, what: str, rule: str) -> None:
    count = int(np.count_nonzero(bad))
    if count:
        values = sorted(set(y[bad][:1000].tolist()))[:3]
        raise OutsideDomain(f"{what}: {count} outcomes such as {values} are outside the domain; {rule}.")
