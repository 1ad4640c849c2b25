"""Intervals from the profile of the penalised likelihood, moved and shortened by what the sources know.

With few events the estimate of a logit or Poisson coefficient is skewed, and its standard error depends on it; the
signed root of the penalised likelihood (Heinze and Schemper 2002),

    r(t) = sign(b - t) sqrt(2 (l(b) - max l given L beta = t)),

is close to standard normal all the same. With s the model's standard error, v that of the human fit alone and
u that of the corrected estimate, which the sources move by d, the pivot

    W(t) = (r(t) s / v  -  d / v) / (u / v)

is (b - d - t) / u where the likelihood is quadratic, the interval of the estimate itself; without sources it is the
profile interval. It holds every t at which |W(t)| is at most the quantile of the normal law (of Student's t).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from moored.inference.data import Array, Mask
from moored.inference.families import LARGEST_LOG_MEAN, Logit
from moored.inference.moments import Moments
from moored.inference.small.bias_reduced import Rows, inverted, mean_slope_lean

OUTER, INNER = 25, 20
CLOSE = 1e-8  # of a signed root
STILL = 1e-5  # of a linear index; the likelihood is flat to the square of it
LONGEST = 2.0  # the largest change of an index that one step makes


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The penalised likelihood of B draws along k combinations of its parameters; axes (B, k, ...).

    Attributes
    ----------
    y, w : (B, 1, n). X : (B, n, p). XX : (B, n, p p) outer products of its rows.
    free : (k, p, p - 1) directions that leave L beta as it is.
    along : (B, k, p) how the constrained mode moves with t, near the mode.
    mode : (B, p); centre, se, peak : (B, k) L beta there, its model standard error, the likelihood.
    """

    family: Moments
    y: Array
    w: Array
    X: Array
    XX: Array
    free: Array
    along: Array
    mode: Array
    centre: Array
    se: Array
    peak: Array

    @classmethod
    def of(cls, family: Moments, rows: Rows, b: Array, P: Array, L: Array) -> Profile:
        """Of the units, the mode b (B, p), the inverse information P (B, p, p) there, and L (k, p)."""
        B, n, p = rows.X.shape
        move = L @ P
        se = np.sqrt(np.maximum((move * L).sum(axis=-1), 1e-300))
        XX = (rows.X[..., :, None] * rows.X[..., None, :]).reshape(B, n, p * p)
        free = np.stack([_kernel(row) for row in L])
        parts = (family, rows.y[:, None], rows.w[:, None], rows.X, XX, free, move / se[..., None] ** 2, b)
        here = cls(*parts, b @ L.T, se, np.zeros_like(se))
        everywhere = np.broadcast_to(b[:, None], (B, len(L), p))
        return cls(*parts, b @ L.T, se, here._likelihood(everywhere))

    def roots(self, t: Array) -> Array:
        """r (B, k) at t (B, k)."""
        return self.root_at(t, np.repeat(self.mode[:, None], t.shape[1], axis=1), self.centre)[0]

    def solve(self, goal: Array) -> Array:
        """t (B, k) with r(t) = goal, which falls as t grows; infinite where r does not go so far.

        The secant method, kept between the points that are known to lie on either side.
        """
        search = _Search.of(self, goal)
        out, profile, left = search.t.copy(), self, np.arange(len(goal))
        for _ in range(OUTER):
            search = search.moved(profile)
            live: Mask = np.asarray(~search.done.all(axis=1))
            out[left] = np.where(search.done | np.isfinite(search.far), search.t, search.way * np.inf)
            if not live.any():
                break
            if 2 * live.sum() < len(live):  # a few hard draws do not hold up the others
                search, profile, left = search.take(live), profile.take(live), left[live]
        return out

    def take(self, some: Mask) -> Profile:
        """Some of the draws."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("family", "free")}
        return replace(self, **{name: value[some] for name, value in parts.items()})

    def root_at(self, t: Array, b: Array, at: Array) -> tuple[Array, Array]:
        """r (B, k), NaN where the likelihood has no number, and the constrained modes (B, k, p), from b at `at`."""
        b = b + (t - at)[..., None] * self.along
        moving = np.ones(t.shape, dtype=bool)
        for _ in range(INNER if self.free.shape[-1] else 0):
            step = self._step(b)
            size = np.abs(step @ np.swapaxes(self.X, 1, 2)).max(axis=-1)
            moving &= np.isfinite(size)
            step *= np.minimum(1.0, LONGEST / np.maximum(size, 1e-300))[..., None]
            b = np.where(moving[..., None], b + step, b)
            moving &= size > STILL
            if not moving.any():
                break
        fall = 2.0 * (self.peak - self._likelihood(b))
        return np.sign(self.centre - t) * np.sqrt(np.maximum(fall, 0.0)), b

    def _step(self, b: Array) -> Array:
        """Newton's step (B, k, p) of Firth's score in the free directions."""
        mu, v, lean = mean_slope_lean(self.family, b @ np.swapaxes(self.X, 1, 2))
        H = self._information(v)
        h = self.w * v * (_flat(inverted(_stack(H))).reshape(*b.shape[:2], -1) @ np.swapaxes(self.XX, 1, 2))
        score = (self.w * (self.y - mu) + h * lean) @ self.X
        N, turned = self.free, np.swapaxes(self.free, 1, 2)
        inner = inverted(_stack(turned @ H @ N)).reshape(*b.shape[:2], N.shape[-1], N.shape[-1])
        return np.asarray((N @ (inner @ (turned @ score[..., None])))[..., 0])

    def _information(self, v: Array) -> Array:
        p = self.X.shape[-1]
        return np.asarray(((self.w * v) @ self.XX).reshape(*v.shape[:2], p, p))

    def _likelihood(self, b: Array) -> Array:
        """(B, k)."""
        index = b @ np.swapaxes(self.X, 1, 2)
        _, v, _ = mean_slope_lean(self.family, index)
        if isinstance(self.family, Logit):
            lost = np.logaddexp(0.0, index)
        else:
            lost = np.exp(np.minimum(index, LARGEST_LOG_MEAN))
        sign, size = np.linalg.slogdet(self._information(v))
        own = (self.w * (self.y * index - lost)).sum(axis=-1) + 0.5 * size
        return np.where((sign > 0) & np.isfinite(own), own, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """For each draw and combination (B, k): where it stands, t; where it stood; the points on either side.

    b (B, k, p) is the constrained mode at b_at, the last point with a likelihood.
    """

    goal: Array
    way: Array
    t: Array
    last: Array
    r_last: Array
    near: Array
    far: Array
    b: Array
    b_at: Array
    done: Mask

    @classmethod
    def of(cls, profile: Profile, goal: Array) -> _Search:
        """At the point where r would be `goal` if it were a straight line."""
        way, centre = -np.sign(goal), profile.centre
        far = np.where(way == 0, centre, np.where(way > 0, np.inf, -np.inf))
        b = np.repeat(profile.mode[:, None], goal.shape[1], axis=1)
        t, none = centre - goal * profile.se, np.zeros_like(goal)
        return cls(goal, way, t, centre, none, centre, far, b, centre, way == 0)

    def take(self, some: Mask) -> _Search:
        """Some of the draws."""
        return _Search(*(getattr(self, f.name)[some] for f in fields(self)))

    def moved(self, profile: Profile) -> _Search:
        """One evaluation on."""
        t, goal, way, se = self.t, self.goal, self.way, profile.se
        r, found = profile.root_at(t, self.b, self.b_at)
        fine = np.isfinite(r)
        b, b_at = np.where(fine[..., None], found, self.b), np.where(fine, t, self.b_at)
        beyond = ~(np.abs(r) < np.abs(goal))
        near, far = np.where(beyond, self.near, t), np.where(beyond, t, self.far)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            done = self.done | (np.abs(r - goal) <= CLOSE) | (np.abs(far - near) <= 1e-12 * se)
            slope = (r - self.r_last) / (t - self.last)
            guess = t + np.clip(np.where(slope < 0, (goal - r) / slope, np.nan), -4.0 * se, 4.0 * se)
            inside = (way * guess > way * near) & (way * guess < way * far)
        middle = np.where(np.isfinite(far), (near + far) / 2.0, near + way * 2.0 * se)
        ahead = np.where(done, t, np.where(inside, guess, middle))
        last, r_last = np.where(done, self.last, t), np.where(done, self.r_last, r)
        return _Search(goal, way, ahead, last, r_last, near, far, b, b_at, done)


def _kernel(L: Array) -> Array:
    """(p, p - 1) a basis of the directions that do not change L beta."""
    j = int(np.argmax(np.abs(L)))
    basis = np.delete(np.eye(len(L)), j, axis=1)
    basis[j] = -np.delete(L, j) / L[j]
    return np.asarray(basis)


def _stack(A: Array) -> Array:
    return A.reshape(-1, *A.shape[-2:])


def _flat(A: Array) -> Array:
    return A.reshape(len(A), -1)
