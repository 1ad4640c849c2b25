"""Labelling probabilities that leave few units to decide, and that are not those of the draw."""

import numpy as np
import pytest

from moored.inference import ESTIMATORS, Sample, Source, fit
from moored.inference.solve.tally import Tally

ASKED = ("human", "gmm-proxy", "gmm-small", "ppi++-proxy")


def world(pi, rng, *, labelled=None, **more):
    T = len(pi)
    y = rng.normal(1.0, 1.0, T)
    hit = rng.random(T) < pi if labelled is None else labelled
    proxy = Source("p", "proxy", y + rng.normal(0.0, 1.0, T), np.ones((T, 1)))
    return Sample(y, np.ones((T, 1)), hit, ("Intercept",), (proxy,), probability=pi, **more)


def counts(sample):
    tally = Tally((("p", "proxy"),))
    tally.add(sample)
    return tally.counts()


@pytest.mark.parametrize("estimator", ASKED)
def test_a_weight_that_decides_alone_is_said(estimator):
    """One unit drawn with probability 1e-6: the interval of `human` was narrower than with equal weights."""
    rng = np.random.default_rng(0)
    pi = np.full(600, 0.25)
    labelled = rng.random(600) < pi
    at = int(np.flatnonzero(labelled)[0])
    pi[at] = 1e-6
    found = ESTIMATORS[estimator](world(pi, rng, labelled=labelled), "mean")
    assert any("worth 1 of equal weight, fewer than 20" in warning for warning in found.warnings)
    stream = world(pi, np.random.default_rng(0), labelled=labelled)
    if estimator != "gmm-small":
        halves = [stream.take(np.arange(0, 300)), stream.take(np.arange(300, 600))]
        found = ESTIMATORS[estimator](lambda: halves, "mean")
        assert any("worth 1 of equal weight, fewer than 20" in warning for warning in found.warnings)


def test_what_unequal_weights_are_worth():
    rng = np.random.default_rng(1)
    pi = rng.uniform(0.1, 0.9, 500)
    sample = world(pi, rng)
    w = 1.0 / pi[sample.labelled]
    assert counts(sample).effective == int(w.sum() ** 2 / (w**2).sum())
    code = np.arange(500) % 40
    clustered = world(pi, np.random.default_rng(1), labelled=sample.labelled, cluster=code)
    sums = np.bincount(code[sample.labelled], weights=w)
    sums = sums[sums > 0]
    assert counts(clustered).effective == int(sums.sum() ** 2 / (sums**2).sum())
    strata = Sample(sample.y, sample.X, np.arange(500) < 60, strata=(np.arange(500) >= 50).astype(int))
    tally = Tally(())
    tally.add(strata)
    w = np.where(np.arange(60) < 50, 1.0, 45.0)
    assert tally.counts().effective == int(w.sum() ** 2 / (w**2).sum())


def test_two_weights_that_are_nearly_equal_say_nothing():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = ESTIMATORS["gmm-proxy"](world(rng.uniform(0.3, 0.5, 800), rng), "mean")
        assert not any(
            "labelling probabilities" in warning or "worth" in warning for warning in found.warnings
        )


@pytest.mark.parametrize("estimator", ASKED[:3])
@pytest.mark.parametrize("given", ["one where labelled", "another draw's"])
def test_probabilities_of_another_draw_are_said(estimator, given):
    rng = np.random.default_rng(3)
    labelled = np.arange(600) < 150
    pi = np.where(labelled, 1.0, 0.25) if given == "one where labelled" else rng.uniform(0.5, 0.9, 600)
    found = ESTIMATORS[estimator](world(pi, rng, labelled=labelled), "mean")
    assert any("they are not those of this draw" in warning for warning in found.warnings)


@pytest.mark.parametrize("estimator", ["human", "gmm-proxy", "ppi++-proxy"])
@pytest.mark.parametrize(("family", "words"), [("logit", "of the rarer answer"), ("poisson", "above 0")])
def test_the_normal_law_of_few_events_is_said(estimator, family, words):
    """A single 1 among 150 labels: -5.0 with an interval from -6.97 to -3.04, and no word."""
    rng = np.random.default_rng(4)
    y = np.zeros(600)
    y[[3, 200, 300, 301, 302, 550]] = 1.0
    flipped = np.where(rng.random(600) < 0.9, y, 1.0 - y)
    table = {"y": y, "p": flipped, "s": np.arange(600) < 150}
    found = fit(table, "y ~ 1", family=family, labelled="s", sources=["p"], estimator=estimator)
    assert any(f"only 1 label is {words}, fewer than 5" in warning for warning in found.warnings)
    y[:40:5] = 1.0
    found = fit(table, "y ~ 1", family=family, labelled="s", sources=["p"], estimator=estimator)
    assert not any("only" in warning for warning in found.warnings)


def drawn_where_it_varies(rng, *, strata):
    """Neyman's allocation: many labels where outcome and source vary much, known to whoever draws."""
    group = rng.choice(3, 1500, p=[0.6, 0.3, 0.1])
    spread = np.array([0.3, 1.0, 5.0])[group]
    y = group + spread * rng.normal(size=1500)
    proxy = Source("p", "proxy", y + 0.4 * spread * rng.normal(size=1500), np.ones((1500, 1)))
    labelled = np.zeros(1500, dtype=bool)
    for code in range(3):
        labelled[rng.permutation(np.flatnonzero(group == code))[:25]] = True
    rate = 25 / np.bincount(group)
    design = {"strata": group} if strata else {"probability": rate[group]}
    return Sample(y, np.ones((1500, 1)), labelled, ("Intercept",), (proxy,), **design)


@pytest.mark.parametrize("strata", [True, False])
def test_units_drawn_often_because_they_vary_do_not_look_like_outliers(strata):
    """The source's spread among the labelled was held against an equal draw: held down, and twice too wide."""
    widths = []
    for seed in range(20):
        sample = drawn_where_it_varies(np.random.default_rng(seed), strata=strata)
        found = ESTIMATORS["gmm-small"](sample, "mean")
        assert not any("varies among the labelled" in warning for warning in found.warnings)
        widths.append((found.upper - found.lower)[0] / (4 * ESTIMATORS["gmm-proxy"](sample, "mean").se[0]))
    assert np.median(widths) < 1.3


def test_units_drawn_seldom_though_they_vary_are_held_against_the_mean_weight():
    """By their own weights a few that happened not to be drawn would hold every source down."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=1500)
    pi = 1 / (1 + np.exp(2.2 + 0.9 * z))
    y = np.exp(0.8 * z + 0.3 * rng.normal(size=1500))
    held = 0
    for _ in range(20):
        proxy = Source("p", "proxy", y * np.exp(0.3 * rng.normal(size=1500)), np.ones((1500, 1)))
        sample = Sample(
            y, np.ones((1500, 1)), rng.random(1500) < pi, ("Intercept",), (proxy,), probability=pi
        )
        warnings = ESTIMATORS["gmm-small"](sample, "mean").warnings
        held += any("varies among the labelled" in warning for warning in warnings)
    assert held <= 8
