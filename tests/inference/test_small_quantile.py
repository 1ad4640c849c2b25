"""gmm-small for quantiles: order statistics, not a density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from moored.inference import ESTIMATORS, Sample, Source, fit


def draw(rng, n=100, T=1000, noise=0.5):
    y = rng.lognormal(size=T)
    return Sample(
        y,
        np.ones((T, 1)),
        np.arange(T) < n,
        (),
        (Source("s", "proxy", y + noise * rng.normal(size=T), np.ones((T, 1))),),
    )


def small(sample, tau=0.9, **options):
    return ESTIMATORS["gmm-small"](sample, f"quantile:{tau}", **options)


@pytest.mark.parametrize(("tau", "n"), [(0.9, 100), (0.5, 40), (0.25, 60)])
def test_coverage_where_the_two_step_interval_falls_short(tau, n):
    truth, hits, widths, plain = float(np.exp(ndtri(tau))), 0, [], 0
    for seed in range(100):
        sample = draw(np.random.default_rng([seed, n]), n)
        fit = ESTIMATORS["gmm-small"](sample, f"quantile:{tau}")
        hits += bool(fit.lower[0] <= truth <= fit.upper[0])
        two = ESTIMATORS["gmm-proxy"](sample, f"quantile:{tau}")
        plain += bool(two.lower[0] <= truth <= two.upper[0])
        widths.append((fit.upper[0] - fit.lower[0]) / (two.upper[0] - two.lower[0]))
    assert hits / 100 > 0.93 - 2 * np.sqrt(0.05 * 0.95 / 100)
    assert hits >= plain - 3
    assert np.median(widths) < 1.5


def test_any_increasing_change_of_the_scale_changes_nothing():
    sample = draw(np.random.default_rng(1))
    moved = Sample(
        np.log(sample.y),
        sample.X,
        sample.labelled,
        (),
        (Source("s", "proxy", np.exp(sample.sources[0].y / 9), sample.X),),
    )
    one, other = small(sample), small(moved)
    for name in ("estimate", "lower", "upper"):
        np.testing.assert_allclose(np.log(getattr(one, name)), getattr(other, name))


def test_an_end_beyond_every_label_is_open_and_said():
    fit = small(draw(np.random.default_rng(2), n=25), 0.95)
    assert fit.upper[0] == np.inf
    assert np.isfinite(fit.estimate).all()
    assert any("that end is open" in warning for warning in fit.warnings)


@pytest.mark.parametrize("alternative", ["two-sided", "larger", "smaller"])
def test_the_p_value_is_the_interval_turned_round(alternative):
    sample = draw(np.random.default_rng(3))
    (source,) = sample.sources
    for shift in np.linspace(2.0, 6.0, 9):
        moved = Sample(sample.y - shift, sample.X, sample.labelled, (), (source,))
        fit = small(moved, alternative=alternative)
        assert bool(fit.lower[0] <= 0 < fit.upper[0]) == bool(fit.p_value[0] >= 0.05)


@pytest.mark.parametrize("estimator", ["human", "gmm-proxy"])
def test_labels_that_tie_at_the_quantile_are_said(estimator):
    """The median of ones and zeros was 8.4e-120, with an interval of a density that is not there."""
    rng = np.random.default_rng(4)
    for y in (rng.integers(1, 6, 600) * 1.0, (rng.random(600) < 0.4) * 1.0):
        table = {"y": y, "p": np.where(rng.random(600) < 0.8, y, 1.0), "s": np.arange(600) < 150}
        found = fit(table, "y ~ 1", family="quantile:0.5", labelled="s", sources=["p"], estimator=estimator)
        assert found.estimate[0] in y
        assert any("labels that differ, and this interval says nothing" in one for one in found.warnings)
    y = np.round(rng.normal(size=600), 2)
    found = fit({"y": y, "p": y, "s": np.arange(600) < 150}, "y ~ 1", family="quantile:0.5", labelled="s",
                sources=["p"], estimator=estimator)  # fmt: skip
    assert not any("says nothing" in one for one in found.warnings)


def test_few_labels_beside_a_quantile_are_said_in_its_own_words():
    values = np.r_[np.arange(37) * 1.0, [99.0, 100.0, 101.0], np.full(40, np.nan)]
    table = {"y": values, "p": np.arange(80) % 7 * 1.0}
    found = fit(table, "y ~ 1", family="quantile:0.92", sources=["p"])
    assert found.warnings[0].startswith("fewer than 5 labels lie on one side of the 0.92-quantile")
    assert not any("share" in warning for warning in found.warnings)


@pytest.mark.parametrize("y", [[1.0] * 40, [1.0] * 15 + [2.0] * 25])
def test_the_end_of_a_scale_is_no_lack_of_labels(y):
    table = {"y": [*y, *[np.nan] * 40], "p": [1.0, 2.0] * 40}
    found = fit(table, "y ~ 1", family="quantile:0.5", sources=["p"])
    assert found.estimate[0] == max(y)
    assert not any("labels" in warning for warning in found.warnings)


def likert(rng, n=100, T=1500, exact=0.93, soft=0.0):
    """Labels 1 to 5 of which .773 are up to 4, and a source that reads most of them right."""
    y = np.clip(np.round(rng.normal(3.6, 1.2, T)), 1, 5)
    read = np.where(rng.random(T) < exact, y, rng.integers(1, 6, T)) + soft * rng.uniform(-1, 1, T)
    one = np.ones((T, 1))
    return Sample(y, one, np.arange(T) < n, (), (Source("s", "proxy", read, one),))


@pytest.mark.parametrize("soft", [0.0, 0.3])
@pytest.mark.parametrize("tau", [0.85, 0.95])
def test_the_source_counts_where_the_quantile_is_the_top_of_a_scale(tau, soft):
    found = small(likert(np.random.default_rng(1), soft=soft), tau)
    assert (found.estimate[0], found.sources, found.warnings) == (5.0, ("s",), ())
    assert found.r2[0] > 0.1


def test_the_source_can_move_an_estimate_down_from_the_top():
    """Labels alone put the .76-quantile at 5 in 4 of 10 draws, and the source was not asked then."""
    draws = [small(likert(np.random.default_rng([7, k])), 0.76) for k in range(80)]
    right = sum(found.estimate[0] == 4.0 for found in draws)
    assert sum(found.lower[0] <= 4.0 <= found.upper[0] for found in draws) >= 74
    assert right >= 56
