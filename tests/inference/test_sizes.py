"""Rules on sizes against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS
from moored.inference.sizes import adjusted_r2, detectable, headline, least_r2, power


def test_power_and_detectable_effect_against_draws():
    z = np.random.default_rng(5).normal(size=400_000)
    assert power(0.5, 0.2) == pytest.approx(np.mean(np.abs(z + 2.5) > 1.959964), abs=0.004)
    assert power(0.0, 1.0) == pytest.approx(0.05, abs=1e-12)
    for wanted in (0.5, 0.8, 0.95):
        assert power(detectable(0.3, power=wanted), 0.3) == pytest.approx(wanted, abs=1e-4)


def test_least_r2_is_where_the_estimated_coefficient_breaks_even():
    rng, n = np.random.default_rng(6), 20
    r2 = least_r2(n)
    z = rng.normal(size=(60_000, n))
    y = math.sqrt(r2) * z + math.sqrt(1 - r2) * rng.normal(size=z.shape)
    zc = z - z.mean(1, keepdims=True)
    a = (zc * y).sum(1) / (zc**2).sum(1)
    assert np.var(y.mean(1) - a * z.mean(1)) == pytest.approx(1 / n, rel=0.03)
    assert least_r2(4, 3) == 1.0


def test_adjusted_r2_of_noise_is_near_zero():
    rng, n, q, found = np.random.default_rng(7), 40, 6, []
    for _ in range(2000):
        y, Z = rng.normal(size=n), rng.normal(size=(n, q))
        y, Z = y - y.mean(), Z - Z.mean(0)
        left = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
        r2 = 1 - left @ left / (y @ y)
        found.append(1 - (1 - r2) * (n - 1) / (n - q - 1))
        assert adjusted_r2(r2, n, q) == max(found[-1], 0)
    assert abs(np.mean(found)) < 0.01


def test_headline_is_a_rule_on_sizes():
    assert headline(49, 1, 1) == "gmm-small"
    assert headline(50, 1, 1) == "gmm-synth"
    assert headline(50, 1, 1, synthetic=False) == "gmm-proxy"
    assert headline(299, 3, 3) == "gmm-small"
    assert headline(300, 3, 3) == "gmm-synth"
    assert headline(25, 1, 0) == "human"
    assert headline(24, 1, 0) == "gmm-small"
    assert all(headline(n, p, M) in ESTIMATORS for n in (10, 1000) for p in (1, 4) for M in (0, 1, 6))


def test_headline_boundary_is_coverage_of_94_percent():
    from scipy.special import ndtri

    shrunk = (1 - 1 / 25) ** 2
    assert 2 * ndtr(-ndtri(0.025) * math.sqrt(shrunk)) - 1 == pytest.approx(0.94, abs=0.001)


@pytest.mark.parametrize(
    "call",
    [
        lambda: power(1, 0),
        lambda: power(1, 1, level=1.0),
        lambda: detectable(1, power=0.2),
        lambda: adjusted_r2(0.5, 3, 2),
        lambda: headline(-1, 1, 1),
        lambda: headline(10, 0, 1),
    ],
)
def test_refusals(call):
    with pytest.raises(DataInvalid):
        call()
