"""What the estimators ask of a family of estimating functions psi(y, x; b), and how to bring your own.

The families that have names are in `moored.inference.families`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moored.inference.data import Array


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
        """psi_t, one row per unit, (m, k)."""


@dataclass(frozen=True, slots=True)
class UserMoments:
    """Your own estimating function.

    Attributes
    ----------
    function
        psi(y, X, b) -> (m, k), one row per unit.
    derivative
        J(y, X, b) -> (m, k, k), d psi_t / d b' of each unit.
    size
        K, the number of parameters; None: as many as X has columns.
    names
        The k parameters' names; None: those of X's columns, or b0, b1, ...
    guess
        (k,) where Newton's method starts; None: zeros.

    Example
    -------
    The mean of log(y):

    >>> def psi(y, X, b): return np.log(y)[:, None] - b
    >>> def slope(y, X, b): return -np.ones((len(y), 1, 1))
    >>> UserMoments(psi, slope, size=1, names=("log mean",)).size
    1
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
