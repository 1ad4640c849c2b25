"""Terms that a few labelled units decide are named: by what their intervals then cover, and no others."""

from dataclasses import replace

import numpy as np
import pytest

from moored.inference.baselines import human
from moored.inference.data import Sample, Source
from moored.inference.ppi.plus_plus import ppi_plus_plus

MARK = "a few labelled units decide"


def probabilities(rng, T, n, a, b):
    """About n labels at probabilities like a beta law's."""
    drawn = rng.beta(a, b, T) + 1e-4
    for _ in range(50):
        drawn = np.minimum(drawn * n / drawn.sum(), 0.99)
    return drawn


def draw(rng, X, beta, probability):
    T = len(X)
    y = X @ beta + rng.standard_normal(T)
    source = Source("gpt", "proxy", y + rng.standard_normal(T), X)
    terms = ("Intercept", "x", "z")[: X.shape[1]]
    labelled = rng.random(T) < (0.05 if probability is None else probability)
    return Sample(y, X, labelled, terms, (source,), probability)


def marks(fit):
    return [warning for warning in fit.warnings if MARK in warning]


@pytest.mark.parametrize(("a", "b", "n"), [(0.4, 4.0, 140), (0.7, 2.0, 260)])
def test_intervals_that_cover_too_little_are_marked_and_the_others_cover(a, b, n):
    """Rows of `human` covered .86 to .90 without a word; the number of labels is no sign of it."""
    rng = np.random.default_rng(20261130)
    probability, one = probabilities(rng, 2500, n, a, b), np.ones((2500, 1))
    covered, marked = [], []
    for _ in range(600):
        sample = draw(rng, one, np.zeros(1), probability)
        sample = replace(sample, y=(rng.random(2500) < 0.2).astype(float), sources=())
        fit = human(sample, "mean")
        covered.append(fit.lower[0] <= 0.2 <= fit.upper[0])
        marked.append(any(MARK in w or "of equal weight" in w for w in fit.warnings))
    covered, marked = np.array(covered), np.array(marked)
    assert covered[marked].mean() < 0.89
    assert covered[~marked].mean() > 0.89
    assert marked.mean() > 0.4


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
@pytest.mark.parametrize("estimator", [human, ppi_plus_plus])
def test_ordinary_designs_have_no_mark(family, estimator):
    rng = np.random.default_rng(3)
    for _ in range(20):
        X = np.column_stack([np.ones(3000), rng.standard_normal((3000, 2))])
        sample = draw(rng, X, np.array([0.5, 0.3, -0.3]), None)
        if family != "ols":
            y = (sample.y > 0.5).astype(float)
            source = replace(sample.sources[0], y=(sample.sources[0].y > 0.5).astype(float))
            sample = replace(sample, y=y, sources=(source,))
        assert marks(estimator(sample, family)) == []


def test_the_term_is_named_that_is_meant_whatever_the_units_of_its_column():
    rng = np.random.default_rng(11)
    X = np.column_stack([np.ones(3000), rng.standard_normal(3000), rng.lognormal(0.0, 1.7, 3000)])
    sample = draw(rng, X, np.array([0.5, 0.3, -0.3]), None)
    (said,) = marks(human(sample, "ols"))
    assert "decide 'z', by" in said
    assert "read 'gmm-small' instead" in said
    for unit in (1e9, 1e-9):
        assert marks(human(replace(sample, X=X * [1, 1, unit], sources=()), "ols")) == [said]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_stream_says_the_same(weighted):
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(3000), rng.lognormal(0.0, 1.5, 3000)])
    probability = rng.uniform(0.05, 0.15, 3000) if weighted else None
    sample = draw(rng, X, np.array([0.5, 1.0]), probability)
    whole = marks(ppi_plus_plus(sample, "ols"))
    assert len(whole) == 1
    chunks = [sample.take(slice(start, start + 700)) for start in range(0, 3000, 700)]
    assert marks(ppi_plus_plus(lambda: iter(chunks), "ols")) == whole
