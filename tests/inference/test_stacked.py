"""The stacked estimators say of every draw what the ordinary ones say of it, and leave to them what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from moored.errors import DataInvalid, Separated
from moored.inference import ESTIMATORS, Sample, Source
from moored.inference.simulate.worlds import draw
from moored.inference.stacked import STACKED, Draws, fit_draws

NEAR = 1e-9


def draws(world: str, quality: str = "useful", n: int = 80, M: int = 2, count: int = 12) -> Draws:
    rngs = [np.random.default_rng(seed) for seed in range(count)]
    return Draws.of([draw(world, rng, n=n, T=600, M=M, quality=quality) for rng in rngs])


def agree(found: Draws, family: str, name: str) -> None:
    answers = STACKED[name](found, family, 0.9)
    assert answers.regular.mean() > 0.9  # PPI++ for Poisson may need the ordinary estimator's step halving
    for b in np.flatnonzero(answers.regular):
        fit = ESTIMATORS[name](found.samples[b], family, level=0.9)
        np.testing.assert_allclose(answers.estimate[b], fit.estimate, rtol=NEAR, atol=NEAR)
        np.testing.assert_allclose(answers.lower[b], fit.lower, rtol=NEAR, atol=NEAR)
        np.testing.assert_allclose(answers.upper[b], fit.upper, rtol=NEAR, atol=NEAR)
        if fit.effective_n is not None:
            np.testing.assert_allclose(answers.effective_n[b], fit.effective_n, rtol=1e-8)
        if fit.j_p_value is not None:
            assert answers.j_p_value[b] == pytest.approx(fit.j_p_value, abs=1e-8)


@pytest.mark.parametrize("name", STACKED)
@pytest.mark.parametrize(
    ("world", "family"),
    [("mean gaussian", "mean"), ("ols p=4", "ols"), ("logit", "logit"), ("poisson", "poisson")],
)
def test_the_same_as_the_ordinary_estimator(world, family, name):
    agree(draws(world), family, name)


@pytest.mark.parametrize("name", STACKED)
@pytest.mark.parametrize("family", ["ols", "logit"])
def test_the_same_with_soft_readings_shared_covariates_and_failed_generations(family, name):
    rng = np.random.default_rng(3)
    samples = []
    for _ in range(8):
        X = np.column_stack([np.ones(500), rng.random(500) < 0.3]).astype(float)
        y = (rng.random(500) < 0.4 + 0.2 * X[:, 1]).astype(float)
        soft = np.clip(0.6 * y + 0.4 * rng.random(500), 0, 1)
        observed = rng.random(500) > 0.02
        blank = np.where(observed, 1 - np.abs(soft - rng.random(500)), np.nan)
        sources = (Source("p", "proxy", soft, X), Source("s", "synthetic", blank, X, observed))
        samples.append(Sample(y, X, rng.permutation(500) < 100, (), sources))
    agree(Draws.of(samples), family, name)


def test_several_sources_of_a_kind_share_its_weight():
    agree(draws("ols", M=4), "ols", "ppi++-synth")
    agree(draws("logit", M=4), "logit", "gmm-synth")


def test_what_is_not_regular_goes_to_the_ordinary_estimator_which_refuses_by_name():
    found = draws("logit rare", n=14, count=40)
    answers = fit_draws("human", found, "logit")
    failed = {failure.draw: failure.error for failure in answers.failures}
    assert failed
    assert set(failed.values()) == {"Separated"}
    for b, sample in enumerate(found.samples):
        if b in failed:
            assert np.isnan(answers.estimate[b]).all()
            with pytest.raises(Separated):
                ESTIMATORS["human"](sample, "logit")
        else:
            fit = ESTIMATORS["human"](sample, "logit")
            np.testing.assert_allclose(answers.estimate[b], fit.estimate, rtol=NEAR, atol=NEAR)


def test_a_repeated_source_is_dropped_by_the_ordinary_estimator():
    samples = []
    for sample in draws("ols", M=1).samples:
        (one,) = sample.sources
        samples.append(sample.with_sources([one, Source("again", "synthetic", one.y, one.X)]))
    found = Draws.of(samples)
    assert not STACKED["gmm-synth"](found, "ols").regular.any()
    answers, alone = fit_draws("gmm-synth", found, "ols"), fit_draws("gmm-proxy", found, "ols")
    np.testing.assert_allclose(answers.estimate, alone.estimate, rtol=1e-7)
    assert not answers.regular.any()


def test_a_family_without_a_stack_is_asked_draw_by_draw():
    found = draws("mean gaussian", count=3)
    answers = fit_draws("human", found, "quantile:0.5")
    np.testing.assert_array_equal(
        answers.estimate[0], ESTIMATORS["human"](found.samples[0], "quantile:0.5").estimate
    )


@pytest.mark.parametrize("name", [name for name in STACKED if name != "human"])
def test_without_a_source_the_ordinary_estimator_decides(name):
    found = draws("ols", M=1, count=2)
    bare = Draws.of([sample.with_sources(()) for sample in found.samples])
    try:
        expected = ESTIMATORS[name](bare.samples[0], "ols").estimate
    except DataInvalid:
        with pytest.raises(DataInvalid):
            fit_draws(name, bare, "ols")
    else:
        np.testing.assert_allclose(fit_draws(name, bare, "ols").estimate[0], expected, rtol=NEAR)


def test_refusals():
    one = draw("ols", np.random.default_rng(1), n=20, T=100, M=1)
    with pytest.raises(DataInvalid, match="of one size"):
        Draws.of([one, draw("ols", np.random.default_rng(1), n=21, T=100, M=1)])
    clustered = Sample(one.y, one.X, one.labelled, one.terms, one.sources, cluster=np.arange(100))
    with pytest.raises(DataInvalid, match="clusters"):
        Draws.of([clustered])


def test_a_draw_whose_covariate_explains_every_label_is_refused_by_name():
    rng = np.random.default_rng(11)
    X = np.column_stack([np.ones(250), rng.integers(0, 2, 250)])
    truth = (rng.random(250) < 0.5).astype(float)
    sources = tuple(
        Source(f"proxy{m}", "proxy", np.clip(truth + 0.3 * rng.normal(size=250), 0, 1), X) for m in range(4)
    )
    first, second = rng.permutation(250)[:12], rng.permutation(250)[:12]

    def sample(labelled, y):
        seen = np.zeros(250, dtype=bool)
        seen[labelled] = True
        return Sample(np.where(seen, y, np.nan), X, seen, ("Intercept", "g"), sources)

    draws = Draws.of([sample(first, X[:, 1]), sample(second, truth)])
    stacked = fit_draws("gmm-small", draws, "ols", level=0.95)
    assert [(failure.draw, failure.error) for failure in stacked.failures] == [(0, "Unidentified")]
    assert np.isnan(stacked.estimate[0]).all()
    assert np.isfinite(stacked.estimate[1]).all()
