"""Rules on sizes: which estimator is the headline, when a source can pay, and what a test can find."""

from __future__ import annotations

import math

from moored.errors import DataInvalid


def headline(n: int, p: int, M: int, *, synthetic: bool = True) -> str:
    """The estimator whose row is the headline, by sizes alone: never by which looks better.

    k = p (1 + M) coefficients are estimated by the two-step GMM. Its sandwich variance is then too small
    by about (1 - k/n)^2: once for the residuals, once for the noise of the weights (Lavenberg and Welch 1981).
    A normal interval of nominal .95 keeps .94 as long as k/n <= 1/25. So: from n = 25 p (1 + M) labels on,
    the two-step GMM (`human` without sources), which uses every cross-moment; below, `gmm-small`.

    Parameters
    ----------
    n : labelled units, or labelled clusters; p : parameters; M : sources.
    synthetic : whether one of the sources is synthetic.
    """
    if n < 0 or M < 0 or p < 1:
        raise DataInvalid(f"n={n}, p={p}, M={M}: sizes are not negative, and p is at least 1.")
    if n < 25 * p * (1 + M):
        return "gmm-small"
    if M == 0:
        return "human"
    return "gmm-synth" if synthetic else "gmm-proxy"


def adjusted_r2(r2: float, n: int, q: int) -> float:
    """R2 less what q coefficients explain of nothing: 1 - (1 - R2)(n - 1) / (n - q - 1), at least 0."""
    if n <= q + 1:
        raise DataInvalid(f"{n} labelled units say nothing of {q} coefficients; label more.")
    return max(1 - (1 - r2) * (n - 1) / (n - q - 1), 0.0)


def least_r2(n: int, q: int = 1) -> float:
    """The R2 above which q estimated coefficients pay for themselves at n labels: q / (n - 2).

    Lavenberg and Welch (1981): with n labels the variance is (1 - R2)(n - 2) / (n - q - 2) of human-only, for
    Gaussian data and T >> n. For q = 1 it is the bound corr > 1 / sqrt(n - 2) of Mani, Xu, Lipton and
    Oberst (2025). With shrinkage (`gmm-small`) a source below it does little harm, but no good either.
    """
    if n <= q + 2:
        return 1.0
    return q / (n - 2)


def power(effect: float, se: float, *, level: float = 0.95) -> float:
    """Chance that a two-sided test at 1 - level rejects zero when the truth is `effect`, by the normal law."""
    from scipy.special import ndtr, ndtri

    z = -float(ndtri((1 - _share("level", level)) / 2))
    shift = abs(effect) / _positive("se", se)
    return float(ndtr(shift - z) + ndtr(-shift - z))


def detectable(se: float, *, power: float = 0.8, level: float = 0.95) -> float:
    """The smallest effect found with that power, (z_(1 - a/2) + z_power) se.

    It leaves out rejections in the wrong direction: exact to 1e-4 of se for a power of .5 and more.
    """
    from scipy.special import ndtri

    if not 0.5 <= power < 1:
        raise DataInvalid(f"The power is {power}; ask for .5 or more, below 1.")
    return float(ndtri(power) - ndtri((1 - _share("level", level)) / 2)) * _positive("se", se)


def _positive(what: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise DataInvalid(f"{what} is {value}; it must be above 0.")
    return value


def _share(what: str, value: float) -> float:
    if not 0 < value < 1:
        raise DataInvalid(f"{what} is {value}; it must lie between 0 and 1.")
    return value
