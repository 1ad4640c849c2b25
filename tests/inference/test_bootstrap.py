"""The bootstrap against the Wald interval where that is right, and against itself."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from moored.errors import DataInvalid
from moored.inference import gmm
from moored.inference.bootstrap import _World, bootstrap
from moored.inference.families import family_of
from tests.inference.worlds import coefficients, draw


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
def test_spread_is_the_standard_error_in_large_samples(family):
    sample = draw(family, T=6000, n=800, p=2, M=2, rng=81)
    found = bootstrap(sample, family, rng=np.random.default_rng(0), draws=199)
    np.testing.assert_allclose(found.draws.std(axis=0), found.fit.se, rtol=0.2)
    np.testing.assert_allclose(found.draws.mean(axis=0), found.fit.estimate, atol=0.25 * found.fit.se.min())
    assert found.failed == 0


def test_whole_clusters_are_resampled():
    sample = draw("ols", T=1200, n=300, p=2, M=1, rng=82)
    rows = np.repeat(np.arange(1200), 4)
    fourfold = replace(sample.take(rows), cluster=rows)
    found = bootstrap(fourfold, "ols", rng=np.random.default_rng(0), draws=199)
    np.testing.assert_allclose(found.draws.std(axis=0), gmm(sample, "ols").se, rtol=0.25)


def test_a_draw_costs_the_same_for_many_units():
    few, many = (_World(draw("ols", T=T, n=60, p=2, M=2, rng=83), family_of("ols")) for T in (300, 300_000))
    seconds = []
    for world in (few, many):
        rng, began = np.random.default_rng(0), time.process_time()
        for _ in range(200):
            world.draw(rng)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 3 * seconds[0]


@pytest.mark.parametrize("alternative", ["two-sided", "larger", "smaller"])
def test_interval_and_p_value_agree(alternative):
    for seed in range(2):
        sample = draw("ols", T=400, n=60, p=3, M=1, rng=seed)
        found = bootstrap(sample, rng=np.random.default_rng(seed), draws=199, alternative=alternative)
        outside = (found.lower > 0) | (found.upper < 0)
        np.testing.assert_array_equal(outside, found.p_value < 0.05 + 1e-9)


def test_refusals_and_no_source():
    sample = draw("ols", M=0, rng=83)
    assert bootstrap(sample, rng=np.random.default_rng(0), draws=99).draws.shape == (99, 3)
    with pytest.raises(DataInvalid, match="too few"):
        bootstrap(sample, rng=np.random.default_rng(0), draws=10)
    with pytest.raises(DataInvalid, match="unequal"):
        bootstrap(replace(sample, probability=np.full(1000, 0.3)), rng=np.random.default_rng(0))


@pytest.mark.slow
def test_coverage_of_the_percentile_interval():
    hits, R = np.zeros(2), 500
    for child in np.random.SeedSequence(5).spawn(R):
        rng = np.random.default_rng(child)
        found = bootstrap(draw("ols", T=1000, n=150, p=2, M=1, rng=rng), rng=rng, draws=199)
        hits += (found.lower <= coefficients(2)) & (coefficients(2) <= found.upper)
    np.testing.assert_allclose(hits / R, 0.95, atol=3.5 * np.sqrt(0.95 * 0.05 / R))
