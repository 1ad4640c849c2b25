"""Labels that are (nearly) all alike: a binomial interval or a refusal by name, never a point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from moored.errors import EstimationError, Separated, Unidentified
from moored.inference import ESTIMATORS, Sample, Source
from moored.inference.events import FEW_EVENTS
from moored.inference.stacked import Draws, fit_draws

HONEST = [name for name in ESTIMATORS if not name.startswith("naive")]


def sample_of(y: np.ndarray, n: int, *, T: int = 500, p: int = 1, seed: int = 0) -> Sample:
    """n of T units labelled with y (n,), a soft proxy and a hard synthetic source."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(T), rng.normal(size=(T, p - 1))])
    outcome = np.full(T, np.nan)
    outcome[:n] = y
    sources = (
        Source("read", "proxy", 0.4 * rng.random(T), X),
        Source("written", "synthetic", (rng.random(T) < 0.1).astype(float), X),
    )
    return Sample(outcome, X, np.arange(T) < n, (), sources)


def events(n: int, k: int) -> np.ndarray:
    return np.r_[np.ones(k), np.zeros(n - k)]


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("answer", [0.0, 1.0])
@pytest.mark.parametrize("n", [8, 40, 300])
def test_labels_that_are_all_one_answer_give_no_point(name, answer, n):
    fit = ESTIMATORS[name](sample_of(np.full(n, answer), n), "mean")
    assert fit.estimate[0] == answer
    assert fit.se[0] > 0
    end = 1 - 0.025 ** (1 / n)  # P(no event) is .025 there
    expected = (0.0, end) if answer == 0 else (1 - end, 1.0)
    np.testing.assert_allclose([fit.lower[0], fit.upper[0]], expected, atol=1e-9)
    assert any("only 0 labels are" in text for text in fit.warnings)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(6, 200),
    k=st.integers(0, 60),
    flip=st.booleans(),
    name=st.sampled_from(HONEST),
    level=st.sampled_from([0.8, 0.95, 0.99]),
)
def test_no_binary_mean_has_a_point_and_few_events_never_leave_the_unit_interval(n, k, flip, name, level):
    y = events(n, min(k, n))
    fit = ESTIMATORS[name](sample_of(1 - y if flip else y, n), "mean", level=level)
    assert fit.lower[0] < fit.upper[0]
    assert fit.lower[0] <= fit.estimate[0] <= fit.upper[0]
    if min(y.sum(), n - y.sum()) < FEW_EVENTS:
        assert 0 <= fit.lower[0] < fit.upper[0] <= 1
        assert (fit.p_value[0] < 1 - level) == (fit.lower[0] > 0)


@pytest.mark.parametrize(("alternative", "ends"), [("larger", (0.0, np.inf)), ("smaller", (-np.inf, None))])
def test_one_sided_intervals_of_few_events(alternative, ends):
    fit = ESTIMATORS["human"](sample_of(events(40, 0), 40), "mean", alternative=alternative)
    assert fit.lower[0] == ends[0]
    assert fit.upper[0] == (ends[1] or pytest.approx(1 - 0.05 ** (1 / 40)))  # exact without an event
    assert fit.p_value[0] == 1.0


@pytest.mark.parametrize("n", [30, 100, 400])
def test_the_binomial_interval_covers(n):
    fits = [ESTIMATORS["human"](sample_of(events(n, k), n), "mean") for k in range(FEW_EVENTS)]
    for p in np.linspace(0.2, FEW_EVENTS / 2, 15) / n:
        missed = sum(
            binom.pmf(k, n, p) for k, f in enumerate(fits) if not f.lower[0] <= p <= f.upper[0]
        ) + binom.sf(FEW_EVENTS - 1, n, p)
        inside = 1 - binom.sf(FEW_EVENTS - 1, n, p)
        assert 1 - (missed - (1 - inside)) >= 0.93


def test_weights_and_clusters_count_as_what_they_are_worth():
    plain = sample_of(events(60, 2), 60)
    few = ESTIMATORS["human"](plain, "mean")
    unequal = replace(plain, probability=np.where(np.arange(500) % 3 == 0, 0.9, 0.1))
    wide = ESTIMATORS["human"](unequal, "mean")
    assert np.ptp([wide.lower, wide.upper]) > np.ptp([few.lower, few.upper])
    people = replace(sample_of(events(60, 12), 60), cluster=np.arange(500) // 6)  # two people say yes, always
    fit = ESTIMATORS["human"](people, "mean")
    assert any("only 2 labelled clusters hold 1" in text for text in fit.warnings)
    np.testing.assert_allclose(fit.estimate, 0.2)
    assert fit.upper[0] - fit.lower[0] > 0.35


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("value", [3.0, 0.5, -1.0, 1e-10])
@pytest.mark.parametrize(("family", "p"), [("mean", 1), ("ols", 3), ("quantile", 1)])
def test_a_constant_outcome_is_refused(name, value, family, p):
    if name == "gmm-small" and family == "quantile":
        return
    with pytest.raises(Unidentified, match="All 40 labels are"):
        ESTIMATORS[name](sample_of(np.full(40, value), 40, p=p), family)


def test_zeros_that_are_no_answers_are_refused():
    """Readings of 60 say that the outcome is no share: a binomial law would not be its own."""
    sample = sample_of(np.zeros(40), 40)
    first, second = sample.sources
    counts = sample.with_sources([replace(first, y=60 * first.y), second])
    for name in HONEST:
        with pytest.raises(Unidentified, match="All 40 labels are 0"):
            ESTIMATORS[name](counts, "mean")


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize(("family", "value"), [("logit", 0.0), ("logit", 1.0), ("poisson", 0.0)])
@pytest.mark.parametrize("p", [1, 3])
def test_no_events_are_separated_in_logit_and_poisson(name, family, value, p):
    with pytest.raises(Separated, match="All 40 labels are"):
        ESTIMATORS[name](sample_of(np.full(40, value), 40, p=p), family)


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("scale", [1.0, 1e9, 1e-9])
def test_an_outcome_computed_from_the_covariates_is_refused(name, scale):
    sample = sample_of(np.zeros(40), 40, p=2)
    y = np.where(sample.labelled, scale * (1 + 2 * sample.X[:, 1]), np.nan)
    with pytest.raises(Unidentified, match="explain every label exactly"):
        ESTIMATORS[name](replace(sample, y=y), "ols")


@pytest.mark.parametrize("name", HONEST)
def test_a_group_without_variation_is_named(name):
    sample = sample_of(np.zeros(80), 80)
    group = (np.arange(500) % 4 > 0).astype(float)
    X = np.column_stack([np.ones(500), group])
    y = np.where(group > 0, np.random.default_rng(1).random(500) < 0.5, 0.0)
    sources = tuple(replace(source, X=X) for source in sample.sources)
    fit = ESTIMATORS[name](Sample(y, X, sample.labelled, ("Intercept", "asked"), sources), "ols")
    assert any("the standard error of 'Intercept' is zero" in text for text in fit.warnings)


def of_groups(group: np.ndarray, y: np.ndarray, **more: np.ndarray) -> Sample:
    """A constant, x and a dummy for each group but the first; the first 80 of 500 units are labelled."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=500)
    X = np.column_stack([np.ones(500), x, *(group == level for level in range(1, int(group.max()) + 1))])
    sources = (Source("read", "proxy", y + rng.normal(size=500), X),)
    terms = ("Intercept", "x", *(f"group {level}" for level in range(1, X.shape[1] - 1)))
    return Sample(y, X.astype(float), np.arange(500) < 80, terms, sources, **more)


def too_small(fit) -> set[str]:
    """The terms whose standard errors are said to be too small."""
    said = [text for text in fit.warnings if "too small by the labels alone" in text]
    return {term for term in fit.terms if any(repr(term) in text for text in said)}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("far", [0.0, 1e7])
def test_a_group_of_likes_is_named_where_it_is_compared(name, far):
    group = np.arange(500) % 3
    scale = np.random.default_rng(2).integers(1, 6, 500).astype(float)
    plain = of_groups(group, scale)
    X = np.delete(plain.X, 1, axis=1)
    source = replace(plain.sources[0], X=X)
    y = np.where(group == 2, 4.0, scale) + far
    sample = replace(plain, y=y, X=X, terms=("Intercept", "group 1", "group 2"), sources=(source,))
    assert too_small(ESTIMATORS[name](sample, "ols")) == {"group 2"}
    turned = np.column_stack([sample.X[:, 0], group == 1, group == 0]).astype(
        float
    )  # compared with that group
    sample = replace(sample, X=turned, terms=("Intercept", "group 1", "group 0"))
    sample = replace(sample, sources=(replace(source, X=turned),))
    assert too_small(ESTIMATORS[name](sample, "ols")) == {"group 1", "group 0"}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("family", ["ols", "poisson"])
def test_a_single_unit_of_its_kind_is_named(name, family):
    group = np.r_[2, np.arange(79) % 2, np.arange(420) % 3]
    y = np.random.default_rng(5).poisson(2.0, 500).astype(float) + (group == 2)
    sample = of_groups(group, y)
    counts = tuple(replace(source, y=np.round(np.abs(source.y))) for source in sample.sources)
    sample = replace(sample, sources=counts)
    if name == "gmm-small":
        with pytest.raises(Unidentified, match="jackknife has no answer; drop or merge"):
            ESTIMATORS[name](sample, family)
    else:
        assert too_small(ESTIMATORS[name](sample, family)) == {"group 2"}


@pytest.mark.parametrize("name", [name for name in HONEST if name != "gmm-small"])
def test_a_single_treated_cluster_is_named(name):
    cluster = np.arange(500) % 40
    y = np.random.default_rng(6).normal(size=500)
    sample = of_groups((cluster == 7).astype(int), y, cluster=cluster)
    assert too_small(ESTIMATORS[name](sample, "ols")) == {"group 1"}
    assert not too_small(ESTIMATORS[name](replace(sample, cluster=np.arange(500)), "ols"))


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("scale", [1.0, 1e9, 1e-9])
def test_groups_that_vary_are_not_named(name, scale):
    group = np.arange(500) % 3
    y = scale * np.random.default_rng(7).normal(size=500) * np.where(group == 2, 1e-4, 1.0)
    assert not too_small(ESTIMATORS[name](of_groups(group, y), "ols"))


def test_many_draws_say_the_same():
    samples = [sample_of(np.random.default_rng(s).binomial(1, 0.06, 60), 60, seed=s) for s in range(40)]
    for name in ("human", "gmm-synth", "ppi++-proxy", "reppi"):
        answers = fit_draws(name, Draws.of(samples), "mean")
        fits = [ESTIMATORS[name](sample, "mean") for sample in samples]
        np.testing.assert_allclose(answers.lower, [fit.lower for fit in fits], atol=1e-9)
        np.testing.assert_allclose(answers.upper, [fit.upper for fit in fits], atol=1e-9)


def test_a_stream_of_few_events_has_the_same_interval():
    sample = sample_of(events(60, 2), 60)
    parts = [sample.take(np.arange(k, 500, 7)) for k in range(7)]
    whole, streamed = (ESTIMATORS["gmm-synth"](data, "mean") for data in (sample, lambda: parts))
    np.testing.assert_allclose([streamed.lower, streamed.upper], [whole.lower, whole.upper], atol=1e-12)
    with pytest.raises(EstimationError, match="All 60 labels"):
        ESTIMATORS["human"](lambda: [replace(part, y=np.full(part.n_total, 2.0)) for part in parts], "mean")


def test_a_multiple_of_a_share_keeps_its_interval():
    fit = ESTIMATORS["human"](sample_of(events(40, 1), 40), "mean")
    _, (percent, lost) = zip(*fit.contrast([[100.0], [-1.0]]).iterrows(), strict=True)
    assert (percent["lower"], percent["upper"]) == (100 * fit.lower[0], 100 * fit.upper[0])
    assert (lost["lower"], lost["upper"]) == (-fit.upper[0], -fit.lower[0])


@pytest.mark.parametrize("name", HONEST)
def test_a_share_far_from_zero_is_a_share(name):
    """Its mean is 24 standard deviations from zero, and still no column is moved."""
    fit = ESTIMATORS[name](sample_of(1 - events(600, 1), 600, T=900), "mean")
    assert fit.estimate[0] == pytest.approx(599 / 600)
    assert fit.lower[0] < 599 / 600 < fit.upper[0] < 1


@pytest.mark.parametrize("name", ["human", "gmm-proxy", "gmm-small", "reppi"])
def test_a_group_whose_labels_are_all_alike_is_told_by_every_estimator(name):
    rng = np.random.default_rng(0)
    group = np.arange(400) % 10 == 0
    truth = np.where(group, 0.0, (rng.random(400) < 0.5).astype(float))
    X = np.column_stack([np.ones(400), ~group])
    labelled = np.arange(400) < 120
    gpt = np.where(rng.random(400) < 0.85, truth, 1 - truth)
    sample = Sample(
        np.where(labelled, truth, np.nan), X, labelled, sources=(Source("proxy", "proxy", gpt, X),)
    )
    warnings = ESTIMATORS[name](sample, "ols").warnings
    assert any("is zero by the labels alone" in text for text in warnings)
