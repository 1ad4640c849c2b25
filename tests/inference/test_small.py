"""gmm-small: its limits, equivariance, what it refuses, and (slow) its goal (docs/method.md section 6)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtri, stdtrit

from moored.errors import DataInvalid, NonFinite, Separated, Unidentified
from moored.inference import ESTIMATORS, Sample, Source, UserMoments
from moored.inference.simulate.coverage import coverage
from moored.inference.simulate.worlds import GOAL, WORLDS
from moored.inference.small.coefficients import PENALTIES, PRICE, ridge
from moored.inference.small.control_variates import gmm_small
from tests.inference.worlds import draw

FAMILIES = ("mean", "ols", "logit", "poisson")


def small_world(family: str, **options) -> Sample:
    defaults = {"T": 400, "n": 60, "p": 1 if family == "mean" else 3, "M": 3, "rng": 8}
    return draw(family, **(defaults | options))


def same(one, two, rtol=1e-9):
    np.testing.assert_allclose(one.estimate, two.estimate, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=10 * rtol, atol=1e-13)


# Limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_without_sources_it_is_the_human_fit_with_a_jackknife(family):
    sample = small_world(family, M=0)
    fit, human = gmm_small(sample, family), ESTIMATORS["human"](sample, family)
    if family in ("mean", "ols"):
        np.testing.assert_allclose(fit.estimate, human.estimate, rtol=1e-10)
        assert (fit.se > human.se).all()
    assert (np.abs(fit.estimate - human.estimate) < 0.5 * human.se).all()
    np.testing.assert_allclose(fit.effective_n, 60, rtol=1e-9)
    assert (fit.se < 1.25 * human.se).all()


def jeffreys(b, X, y):
    mu = 1 / (1 + np.exp(-X @ b))
    information = (X * (mu * (1 - mu))[:, None]).T @ X
    return -(y @ np.log(mu) + (1 - y) @ np.log1p(-mu)) - np.linalg.slogdet(information)[1] / 2


@pytest.mark.parametrize("separated", [False, True])
def test_the_base_of_logit_is_the_mode_under_jeffreys_prior(separated):
    sample = small_world("logit", M=0)
    X, y = sample.X[sample.labelled], sample.y[sample.labelled]
    if separated:
        y = (X[:, 1] > 0).astype(float)
        labels = sample.y.copy()
        labels[sample.labelled] = y
        sample = replace(sample, y=labels)
    expected = minimize(jeffreys, np.zeros(3), (X, y), tol=1e-12).x
    fit = gmm_small(sample, "logit")
    np.testing.assert_allclose(fit.estimate, expected, atol=1e-4)
    assert any("separate" in warning for warning in fit.warnings) == separated


def test_without_sources_the_mean_has_its_textbook_interval():
    sample = small_world("mean", M=0)
    y = sample.y[sample.labelled]
    fit = gmm_small(sample, "mean")
    assert fit.se[0] == pytest.approx(y.std(ddof=1) / np.sqrt(60), rel=1e-12)
    assert fit.upper[0] - y.mean() == pytest.approx(stdtrit(59, 0.975) * fit.se[0], rel=1e-12)


def test_the_jackknife_of_ols_is_that_of_refitting():
    sample = small_world("ols", M=0)
    X, y = sample.X[sample.labelled], sample.y[sample.labelled]
    fits = np.array([np.linalg.lstsq(np.delete(X, i, 0), np.delete(y, i), rcond=None)[0] for i in range(60)])
    expected = 59 / 60 * ((fits - fits.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(gmm_small(sample, "ols").se ** 2, expected, rtol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_everybody_labelled_is_human_only(family):
    sample = small_world(family, T=60, n=60)
    fit, alone = gmm_small(sample, family), gmm_small(sample.with_sources(()), family)
    same(fit, alone, 1e-8)


@pytest.mark.parametrize("family", ["mean", "ols"])
def test_a_perfect_source_is_nearly_the_fit_of_all_units(family):
    sample = draw(family, T=600, n=60, p=1 if family == "mean" else 3, M=0, rng=2)
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(600), rng.normal(size=(600, sample.X.shape[1] - 1))])
    y = X @ np.linspace(0.2, 0.6, X.shape[1]) + rng.normal(size=600)
    known = replace(sample, X=X, y=y, sources=(Source("twin", "proxy", y, X),))
    oracle = gmm_small(Sample(y, X, np.ones(600, bool)), family)
    fit = gmm_small(known, family)
    np.testing.assert_allclose(fit.estimate, oracle.estimate, atol=0.02 * oracle.se.max())
    np.testing.assert_allclose(fit.se, oracle.se, rtol=0.05)
    assert (fit.r2 > 0.999).all()


def test_a_source_without_a_trace_of_y_is_mostly_switched_off():
    off = 0
    for seed in range(60):
        sample = draw("ols", T=300, n=40, p=2, M=0, rng=seed)
        rng = np.random.default_rng(1000 + seed)
        X = np.column_stack([np.ones(300), rng.normal(size=300)])
        fit = gmm_small(sample.with_sources([Source("noise", "synthetic", rng.normal(size=300), X)]), "ols")
        off += dict(fit.tuning)["ridge"] == np.inf
    assert off > 30


@pytest.mark.parametrize("family", FAMILIES)
def test_good_sources_save_labels(family):
    fit = gmm_small(small_world(family, predicted_covariates=False), family)
    assert (fit.effective_n > 75).all()
    assert ((fit.r2 > 0.2) & (fit.r2 < 1)).all()
    assert fit.sources == ("s0", "s1", "s2")


# Equivariance ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
def test_any_invertible_change_of_the_covariates(family):
    sample = small_world(family)
    A = np.array([[1.0, 0.3, 0.0], [0.0, 100.0, 0.01], [0.0, -2.0, 0.02]])
    X = np.where(np.isnan(sample.X), 0.0, sample.X)
    changed = replace(sample, X=X @ A, sources=tuple(replace(s, X=s.X @ A) for s in sample.sources))
    one, two = gmm_small(sample, family), gmm_small(changed, family)
    np.testing.assert_allclose(A @ two.estimate, one.estimate, rtol=1e-8)
    np.testing.assert_allclose(A @ two.covariance @ A.T, one.covariance, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_order_of_rows_and_of_sources(family):
    sample = small_world(family)
    fit = gmm_small(sample, family)
    same(fit, gmm_small(sample.take(np.random.default_rng(1).permutation(400)), family), 1e-8)
    same(fit, gmm_small(sample.with_sources(sample.sources[::-1]), family), 1e-8)


def test_units_of_an_outcome_proxy_do_not_matter_for_ols():
    sample = small_world("ols")
    rescaled = sample.with_sources(replace(s, y=-3.0 * s.y + 7.0) for s in sample.sources)
    same(gmm_small(sample, "ols"), gmm_small(rescaled, "ols"), 1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_copies_of_a_source_are_one_source(family):
    sample = small_world(family, M=1)
    copies = sample.with_sources(replace(sample.sources[0], name=name) for name in ("s0", "b", "c"))
    fit = gmm_small(copies, family)
    same(fit, gmm_small(sample, family), 1e-10)
    assert fit.sources == ("s0",)
    assert sum("repeats 's0'" in warning for warning in fit.warnings) == 2


def test_equal_probabilities_and_singleton_clusters_change_nothing():
    sample = small_world("logit")
    fit = gmm_small(sample, "logit")
    same(fit, gmm_small(replace(sample, probability=np.full(400, 0.15)), "logit"), 1e-10)
    same(fit, gmm_small(replace(sample, cluster=np.arange(400)), "logit"), 1e-10)


# Design ----------------------------------------------------------------------------------------------


def test_clusters_that_repeat_their_units_give_the_error_of_the_clusters():
    sample = small_world("ols")
    twice = sample.take(np.repeat(np.arange(400), 2))
    clustered = replace(twice, cluster=np.repeat(np.arange(400), 2))
    same(gmm_small(sample, "ols"), gmm_small(clustered, "ols"), 1e-8)
    assert (gmm_small(twice, "ols").se < 0.8 * gmm_small(clustered, "ols").se).all()


def test_known_unequal_probabilities_undo_the_selection():
    estimates, hits = [], 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=500)
        probability = np.where(y > 0, 0.24, 0.08)
        labelled = rng.random(500) < probability
        source = Source("s", "proxy", y + rng.normal(size=500), np.ones((500, 1)))
        fit = gmm_small(Sample(y, np.ones((500, 1)), labelled, (), (source,), probability), "mean")
        estimates.append(fit.estimate[0])
        hits += fit.lower[0] <= 0 <= fit.upper[0]
    assert abs(np.mean(estimates)) < 0.03
    assert hits / 300 > 0.95 - 3.5 * np.sqrt(0.05 * 0.95 / 300)


def test_failed_generations_have_no_say_and_need_no_values():
    sample = small_world("ols", M=2)
    seen = np.random.default_rng(3).random(400) < 0.8
    source = sample.sources[0]
    holes = replace(
        source,
        observed=seen,
        y=np.where(seen, source.y, np.nan),
        X=np.where(seen[:, None], source.X, np.nan),
    )
    other = replace(holes, y=np.where(seen, source.y, 1e6))
    rest = sample.sources[1]
    fit = gmm_small(sample.with_sources((holes, rest)), "ols")
    same(fit, gmm_small(sample.with_sources((other, rest)), "ols"), 1e-12)
    assert (fit.se > 0).all()


def test_strata_are_accepted_with_a_word():
    fit = gmm_small(replace(small_world("ols"), strata=np.arange(400) % 2), "ols")
    assert any("strata" in warning for warning in fit.warnings)


# Results ---------------------------------------------------------------------------------------------


def test_normal_law_for_logit_and_t_for_the_others():
    for family in FAMILIES:
        fit = gmm_small(small_world(family), family, level=0.9)
        reach = np.maximum(fit.upper - fit.estimate, fit.estimate - fit.lower) / fit.se
        if family == "logit":
            assert fit.df is None
            np.testing.assert_allclose(reach, ndtri(0.95), rtol=0.1)
        else:
            assert (reach > ndtri(0.95)).all()
            assert (reach < 1.3 * stdtrit(20, 0.95)).all()


def test_one_sided_intervals():
    fit = gmm_small(small_world("ols"), "ols", alternative="larger")
    assert np.isinf(fit.upper).all()
    assert ((fit.p_value < 0.05) == (fit.lower > 0)).all()


def test_it_is_in_the_table_and_named():
    assert ESTIMATORS["gmm-small"](small_world("ols"), "ols", first_step="full").estimator == "gmm-small"


def test_few_labels_are_said():
    fit = gmm_small(draw("mean", T=200, n=12, p=1, M=1), "mean")
    assert any("below 20" in warning for warning in fit.warnings)


# Refusals --------------------------------------------------------------------------------------------


def test_a_stream_is_refused():
    sample = small_world("ols")
    with pytest.raises(DataInvalid, match="gmm-synth"):
        gmm_small(lambda: iter((sample,)), "ols")


def test_a_family_without_curvature_is_refused():
    user = UserMoments(lambda y, X, b: X * (y - X @ b)[:, None], lambda y, X, b: -X[:, :, None] * X[:, None])
    with pytest.raises(DataInvalid, match="use gmm"):
        gmm_small(small_world("ols"), user)


def test_labels_without_an_event_are_refused():
    with pytest.raises(Separated):
        gmm_small(replace(small_world("logit"), y=np.zeros(400)), "logit")


def test_no_degrees_of_freedom():
    with pytest.raises(Unidentified, match="label more"):
        gmm_small(draw("ols", T=50, n=4, p=3, M=1), "ols")


def test_a_term_that_one_labelled_unit_informs():
    sample = small_world("ols", M=0)
    X = np.where(np.isnan(sample.X), 0.0, sample.X)
    X[:, 2] = 0.0
    X[np.flatnonzero(sample.labelled)[0], 2] = 1.0
    with pytest.raises(Unidentified, match="jackknife"):
        gmm_small(replace(sample, X=X), "ols")


@pytest.mark.parametrize(
    ("y", "reason"),
    [(lambda s: np.ones(400), "dropped"), (lambda s: s.X[:, 1] * 2.0 + 1.0, "no residual")],
)
def test_a_source_with_nothing_to_say_is_dropped_by_name(y, reason):
    sample = small_world("ols")
    bad = replace(sample.sources[0], name="bad", y=y(sample.sources[0]))
    fit = gmm_small(sample.with_sources((*sample.sources, bad)), "ols")
    same(fit, gmm_small(sample, "ols"))
    assert any("'bad'" in warning and reason in warning for warning in fit.warnings)


def test_nan_is_refused_before_it_spreads():
    sample = small_world("ols")
    with pytest.raises(NonFinite):
        replace(sample, y=np.full(400, np.nan))


# Ridge -----------------------------------------------------------------------------------------------


def test_ridge_against_a_loop_over_penalties():
    rng = np.random.default_rng(9)
    Z, u = rng.normal(size=(40, 3)), rng.normal(size=40)
    Z /= np.sqrt((Z**2).sum(0))
    u += 3 * Z[:, 0]
    scores, fits = [], []
    for penalty in PENALTIES:
        hat = np.zeros((40, 40))
        a = np.zeros(3)
        if np.isfinite(penalty):
            inverse = np.linalg.inv(Z.T @ Z + penalty * np.eye(3))
            hat, a = Z @ inverse @ Z.T, inverse @ Z.T @ u
        used = (1 + PRICE * np.trace(hat)) / 40
        scores.append(((u - hat @ u) ** 2).sum() / (1 - used) ** 2)
        fits.append((a, np.trace(hat)))
    rows, used = np.array([40.0]), np.array([1.0])
    a, penalty, spent = ridge((Z.T @ Z)[None], (Z.T @ u)[None, :, None], np.array([u @ u]), rows, used)
    best = int(np.argmin(scores))
    assert penalty[0] == PENALTIES[best]
    np.testing.assert_allclose(a[0, :, 0], fits[best][0], atol=1e-12)
    assert spent[0] == pytest.approx(fits[best][1])


def test_more_sources_than_rows_can_bear():
    fit = gmm_small(draw("mean", T=200, n=12, p=1, M=15, rng=1), "mean")
    assert np.isfinite(fit.estimate).all()
    assert dict(fit.tuning)["coefficients"] <= 6


# The goal --------------------------------------------------------------------------------------------

NOMINAL, HIGH, TRIALS = 0.95, 0.97, 1000
BAND = 3.5 * np.sqrt(0.05 * 0.95 / TRIALS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("quality", ["useful", "useless"])
@pytest.mark.parametrize("M", [1, 6])
@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("world", GOAL)
def test_goal(world, n, M, quality):
    human, small = coverage(
        world, ("human", "gmm-small"), n=n, T=10 * n, M=M, quality=quality, trials=TRIALS, seed=1
    )
    assert len(WORLDS[world].truth) == len(small.coverage)
    assert (small.coverage > NOMINAL - BAND).all()
    assert (small.coverage < HIGH + BAND).all()
    assert (small.mse < 1.05 * human.mse).all()
    assert (small.width < 1.4 * small.oracle_width).all()
