"""The corpus as target: intervals for what all labels of these very units would have given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, Sample, Source, estimate
from tests.inference.worlds import draw

NAMES = ["human", "gmm-proxy", "gmm-synth", "gmm-small", "ppi++-proxy", "ppi++-synth", "reppi"]
KINDS = ("proxy", "synthetic")


def corpus(family: str, T: int, *, rng: int = 3) -> Sample:
    """T units, all labelled: the truth is what they give."""
    return draw(family, T=T, n=T, p=1 if family == "mean" else 2, M=2, kinds=KINDS, rng=rng)


def drawn(whole: Sample, n: int, rng: np.random.Generator, family: str = "mean", **design: object) -> Sample:
    chosen = np.zeros(whole.n_total, bool)
    chosen[rng.choice(whole.n_total, n, replace=False)] = True
    return replace(whole, labelled=chosen, **design)


@pytest.mark.parametrize("family", ["mean", "ols", "logit", "poisson"])
@pytest.mark.parametrize(("n", "T"), [(50, 1000), (250, 500), (400, 4000)])
def test_the_human_error_is_the_finite_populations(family, n, T):
    sample = drawn(corpus(family, T), n, np.random.default_rng(0))
    wide, narrow = (ESTIMATORS["human"](sample, family, target=t) for t in ("population", "corpus"))
    np.testing.assert_array_equal(narrow.estimate, wide.estimate)
    np.testing.assert_allclose(narrow.covariance, wide.covariance * (1 - n / T), rtol=1e-9)
    assert (narrow.target, wide.target) == ("corpus", "population")
    np.testing.assert_allclose(narrow.effective_n, n)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("family", ["mean", "ols", "logit", "poisson"])
def test_the_error_tends_to_its_formula(name, family):
    """(1 - R2) (1/n - 1/T) sigma^2, R2 that of the sources which the estimator uses; the estimate is the same."""
    sample = drawn(corpus(family, 9000), 3000, np.random.default_rng(1))
    wide, narrow = (ESTIMATORS[name](sample, family, target=t) for t in ("population", "corpus"))
    np.testing.assert_array_equal(narrow.estimate, wide.estimate)
    human = ESTIMATORS["human"](sample, family)
    sigma2, f = 3000 * human.se**2, 1 / 3
    r2 = (1 - (wide.se / human.se) ** 2) / (1 - f)  # n Var = sigma^2 (1 - (1 - f) R2)
    np.testing.assert_allclose(narrow.se**2, (1 - r2) * (1 - f) * sigma2 / 3000, rtol=0.1)
    assert (narrow.labels_saved > (-1e-9 if name == "human" else 0)).all()
    assert (narrow.effective_n <= 9000).all()


def test_the_literal_variance_of_the_linearised_estimate():
    """Moving one label from one unit to another moves the estimate as the linearisation says: by simulation."""
    whole, rng = corpus("ols", 400), np.random.default_rng(2)
    found = [ESTIMATORS["gmm-synth"](drawn(whole, 200, rng), "ols", target="corpus") for _ in range(400)]
    spread = np.var([fit.estimate for fit in found], axis=0)
    np.testing.assert_allclose(np.mean([fit.se**2 for fit in found], axis=0), spread, rtol=0.25)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_source_leaves_no_error(name):
    whole = corpus("mean", 600)
    perfect = Source("perfect", "proxy", whole.y, whole.X)
    sample = drawn(whole.with_sources([perfect]), 200, np.random.default_rng(3))
    fit = ESTIMATORS[name](sample, "mean", target="corpus")
    plain = ESTIMATORS["human"](sample, "mean", target="corpus")
    if name == "human":
        return
    room = 0.2 if name in ("gmm-small", "reppi") else 0.05
    assert fit.se[0] < room * plain.se[0]


@pytest.mark.parametrize("name", ["human", "gmm-synth", "gmm-small", "ppi++-synth"])
@pytest.mark.parametrize("design", ["weights", "strata", "clusters"])
def test_designs_cover(name, design):
    whole, rng, covered, ratio = corpus("ols", 1200), np.random.default_rng(4), [], []
    truth = ESTIMATORS["human"](whole, "ols").estimate
    x, person = whole.X[:, 1], np.arange(1200) // 4
    for draws in range(150):
        if design == "weights":
            probability = 1 / (1 + np.exp(-0.7 * x))
            sample = replace(whole, labelled=rng.random(1200) < probability, probability=probability)
        elif design == "strata":
            stratum = (x > 0).astype(int)
            take = [
                rng.choice(np.flatnonzero(stratum == s), k, replace=False) for s, k in ((0, 120), (1, 360))
            ]
            sample = replace(whole, labelled=np.isin(np.arange(1200), np.concatenate(take)), strata=stratum)
        else:
            chosen = rng.choice(300, 120, replace=False)
            sample = replace(whole, labelled=np.isin(person, chosen), cluster=person)
        fit = ESTIMATORS[name](sample, "ols", target="corpus")
        covered.append((fit.lower <= truth) & (truth <= fit.upper))
        if draws < 25:  # it hardly differs from draw to draw
            ratio.append(fit.se / ESTIMATORS[name](sample, "ols").se)
    assert np.mean(covered, axis=0).min() >= 0.89
    assert np.median(ratio) < 0.9


def test_clusters_and_strata_of_one_and_equal_probabilities_change_nothing():
    sample = drawn(corpus("ols", 600), 200, np.random.default_rng(5))
    for name in NAMES:
        plain = ESTIMATORS[name](sample, "ols", target="corpus")
        for design in ({"cluster": np.arange(600)}, {"probability": np.full(600, 1 / 3)}):
            other = ESTIMATORS[name](replace(sample, **design), "ols", target="corpus")
            np.testing.assert_allclose(other.se, plain.se, rtol=1e-9)


def test_a_stream_says_the_same():
    sample = drawn(corpus("logit", 900), 300, np.random.default_rng(6))
    parts = [sample.take(np.arange(k, 900, 4)) for k in range(4)]
    for name in ("human", "gmm-synth", "ppi++-proxy"):
        fit, streamed = (ESTIMATORS[name](d, "logit", target="corpus") for d in (sample, lambda: parts))
        np.testing.assert_allclose(streamed.se, fit.se, rtol=1e-8)


def test_everybody_labelled_is_no_estimate_of_the_corpus_but_its_value():
    whole = corpus("ols", 300)
    fit = ESTIMATORS["human"](whole, "ols", target="corpus")
    assert (fit.se == 0).all()
    assert any("every unit is labelled" in text for text in fit.warnings)


def test_few_events_of_a_corpus_leave_out_what_the_labels_exclude():
    y = np.r_[np.ones(2), np.zeros(98), np.full(100, np.nan)]
    sample = Sample(y, np.ones((200, 1)), np.arange(200) < 100)
    fit = ESTIMATORS["human"](sample, "mean", target="corpus")
    assert fit.lower[0] == 0.01  # two of the 200 are ones
    assert fit.upper[0] > 0.04


def test_targets_have_names():
    sample = drawn(corpus("ols", 300), 100, np.random.default_rng(7))
    assert {fit.target for fit in estimate(sample, "ols", target="corpus")} == {"corpus"}
    assert {fit.record()["target"] for fit in estimate(sample, "ols")} == {"population"}
    for name in NAMES:
        with pytest.raises(DataInvalid, match="use 'population' or 'corpus'"):
            ESTIMATORS[name](sample, "ols", target="sample")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mean", "ols", "logit"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_coverage_on_fixed_corpora(family, share):
    whole, rng, T = corpus(family, 4000), np.random.default_rng(8), 4000
    truth = ESTIMATORS["human"](whole, family).estimate
    covered: dict[str, list] = {name: [] for name in NAMES}
    for _ in range(1000):
        sample = drawn(whole, int(share * T), rng)
        for name in NAMES:
            fit = ESTIMATORS[name](sample, family, target="corpus")
            covered[name].append((fit.lower <= truth) & (truth <= fit.upper))
    for name in NAMES:
        found = np.mean(covered[name], axis=0)
        assert (found >= 0.93).all(), name  # .95 less 3 standard errors of 1,000 draws
        assert (found <= 0.97).all(), name
