"""How many labels and how many units, before the money is spent.

All of it follows from one limit (docs/method.md section 3): with n of T units labelled at random, sigma_j^2 the
variance of the human influence function of theta_j and R2_j the share of it that the sources explain,

    Var(theta_j)  =  sigma_j^2 (1 - (1 - n/T) R2_j) / n  =  sigma_j^2 ((1 - R2_j) / n + R2_j / T)

It is the variance of GMM with known weights; `least_r2` says what learning the weights costs at small n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from moored.errors import DataInvalid
from moored.inference.results import Fit
from moored.plaintext import counted

PRODUCTS = 4  # (9 - 1) / (3 - 1): how much less a variance of products is known than one of Gaussian values
ROUNDING = 1e-9  # of a count that should have been whole


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a pilot study says of one parameter: sigma > 0 and R2 in [0, 1].

    Example
    -------
    >>> Pilot(sigma=0.5, r2=0.6).se(n=100, T=2000) < Pilot(sigma=0.5, r2=0.0).se(n=100, T=2000)
    True
    """

    sigma: float
    r2: float

    def __post_init__(self) -> None:
        given = (self.sigma, self.r2)
        if not (all(map(_is_number, given)) and 0 < self.sigma < math.inf and 0 <= self.r2 <= 1):
            raise DataInvalid(
                f"A pilot needs sigma > 0 and R2 in [0, 1]; got {self.sigma!r} and {self.r2!r}."
            )

    @classmethod
    def of(cls, fit: Fit, term: str) -> Pilot:
        """Of a fitted term, its R2 adjusted for the sources' number: sigma = se_human sqrt(n)."""
        if term not in fit.terms:
            raise DataInvalid(f"No term is called {term!r}; choose from {', '.join(fit.terms)}.")
        if fit.r2 is None or fit.effective_n is None:
            raise DataInvalid(f"{fit.estimator} prints no R2; plan from gmm-small or gmm-synth.")
        at = fit.terms.index(term)
        # The error of all labels is not counted for a corpus.
        beyond = 1 / fit.n_total if fit.target == "corpus" else 0.0
        sigma = float(fit.se[at]) / math.sqrt(1 / float(fit.effective_n[at]) - beyond)
        return cls(sigma, adjusted_r2(float(fit.r2[at]), fit.n_labelled, _coefficients(fit)))

    @classmethod
    def range_of(cls, fit: Fit, term: str, *, level: float = 0.9) -> tuple[Pilot, Pilot]:
        """The best and the worst case that a pilot leaves open, each end of sigma and R2 at `level`.

        A pilot of n labels knows sigma and R2 themselves with error: sigma by the chi-squared law of n - 1 degrees
        of freedom, R by Fisher's z with 1 / sqrt(n - q - 2), both for a mean of Gaussian data. A slope's influence
        function is a product, of kurtosis 9 where covariate and residual are Gaussian, and says as much as n / 4
        would. A guide, not a test: plan with the worst case, or give both. DataInvalid: too few labels for R.

        Examples
        --------
        >>> best, worst = Pilot.range_of(fit, "x")  # doctest: +SKIP
        >>> best.labels_needed(0.1, T=5000), worst.labels_needed(0.1, T=5000)  # doctest: +SKIP
        """
        from scipy.special import chdtri, ndtri

        middle, worth, q = cls.of(fit, term), 1 if len(fit.terms) == 1 else PRODUCTS, _coefficients(fit)
        tail, n = (1 - _share("level", level)) / 2, fit.n_labelled / worth
        if n <= q + 2:
            raise DataInvalid(
                f"{counted(fit.n_labelled, 'labelled unit leaves', 'labelled units leave')} the worst case open; a "
                f"pilot of this model needs {worth * (q + 2) + 1} or more."
            )
        low, high = (middle.sigma * math.sqrt((n - 1) / float(chdtri(n - 1, t))) for t in (tail, 1 - tail))
        z = math.atanh(min(math.sqrt(middle.r2), 1 - 1e-12))
        reach = -float(ndtri(tail)) / math.sqrt(n - q - 2)
        return cls(low, math.tanh(z + reach) ** 2), cls(high, math.tanh(max(z - reach, 0.0)) ** 2)

    def se(self, n: float, T: float) -> float:
        """Standard error with n of T units labelled."""
        _check_sizes(n, T)
        return self.sigma * math.sqrt((1 - self.r2) / n + self.r2 / T)

    def effective_n(self, n: float, T: float) -> float:
        """Labels that would give the same standard error without sources: n / (1 - (1 - n/T) R2)."""
        _check_sizes(n, T)
        return n / (1 - (1 - n / T) * self.r2)

    def labels_saved(self, n: float, T: float) -> float:
        """1 - n / effective_n = (1 - n/T) R2, a share of the labels."""
        _check_sizes(n, T)
        return (1 - n / T) * self.r2

    def labels_needed(self, se: float, T: int) -> int:
        """The fewest labels among T units that reach the standard error.

        Raises DataInvalid where all T do not; its details say how many `units` would.
        """
        room = _positive("se", se) ** 2 - self.sigma**2 * self.r2 / _positive("T", T)
        needed = self.sigma**2 * (1 - self.r2) / room if room > 0 else math.inf
        n = max(math.ceil(needed - ROUNDING), 1) if math.isfinite(needed) else T + 1
        if n > T:
            ratio = self.sigma / se
            raise DataInvalid(
                f"All {T} units labelled give a standard error of {self.sigma / math.sqrt(T):.3g}; "
                f"{se:.3g} needs more units.",
                units=math.ceil(ratio * ratio) if math.isfinite(ratio * ratio) else None,
            )
        return n


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """Label n of T units, have the model read all T (none where n = T), at this cost and standard error."""

    n: int
    T: int
    cost: float
    se: float


def cheapest(pilot: Pilot, se: float, *, label: float, calls: float, units: int | None = None) -> LabelPlan:
    """The cheapest whole n and T that reach a standard error.

    Minimises label n + calls T subject to a / n + b / T <= se^2, a = sigma^2 (1 - R2), b = sigma^2 R2. Without
    rounding n is proportional to sqrt(a / label) and T to sqrt(b / calls); from there every n is tried whose cost,
    with an unrounded T, is below the least that was found. Where labels alone are cheaper, n = T.

    Parameters
    ----------
    label
        Cost of one human label; calls : cost of all the model calls of one unit; both above 0.
    units
        How many units there are at most; None: no limit.

    Example
    -------
    >>> plan = cheapest(Pilot(sigma=0.5, r2=0.6), se=0.03, label=1.0, calls=0.01)
    >>> plan.n < plan.T, plan.se <= 0.03
    (True, True)
    """
    target = _positive("se", se) ** 2
    a, b = pilot.sigma**2 * (1 - pilot.r2), pilot.sigma**2 * pilot.r2
    root = math.sqrt(a * _positive("label", label)) + math.sqrt(b * _positive("calls", calls))
    alone = max(math.ceil(pilot.sigma**2 / target - ROUNDING), 1)
    most = math.inf if units is None else _positive("units", units)
    if units is not None:
        pilot.labels_needed(se, units)  # refuses what no number of labels reaches
    best = LabelPlan(alone, alone, label * alone, pilot.sigma / math.sqrt(alone))

    def least(n: int) -> float:
        """The cost of n labels with the unrounded T that they need; infinite where none will do."""
        room = target - a / n
        return label * n + calls * b / room if room > 0 and b / room <= most + ROUNDING else math.inf

    middle = math.sqrt(a / label) * root / target
    if b < most * target:
        middle = max(middle, a / (target - b / most))  # as many units as there are ask for so many labels
    start = max(math.ceil(middle - ROUNDING), 1)
    for steps in (range(start, alone), range(start - 1, 0, -1)):
        for n in steps:
            if least(n) >= best.cost:
                break  # the cost is convex in n
            T = max(math.ceil(b / (target - a / n) - ROUNDING), n + 1)
            if most >= T and label * n + calls * T < best.cost:
                best = LabelPlan(n, T, label * n + calls * T, pilot.se(n, T))
    return best


def most_precise(
    pilot: Pilot, budget: float, *, label: float, calls: float, units: int | None = None
) -> LabelPlan:
    """The n and T of least standard error that a budget pays for.

    Minimises a / n + b / T subject to label n + calls T <= budget, in the notation of `cheapest`, whose
    proportions these are. Where labels alone do better, n = T.

    Parameters
    ----------
    budget
        In the unit of the costs.
    label, calls, units
        As in `cheapest`.

    Example
    -------
    >>> plan = most_precise(Pilot(sigma=0.5, r2=0.6), budget=200.0, label=1.0, calls=0.01)
    >>> plan.cost <= 200.0, plan.n < 200
    (True, True)
    """
    a, b = 1 - pilot.r2, pilot.r2
    root = math.sqrt(a * _positive("label", label)) + math.sqrt(b * _positive("calls", calls))
    most = math.inf if units is None else _positive("units", units)
    alone = int(min(_positive("budget", budget) / label + ROUNDING, most))
    if alone < 1:
        raise DataInvalid(f"A budget of {budget:g} pays for no label at {label:g}; raise it.")
    best = LabelPlan(alone, alone, label * alone, pilot.sigma / math.sqrt(alone))
    share = math.sqrt(a / label) * budget / root
    if math.sqrt(b / calls) * budget / root > most:
        share = (budget - calls * most) / label
    for n in {max(int(share), 1), max(int(share), 1) + 1}:
        T = int(min((budget - label * n) / calls + ROUNDING, most))
        if n < T and (se := pilot.se(n, T)) < best.se:
            best = LabelPlan(n, T, label * n + calls * T, se)
    return best


def adjusted_r2(r2: float, n: int, q: int) -> float:
    """R2 less what q coefficients explain of nothing: 1 - (1 - R2)(n - 1) / (n - q - 1), at least 0."""
    if n <= q + 1:
        raise DataInvalid(
            f"{counted(n, 'labelled unit says', 'labelled units say')} nothing of "
            f"{counted(q, 'coefficient')}; label more."
        )
    return max(1 - (1 - r2) * (n - 1) / (n - q - 1), 0.0)


def least_r2(n: int, q: int = 1) -> float:
    """The R2 above which q estimated coefficients pay for themselves at n labels: q / (n - 2).

    Lavenberg and Welch (1981): with n labels the variance is (1 - R2)(n - 2) / (n - q - 2) of human-only, for
    Gaussian data and T >> n. For q = 1 it is the bound corr > 1 / sqrt(n - 2) of Mani, Xu, Lipton and
    Oberst (2025). With shrinkage (`gmm-small`) a source below it does little harm, but no good either.

    Example
    -------
    >>> least_r2(52)
    0.02
    """
    if n <= q + 2:
        return 1.0
    return q / (n - 2)


def power(effect: float, se: float, *, level: float = 0.95) -> float:
    """Chance that a two-sided test at 1 - level rejects zero when the truth is `effect`, by the normal law.

    Example
    -------
    >>> round(power(0.3, se=0.1), 2)
    0.85
    """
    from scipy.special import ndtr, ndtri

    z = -float(ndtri((1 - _share("level", level)) / 2))
    if not _is_number(effect) or math.isnan(effect):
        raise DataInvalid(f"The effect is {effect!r}; it must be a number.")
    shift = abs(effect) / _positive("se", se)
    return float(ndtr(shift - z) + ndtr(-shift - z))


def detectable(se: float, *, power: float = 0.8, level: float = 0.95) -> float:
    """The smallest effect found with that power, (z_(1 - a/2) + z_power) se.

    It leaves out rejections in the wrong direction: exact to 1e-4 of se for a power of .5 and more.

    Example
    -------
    >>> round(detectable(se=0.1), 2)
    0.28
    """
    from scipy.special import ndtri

    if not (_is_number(power) and 0.5 <= power < 1):
        raise DataInvalid(f"The power is {power!r}; ask for .5 or more, below 1.")
    return float(ndtri(power) - ndtri((1 - _share("level", level)) / 2)) * _positive("se", se)


def _coefficients(fit: Fit) -> int:
    return len(fit.sources) * (1 if fit.estimator == "gmm-small" else len(fit.terms))


def _check_sizes(n: float, T: float) -> None:
    if not (_is_number(n) and _is_number(T) and 0 < n <= T):
        raise DataInvalid(f"n={n} labels of T={T} units; needs 0 < n <= T.")


def _positive(what: str, value: float) -> float:
    return _between(what, value, math.inf, "a number above 0")


def _share(what: str, value: float) -> float:
    return _between(what, value, 1.0, "a number between 0 and 1")


def _between(what: str, value: float, end: float, allowed: str) -> float:
    if not (_is_number(value) and 0 < value < end):
        raise DataInvalid(f"{what} is {value!r}; it must be {allowed}.")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
