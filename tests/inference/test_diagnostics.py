"""What the diagnostics say of good and of broken designs, and errors and warnings by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moored.errors import (
    DataInvalid,
    NoLabels,
    NonFinite,
    OutsideDomain,
    Separated,
    Singular,
    Unidentified,
)
from moored.inference import (
    ESTIMATORS,
    Sample,
    Source,
    contributions,
    estimate,
    gmm,
    j_test,
    score_r2,
    source_tests,
)
from tests.inference.worlds import draw


def test_source_tests_are_quiet_on_random_labels_and_loud_on_selected_ones():
    sample = draw("ols", M=2, T=3000, n=300, rng=51)
    assert all(test.p_value > 0.01 for test in source_tests(sample, "ols"))
    assert [test.name for test in source_tests(sample, "ols")] == ["s0", "s1"]
    f = sample.sources[0].y
    chosen = np.zeros(3000, bool)
    chosen[np.argsort(-f + np.random.default_rng(0).normal(size=3000) * 3)[:300]] = True
    whole = draw("ols", M=2, T=3000, n=3000, rng=51)
    broken = replace(whole.with_sources(sample.sources), labelled=chosen)
    tests = source_tests(broken, "ols")
    assert tests[0].p_value < 1e-6
    overall = j_test(broken, "ols")
    assert overall is not None
    assert overall.p_value < 1e-6


def test_j_test_needs_a_source():
    assert j_test(draw("ols", M=0, rng=52), "ols") is None
    assert source_tests(draw("ols", T=100, n=100, M=1, rng=52), "ols") == ()


def test_contributions_tell_the_useful_source_from_noise():
    sample = draw("ols", M=2, n=400, T=8000, rng=53)
    noise = np.random.default_rng(1).normal(size=8000)
    sample = sample.with_sources([sample.sources[0], replace(sample.sources[1], y=noise)])
    good, bad = contributions(sample, "ols")
    assert (good.labels_saved > 0.3).all()
    assert (np.abs(bad.labels_saved) < 0.05).all()
    r2 = score_r2(sample, "ols")
    assert (r2["all"] >= r2["s0"] - 1e-12).all()
    assert (r2["s1"] < 0.05).all()


def test_r2_predicts_the_gain():
    """n Var(theta_j) tends to sigma_j^2 (1 - (1 - n/T) R2_j)."""
    fit = gmm(draw("ols", M=1, n=2000, T=20000, rng=54), "ols")
    promised = 1 / (1 - 0.9 * fit.r2)
    np.testing.assert_allclose(fit.effective_n / fit.n_labelled, promised, rtol=0.05)


def test_a_perfect_source_is_the_oracle():
    T, n = 20000, 1000
    whole = draw("ols", M=0, T=T, n=T, rng=55)
    labelled = np.zeros(T, bool)
    labelled[np.random.default_rng(0).choice(T, n, replace=False)] = True
    perfect = Source("perfect", "proxy", whole.y, whole.X)
    fit = gmm(replace(whole, labelled=labelled, sources=(perfect,)), "ols")
    oracle = ESTIMATORS["human"](whole, "ols")
    np.testing.assert_allclose(fit.se, oracle.se, rtol=0.05)
    np.testing.assert_allclose(fit.estimate, oracle.estimate, atol=0.25 * oracle.se.min())
    np.testing.assert_allclose(fit.r2, 1.0, atol=0.01)


def test_a_useless_source_does_no_harm():
    sample = draw("logit", M=1, T=20000, n=2000, rng=56)
    noise = np.random.default_rng(0).random(20000)
    sample = sample.with_sources([replace(sample.sources[0], y=noise)])
    fit, human = gmm(sample, "logit"), ESTIMATORS["human"](sample, "logit")
    np.testing.assert_allclose(fit.se, human.se, rtol=0.02)
    assert (np.abs(fit.estimate - human.estimate) < 0.2 * human.se).all()


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_a_constant_source_is_dropped_by_name(family):
    sample = draw(family, M=1, rng=57)
    flat = replace(sample.sources[0], name="flat", y=np.full(sample.n_total, 0.4))
    fit = gmm(sample.with_sources([flat, *sample.sources]), family)
    only = gmm(sample, family)
    assert fit.sources == ("s0",)
    assert "'flat' dropped" in fit.warnings[0]
    np.testing.assert_allclose(fit.estimate, only.estimate, atol=1e-12)


def test_a_hard_constant_in_a_logit_source_is_dropped_as_separated():
    sample = draw("logit", M=1, rng=58)
    ones = replace(sample.sources[0], y=np.ones(sample.n_total))
    fit = gmm(sample.with_sources([ones]), "logit")
    assert fit.sources == ()
    assert "predicted perfectly" in fit.warnings[0]
    np.testing.assert_array_equal(fit.estimate, ESTIMATORS["human"](sample, "logit").estimate)


def test_collinear_covariates_of_a_source_drop_it_and_of_the_humans_are_an_error():
    sample = draw("ols", M=1, rng=59)
    X = np.nan_to_num(sample.X)
    X[:, 2] = 2 * X[:, 1] + 1
    source = sample.sources[0]
    bent = replace(source, X=np.column_stack([source.X[:, :2], source.X[:, 1] * 3]))
    fit = gmm(sample.with_sources([bent]), "ols")
    assert "'x2' is constant or a combination" in fit.warnings[0]
    with pytest.raises(Singular, match="'x2' is constant or a combination"):
        gmm(replace(sample, X=X), "ols")


@pytest.mark.parametrize("quasi", [False, True])
def test_separation_is_named(quasi):
    sample = draw("logit", p=2, n=100, rng=60)
    x = sample.X[:, 1]
    y = (x > 0).astype(float)
    if quasi:
        x = (x > 0).astype(float)
        y = np.where(x == 1, 1.0, np.random.default_rng(0).integers(0, 2, len(x)))
    bad = replace(sample, y=y, X=np.column_stack([np.ones(len(x)), x]), terms=("Intercept", "age"))
    with pytest.raises(Separated, match="infinite"):
        gmm(bad, "logit")


def test_a_cell_without_counts_is_separated_in_poisson():
    sample = draw("poisson", p=2, n=200, rng=61)
    x = (np.nan_to_num(sample.X[:, 1]) > 0).astype(float)
    y = np.where(x == 1, 0.0, 2.0)
    y[::3] += np.where(x[::3] == 1, 0.0, 1.0)
    with pytest.raises(Separated, match="x1"):
        gmm(replace(sample, y=y, X=np.column_stack([np.ones(len(x)), x])), "poisson")


def test_refusals_say_what_came():
    sample = draw("ols", M=1, rng=62)
    first = np.flatnonzero(sample.labelled)[0]
    y = sample.y.copy()
    y[first] = np.nan
    with pytest.raises(NonFinite, match="1 of 1000 units holds NaN"):
        replace(sample, y=y)
    with pytest.raises(NonFinite, match="Source 's0'"):
        replace(sample.sources[0], y=np.full(1000, np.inf))
    with pytest.raises(NoLabels):
        gmm(replace(sample, labelled=np.zeros(1000, bool)), "ols")
    few = np.zeros(1000, bool)
    few[np.flatnonzero(sample.labelled)[:3]] = True
    with pytest.raises(Unidentified, match="3 labelled units cannot identify 3 parameters"):
        gmm(replace(sample, labelled=few), "ols")
    with pytest.raises(OutsideDomain, match="logit needs outcomes between 0 and 1"):
        gmm(sample, "logit")
    with pytest.raises(DataInvalid, match="share a name"):
        sample.with_sources([sample.sources[0], sample.sources[0]])
    with pytest.raises(DataInvalid, match="above 0"):
        replace(sample, probability=np.zeros(1000))
    with pytest.raises(DataInvalid, match="No family"):
        gmm(sample, "probit")
    with pytest.raises(DataInvalid, match="No estimator"):
        estimate(sample, "ols", estimators=["gmm-best"])
    with pytest.raises(DataInvalid, match="naive-proxy needs a source"):
        ESTIMATORS["naive-proxy"](sample.with_sources([]), "ols")


def test_huge_numbers_are_refused_and_large_ones_are_not():
    sample = draw("ols", M=1, rng=63)
    with pytest.raises(NonFinite, match="rescale"):
        replace(sample, X=sample.X * 1e41)
    source = replace(sample.sources[0], X=sample.sources[0].X * 1e30)
    large = replace(sample, X=sample.X * 1e30, sources=(source,))
    assert np.isfinite(gmm(large, "ols").se).all()


def test_failed_generations_keep_their_row_and_human_moment():
    sample = draw("ols", M=1, rng=64)
    observed = np.random.default_rng(0).random(1000) < 0.8
    source = replace(sample.sources[0], y=np.where(observed, sample.sources[0].y, np.nan), observed=observed)
    fit = gmm(sample.with_sources([source]), "ols")
    assert fit.n_labelled == 150
    assert any(text.startswith("source 's0' failed for") for text in fit.warnings)
    everything_failed = replace(source, observed=np.zeros(1000, bool))
    empty = gmm(sample.with_sources([everything_failed]), "ols")
    np.testing.assert_array_equal(empty.estimate, ESTIMATORS["human"](sample, "ols").estimate)


def test_default_estimators_follow_the_sources():
    names = [fit.estimator for fit in estimate(draw("ols", M=2, kinds=("proxy", "synthetic"), rng=65))]
    assert names == ["human", "gmm-proxy", "gmm-synth", "gmm-small"]
    assert [fit.estimator for fit in estimate(draw("ols", M=0, rng=65))] == ["human", "gmm-small"]


def test_sample_take_keeps_everything_together():
    sample = replace(draw("ols", M=1, rng=66), cluster=np.arange(1000), probability=np.full(1000, 0.2))
    part = sample.take(sample.labelled)
    assert isinstance(part, Sample)
    assert part.n_total == part.n_labelled == 150
    np.testing.assert_array_equal(part.cluster, np.flatnonzero(sample.labelled))


def test_the_lavenberg_welch_correction():
    sample = draw("ols", M=2, n=60, p=2, rng=67)
    plain, wide = gmm(sample, "ols"), gmm(sample, "ols", correction="lw")
    np.testing.assert_array_equal(plain.estimate, wide.estimate)
    assert wide.df == 60 - 2 - 4
    assert (wide.se > plain.se).all()
    assert (wide.se < 1.15 * plain.se).all()
    none = gmm(sample.with_sources([]), "ols", correction="lw")
    np.testing.assert_allclose(none.se, ESTIMATORS["human"](sample, "ols").se * np.sqrt(60 / 58))
    with pytest.raises(DataInvalid, match="use 'none' or 'lw'"):
        gmm(sample, "ols", correction="bc")
