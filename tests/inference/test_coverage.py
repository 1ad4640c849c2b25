"""Simulations: coverage of every estimand, J's size and power, and the world in which the method must fail.

Each band is nominal +- 3.5 sqrt(a (1 - a) / R): a right method leaves it once in two thousand tables. The
corpus is drawn anew in each trial (docs/method.md section 8).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moored.inference import ESTIMATORS, Sample, Source, gmm, j_test, source_tests
from tests.inference.worlds import coefficients, draw

R = 1000
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def band(nominal: float, trials: int = R) -> float:
    return 3.5 * np.sqrt(nominal * (1 - nominal) / trials)


def trials(count: int = R, seed: int = 2025):
    return (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(count))


def coverage(family: str, names: tuple[str, ...], *, n=400, T=2000, p=2, level=0.95, change=lambda s, rng: s):
    p = 1 if family == "mean" else p
    hits = {name: np.zeros(p) for name in names}
    for rng in trials():
        sample = change(draw(family, T=T, n=n, p=p, M=2, rng=rng, kinds=("proxy", "synthetic")), rng)
        for name in names:
            fit = ESTIMATORS[name](sample, family, level=level)
            hits[name] += (fit.lower <= coefficients(p)) & (coefficients(p) <= fit.upper)
    return {name: found / R for name, found in hits.items()}


@pytest.mark.parametrize("family", ["mean", "ols", "logit", "poisson"])
def test_coverage_of_each_estimand(family):
    found = coverage(family, ("human", "gmm-proxy", "gmm-synth", "ppi++-proxy"))
    for name, share in found.items():
        np.testing.assert_allclose(share, 0.95, atol=band(0.95), err_msg=name)


@pytest.mark.parametrize("name", ["ppi++-synth", "reppi"])
def test_coverage_of_the_mixtures(name):
    share = coverage("ols", (name,))[name]
    np.testing.assert_allclose(share, 0.95, atol=band(0.95))


def test_coverage_at_another_level():
    share = coverage("logit", ("gmm-synth",), level=0.8)["gmm-synth"]
    np.testing.assert_allclose(share, 0.8, atol=band(0.8))


def test_few_labels_need_a_correction():
    """Mean, n = 30, six sources: the published interval is too short, Lavenberg and Welch's is not."""
    hits = {"none": 0, "lw": 0}
    for rng in trials():
        sample = draw("mean", T=1000, n=30, p=1, M=6, rng=rng)
        for correction in hits:
            fit = gmm(sample, "mean", correction=correction)
            hits[correction] += bool(fit.lower[0] <= coefficients(1)[0] <= fit.upper[0])
    assert hits["none"] / R < 0.90
    assert abs(hits["lw"] / R - 0.95) < band(0.95)


def test_coverage_of_the_median():
    hits = 0
    for rng in trials():
        sample = draw("mean", T=4000, n=400, p=1, M=1, rng=rng)
        fit = gmm(sample, "quantile")
        hits += bool(fit.lower[0] <= coefficients(1)[0] <= fit.upper[0])
    assert abs(hits / R - 0.95) < band(0.95)


def test_coverage_of_multinomial_logit():
    truth, hits = np.array([0.0, 0.5, 0.3, -0.4]), np.zeros(4)
    for rng in trials():
        T, n = 2000, 400
        X = np.column_stack([np.ones(T), rng.normal(size=T)])
        index = np.column_stack([np.zeros(T), X @ truth[:2], X @ truth[2:]])
        y = np.argmax(index + rng.gumbel(size=(T, 3)), axis=1).astype(float)
        f = np.where(rng.random(T) < 0.7, y, rng.integers(0, 3, T)).astype(float)
        labelled = rng.permutation(T) < n
        fit = gmm(Sample(y, X, labelled, (), (Source("p", "proxy", f, X),)), "multinomial:3")
        hits += (fit.lower <= truth) & (truth <= fit.upper)
    np.testing.assert_allclose(hits / R, 0.95, atol=band(0.95))


def unequal(sample: Sample, rng: np.random.Generator) -> Sample:
    """Labelling with probability between .1 and .5 that depends on the first proxy."""
    f = sample.sources[0].y
    probability = 0.1 + 0.4 / (1 + np.exp(-2 * (f - f.mean()) / f.std()))
    whole = rng.random(sample.n_total) < probability
    return replace(sample, labelled=whole, probability=probability)


def everyone(family: str, T: int, p: int, rng: np.random.Generator) -> Sample:
    return draw(family, T=T, n=T, p=p, M=2, rng=rng, kinds=("proxy", "synthetic"))


@pytest.mark.parametrize("family", ["ols", "logit"])
@pytest.mark.parametrize("known", [True, False])
def test_unequal_probabilities_cover_when_known_and_fail_when_not(family, known):
    names, p = ("gmm-synth", "ppi++-proxy", "human"), 2
    hits = {name: np.zeros(p) for name in names}
    for rng in trials():
        sample = unequal(everyone(family, 2000, p, rng), rng)
        sample = sample if known else replace(sample, probability=None)
        for name in names:
            fit = ESTIMATORS[name](sample, family)
            hits[name] += (fit.lower <= coefficients(p)) & (coefficients(p) <= fit.upper)
    for name, found in hits.items():
        if known:
            np.testing.assert_allclose(found / R, 0.95, atol=band(0.95), err_msg=name)
        else:
            assert found.min() / R < 0.9, name


def test_stratified_labelling_covers_and_is_narrower_than_without():
    """Strata that explain the outcome, labelled at .4, .1 and .2."""
    hits, shorter = np.zeros(2), []
    for rng in trials():
        sample = everyone("ols", 2000, 2, rng)
        strata = np.digitize(sample.X[:, 1] + 0.5 * rng.normal(size=2000), [-0.7, 0.7])
        labelled = np.zeros(2000, bool)
        for code, rate in enumerate((0.4, 0.1, 0.2)):
            members = np.flatnonzero(strata == code)
            labelled[rng.choice(members, int(rate * len(members)), replace=False)] = True
        fit = gmm(replace(sample, labelled=labelled, strata=strata), "ols")
        hits += (fit.lower <= coefficients(2)) & (coefficients(2) <= fit.upper)
        rates = np.array([labelled[strata == code].mean() for code in range(3)])[strata]
        loose = gmm(replace(sample, labelled=labelled, probability=rates), "ols")
        shorter.append(fit.se / loose.se)
    np.testing.assert_allclose(hits / R, 0.95, atol=band(0.95))
    assert (np.mean(shorter, axis=0) < 1.0).all()


@pytest.mark.parametrize("clustered", [True, False])
def test_clusters_cover_when_named_and_fail_when_not(clustered):
    """Four texts a person, with the person's own level in outcome and covariate; whole persons are labelled."""
    people, hits = 600, np.zeros(2)
    for rng in trials():
        who = np.repeat(np.arange(people), 4)
        x = rng.normal(size=people)[who] + 0.3 * rng.normal(size=4 * people)
        y = 0.2 + 0.6 * x + rng.normal(size=people)[who] + 0.5 * rng.normal(size=4 * people)
        X = np.column_stack([np.ones(len(x)), x])
        source = Source("p", "proxy", y + rng.normal(size=len(y)), X)
        labelled = (rng.permutation(people) < 150)[who]
        fit = gmm(Sample(y, X, labelled, (), (source,), cluster=who if clustered else None), "ols")
        hits += (fit.lower <= [0.2, 0.6]) & (fit.upper >= [0.2, 0.6])
    if clustered:
        np.testing.assert_allclose(hits / R, 0.95, atol=band(0.95))
    else:
        assert (hits / R < 0.8).all()


def test_size_of_the_j_tests():
    rejections = np.zeros(3)
    for rng in trials():
        sample = draw("logit", T=4000, n=800, p=2, M=2, rng=rng)
        overall = j_test(sample, "logit")
        assert overall is not None
        own = source_tests(sample, "logit")
        rejections += np.array([overall.p_value, own[0].p_value, own[1].p_value]) < 0.05
    assert (np.abs(rejections / R - 0.05) < band(0.05)).all()


@pytest.mark.parametrize("depends_on", ["proxy", "outcome"])
def test_power_of_the_j_test_against_selective_labelling(depends_on):
    rejected = 0
    for rng in trials(200):
        sample = everyone("mean", 2000, 1, rng)
        driver = sample.y if depends_on == "outcome" else sample.sources[0].y
        order = np.argsort(driver + rng.normal(size=2000))
        labelled = np.zeros(2000, bool)
        labelled[rng.choice(order[:1000], 200, replace=False)] = True
        overall = j_test(replace(sample, labelled=labelled), "mean")
        assert overall is not None
        rejected += overall.p_value < 0.05
    assert rejected / 200 > 0.95


def test_conditioning_on_the_truth_where_it_is_labelled_fails_and_j_does_not_see_it():
    """docs/method.md, rule 2: synthetic outcomes are drawn from X where labelled and from Xhat where not.

    The mean of the synthetic outcome is made equal on both sides by chance of the world, so J is silent, yet
    its residual correlation with Y differs: theta-hat is pulled away. With Xhat for all, coverage is nominal.
    """
    hits, rejected = np.zeros(2), 0
    T, n, truth, count = 10_000, 1000, 0.0, 300
    for rng in trials(count):
        x = rng.normal(size=T)
        xhat = 0.6 * x + 0.8 * rng.normal(size=T) + 0.05
        y = x + 0.5 * rng.normal(size=T)
        labelled = rng.permutation(T) < n
        ones = np.ones((T, 1))
        for which, given in enumerate((np.where(labelled, x, xhat), xhat)):
            synthetic = Source("s", "synthetic", given + 0.3 * rng.normal(size=T), ones)
            sample = Sample(y, ones, labelled, ("Intercept",), (synthetic,))
            fit = gmm(sample, "mean")
            hits[which] += bool(fit.lower[0] <= truth <= fit.upper[0])
            rejected += which == 0 and fit.j_p_value < 0.05
    assert hits[0] / count < 0.85
    assert abs(hits[1] / count - 0.95) < band(0.95, count)
    assert rejected / count < 0.6
