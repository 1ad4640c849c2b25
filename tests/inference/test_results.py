"""Intervals and p-values agree, records say what they hold, and no NaN gets out."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moored.errors import DataInvalid, MooredError
from moored.inference import ESTIMATORS, Sample, Source, gmm, source_tests
from moored.inference.computed import Computed
from moored.inference.laws import wald
from tests.inference.worlds import draw


@pytest.mark.parametrize("alternative", ["two-sided", "larger", "smaller"])
@pytest.mark.parametrize("df", [None, 7.0])
@pytest.mark.parametrize("z", [-3.0, -1.7, -0.2, 0.0, 1.2, 2.3])
def test_zero_lies_outside_exactly_where_p_is_below_one_minus_level(alternative, df, z):
    for level in (0.5, 0.8, 0.9, 0.95, 0.99):
        lower, upper, p = wald(np.array([z]), np.array([1.0]), level, alternative, df)
        assert bool(lower[0] > 0 or upper[0] < 0) == bool(p[0] < 1 - level)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("alternative", ["two-sided", "larger", "smaller"])
@pytest.mark.parametrize("df", [None, 3.0])
def test_estimates_and_errors_of_exactly_zero(alternative, df):
    estimate = np.array([0.0, -0.0, 0.0, 2.0, -2.0, 1.0])
    se = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 1e-320])
    lower, upper, p = wald(estimate, se, 0.95, alternative, df)
    assert not np.isnan([lower, upper, p]).any()
    assert (((lower > 0) | (upper < 0)) == (p < 0.05)).all()
    fit = Computed(
        estimator="human",
        family="ols",
        terms=tuple("abcdef"),
        estimate=estimate,
        covariance=np.diag(se**2),
        n_labelled=9,
        n_total=99,
        human_se=np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
    ).fit()
    json.dumps(fit.rows(), allow_nan=False)


def test_p_values_against_scipy():
    from scipy import stats

    z = np.array([-2.5, 0.3, 1.9])
    one = np.ones(3)
    np.testing.assert_allclose(wald(z, one, 0.95, "two-sided", None)[2], 2 * stats.norm.sf(abs(z)))
    np.testing.assert_allclose(wald(z, one, 0.95, "larger", 5)[2], stats.t.sf(z, 5))
    np.testing.assert_allclose(wald(z, one, 0.95, "smaller", None)[2], stats.norm.cdf(z))
    np.testing.assert_allclose(wald(z, one, 0.9, "two-sided", 5)[1] - z, stats.t.ppf(0.95, 5))


def test_every_estimator_is_one_sided_when_asked():
    sample = draw("ols", M=2, kinds=("proxy", "synthetic"), rng=41)
    for name, estimator in ESTIMATORS.items():
        fit = estimator(sample, "ols", alternative="larger")
        assert np.isposinf(fit.upper).all(), name
        assert np.isfinite(fit.lower).all(), name


def test_contrast_is_a_linear_map():
    fit = gmm(draw("logit", M=1, rng=42), "logit")
    row = fit.contrast([0, 1, -1]).iloc[0]
    assert row["estimate"] == pytest.approx(fit.estimate[1] - fit.estimate[2])
    V = fit.covariance
    assert row["se"] == pytest.approx(np.sqrt(V[1, 1] + V[2, 2] - 2 * V[1, 2]))
    own = fit.contrast(np.eye(3))
    assert own["p_value"].tolist() == pytest.approx(fit.p_value.tolist())
    with pytest.raises(DataInvalid, match="3 finite numbers"):
        fit.contrast([1, 0])


def test_a_fit_is_frozen_and_its_rows_are_json():
    fit = gmm(draw("ols", M=1, rng=43), "ols", alternative="smaller")
    with pytest.raises(FrozenInstanceError):
        fit.level = 0.5
    text = json.dumps({"estimates": fit.rows(), "fits": [fit.record()]}, allow_nan=False)
    assert json.loads(text)["estimates"][0]["lower"] is None
    assert json.loads(text)["estimates"][0]["term"] == "Intercept"


@pytest.mark.parametrize(("level", "alternative"), [(1.0, "two-sided"), (0.95, "greater")])
def test_impossible_options_are_refused(level, alternative):
    with pytest.raises(DataInvalid):
        gmm(draw("ols", rng=44), "ols", level=level, alternative=alternative)


def numbers_of(fit):
    yield from (fit.estimate, fit.covariance, fit.se, fit.lower, fit.upper, fit.p_value)
    yield from (v for v in (fit.r2, fit.effective_n, fit.labels_saved) if v is not None)
    yield np.array([v for v in (fit.j, fit.j_p_value) if v is not None])


values = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, -1.0, 1e-12, 1e12, 3.0]), st.floats(-1e6, 1e6, allow_subnormal=False)
)


@st.composite
def hostile_samples(draw_):
    """Small samples of awkward numbers: constants, copies, extreme scales, few labels, missing generations."""
    T, p, M = draw_(st.integers(2, 30)), draw_(st.integers(1, 3)), draw_(st.integers(0, 3))
    family = draw_(st.sampled_from(["mean", "ols", "logit", "poisson"]))
    p = 1 if family == "mean" else p
    column = st.lists(values, min_size=T, max_size=T).map(np.array)
    if draw_(st.booleans()):
        column = st.integers(0, 2**32 - 1).map(lambda s: np.random.default_rng(s).normal(size=T))
    X = np.column_stack([np.ones(T), *(draw_(column) for _ in range(p - 1))])

    def outcomes():
        y = draw_(column)
        return {"logit": (y > 0).astype(float), "poisson": np.floor(np.abs(y) % 50)}.get(family, y)

    y = outcomes()
    sources = []
    for m in range(M):
        copied = draw_(st.booleans())
        f, Z = (
            (y, X)
            if copied
            else (outcomes(), np.column_stack([np.ones(T), *[draw_(column) for _ in range(p - 1)]]))
        )
        observed = np.array(draw_(st.lists(st.booleans(), min_size=T, max_size=T)))
        kind = draw_(st.sampled_from(["proxy", "synthetic"]))
        sources.append(Source(f"s{m}", kind, np.where(observed, f, np.nan), Z, observed))
    labelled = np.array(draw_(st.lists(st.booleans(), min_size=T, max_size=T)))
    cluster = draw_(st.one_of(st.none(), st.lists(st.integers(0, 5), min_size=T, max_size=T).map(np.array)))
    return Sample(np.where(labelled, y, np.nan), X, labelled, (), tuple(sources), cluster=cluster), family


@pytest.mark.filterwarnings("error::RuntimeWarning")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile_samples(), st.sampled_from(list(ESTIMATORS)), st.sampled_from(["two-sided", "larger"]))
def test_no_nan_leaves_a_public_function(drawn, name, alternative):
    sample, family = drawn
    try:
        fit = ESTIMATORS[name](sample, family, alternative=alternative)
        tests = source_tests(sample, family)
    except MooredError:
        return  # a named refusal is an answer
    assert not any(np.isnan(v).any() for v in numbers_of(fit))
    assert np.isfinite(fit.estimate).all()
    assert ((fit.p_value >= 0) & (fit.p_value <= 1)).all()
    assert all(np.isfinite(t.statistic) and 0 <= t.p_value <= 1 for t in tests)
    json.dumps(fit.rows(), allow_nan=False)


def test_naive_estimators_claim_no_effective_sample():
    fit = ESTIMATORS["naive-proxy"](draw("ols", M=1, rng=45), "ols")
    assert fit.effective_n is None
    assert fit.rows()[0]["effective_n"] is None
    assert "word" in fit.warnings[0]


def test_effective_n_of_the_human_fit_is_n():
    fit = ESTIMATORS["human"](replace(draw("ols", rng=46)), "ols")
    np.testing.assert_array_equal(fit.effective_n, 150)
    np.testing.assert_array_equal(fit.labels_saved, 0)
