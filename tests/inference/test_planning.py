"""Planning by its own algebra and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from moored.errors import DataInvalid
from moored.inference.planning import (
    effective_labels,
    expected_se,
    labels_needed,
    split_budget,
    variance_ratio,
)


def test_limits():
    assert variance_ratio(0.0, 10, 1000) == 1.0
    assert variance_ratio(1.0, 10, 1000) == pytest.approx(10 / 1000)
    assert effective_labels(1.0, 10, 1000) == pytest.approx(1000)
    assert effective_labels(0.7, 1000, 1000) == 1000


@pytest.mark.parametrize("r2", [0.0, 0.3, 0.8, 1.0])
def test_labels_needed_is_the_fewest(r2):
    pilot = {"se_pilot": 0.1, "n_pilot": 100}
    n = labels_needed(r2, 5000, 0.03, **pilot)
    assert expected_se(r2, n, 5000, **pilot) <= 0.03 * (1 + 1e-9)
    assert n == 1 or expected_se(r2, n - 1, 5000, **pilot) > 0.03
    with pytest.raises(DataInvalid, match="All 5000"):
        labels_needed(r2, 5000, 0.001, **pilot)


@pytest.mark.parametrize("r2", [0.0, 0.2, 0.6, 0.95])
@pytest.mark.parametrize("most", [800, 100_000])
def test_budget_split_against_a_grid(r2, most):
    pilot = {"se_pilot": 0.1, "n_pilot": 100}
    plan = split_budget(r2, 1000.0, 2.0, 0.05, most=most, **pilot)
    assert plan.cost <= 1000.0 + 1e-9
    best = np.inf
    for T in range(10, most + 1, max(1, most // 2000)):
        n = min((1000.0 - 0.05 * T) / 2.0, T)
        if n >= 1:
            best = min(best, expected_se(r2, n, T, **pilot))
    assert plan.se <= best * 1.01


@pytest.mark.parametrize(
    "call",
    [
        lambda: variance_ratio(1.2, 1, 2),
        lambda: variance_ratio(0.2, 3, 2),
        lambda: expected_se(0.2, 1, 2, 0.0, 1),
        lambda: split_budget(0.2, 1.0, 5.0, 1.0, se_pilot=1, n_pilot=1, most=10),
    ],
)
def test_refusals(call):
    with pytest.raises(DataInvalid):
        call()
