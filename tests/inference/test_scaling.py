"""The answer does not depend on where a covariate's zero lies, nor on anybody's units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.errors import Singular
from moored.inference import ESTIMATORS, Sample
from moored.inference.stacked import Draws, fit_draws
from tests.inference.worlds import draw

EXACT = ["human", "naive-proxy", "naive-pooled", "gmm-proxy", "gmm-synth", "gmm-small"]
PPI = ["ppi++-proxy", "ppi++-synth", "reppi"]
KINDS = ("proxy", "synthetic")
FAR = {
    "unix seconds": (1.7e9, 1e5),
    "days since 1970": (2e4, 300.0),
    "sums near 1e13": (1e13, 1e10),
    "300 + .01 z": (300.0, 0.01),
    "years": (2010.0, 5.0),
    "tiny": (0.0, 1e-9),
    "large": (0.0, 1e12),
    "negative": (-4e7, 10.0),
}


def standard(family: str = "ols", **options: object) -> Sample:
    """Columns of mean 0 and standard deviation 1 among the labelled."""
    sample = draw(family, M=2, kinds=KINDS, n=200, T=900, rng=5, **options)
    X = sample.X[sample.labelled, 1:]
    return at(sample, -X.mean(axis=0) / X.std(axis=0), 1 / X.std(axis=0))


def at(sample: Sample, shift: object, scale: object, middle: float = 0.0, spread: float = 1.0) -> Sample:
    """The same with covariates shift + scale x and outcomes middle + spread y, people's and models'."""

    def moved(X: np.ndarray) -> np.ndarray:
        return np.column_stack([X[:, :1], np.asarray(shift) + np.asarray(scale) * X[:, 1:]])

    sources = tuple(replace(s, X=moved(s.X), y=middle + spread * s.y) for s in sample.sources)
    return replace(sample, X=moved(sample.X), y=middle + spread * sample.y, sources=sources)


def back(sample: Sample, shift: object, scale: object, middle: float = 0.0, spread: float = 1.0) -> Sample:
    """What rounding has left of the standard columns."""

    def moved(X: np.ndarray) -> np.ndarray:
        return np.column_stack([X[:, :1], (X[:, 1:] - np.asarray(shift)) / np.asarray(scale)])

    sources = tuple(replace(s, X=moved(s.X), y=(s.y - middle) / spread) for s in sample.sources)
    return replace(sample, X=moved(sample.X), y=(sample.y - middle) / spread, sources=sources)


def same(
    name: str, family: str, plain: Sample, moved: Sample, shift: object, scale: object, **y: float
) -> None:
    """Slopes, errors, intervals, r2 and the fit at the standard origin agree."""
    middle, spread = y.get("middle", 0.0), y.get("spread", 1.0)
    one, other = ESTIMATORS[name](plain, family), ESTIMATORS[name](moved, family)
    p = len(one.estimate) - 1
    shift, scale = np.broadcast_to(shift, p), np.broadcast_to(scale, p)
    L = np.column_stack([np.zeros(p), np.diag(scale)]) / spread
    np.testing.assert_allclose(L @ other.estimate, one.estimate[1:], rtol=1e-8)
    covariance = L @ other.covariance @ L.T
    np.testing.assert_allclose(covariance, one.covariance[1:, 1:], rtol=1e-8, atol=1e-8 * one.se.min() ** 2)
    np.testing.assert_allclose(other.se[1:] * scale / spread, one.se[1:], rtol=1e-8)
    np.testing.assert_allclose(other.p_value[1:], one.p_value[1:], rtol=1e-6)
    assert other.sources == one.sources
    for what in ("r2", "effective_n"):
        if getattr(one, what) is not None:
            np.testing.assert_allclose(getattr(other, what)[1:], getattr(one, what)[1:], rtol=1e-7, atol=1e-9)
    origin = (other.estimate[0] + shift @ other.estimate[1:] - middle) / spread
    room = 1e-15 * (np.abs(shift) @ np.abs(other.estimate[1:]) + abs(middle)) / spread
    np.testing.assert_allclose(origin, one.estimate[0], rtol=1e-8, atol=10 * room)
    if one.j is not None:
        np.testing.assert_allclose(other.j, one.j, rtol=1e-6)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
@pytest.mark.parametrize("where", FAR)
def test_a_covariate_far_from_zero(name, family, where):
    shift, scale = FAR[where]
    moved = at(standard(family), [shift, 0.0], [scale, 1.0])
    same(name, family, back(moved, [shift, 0.0], [scale, 1.0]), moved, [shift, 0.0], [scale, 1.0])


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize(("middle", "spread"), [(0.0, 1e-10), (1e9, 1.0), (-5e6, 1e-3), (0.0, 1e20)])
def test_an_outcome_of_any_size(name, middle, spread):
    moved = at(standard(), 0.0, 1.0, middle, spread)
    plain = back(moved, 0.0, 1.0, middle, spread)
    same(name, "ols", plain, moved, 0.0, 1.0, middle=middle, spread=spread)


@pytest.mark.parametrize("name", [*EXACT, *PPI])
@pytest.mark.parametrize("where", FAR)
def test_nothing_is_refused_or_dropped(name, where):
    plain = standard()
    fit = ESTIMATORS[name](at(plain, [FAR[where][0], 0.0], [FAR[where][1], 1.0]), "ols")
    assert fit.sources == ESTIMATORS[name](plain, "ols").sources
    assert not any("dropped" in text for text in fit.warnings)
    assert np.isfinite(fit.se).all()


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["human", "gmm-synth", "gmm-small"]),
    family=st.sampled_from(["ols", "logit", "poisson"]),
    shift=st.floats(-1e8, 1e8),
    power=st.floats(-6, 6),
)
def test_any_place_and_any_unit(name, family, shift, power):
    scale = 10.0**power
    if abs(shift) / scale > 1e11:
        return  # the numbers themselves are rounded away
    moved = at(standard(family), shift, scale)
    same(name, family, back(moved, shift, scale), moved, shift, scale)


@pytest.mark.parametrize("name", ["human", "gmm-synth", "gmm-small"])
def test_a_constant_that_is_a_sum_of_columns(name):
    sample = standard()
    group = (np.arange(900) % 2).astype(float)

    def columns(X: np.ndarray, shift: float, scale: float) -> np.ndarray:
        return np.column_stack([group, 1 - group, shift + scale * X[:, 1]])

    def of(shift: float, scale: float) -> Sample:
        sources = tuple(replace(s, X=columns(s.X, shift, scale)) for s in sample.sources)
        return replace(sample, X=columns(sample.X, shift, scale), terms=("a", "b", "t"), sources=sources)

    one, other = (ESTIMATORS[name](of(*where), "ols") for where in ((0.0, 1.0), (1.7e9, 1e5)))
    np.testing.assert_allclose(other.estimate[2] * 1e5, one.estimate[2], rtol=1e-8)
    np.testing.assert_allclose(other.se[2] * 1e5, one.se[2], rtol=1e-8)
    contrast = other.contrast([1.0, -1.0, 0.0]).iloc[0], one.contrast([1.0, -1.0, 0.0]).iloc[0]
    assert contrast[0]["estimate"] == pytest.approx(contrast[1]["estimate"], rel=1e-6)


@pytest.mark.parametrize("name", ["human", "gmm-synth", "ppi++-proxy"])
def test_a_stream_says_the_same(name):
    sample = at(standard(), [1.7e9, 0.0], [1e5, 1.0])
    parts = [sample.take(np.arange(k, 900, 4)) for k in range(4)]
    whole, streamed = (ESTIMATORS[name](data, "ols") for data in (sample, lambda: parts))
    np.testing.assert_allclose(streamed.estimate, whole.estimate, rtol=1e-8)
    np.testing.assert_allclose(streamed.se, whole.se, rtol=1e-8)


@pytest.mark.parametrize("name", ["human", "gmm-synth", "ppi++-proxy", "reppi", "naive-proxy"])
def test_many_draws_say_the_same(name):
    samples = [at(draw("ols", M=2, kinds=KINDS, rng=s), 2e4, 300.0) for s in range(5)]
    answers = fit_draws(name, Draws.of(samples), "ols")
    fits = [ESTIMATORS[name](sample, "ols") for sample in samples]
    np.testing.assert_allclose(answers.estimate, [fit.estimate for fit in fits], rtol=1e-9)
    np.testing.assert_allclose(answers.lower, [fit.lower for fit in fits], rtol=1e-9)


@pytest.mark.parametrize("name", ["human", "gmm-synth", "gmm-small", "ppi++-proxy"])
@pytest.mark.parametrize("kind", ["constant", "sum", "rounding"])
def test_what_is_collinear_stays_so(name, kind):
    sample = at(standard(), [1.7e9, 0.0], [1e5, 1.0])
    third = {
        "constant": np.full(900, 1.7e9),
        "sum": 2 * sample.X[:, 1] - 3,
        "rounding": 1.7e9 * (1 + 2e-16 * (np.arange(900) % 2)),
    }[kind]
    third = np.where(sample.labelled, third, 0.0)
    sources = tuple(replace(s, X=np.column_stack([s.X[:, :2], third])) for s in sample.sources)
    bad = replace(sample, X=np.column_stack([sample.X[:, :2], third]), sources=sources)
    with pytest.raises(Singular, match="'x2'"):
        ESTIMATORS[name](bad, "ols")


@pytest.mark.parametrize("name", [*EXACT, *PPI])
def test_ordinary_columns_are_not_touched(name):
    """To the last bit: the frame is taken only where it is needed."""
    sample = draw("ols", M=2, kinds=KINDS, rng=8)
    from moored.inference.families import FAMILIES
    from moored.inference.solve.frame import frame_of

    assert frame_of(sample, FAMILIES["ols"]) is None


@pytest.mark.parametrize("name", [*EXACT, *PPI])
@pytest.mark.parametrize("answers", [False, True])
def test_an_outcome_in_other_units_has_the_same_t_statistics(name, answers):
    """Covariates that are neither far nor large stay as they are: RePPI was 6% off where x has mean 8."""
    sample = draw("ols", M=2, kinds=KINDS, n=200, T=900, rng=5)
    sample = at(sample, 8.0, 1.0)
    if answers:
        sources = tuple(replace(s, y=(s.y > 0).astype(float)) for s in sample.sources)
        sample = replace(sample, y=(sample.y > 0).astype(float), sources=sources)
    one = ESTIMATORS[name](sample, "ols")
    for unit in (1e9, 1e5, 1e-9):
        other = ESTIMATORS[name](at(sample, 0.0, 1.0, spread=unit), "ols")
        np.testing.assert_allclose(other.estimate / unit, one.estimate, rtol=1e-9)
        np.testing.assert_allclose(other.estimate / other.se, one.estimate / one.se, rtol=1e-9)
