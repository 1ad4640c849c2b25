"""Newton's method for several estimating equations at once, each pass over the data serving all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from moored.errors import EstimationError, NonFinite, NotConverged, Separated, Singular
from moored.inference.data import Array
from moored.inference.families import Multinomial
from moored.inference.moments import Moments
from moored.inference.solve.passes import Block, Passes

STEPS = 100
HALVINGS = 30
CONVERGED = 1e-18  # squared length of the last step, relative to the fitted index; Newton squares it again
COLLINEAR = 1e-12  # smallest pivot of the correlation matrix of the columns
FLAT = 1e-9  # curvature left, relative to the start's, when a coefficient runs off to infinity

Sums = Callable[[Block, Array], tuple[Array, Array]]
Start = Callable[[Block], tuple[Array, Array]]


@dataclass(slots=True)
class Equation:
    """sum_t psi_t(b) = target, to be solved for b (k,).

    Attributes
    ----------
    what : the name of what is fitted, for messages.
    terms : names of the k parameters.
    start, sums : sums over one block, as in `Moments`.
    target : (k,) right-hand side.
    linear : the start already is the solution.
    by_class : the terms are a class's, such as "2:x".
    root : (k,) the solution, once there is one.
    slope : (k, k) the Jacobian at the last point tried.
    failure : the reason why there is none.
    """

    what: str
    terms: tuple[str, ...]
    start: Start
    sums: Sums
    target: Array
    linear: bool = False
    by_class: bool = False
    guess: Array | None = None
    root: Array | None = None
    slope: Array | None = None
    failure: EstimationError | None = None
    metric: Array = field(default_factory=lambda: np.zeros((0, 0)))
    _b: Array = field(default_factory=lambda: np.zeros(0))
    _step: Array | None = None
    _merit: float = np.inf
    _length: float = 1.0
    _steps: int = 0
    _halvings: int = 0

    @property
    def active(self) -> bool:
        """Neither solved nor failed."""
        return self.root is None and self.failure is None

    @property
    def trial(self) -> Array:
        """The point at which the next pass evaluates."""
        return self._b if self._step is None else self._b + self._length * self._step

    def begin(self, A: Array, r: Array) -> None:
        """Take the starting equations A b = r; A is also the metric of steps."""
        if not (np.isfinite(A).all() and np.isfinite(r).all()):
            self.failure = NonFinite(f"{self.what}: the numbers are too large to be squared; rescale them.")
            return
        dependent = dependent_column(A)
        if dependent is not None:
            term = self._split(self.terms[dependent])[1]
            self.failure = Singular(
                f"{self.what}: the term {term!r} is constant or a combination of the terms before it; drop it."
            )
            return
        self.metric = A
        self._b = solve_scaled(A, r) if self.guess is None else self.guess
        if self.linear and self.guess is None:
            self.root, self.slope = self._b, -A

    def advance(self, score: Array, slope: Array) -> None:
        """Take the sums at `trial` and move: accept and step on, or halve the step."""
        residual = score - self.target
        merit = self._size(residual)
        if not np.isfinite(merit) or merit > self._merit * (1.0 - 1e-4 * self._length):
            if self._stalled():
                return
            self._length /= 2.0
            self._halvings += 1
            return
        self._b, self._merit, self.slope = self.trial, merit, slope
        self._length, self._halvings = 1.0, 0
        self._steps += 1
        self._next(residual, slope)

    def _next(self, residual: Array, slope: Array) -> None:
        if self._ran_off(slope):
            return
        try:
            step: Array = np.asarray(-np.linalg.solve(slope, residual), dtype=np.float64)
        except np.linalg.LinAlgError:
            self.failure = Singular(f"{self.what}: the Jacobian is singular; drop a term.")
            return
        length, scale = float(step @ self.metric @ step), float(self._b @ self.metric @ self._b)
        unit = float(np.trace(self.metric)) / len(step) * 1e-12
        if length <= CONVERGED * (scale + unit):
            self.root = np.asarray(self._b + step)
        elif self._steps >= STEPS:
            self.failure = self._gave_up()
        self._step = step

    def _stalled(self) -> bool:
        """No decrease: at rounding level that is the solution, otherwise the method has failed."""
        assert self._step is not None or self._merit == np.inf
        if self._step is None:
            self.failure = NonFinite(f"{self.what}: the moments are not finite at the starting value.")
            return True
        scale = float(self._b @ self.metric @ self._b) + float(np.trace(self.metric)) * 1e-12
        if float(self._step @ self.metric @ self._step) <= 1e-13 * scale:
            self.root = self._b
            return True
        if self._halvings >= HALVINGS:
            self.failure = self._gave_up()
            return True
        return False

    def _ran_off(self, slope: Array) -> bool:
        scale = 1.0 / np.sqrt(np.diag(self.metric))
        if np.linalg.norm(slope * np.outer(scale, scale), -2) > FLAT:
            return False
        direction = np.linalg.svd(slope * np.outer(scale, scale))[2][-1] * scale
        term = self.terms[int(np.argmax(np.abs(direction / scale)))]
        whose, name = self._split(term)
        merge = f", or merge {whose} with another" if self.by_class else ""
        self.failure = Separated(
            f"{self.what}: {whose} is predicted perfectly along {name!r}, so its coefficient is "
            f"infinite; drop or merge that term{merge}, or label more units.",
            term=term,
        )
        return True

    def _split(self, term: str) -> tuple[str, str]:
        """What a term is of, and its own name."""
        number, _, name = term.partition(":")
        return (f"class {number}", name) if self.by_class else ("the outcome", term)

    def _gave_up(self) -> NotConverged:
        return NotConverged(
            f"{self.what}: Newton's method did not converge in {self._steps} steps; rescale or drop "
            "covariates, or label more units."
        )

    def _size(self, residual: Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(residual @ solve_scaled(self.metric, residual))


@dataclass(slots=True)
class Bisection(Equation):
    """The same for one parameter and a step function that falls in b: brackets the jump, then halves."""

    _low: float = -np.inf
    _high: float = np.inf
    _reach: float = 1.0

    def begin(self, A: Array, r: Array) -> None:
        """Start at r / A, which need not be near."""
        self.metric = A
        self._b = r / A[0]
        self._reach = max(1e-3, abs(float(self._b[0])) * 1e-3)

    def advance(self, score: Array, slope: Array) -> None:
        """Move the bracket's end; done when its ends are neighbours to rounding."""
        at = float(self._b[0])
        self.slope = slope
        self._steps += 1
        if float(score[0] - self.target[0]) > 0.0:
            self._low = at
        else:
            self._high = at
        if np.isfinite(self._low) and np.isfinite(self._high):
            if self._high - self._low <= 1e-13 * max(abs(self._low), abs(self._high)) or self._steps > 400:
                self.root = np.array([self._high])
            self._b = np.array([(self._low + self._high) / 2.0])
            return
        self._reach *= 4.0
        self._b = np.array([at + self._reach if self._high == np.inf else at - self._reach])
        if not np.isfinite(self._b).all() or self._steps > 400:
            self.failure = NotConverged(
                f"{self.what}: no value of the parameter balances the moments; label more units."
            )


def equation(family: Moments, **fields: Any) -> Equation:
    """An Equation for a smooth family, a Bisection for a step function."""
    fields.setdefault("linear", family.linear)
    fields.setdefault("by_class", isinstance(family, Multinomial))
    return Equation(**fields) if family.smooth else Bisection(**fields)


def solve_all(passes: Passes, equations: Sequence[Equation]) -> None:
    """Solve every equation; one pass evaluates all that are still open. Failures are left in them."""
    starts: list[tuple[Array, Array] | None] = [None] * len(equations)
    for block in passes:
        starts = [_add(total, eq.start(block)) for total, eq in zip(starts, equations, strict=True)]
    for equation, begun in zip(equations, starts, strict=True):
        assert begun is not None
        equation.begin(*begun)
    while active := [equation for equation in equations if equation.active]:
        points = [equation.trial for equation in active]
        sums: list[tuple[Array, Array] | None] = [None] * len(active)
        for block in passes:
            sums = [_add(total, eq.sums(block, b)) for total, eq, b in zip(sums, active, points, strict=True)]
        for equation, found in zip(active, sums, strict=True):
            assert found is not None
            equation.advance(*found)


def _add(total: tuple[Array, Array] | None, part: tuple[Array, Array]) -> tuple[Array, Array]:
    return part if total is None else (total[0] + part[0], total[1] + part[1])


def solve_scaled(A: Array, r: Array) -> Array:
    """A^-1 r for symmetric positive definite A, its rows and columns brought to one scale first."""
    scale = 1.0 / np.sqrt(np.diag(A))
    scaled = np.linalg.solve(A * np.outer(scale, scale), (scale * r.T).T)
    return (scale * scaled.T).T


def inverse(A: Array, what: str) -> Array:
    """A^-1 of a Jacobian (k, k), or a named error in place of numpy's."""
    if not np.isfinite(A).all():
        raise NonFinite(f"{what}: the moments' slopes are not finite; rescale the data.")
    rows, columns = np.abs(A).max(axis=1), np.abs(A).max(axis=0)
    if not (rows.all() and columns.all()):
        raise Singular(f"{what}: a parameter does not enter its moment; drop a constant or empty term.")
    rows, columns = np.sqrt(rows), np.sqrt(columns)
    scaled = A / np.outer(rows, columns)
    if np.linalg.norm(scaled, -2) < COLLINEAR * np.linalg.norm(scaled, 2):
        raise Singular(f"{what}: the terms are collinear; drop one, or label more units.")
    return np.asarray(np.linalg.inv(scaled) / np.outer(columns, rows))


def dependent_column(A: Array, tolerance: float = COLLINEAR) -> int | None:
    """The first column of a cross-product matrix that is zero or depends on those before it."""
    diagonal = np.diag(A)
    if not (diagonal > 0).all():
        return int(np.argmin(diagonal > 0))
    scale = 1.0 / np.sqrt(diagonal)
    correlation = A * np.outer(scale, scale)
    for j in range(len(A)):
        if j == 0:
            continue
        before = correlation[:j, :j]
        left = 1.0 - correlation[j, :j] @ np.linalg.solve(before, correlation[:j, j])
        if left < tolerance:
            return j
    return None
