"""The estimating functions that have names, and their Jacobians (docs/method.md section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moored.errors import DataInvalid, OutsideDomain
from moored.inference.data import Array
from moored.inference.moments import Moments

LARGEST_EXPONENT = 700.0
LARGEST_LOG_MEAN = 80.0  # of a Poisson mean; beyond it the model has failed, and squares must stay finite


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
        mu = np.exp(np.minimum(X @ b, LARGEST_LOG_MEAN))
        v = mu if w is None else w * mu
        return X.T @ ((y if w is None else w * y) - v), -((X * v[:, None]).T @ X)

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """Row t is x_t (y_t - exp(x_t'b))."""
        return X * (y - np.exp(np.minimum(X @ b, LARGEST_LOG_MEAN)))[:, None]


@dataclass(frozen=True, slots=True)
class Multinomial:
    """Multinomial logit over classes 0, ..., K - 1, the first being the reference.

    psi stacks x (1[y = k] - P_k(x)) over k = 1, ..., K - 1; the parameters are ordered the same way.

    Example
    -------
    >>> Multinomial(3).classes
    3
    """

    classes: int
    name: str = "multinomial"
    linear: bool = False
    smooth: bool = True

    def parameters(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """Each class's name before each term's, such as "2:Intercept"."""
        return tuple(f"{k}:{term}" for k in range(1, self.classes) for term in terms)

    def check(self, y: Array, what: str) -> None:
        """Outcomes are 0, ..., K - 1."""
        bad = (y != np.floor(y)) | (y < 0) | (y >= self.classes)
        _refuse_outside(y, bad, what, f"{self.classes} classes are coded 0 to {self.classes - 1}")

    def start(self, y: Array, X: Array, w: Array | None) -> tuple[Array, Array]:
        """The information at b = 0, and the score there."""
        zero = np.zeros((self.classes - 1) * X.shape[1])
        score, slope = self.sums(y, X, zero, w)
        return -slope, score

    def sums(self, y: Array, X: Array, b: Array, w: Array | None) -> tuple[Array, Array]:
        """Score X'W(1[y = k] - P_k) and Jacobian blocks -X'W P_k (1[k = l] - P_l) X."""
        K, p = self.classes - 1, X.shape[1]
        P, residual = self._residual(y, X, b)
        weighted = residual if w is None else residual * w[:, None]
        slope = np.zeros((K, p, K, p))
        for k in range(K):
            for other in range(K):
                v = P[:, k] * ((k == other) - P[:, other])
                slope[k, :, other, :] = -((X * (v if w is None else v * w)[:, None]).T @ X)
        return (weighted.T @ X).ravel(), slope.reshape(K * p, K * p)

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """Row t stacks x_t (1[y_t = k] - P_k(x_t)) over k."""
        _, residual = self._residual(y, X, b)
        return np.asarray((residual[:, :, None] * X[:, None, :]).reshape(len(y), -1))

    def _residual(self, y: Array, X: Array, b: Array) -> tuple[Array, Array]:
        index = np.column_stack([np.zeros(len(y)), X @ b.reshape(self.classes - 1, -1).T])
        P = np.exp(index - index.max(axis=1, keepdims=True))
        P = (P / P.sum(axis=1, keepdims=True))[:, 1:]
        return P, (y[:, None] == np.arange(1, self.classes)) - P


@dataclass(frozen=True, slots=True)
class Quantile:
    """The tau-quantile of the outcome, psi = tau - 1[y <= b].

    psi has no derivative; its mean's, minus the density at b, is estimated by a Gaussian kernel with
    Silverman's bandwidth, so standard errors are as rough as that. eta takes one linear step.

    Example
    -------
    With the sample of `Sample`, whose outcome has median 1:

    >>> fit, = estimate(sample, Quantile(0.5), estimators=["gmm-small"])
    >>> bool(0.5 < fit.estimate[0] < 1.5)
    True
    """

    tau: float = 0.5
    name: str = "quantile"
    linear: bool = False
    smooth: bool = False

    def parameters(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """The constant alone."""
        if len(terms) != 1:
            raise DataInvalid(f"The quantile has no covariates, but X has the terms {', '.join(terms)}.")
        return terms

    def check(self, y: Array, what: str) -> None:
        """Any finite outcome will do."""

    def start(self, y: Array, X: Array, w: Array | None) -> tuple[Array, Array]:
        """Count and total: the search starts at the mean."""
        ones = X[:, 0] if w is None else X[:, 0] * w
        return np.array([[ones.sum()]]), np.array([ones @ y])

    def sums(self, y: Array, X: Array, b: Array, w: Array | None) -> tuple[Array, Array]:
        """sum of tau - 1[y <= b], and minus the kernel density's sum."""
        ones = X[:, 0] if w is None else X[:, 0] * w
        middle = np.subtract(*np.percentile(y, [75, 25])) / 1.349 if len(y) else 0.0
        spread = min(float(np.std(y)), middle or np.inf) if len(y) else 0.0
        h = max(1.06 * spread * len(y) ** -0.2, 1e-9 * abs(float(b[0])), 1e-100)
        density = np.exp(-0.5 * np.minimum(((y - b[0]) / h) ** 2, LARGEST_EXPONENT)) / (
            h * np.sqrt(2 * np.pi)
        )
        return np.array([ones @ (self.tau - (y <= b[0]))]), -np.array([[ones @ density]])

    def psi(self, y: Array, X: Array, b: Array) -> Array:
        """Row t is tau - 1[y_t <= b]."""
        return np.asarray(X * (self.tau - (y <= b[0]))[:, None])


FAMILIES: Mapping[str, Moments] = {
    "mean": Linear("mean"),
    "ols": Linear("ols"),
    "logit": Logit(),
    "poisson": Poisson(),
    "quantile": Quantile(),
}


def family_of(family: str | Moments) -> Moments:
    """The family of that name, or the given one. "quantile:0.9" and "multinomial:4" carry their number."""
    if not isinstance(family, str):
        if not hasattr(family, "parameters"):
            raise DataInvalid(f"The family came as {type(family).__name__}; name one, such as 'logit'.")
        return family
    if family in FAMILIES:
        return FAMILIES[family]
    name, _, number = family.partition(":")
    try:
        if name == "quantile" and 0.0 < float(number) < 1.0:
            return Quantile(float(number))
        if name == "multinomial" and int(number) >= 2:
            return Multinomial(int(number))
    except ValueError:
        pass
    raise DataInvalid(
        f"No family is called {family!r}; choose {', '.join(FAMILIES)}, quantile:TAU (0 < TAU < 1) or "
        "multinomial:CLASSES (2 or more)."
    )


def spelled(family: Moments) -> str:
    """The name of a family as `family_of` reads it, with the number that it carries."""
    if isinstance(family, Quantile):
        return f"{family.name}:{family.tau:.12g}"
    return f"{family.name}:{family.classes}" if isinstance(family, Multinomial) else family.name


def refuse_no_constant(family: Moments, X: Array, what: str) -> None:
    """The mean and the quantile are over a column of ones: of another one, "mean" would be a line through zero."""
    if (
        family.name in ("mean", "quantile")
        and isinstance(family, Linear | Quantile)
        and not bool((X == 1.0).all())
    ):
        raise DataInvalid(
            f"{what}: the {family.name} has no covariates, so its only term must be the constant; write y ~ 1"
            + (", or take the family 'ols' for a line through zero." if family.name == "mean" else ".")
        )


def _refuse_outside(y: Array, bad: np.ndarray, what: str, rule: str) -> None:
    count = int(np.count_nonzero(bad))
    if count:
        values = sorted(set(y[bad][:1000].tolist()))[:3]
        came = f"the outcome {values[0]:g} is" if count == 1 else f"{count} outcomes such as {values} are"
        raise OutsideDomain(f"{what}: {came} outside the domain; {rule}.")
