"""gmm-small against the human labels alone, many draws at once: it never explodes, and bad sources cost little."""

from __future__ import annotations

import numpy as np
import pytest

from moored.inference import ESTIMATORS, Sample, Source
from moored.inference.stacked import Draws, fit_draws


def samples(count: int, n: int, T: int, M: int, family: str, world, read, seed: int) -> Draws:
    """`world` draws X and y, `read` a source's outcomes; covariates are the human ones."""
    out = []
    for child in np.random.SeedSequence(seed).spawn(count):
        rng = np.random.default_rng(child)
        X, y = world(rng, T)
        sources = [Source(f"s{m}", "proxy", read(rng, X, y), X) for m in range(M)]
        out.append(Sample(y, X, np.arange(T) < n, (), tuple(sources)))
    return Draws.of(out)


def line(rng, T):
    X = np.column_stack([np.ones(T), rng.normal(size=T)])
    return X, X @ [0.5, 1.0] + rng.normal(size=T)


def groups(share):
    def world(rng, T):
        X = np.column_stack([np.ones(T), rng.random(T) < share]).astype(float)
        return X, X @ [0.5, 1.0] + rng.normal(size=T)

    return world


def harm(draws: Draws, family: str, truth) -> np.ndarray:
    small, human = fit_draws("gmm-small", draws, family), fit_draws("human", draws, family)
    both = np.isfinite(small.estimate).all(axis=1) & np.isfinite(human.estimate).all(axis=1)
    assert both.mean() > 0.9
    error = [((found.estimate[both] - truth) ** 2).mean(axis=0) for found in (small, human)]
    return error[0] / error[1]


def rare(rng, T):
    X = np.column_stack([np.ones(T), rng.normal(size=T)])
    return X, (rng.random(T) < 1 / (1 + np.exp(-(X @ [-2.5, 0.8])))).astype(float)


def misread(rng, X, y):
    return np.where(rng.random(len(y)) < 0.1, 1 - y, y)


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_no_rare_outcome_makes_it_explode(count):
    draws = samples(count, 30, 300, 3, "logit", rare, misread, 11)
    small = fit_draws("gmm-small", draws, "logit")
    assert np.isfinite(small.estimate).all(axis=1).mean() > 0.94  # the others have no event at all
    human = fit_draws("human", draws, "logit")
    both = np.isfinite(human.estimate).all(axis=1) & np.isfinite(small.estimate).all(axis=1)
    se = (human.upper - human.lower)[both] / 3.92
    assert (np.abs(small.estimate - human.estimate)[both] < 5 * se).all()
    assert np.abs(small.estimate[np.isfinite(small.estimate)]).max() < 20


def test_a_source_with_no_positive_among_the_labelled_is_held_down_by_name():
    X, y = rare(np.random.default_rng(1), 400)
    labelled = np.arange(400) < 60
    silent = Source("silent", "proxy", np.where(labelled, 0.0, y), X)
    fit = ESTIMATORS["gmm-small"](Sample(y, X, labelled, (), (silent,)), "logit")
    alone = ESTIMATORS["gmm-small"](Sample(y, X, labelled), "logit")
    assert any("'silent'" in warning and "held down" in warning for warning in fit.warnings)
    assert (np.abs(fit.estimate - alone.estimate) < alone.se).all()


@pytest.mark.parametrize("size", [8.0, 15.0, 40.0, 1000.0])
@pytest.mark.parametrize(("n", "M"), [(30, 1), (60, 3)])
def test_gross_outliers_in_a_source_do_no_harm(size, n, M):
    def read(rng, X, y):
        return 0.3 + 0.8 * y + 0.6 * rng.normal(size=len(y)) + size * (rng.random(len(y)) < 0.01)

    draws = samples(300, n, 10 * n, M, "ols", line, read, 3)
    assert (harm(draws, "ols", [0.5, 1.0]) < 1.05).all()


@pytest.mark.parametrize("share", [0.2, 0.5])
@pytest.mark.parametrize("bad", ["noise", "wide", "reversed"])
@pytest.mark.parametrize("good", [0.0, 1.0])
def test_a_source_that_is_good_for_one_group_only_does_no_harm(share, bad, good):
    def read(rng, X, y):
        noise = {"noise": 1.0, "wide": 2.0, "reversed": 0.6}[bad] * rng.normal(size=len(y))
        lost = noise - (0.8 * y if bad == "reversed" else 0)
        return np.where(X[:, 1] == good, 0.8 * y + 0.6 * rng.normal(size=len(y)), lost)

    draws = samples(400, 40, 400, 1, "ols", groups(share), read, 5)
    assert (harm(draws, "ols", [0.5, 1.0]) < 1.08).all()  # 1.05, and the noise of 400 draws


@pytest.mark.parametrize("M", [1, 6])
def test_useless_sources_do_no_harm_even_where_a_covariate_is_lognormal(M):
    def world(rng, T):
        X = np.column_stack([np.ones(T), np.exp(rng.normal(size=T))])
        return X, X @ [0.5, 1.0] + (0.3 + 0.5 * X[:, 1]) * rng.normal(size=T)

    draws = samples(300, 40, 400, M, "ols", world, lambda rng, X, y: rng.normal(size=len(y)), 8)
    assert (harm(draws, "ols", [0.5, 1.0]) < 1.08).all()


@pytest.mark.parametrize("world", ["lognormal covariate", "dummy of a tenth"])
def test_the_degrees_of_freedom_follow_the_leverage(world):
    def made(rng, T):
        x = np.exp(rng.normal(size=T)) if world.startswith("log") else (rng.random(T) < 0.1).astype(float)
        X = np.column_stack([np.ones(T), x])
        return X, X @ [0.5, 1.0] + rng.normal(size=T)

    draws = samples(500, 50, 500, 2, "ols", made, lambda rng, X, y: rng.normal(size=len(y)), 9)
    found = fit_draws("gmm-small", draws, "ols")
    got = np.isfinite(found.lower).all(axis=1)
    hit = (found.lower <= [0.5, 1.0]) & (found.upper >= [0.5, 1.0])
    assert (hit[got].mean(axis=0) > 0.93 - 2 * np.sqrt(0.05 * 0.95 / 500)).all()
    dof = ESTIMATORS["gmm-small"](draws.samples[0].with_sources(()), "ols").df
    assert dof is not None
    assert dof < 30


def test_the_mean_has_n_less_one_degrees_of_freedom_and_few_clusters_have_few():
    rng = np.random.default_rng(2)
    y = rng.normal(size=60)
    assert ESTIMATORS["gmm-small"](
        Sample(y, np.ones((60, 1)), np.ones(60, bool)), "mean"
    ).df == pytest.approx(59)
    who = np.repeat(np.arange(12), 5)
    equal = ESTIMATORS["gmm-small"](Sample(y, np.ones((60, 1)), np.ones(60, bool), cluster=who), "mean")
    assert equal.df == pytest.approx(11)
    uneven = np.minimum(np.arange(60), 11)  # one cluster of 49 units, eleven of one
    few = ESTIMATORS["gmm-small"](Sample(y, np.ones((60, 1)), np.ones(60, bool), cluster=uneven), "mean")
    assert few.df is not None
    assert few.df < 3


def test_a_skewed_mean_reaches_further_on_its_long_side():
    y = np.exp(np.random.default_rng(4).normal(size=50))
    fit = ESTIMATORS["gmm-small"](Sample(y, np.ones((50, 1)), np.ones(50, bool)), "mean")
    assert fit.upper[0] - fit.estimate[0] > 1.2 * (fit.estimate[0] - fit.lower[0])
    edge = ESTIMATORS["gmm-small"](Sample(y - fit.upper[0], np.ones((50, 1)), np.ones(50, bool)), "mean")
    assert edge.p_value[0] == pytest.approx(0.05, abs=1e-6)
