"""Another level, a test or a combination asks the same law as the interval that is printed."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, Fit
from tests.inference.worlds import draw

ALTERNATIVES = ["two-sided", "larger", "smaller"]


def skewed(seed=3, n=40):
    """A sample with a long tail and two sources."""
    sample = draw("ols", M=2, kinds=("proxy", "synthetic"), n=n, T=200, rng=seed)
    return replace(
        sample, y=np.exp(sample.y), sources=tuple(replace(s, y=np.exp(s.y)) for s in sample.sources)
    )


def share(events=2, n=60, T=200):
    sample = draw("ols", p=1, M=1, n=n, T=T, rng=1)
    y = np.zeros(T)
    y[np.flatnonzero(sample.labelled)[:events]] = 1.0
    return replace(sample, y=y, sources=tuple(replace(s, y=(s.y > 0).astype(float)) for s in sample.sources))


WORLDS = {
    "skewed": (skewed, "ols", "gmm-small"),
    "t": (skewed, "ols", "gmm-synth"),
    "human": (skewed, "ols", "human"),
    "poisson": (lambda: draw("poisson", M=1, rng=5), "poisson", "gmm-small"),
    "logit": (lambda: draw("logit", M=1, rng=5), "logit", "gmm-small"),
    "share": (share, "mean", "gmm-small"),
    "no event": (lambda: share(0), "mean", "human"),
    "quantile": (lambda: draw("ols", p=1, M=1, n=24, T=60, rng=6), "quantile:0.3", "gmm-small"),
}


def fitted(world, **options) -> Fit:
    make, family, name = WORLDS[world]
    return ESTIMATORS[name](make(), family, **options)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("world", WORLDS)
def test_another_level_is_what_fitting_at_that_level_gives(world, alternative):
    fit, other = fitted(world, alternative=alternative), fitted(world, level=0.8, alternative=alternative)
    found = fit.conf_int(0.8)
    np.testing.assert_array_equal(found["lower"], other.lower)
    np.testing.assert_array_equal(found["upper"], other.upper)
    np.testing.assert_array_equal(fit.conf_int()["lower"], fit.lower)


@pytest.mark.parametrize(
    ("world", "corpus"),
    [(world, False) for world in WORLDS] + [("skewed", True), ("share", True), ("no event", True)],
)
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_a_value_is_rejected_exactly_where_the_interval_leaves_it_out(world, alternative, corpus):
    options = {"target": "corpus"} if corpus else {}
    fit = fitted(world, alternative=alternative, **options)
    term = fit.terms[-1]
    places = [*fit.estimate[-1:], *(end for end in (fit.lower[-1], fit.upper[-1]) if np.isfinite(end))]
    spread = max(float(fit.se[-1]), 1e-3)
    for value in [float(place + step * spread) for place in places for step in (-0.7, -1e-3, 1e-3, 0.7)]:
        row = fit.contrast(f"`{term}` = {value!r}" if value >= 0 else f"`{term}` + {-value!r} = 0").iloc[0]
        inside = fit.lower[-1] <= value <= fit.upper[-1]
        assert inside == (row["p_value"] >= 0.05), (world, value, row)
        assert (row["lower"], row["upper"]) == (fit.lower[-1], fit.upper[-1])


@pytest.mark.parametrize("world", ["skewed", "share", "quantile", "logit"])
def test_a_multiple_of_a_term_keeps_its_law(world):
    fit = fitted(world, alternative="larger")
    term = fit.terms[-1]
    half = fit.contrast(f"`{term}` / 2").iloc[0]
    assert (half["lower"], half["upper"]) == (fit.lower[-1] / 2, np.inf)
    assert half["p_value"] == fit.p_value[-1]
    turned = fit.contrast(f"-`{term}`").iloc[0]
    smaller = fitted(world, alternative="smaller")
    assert (turned["lower"], turned["upper"]) == (-smaller.upper[-1], np.inf)


@pytest.mark.parametrize("world", WORLDS)
def test_fits_travel(world):
    fit = pickle.loads(pickle.dumps(fitted(world)))
    np.testing.assert_array_equal(fit.conf_int(0.8), fitted(world).conf_int(0.8))


def test_words_are_statsmodels_t_test_and_wald_test():
    sample = draw("ols", p=4, rng=1)
    fit = ESTIMATORS["human"](sample, "ols")
    y, X = sample.y[sample.labelled], sample.X[sample.labelled]
    theirs = sm.OLS(y, X).fit(cov_type="HC0")
    names = dict(zip(("const", "x1", "x2", "x3"), fit.terms, strict=True))
    for said in ("x1 - x2", "x1 = x2", "x1 = 0.3", "2 * x1 - x3 / 4 = 0.1"):
        words = "".join(names.get(part, part) for part in _parts(said))
        other, mine = theirs.t_test(said), fit.contrast(words).iloc[0]
        assert mine["estimate"] == pytest.approx(other.effect[0])
        assert mine["se"] == pytest.approx(other.sd[0, 0])
        assert mine["p_value"] == pytest.approx(float(other.pvalue), rel=1e-9)
        np.testing.assert_allclose(mine[["lower", "upper"]].astype(float), other.conf_int()[0])
    joint = theirs.wald_test("x1 = x2, x3 = 0.1", use_f=False, scalar=True)
    mine = fit.wald_test(f"{fit.terms[1]} = {fit.terms[2]}, {fit.terms[3]} = 0.1")
    assert (mine.statistic, mine.p_value) == (pytest.approx(joint.statistic), pytest.approx(joint.pvalue))


def _parts(said):
    import re

    return re.split(r"(\w+)", said)


@pytest.mark.parametrize("name", ["gmm-small", "gmm-synth"])
def test_the_region_is_what_the_joint_test_does_not_reject(name):
    fit = ESTIMATORS[name](skewed(), "ols")
    a, b = fit.terms[1], fit.terms[2]
    region = fit.confidence_region([a, b], 0.9)
    border = region.boundary(40)
    for point in border:
        out, into = (region.centre + (point - region.centre) * k for k in (1.001, 0.999))
        for at, inside in ((out, False), (into, True)):
            assert region.contains(at) is inside
            p = fit.wald_test(np.eye(3)[1:], at).p_value
            assert (p >= 0.1) is inside
    assert fit.confidence_region().labels == (a, b)
    with pytest.raises(DataInvalid, match="2 numbers"):
        region.contains([0.0])
    with pytest.raises(DataInvalid, match="no curve"):
        fit.confidence_region([a]).boundary()
    with pytest.raises(DataInvalid, match="repeat each other"):
        fit.confidence_region([a, f"2 * {a}"])
    with pytest.raises(DataInvalid, match="level is 1"):
        fit.confidence_region([a, b], 1)


def test_a_region_of_one_term_is_its_wald_interval():
    fit = ESTIMATORS["gmm-synth"](skewed(), "ols")
    region = fit.confidence_region(fit.terms[1])
    assert region.centre[0] + region.radius * fit.se[1] == pytest.approx(fit.upper[1])


def test_regions_hold_together():
    truth = np.linspace(0.2, 0.6, 4)
    held = [
        ESTIMATORS["gmm-synth"](draw("ols", p=4, n=400, T=1500, M=1, rng=seed), "ols")
        .confidence_region(np.eye(4))
        .contains(truth)
        for seed in range(300)
    ]
    assert 0.91 <= np.mean(held) <= 0.985


def test_simultaneous_intervals_come_from_the_same_law():
    fit = ESTIMATORS["gmm-small"](skewed(), "ols")
    lower, upper = fit.simultaneous()
    np.testing.assert_array_equal((lower > 0) | (upper < 0), fit.adjusted("bonferroni") < 0.05)
    np.testing.assert_array_equal(np.stack([lower, upper]), fit.conf_int(1 - 0.05 / 3).to_numpy().T)
