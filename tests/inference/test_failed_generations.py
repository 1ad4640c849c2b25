"""A failed generation is no datum: what each estimator makes of it, and what it says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moored.inference import ESTIMATORS, Sample
from moored.inference.stacked import Draws, fit_draws
from tests.inference.worlds import draw

USERS = ["ppi++-proxy", "ppi++-synth", "reppi", "gmm-proxy", "gmm-synth", "gmm-small"]
KINDS = ("proxy", "proxy", "synthetic")


def world(family: str = "ols", *, T: int = 800, n: int = 200, rng: int = 1) -> Sample:
    return draw(family, T=T, n=n, p=1 if family == "mean" else 2, M=3, kinds=KINDS, rng=rng)


def fail(sample: Sample, which: str, where: np.ndarray) -> Sample:
    """The same with source `which` failed `where`; what it might have said is lost."""
    sources = []
    for source in sample.sources:
        y = np.where(where, np.nan, source.y)
        sources.append(replace(source, y=y, observed=~where) if source.name == which else source)
    return sample.with_sources(sources)


@pytest.mark.parametrize("name", USERS)
@pytest.mark.parametrize("family", ["mean", "ols", "logit", "poisson"])
@pytest.mark.parametrize(
    ("side", "said"),
    [
        ("unlabelled", "'s1' dropped: it failed for all the 600 unlabelled units"),
        ("labelled", "'s1' dropped: it failed for all the 200 labelled units"),
        ("nearly", "'s1' dropped: it failed for all but 1 of the 600 unlabelled units"),
    ],
)
def test_a_source_without_a_side_is_dropped_by_name(name, family, side, said):
    sample = world(family)
    where = sample.labelled if side == "labelled" else ~sample.labelled
    if side == "nearly":
        where = where & (np.cumsum(where) > 1)
    broken = fail(sample, "s1", where)
    fit = ESTIMATORS[name](broken, family)
    without = ESTIMATORS[name](sample.with_sources([sample.sources[0], sample.sources[2]]), family)
    np.testing.assert_allclose(fit.estimate, without.estimate, atol=1e-9)
    np.testing.assert_allclose(fit.se, without.se, rtol=1e-9)
    assert fit.sources == without.sources
    assert sum(said in text for text in fit.warnings) == 1


@pytest.mark.parametrize("name", USERS)
def test_where_no_source_is_left_it_is_the_human_fit(name):
    sample = world()
    for source in sample.sources:
        sample = fail(sample, source.name, ~sample.labelled)
    fit, human = ESTIMATORS[name](sample, "ols"), ESTIMATORS["human"](sample, "ols")
    np.testing.assert_allclose(fit.estimate, human.estimate, atol=1e-12)
    assert fit.sources == ()
    assert (fit.se > 0.9 * human.se).all()


@pytest.mark.parametrize("name", USERS)
def test_failures_are_counted_on_each_side(name):
    sample = world()
    at = np.zeros(800, bool)
    at[np.flatnonzero(sample.labelled)[:7]] = True
    at[np.flatnonzero(~sample.labelled)[:21]] = True
    fit = ESTIMATORS[name](fail(sample, "s0", at), "ols")
    said = "source 's0' failed for 28 of 800 units (7 of 200 labelled, 21 of 600 unlabelled)"
    assert sum(text.startswith(said) for text in fit.warnings) == 1
    assert not any("fails more often" in text for text in fit.warnings)


@pytest.mark.parametrize("design", ["plain", "weights", "clusters", "strata"])
@pytest.mark.parametrize("name", ["gmm-synth", "gmm-small", "ppi++-synth", "reppi"])
def test_failing_that_depends_on_labelling_is_said(name, design):
    sample, rng = world(), np.random.default_rng(5)
    if design == "weights":
        sample = replace(sample, probability=rng.uniform(0.2, 0.3, 800))
    elif design == "clusters":
        sample = replace(sample, cluster=np.arange(800) // 2)
    elif design == "strata":
        sample = replace(sample, strata=np.arange(800) % 2)
    bad = rng.random(800) < np.where(sample.labelled, 0.02, 0.15)
    fit = ESTIMATORS[name](fail(sample, "s2", bad), "ols")
    assert any("source 's2' fails more often on one side" in text for text in fit.warnings)
    even = ESTIMATORS[name](fail(sample, "s2", rng.random(800) < 0.1), "ols")
    assert not any("fails more often" in text for text in even.warnings)


def test_the_sides_are_compared_by_their_observed_means():
    sample = world("mean")
    rng = np.random.default_rng(2)
    bad = rng.random(800) < np.where(sample.labelled, 0.02, 0.3)
    broken = fail(sample.with_sources(sample.sources[:1]), "s0", bad)
    fit = ESTIMATORS["ppi++-proxy"](broken, "mean")
    lam, f = dict(fit.tuning)["lambda"], sample.sources[0].y
    inside, outside = sample.labelled & ~bad, ~sample.labelled & ~bad
    y = sample.y[sample.labelled]
    assert fit.estimate[0] == pytest.approx(y.mean() - lam * (f[inside].mean() - f[outside].mean()))
    by_hand = (
        np.var(y) / 200
        - 2
        * lam
        * np.sum((sample.y - y.mean())[inside] * (f[inside] - f[inside].mean()))
        / (200 * inside.sum())
        + lam**2 * (np.var(f[inside]) / inside.sum() + np.var(f[outside]) / outside.sum())
    )
    assert fit.se[0] == pytest.approx(np.sqrt(by_hand), rel=1e-9)


def uneven(family: str, seed: int) -> Sample:
    """Readings that are biased by 1 and fail at random, 2% of the labelled and 12.5% of the others."""
    sample, rng = world(family, T=1200, n=240, rng=seed), np.random.default_rng(seed)
    for source in sample.sources:
        sample = fail(sample, source.name, rng.random(1200) < np.where(sample.labelled, 0.02, 0.125))
    biased = 0.0 if family == "logit" else 1.0
    return sample.with_sources([replace(s, y=s.y + biased) for s in sample.sources])


@pytest.mark.parametrize("family", ["mean", "ols", "logit"])
def test_intervals_cover_where_more_fails_on_one_side(family):
    draws = Draws.of([uneven(family, seed) for seed in range(200)])
    truth = np.linspace(0.2, 0.6, 1 if family == "mean" else 2)
    for name in USERS[:-1]:
        found = fit_draws(name, draws, family)
        covered = (found.lower <= truth) & (truth <= found.upper)
        assert covered.mean(axis=0).min() >= 0.9, name  # 200 draws: .95 less 3 standard errors
