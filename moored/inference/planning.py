"""Before labelling: what a source with a given score R2 will save, and how to split a budget.

From n Var(theta_j) = sigma_j^2 (1 - (1 - n/T) R2_j), METHOD.md section 3: all else here is algebra.
"""

from __future__ import annotations

from dataclasses import dataclass

from moored.errors import DataInvalid


@dataclass(frozen=True, slots=True)
class Plan:
    """n labels and T model-read units, the standard error they give, and what they cost."""

    n_labelled: int
    n_total: int
    se: float
    cost: float


def variance_ratio(r2: float, n: float, T: float) -> float:
    """Var with the sources over Var with the labels alone: 1 - (1 - n/T) R2."""
    _check(r2)
    if not 0 < n <= T:
        raise DataInvalid(f"{n:g} labels of {T:g} units: label at least one and at most all.")
    return 1.0 - (1.0 - n / T) * r2


def effective_labels(r2: float, n: float, T: float) -> float:
    """How many labels alone would give the same standard error: n T / (n R2 + T (1 - R2))."""
    return n / variance_ratio(r2, n, T)


def expected_se(r2: float, n: float, T: float, se_pilot: float, n_pilot: float) -> float:
    """Standard error with n of T labelled, from a pilot's human-only standard error at n_pilot labels."""
    if se_pilot <= 0 or n_pilot <= 0:
        raise DataInvalid("A pilot needs a positive standard error and a positive number of labels.")
    return float(se_pilot * (n_pilot / n * variance_ratio(r2, n, T)) ** 0.5)


def labels_needed(r2: float, T: float, se_target: float, se_pilot: float, n_pilot: float) -> int:
    """Fewest labels of T that reach se_target. Raises DataInvalid where all T do not."""
    _check(r2)
    if se_target <= 0:
        raise DataInvalid("The standard error aimed at must be positive.")
    sigma2 = se_pilot**2 * n_pilot
    room = se_target**2 - sigma2 * r2 / T
    n = sigma2 * (1.0 - r2) / room if room > 0 else float("inf")
    if n > T * (1 + 1e-12):
        best = (sigma2 / T) ** 0.5
        raise DataInvalid(
            f"All {T:g} units labelled give a standard error of {best:.3g}; aim for that or more units."
        )
    return max(1, -int(-n // 1))


def split_budget(
    r2: float,
    budget: float,
    cost_label: float,
    cost_unit: float,
    *,
    se_pilot: float,
    n_pilot: float,
    most: float,
) -> Plan:
    """The n and T of least standard error for a budget of n cost_label + T cost_unit, T at most `most`.

    Minimises (1 - R2) / n + R2 / T: n : T = sqrt((1 - R2) / cost_label) : sqrt(R2 / cost_unit), within the
    limits n <= T <= most.
    """
    _check(r2)
    if min(budget, cost_label, cost_unit, most) <= 0:
        raise DataInvalid("Budget, costs and the number of units must be positive.")
    weight_n, weight_T = ((1.0 - r2) / cost_label) ** 0.5, (r2 / cost_unit) ** 0.5
    scale = budget / (weight_n * cost_label + weight_T * cost_unit)
    n, T = weight_n * scale, weight_T * scale
    if n >= T:
        n = T = budget / (cost_label + cost_unit)
    if most < T:
        n, T = (budget - most * cost_unit) / cost_label, most
    n = min(n, T)
    if n < 1:
        raise DataInvalid(f"A budget of {budget:g} pays for no label; raise it.")
    n, T = int(n), max(int(T), int(n))
    return Plan(n, T, expected_se(r2, n, T, se_pilot, n_pilot), n * cost_label + T * cost_unit)


def _check(r2: float) -> None:
    if not 0.0 <= r2 <= 1.0:
        raise DataInvalid(f"The score R2 is {r2}; it lies between 0 and 1. Take it from a pilot fit's `r2`.")
