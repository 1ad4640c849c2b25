"""The intervals of gmm-small: profile likelihood, shares, degrees of freedom, combinations, strata."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtri, stdtrit

from moored.inference import Sample, Source
from moored.inference.families import family_of
from moored.inference.simulate.many import Hard, draw
from moored.inference.simulate.rivals import answers_of
from moored.inference.small.control_variates import LEAST_EVENTS, gmm_small
from moored.inference.solve.gram import Gram
from moored.inference.solve.passes import Passes
from tests.inference.worlds import draw as plain

FAMILIES = ("mean", "ols", "logit", "poisson")


def world(family: str, **options) -> Sample:
    defaults = {"T": 400, "n": 60, "p": 1 if family == "mean" else 3, "M": 3, "rng": 8}
    return plain(family, **(defaults | options))


# Profile ---------------------------------------------------------------------------------------------


def penalised(b, X, y, family):
    index = X @ b
    mu = 1 / (1 + np.exp(-index)) if family == "logit" else np.exp(index)
    v = mu * (1 - mu) if family == "logit" else mu
    own = y @ index - (np.logaddexp(0, index).sum() if family == "logit" else mu.sum())
    return own + np.linalg.slogdet((X * v[:, None]).T @ X)[1] / 2


def literal_root(t, j, X, y, family, start):
    """Signed root of the penalised likelihood at theta_j = t, by a general optimiser."""
    free = [k for k in range(X.shape[1]) if k != j]

    def at(rest):
        b = np.empty(X.shape[1])
        b[j], b[free] = t, rest
        return -penalised(b, X, y, family)

    options = {"xatol": 1e-11, "fatol": 1e-13, "maxiter": 20_000}
    inner = minimize(at, start[free], method="Nelder-Mead", options=options).fun
    top = minimize(lambda b: -penalised(b, X, y, family), start, method="Nelder-Mead", options=options).fun
    return np.sign(start[j] - t) * np.sqrt(max(2 * (inner - top), 0))


@pytest.mark.parametrize("family", ["logit", "poisson"])
def test_without_sources_the_ends_are_those_of_the_penalised_likelihood(family):
    sample = world(family, M=0, p=2, n=40)
    fit = gmm_small(sample, family)
    X, y = sample.X[sample.labelled], sample.y[sample.labelled]
    shape = fit.law.solution.shape(np.eye(2))
    reach = (shape.quantile(0.95, "two-sided") * shape.se)[0]
    mu = 1 / (1 + np.exp(-X @ fit.estimate)) if family == "logit" else np.exp(X @ fit.estimate)
    v = mu * (1 - mu) if family == "logit" else mu
    model = np.sqrt(np.diag(np.linalg.inv((X * v[:, None]).T @ X)))
    if family == "logit":
        assert (reach >= ndtri(0.975) * model * (1 - 1e-9)).all()  # never shorter than the model's
    for j in range(2):
        for end, side in ((fit.lower[j], 1), (fit.upper[j], -1)):
            found = literal_root(end, j, X, y, family, fit.estimate)
            assert found == pytest.approx(side * reach[j] / model[j], abs=2e-4)


def test_a_group_that_answers_alike_has_at_least_the_models_error():
    """Four units that all answer 0: the jackknife sees no variance there, and half a unit's would be absurd."""
    rng = np.random.default_rng(1)
    group = np.r_[np.ones(4), np.zeros(26), (rng.random(270) < 0.13)].astype(float)
    y = np.where(group > 0, 0.0, (rng.random(300) < 0.5))
    X = np.column_stack([np.ones(300), group])
    noise = (rng.random(300) < 0.5).astype(float)
    sample = Sample(y, X, np.arange(300) < 30, (), (Source("noise", "proxy", noise, X),))
    fit = gmm_small(sample, "logit")
    mu = 1 / (1 + np.exp(-(X @ fit.law.solution.human.b[0])[:30]))
    model = np.linalg.inv((X[:30] * (mu * (1 - mu))[:, None]).T @ X[:30])
    assert (fit.se**2 >= 0.999 * np.diag(model)).all()
    assert fit.upper[1] - fit.lower[1] > 4
    assert any("separate" in text for text in fit.warnings)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("alternative", ["two-sided", "larger", "smaller"])
def test_a_value_is_outside_exactly_where_it_is_rejected(family, alternative):
    sample = world(family, n=40)
    for level in (0.5, 0.8, 0.99):
        fit = gmm_small(sample, family, level=level, alternative=alternative)
        for step in (-4.0, -2.2, -0.6, 0.3, 1.9, 5.0):
            null = fit.estimate + step * fit.se
            p_value = fit.law.p_value(null, alternative)
            inside = (fit.lower <= null) & (null <= fit.upper)
            np.testing.assert_array_equal(inside, p_value >= 1 - level)


# Shares ----------------------------------------------------------------------------------------------


def shares(k: int, n: int = 60, T: int = 600, quality: float = 0.05, seed: int = 0) -> Sample:
    """k ones among n labelled; a source that errs with probability `quality`."""
    rng = np.random.default_rng(seed)
    y = np.r_[np.ones(k), np.zeros(n - k), rng.random(T - n) < k / n].astype(float)
    read = np.where(rng.random(T) < quality, 1 - y, y)
    X = np.ones((T, 1))
    return Sample(y, X, np.arange(T) < n, (), (Source("reading", "proxy", read, X),))


def test_a_share_without_sources_has_wilsons_interval_with_t():
    sample = replace(shares(12), sources=())
    fit = gmm_small(sample, "mean")
    g, n, p = -stdtrit(59, 0.025), 59.0, 0.2  # n - 1 in the variance
    middle, root = p + g**2 / (2 * n), g * np.sqrt(p * (1 - p) / n + g**2 / (4 * n**2))
    np.testing.assert_allclose(
        [fit.lower[0], fit.upper[0]], np.array([middle - root, middle + root]) / (1 + g**2 / n)
    )


@pytest.mark.parametrize("k", range(6))
def test_few_events_use_a_good_source_from_two_on(k):
    fit = gmm_small(shares(k), "mean")
    assert bool(fit.sources) == (k >= LEAST_EVENTS)
    assert 0 <= fit.lower[0] <= max(fit.estimate[0], 0) <= fit.upper[0] <= 1
    assert any("rarer" in text or "binomial" in text for text in fit.warnings) == (k < 5)


def test_a_good_source_of_a_rare_share_saves_labels():
    fits = [gmm_small(shares(3, seed=seed), "mean") for seed in range(30)]
    human = [gmm_small(replace(shares(3, seed=seed), sources=()), "mean") for seed in range(30)]
    widths, plain_widths = (np.median([fit.upper - fit.lower for fit in given]) for given in (fits, human))
    assert widths < 0.95 * plain_widths  # three events say little of how good a source is


# Degrees of freedom, skewness ------------------------------------------------------------------------


def test_leverage_makes_the_jackknife_wide_and_the_quantile_allows_for_it():
    rng, n = np.random.default_rng(3), 40
    X = np.column_stack([np.ones(n), rng.lognormal(0, 1, n)])
    y = X @ [0.5, 1.0] + rng.standard_normal(n)
    fit = gmm_small(Sample(y, X, np.ones(n, bool)), "ols")
    H = X @ np.linalg.inv(X.T @ X) @ X.T
    M, a = np.eye(n) - H, np.linalg.inv(X.T @ X) @ X.T  # literally, from the hat matrix
    for j in range(2):
        A = M.T @ np.diag((a[j] / (1 - np.diag(H))) ** 2) @ M  # the jackknife's form, but for its centring
        df, bias = np.trace(A) ** 2 / np.trace(A @ A), np.trace(A) / (a[j] @ a[j])
        shape = fit.law.solution.shape(np.eye(2))
        assert shape.df[0, j] == pytest.approx(df, rel=1e-8)
        assert shape.ease[0, j] == pytest.approx(bias**-0.5, rel=1e-8)
        expected = max(-stdtrit(df, 0.025) * bias**-0.5, -stdtrit(n - 2, 0.025))
        assert min(fit.upper[j] - fit.estimate[j], fit.estimate[j] - fit.lower[j]) == pytest.approx(
            expected * fit.se[j]
        )


# Combinations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("alternative", ["two-sided", "larger"])
def test_a_combination_that_picks_a_coefficient_is_its_row(family, alternative):
    fit = gmm_small(world(family), family, alternative=alternative)
    p = len(fit.terms)
    own = fit.contrast(np.eye(p))
    for name in ("estimate", "se", "lower", "upper", "p_value"):
        given = np.array([row[name] for row in own.to_dict("records")], dtype=float)
        np.testing.assert_allclose(given, getattr(fit, name), rtol=1e-9, err_msg=name)
    assert fit.simultaneous()[0][0] <= fit.lower[0]


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
def test_a_combination_is_the_coefficient_of_the_columns_turned_round(family):
    sample = world(family)
    A = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 1.0]])  # b of XA: theta = A b
    X = np.where(np.isnan(sample.X), 0.0, sample.X)
    turned = replace(sample, X=X @ A, sources=tuple(replace(s, X=s.X @ A) for s in sample.sources))
    one, two = gmm_small(sample, family), gmm_small(turned, family)
    L = np.linalg.inv(A)[2]
    row = one.contrast(L[None]).to_dict("records")[0]
    assert row["lower"] == pytest.approx(two.lower[2], rel=1e-5)
    assert row["upper"] == pytest.approx(two.upper[2], rel=1e-5)
    assert row["p_value"] == pytest.approx(two.p_value[2], rel=1e-4)
    assert one.wald_test(L[None]).p_value == pytest.approx(row["p_value"], rel=1e-9)


def test_a_joint_test_has_the_degrees_of_freedom_of_what_it_tests():
    sample = world("ols")
    fit = gmm_small(sample, "ols")
    own = fit.law.df
    assert fit.wald_test(np.eye(3)[1:]).error_df == pytest.approx(own[1:].min())
    assert fit.confidence_region(np.eye(3)[1:]).df == pytest.approx(own[1:].min())


# Strata ----------------------------------------------------------------------------------------------


def test_squares_within_a_stratum_are_divided_by_one_less_than_its_labels():
    rng = np.random.default_rng(5)
    strata = np.repeat([0, 1, 2], [10, 40, 50])
    labelled = np.isin(np.arange(100), [0, 1, 2, 12, 13, 60, 61, 62, 63])
    y, X = rng.standard_normal(100), np.ones((100, 1))
    passes = Passes(Sample(y, X, labelled, strata=strata), family_of("mean"))
    (block,) = passes
    gram, g = Gram(passes, 1), y[:, None]
    gram.add(g[labelled], 0.0 * g[~labelled], 0, block.strata, labelled)
    expected = 0.0
    for code in range(3):
        inside = y[labelled & (strata == code)]
        expected += len(inside) * inside.var(ddof=1) + inside.sum() ** 2 / np.sum(strata == code)
    assert gram.value()[0, 0] == pytest.approx(expected)


# Coverage in worlds of its own -----------------------------------------------------------------------


OWN = {
    "lognormal": Hard(
        "mean", (float(np.exp(0.405)),), lambda r, T: (np.ones((T, 1)), r.lognormal(0, 0.9, T))
    ),
    "logit": Hard("logit", (0.3, -0.9), lambda r, T: _logit(r, T, 0.3, -0.9)),
    "rare": Hard("logit", (-2.2, 0.5), lambda r, T: _logit(r, T, -2.2, 0.5, 0.4)),
    "share": Hard("mean", (0.15,), lambda r, T: (np.ones((T, 1)), (r.random(T) < 0.15).astype(float))),
    "leverage": Hard("ols", (0.5, -0.8), lambda r, T: _leverage(r, T)),
}


def _logit(rng, T, a, b, share=0.2):
    x = (rng.random(T) < share).astype(float)
    return np.column_stack([np.ones(T), x]), (rng.random(T) < 1 / (1 + np.exp(-a - b * x))).astype(float)


def _leverage(rng, T):
    x = rng.lognormal(0, 0.9, T)
    return np.column_stack([np.ones(T), x]), 0.5 - 0.8 * x + rng.standard_normal(T)


@pytest.mark.parametrize("name", OWN)
def test_few_labels_are_covered(name):
    given = OWN[name]
    rngs = map(np.random.default_rng, np.random.SeedSequence(8).spawn(300))
    samples = [draw(given, rng, 30, 300, 2, "useful") for rng in rngs]
    found = answers_of("gmm-small", samples, given.family, 100, alone=False)
    got, truth = np.isfinite(found.estimate).all(axis=1), np.asarray(given.truth)
    hit = ((found.lower <= truth) & (truth <= found.upper))[got].mean(axis=0)
    assert (hit >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 300)).all(), hit
    if name == "leverage":
        t = np.median((found.upper - found.lower)[got], axis=0)
        assert t[1] < 1.0  # 1.7 before the quantile allowed for leverage
