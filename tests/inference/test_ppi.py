"""PPI++ against ppi-python 0.2.3, its limits, and the two methods that learn a mixture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, Sample, gmm
from moored.inference.ppi.plus_plus import ppi_plus_plus
from tests.inference.worlds import draw


@pytest.fixture(scope="module")
def peer():
    numba = pytest.importorskip("numba")
    compiling = numba.config.DISABLE_JIT
    numba.config.DISABLE_JIT = True  # a thousand rows are quicker in Python than ten seconds of compiling
    yield pytest.importorskip("ppi_py")
    numba.config.DISABLE_JIT = compiling


def split(sample: Sample):
    L, source = sample.labelled, sample.sources[0]
    return sample.X[L], sample.y[L], source.y[L], source.X[~L], source.y[~L]


@pytest.mark.filterwarnings("ignore:'penalty' was deprecated")
@pytest.mark.parametrize("lam", [None, 0.0, 0.4, 1.0])
@pytest.mark.parametrize("family", ["mean", "ols", "logit", "poisson"])
def test_point_estimates_of_ppi_python(peer, family, lam):
    sample = draw(family, p=1 if family == "mean" else 3, M=1, predicted_covariates=False, rng=21)
    X, y, f, X_rest, f_rest = split(sample)
    ours = ppi_plus_plus(sample, family, lam=lam).estimate
    if family == "mean":
        theirs = np.atleast_1d(peer.ppi_mean_pointestimate(y, f, f_rest, lam=lam))
    else:
        name = {"ols": "ols", "logit": "logistic", "poisson": "poisson"}[family]
        theirs = getattr(peer, f"ppi_{name}_pointestimate")(X, y, f, X_rest, f_rest, lam=lam)
        if family != "ols":  # L-BFGS-B stops at the rounding floor of the loss, 1e-8 or so from its root
            theirs = polish(family, theirs, lam, sample, ours)
    np.testing.assert_allclose(ours, theirs, atol=1e-9, rtol=0)


def polish(family, theirs, lam, sample, ours):
    """The root of ppi-python's own gradient next to where its optimiser stopped."""
    np.testing.assert_allclose(ours, theirs, atol=2e-5, rtol=0)
    X, y, f, X_rest, f_rest = split(sample)
    link = (lambda v: 1 / (1 + np.exp(-v))) if family == "logit" else np.exp
    slope = (lambda m: m * (1 - m)) if family == "logit" else (lambda m: m)
    if lam is None:
        lam = their_lambda(link, slope, X, y, f, X_rest, f_rest, root(link, slope, 1.0, sample, theirs))
    return root(link, slope, lam, sample, theirs)


def root(link, slope, lam, sample, b):
    X, y, f, X_rest, f_rest = split(sample)
    n, N = len(y), len(f_rest)
    for _ in range(30):
        mu, rest = link(X @ b), link(X_rest @ b)
        gradient = lam / N * X_rest.T @ (rest - f_rest) - lam / n * X.T @ (mu - f) + X.T @ (mu - y) / n
        H = lam / N * (X_rest.T * slope(rest)) @ X_rest + (1 - lam) / n * (X.T * slope(mu)) @ X
        b = b - np.linalg.solve(H, gradient)
    return b


def their_lambda(link, slope, X, y, f, X_rest, f_rest, b):
    from ppi_py.ppi import _calc_lam_glm

    mu, rest, T = link(X @ b), link(X_rest @ b), len(y) + len(f_rest)
    H = ((X.T * slope(mu)) @ X + (X_rest.T * slope(rest)) @ X_rest) / T
    grads = [X * (mu - y)[:, None], X * (mu - f)[:, None], X_rest * (rest - f_rest)[:, None]]
    return _calc_lam_glm(*grads, np.linalg.inv(H), clip=True)


@pytest.mark.parametrize("family", ["mean", "ols", "logit", "poisson"])
def test_lambda_zero_is_human_only(family):
    sample = draw(family, p=1 if family == "mean" else 3, M=1, rng=22)
    fit, human = ppi_plus_plus(sample, family, lam=0.0), ESTIMATORS["human"](sample, family)
    np.testing.assert_allclose(fit.estimate, human.estimate, atol=1e-12, rtol=0)
    np.testing.assert_allclose(fit.se, human.se, atol=1e-12, rtol=0)


def test_standard_errors_of_ppi_python(peer):
    sample = draw("ols", M=1, predicted_covariates=False, rng=23, n=400, T=4000)
    X, y, f, X_rest, f_rest = split(sample)
    fit = ESTIMATORS["ppi++-proxy"](sample, "ols")
    lower, upper = peer.ppi_ols_ci(X, y, f, X_rest, f_rest, alpha=0.05)
    np.testing.assert_allclose(fit.upper - fit.lower, upper - lower, rtol=0.01)


@pytest.mark.parametrize("alternative", ["larger", "smaller"])
def test_one_sided_intervals_are_one_sided_with_a_tuned_lambda(alternative):
    fit = ESTIMATORS["ppi++-proxy"](draw("mean", p=1, M=1, rng=24), "mean", alternative=alternative)
    assert np.isinf(fit.upper if alternative == "larger" else -fit.lower).all()
    assert np.isfinite(fit.lower if alternative == "larger" else fit.upper).all()


def test_p_value_and_interval_come_from_one_lambda_with_a_negative_proxy():
    sample = draw("mean", p=1, M=1, rng=25)
    flipped = sample.with_sources([replace(sample.sources[0], y=-sample.sources[0].y)])
    fit = ESTIMATORS["ppi++-proxy"](flipped, "mean")
    assert dict(fit.tuning)["lambda"] == 0.0
    edge = ESTIMATORS["ppi++-proxy"](flipped, "mean", level=1 - float(fit.p_value[0]))
    assert min(abs(edge.lower[0]), abs(edge.upper[0])) < 1e-9


def test_mean_of_one_source_differs_from_ppi_by_order_one_over_n():
    """n times the rms gap stays flat while n grows sixteenfold (a root-n gap would grow fourfold)."""
    gaps = []
    for n in (100, 400, 1600):
        found = []
        for seed in range(60):
            sample = draw("mean", p=1, M=1, T=20 * n, n=n, rng=seed)
            found.append(gmm(sample, "mean").estimate[0] - ppi_plus_plus(sample, "mean").estimate[0])
        gaps.append(n * float(np.sqrt(np.mean(np.square(found)))))
    assert max(gaps) < 2.0 * min(gaps)
    assert max(gaps) < 2.0


def test_synth_with_one_kind_only_is_ppi_of_that_kind():
    sample = draw("logit", M=1, rng=26)
    one, other = ESTIMATORS["ppi++-synth"](sample, "logit"), ESTIMATORS["ppi++-proxy"](sample, "logit")
    np.testing.assert_array_equal(one.estimate, other.estimate)
    assert dict(one.tuning)["alpha"] == 1.0


@pytest.mark.parametrize(("good", "expected"), [(0, 1.0), (1, 0.0)])
def test_synth_gives_a_useless_source_little_weight(good, expected):
    sample = draw("ols", M=2, rng=27, kinds=("proxy", "synthetic"), n=400, T=4000)
    bad = sample.sources[1 - good]
    noise = np.random.default_rng(1).normal(size=sample.n_total) * 3
    pair = list(sample.sources)
    pair[1 - good] = replace(bad, y=noise)
    fit = ESTIMATORS["ppi++-synth"](sample.with_sources(pair), "ols")
    assert abs(dict(fit.tuning)["alpha"] - expected) <= 0.2


def test_reppi_recovers_what_ppi_loses_to_a_flipped_proxy():
    sample = draw("ols", M=1, rng=28, n=400, T=8000)
    flipped = sample.with_sources([replace(sample.sources[0], y=-sample.sources[0].y)])
    human, ppi, reppi = (ESTIMATORS[name](flipped, "ols") for name in ("human", "ppi++-proxy", "reppi"))
    assert (reppi.se < 0.85 * human.se).all()
    np.testing.assert_allclose(ppi.se, human.se, rtol=0.05)


def test_ppi_refuses_units_labelled_with_certainty():
    sample = draw("ols", M=1, rng=29)
    probability = np.where(sample.labelled, 1.0, 0.2)
    with pytest.raises(DataInvalid, match="labelled with certainty"):
        ESTIMATORS["ppi++-proxy"](replace(sample, probability=probability), "ols")
