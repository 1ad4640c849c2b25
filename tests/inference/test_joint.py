"""Joint tests, adjustment for several coefficients, and what else a reviewer asks of a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, gmm, labelling_test, missing_tests, source_tests
from moored.inference.joint import Joint
from moored.row_role import role_of
from tests.inference.worlds import draw


def test_the_joint_test_is_that_of_statsmodels():
    sample = draw("ols", p=4, rng=1)
    fit = ESTIMATORS["human"](sample, "ols")
    y, X = sample.y[sample.labelled], sample.X[sample.labelled]
    other = sm.OLS(y, X).fit(cov_type="HC0")
    R, q = np.array([[0, 1, -1, 0], [0, 0, 0, 2.0]]), np.array([0.1, 1.0])
    theirs, mine = other.wald_test((R, q), use_f=False, scalar=True), fit.wald_test(R, q)
    assert mine.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert fit.wald_test().df == 3


@pytest.mark.parametrize("name", ["gmm-synth", "gmm-small"])
def test_one_row_is_the_contrast_and_units_do_not_matter(name):
    fit = ESTIMATORS[name](draw("ols", M=2, kinds=("proxy", "synthetic"), rng=2), "ols")
    row = [0.0, 1.0, -0.5]
    assert fit.wald_test([row]).p_value == pytest.approx(fit.contrast(row)["p_value"].iloc[0], rel=1e-9)
    R = np.array([[0, 1.0, 0], [0, 0, 1]])
    assert fit.wald_test(R * [[1e9], [1e-9]]).p_value == pytest.approx(fit.wald_test(R).p_value, rel=1e-9)


def test_a_joint_test_is_read_at_a_glance():
    assert repr(Joint(6.3, 2, None, 0.0429)) == "chi-squared(2) = 6.3, p = 0.043"
    assert repr(Joint(6.3, 2, 41.87, 0.0612)) == "F(2, 41.9) = 3.15, p = 0.061"


def test_a_p_value_never_stands_beside_a_statistic_that_does_not_give_it():
    """The p-value of one term is its interval's, which few labels take from another law than Wald's."""
    fit = ESTIMATORS["gmm-small"](draw("logit", n=40, T=300, M=1, rng=2), "logit")
    found = fit.wald_test("x1 = 0.1")
    assert found.by_law
    assert repr(found).startswith("p = ")
    assert "by the law of the interval (Wald statistic " in repr(found)
    several = fit.wald_test("x1 = x2 = 0")
    assert not several.by_law
    assert not ESTIMATORS["human"](draw("ols", rng=2), "ols").wald_test("x1").by_law


@pytest.mark.parametrize("R", [[[1, 0]], [[np.nan, 0, 0]], [[0, 1, 0], [0, 2, 0]], [[0, 0, 0]]])
def test_what_is_no_joint_test_is_refused(R):
    with pytest.raises(DataInvalid):
        gmm(draw("ols", M=1, rng=3), "ols").wald_test(R)


def test_adjusted_p_values_are_statsmodels():
    fit = gmm(draw("ols", p=5, M=1, rng=4), "ols")
    for method in ("holm", "bonferroni"):
        np.testing.assert_allclose(fit.adjusted(method), multipletests(fit.p_value, method=method)[1])
    lower, upper = fit.simultaneous()
    outside = (lower > 0) | (upper < 0)
    np.testing.assert_array_equal(outside, fit.adjusted("bonferroni") < 0.05)
    with pytest.raises(DataInvalid, match="'holm' or 'bonferroni'"):
        fit.adjusted("fdr")


def test_simultaneous_intervals_hold_together():
    truth, held = np.linspace(0.2, 0.6, 4), []
    for seed in range(300):
        lower, upper = gmm(draw("ols", p=4, n=400, T=1500, M=1, rng=seed), "ols").simultaneous()
        held.append(((lower <= truth) & (truth <= upper)).all())
    assert np.mean(held) >= 0.91


def test_roles_and_the_covariance_of_a_summary():
    fit = gmm(draw("ols", M=1, rng=5), "ols")
    np.testing.assert_array_equal(fit.record()["covariance"], fit.covariance)
    roles = [role_of(name, "gmm-small") for name in ("gmm-small", "human", "naive-proxy", "reppi")]
    assert roles == ["headline", "comparison", "biased", "comparison"]


def selected(seed: int, strength: float, n: int = 400):
    """Labelled with probability proportional to exp(strength y)."""
    rng = np.random.default_rng(seed)
    whole = draw("ols", T=4000, n=4000, M=1, p=2, rng=rng)
    weights = np.exp(strength * whole.y)
    chosen = rng.choice(4000, n, replace=False, p=weights / weights.sum())
    return replace(whole, labelled=np.isin(np.arange(4000), chosen))


def test_labelling_by_the_outcome_is_seen_and_random_labelling_is_not():
    by_chance = [labelling_test(selected(seed, 0.0), "ols").p_value for seed in range(200)]
    assert np.mean(np.array(by_chance) < 0.05) <= 0.11
    samples = [selected(seed, 0.25) for seed in range(40)]
    seen = np.mean([labelling_test(sample, "ols").p_value < 0.05 for sample in samples])
    by_j = np.mean([source_tests(sample, "ols")[0].p_value < 0.05 for sample in samples])
    assert seen >= 0.9
    assert seen >= by_j


@pytest.mark.parametrize("design", ["cluster", "probability", "strata"])
def test_the_labelling_test_knows_designs(design):
    rng, found = np.random.default_rng(6), []
    for seed in range(100):
        whole = draw("ols", T=1000, n=1000, M=1, p=2, rng=seed)
        pi = 0.1 + 0.3 * (whole.X[:, 1] > 0)
        code = (whole.X[:, 1] > 0).astype(int) if design == "strata" else np.arange(1000) // 5
        labelled = rng.random(1000) < pi
        if design == "cluster":
            labelled = np.isin(code, rng.choice(200, 50, replace=False))
        sample = replace(whole, labelled=labelled, **{design: pi if design == "probability" else code})
        found.append(labelling_test(sample, "ols").p_value)
    assert np.mean(np.array(found) < 0.05) <= 0.13


def test_missing_tests_name_the_source():
    sample = draw("ols", M=2, rng=7)
    bad = np.random.default_rng(0).random(1000) < np.where(sample.labelled, 0.02, 0.2)
    first, second = sample.sources
    tests = missing_tests(sample.with_sources([replace(first, observed=~bad), second]), "ols")
    assert [test.name for test in tests] == ["s0"]
    assert tests[0].p_value < 1e-4
