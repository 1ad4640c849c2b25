"""The closed structure against the literal estimator, outside references, and its own invariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from moored.errors import Unidentified
from moored.inference import ESTIMATORS, FAMILIES, Sample, Source, gmm
from tests.inference.worlds import draw

CASES = [("ols", 1), ("ols", 3), ("logit", 1), ("logit", 3), ("poisson", 1), ("poisson", 3)]


def literal_moments(sample: Sample, family: str, parameters: np.ndarray) -> np.ndarray:
    """g_t of docs/method.md section 2, row by row (T, p + 2 M p), nothing rearranged."""
    f, p = FAMILIES[family], sample.X.shape[1]
    S = sample.labelled.astype(float)
    if sample.probability is not None:
        S = S * sample.probability.mean() / sample.probability
    y, X = np.nan_to_num(sample.y), np.nan_to_num(sample.X)
    h = []
    for m, source in enumerate(sample.sources):
        rows = f.psi(source.y, source.X, parameters[p * (m + 1) : p * (m + 2)])
        h.append(rows if source.observed is None else rows * source.observed[:, None])
    return np.column_stack([f.psi(y, X, parameters[:p]) * S[:, None], *[a * S[:, None] for a in h], *h])


def literal_jacobian(sample: Sample, family: str, parameters: np.ndarray) -> np.ndarray:
    """d gbar / d parameters, block by block."""
    f, p, M, T = FAMILIES[family], sample.X.shape[1], len(sample.sources), sample.n_total
    G = np.zeros((p + 2 * M * p, p + M * p))
    S = sample.labelled.astype(float)
    if sample.probability is not None:
        S = S * sample.probability.mean() / sample.probability
    y, X = np.nan_to_num(sample.y), np.nan_to_num(sample.X)
    G[:p, :p] = f.sums(y, X, parameters[:p], S)[1]
    for m, source in enumerate(sample.sources):
        at = slice(p * (m + 1), p * (m + 2))
        seen = np.ones(T) if source.observed is None else source.observed.astype(float)
        G[at, at] = f.sums(source.y, source.X, parameters[at], S * seen)[1]
        G[slice(at.start + M * p, at.stop + M * p), at] = f.sums(source.y, source.X, parameters[at], seen)[1]
    return G / T


def minimise(sample: Sample, family: str, start: np.ndarray, W: np.ndarray) -> np.ndarray:
    """argmin gbar' W gbar by a generic optimiser."""
    root = np.linalg.cholesky(W).T
    scale = np.sqrt(sample.n_total)
    found = least_squares(
        lambda v: scale * root @ literal_moments(sample, family, v).mean(axis=0),
        start,
        jac=lambda v: scale * root @ literal_jacobian(sample, family, v),
        method="trf",
        x_scale="jac",
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
        max_nfev=1000,
    )
    v = found.x
    for _ in range(200):  # polish: Gauss-Newton to the rounding floor
        G = root @ literal_jacobian(sample, family, v)
        v = v - np.linalg.lstsq(G, root @ literal_moments(sample, family, v).mean(axis=0), rcond=None)[0]
    return v


def two_step_by_brute_force(sample: Sample, family: str, first: np.ndarray | None = None) -> tuple:
    p, M, T = sample.X.shape[1], len(sample.sources), sample.n_total
    k = p + 2 * M * p
    if first is None:
        first = minimise(sample, family, np.zeros(p + M * p), np.eye(k))
    g = literal_moments(sample, family, first)
    omega = g.T @ g / T
    W = np.linalg.inv(omega)
    v = minimise(sample, family, first, W)
    G, gbar = literal_jacobian(sample, family, v), literal_moments(sample, family, v).mean(axis=0)
    V = np.linalg.inv(G.T @ W @ G) / T
    return v[:p], V[:p, :p], T * gbar @ W @ gbar


def full_start(sample: Sample, family: str) -> np.ndarray:
    theta = ESTIMATORS["human"](sample, family).estimate
    etas = [
        ESTIMATORS["naive-proxy"](sample.with_sources([replace(s, kind="proxy")]), family).estimate
        for s in sample.sources
    ]
    return np.concatenate([theta, *etas])


@pytest.mark.parametrize(("family", "M"), CASES)
@pytest.mark.parametrize("first_step", ["identity", "full"])
def test_equals_the_literal_two_step_estimator(family, M, first_step):
    sample = draw(family, M=M, T=800, n=160, p=2, rng=3)
    start = None if first_step == "identity" else full_start(sample, family)
    theta, V, J = two_step_by_brute_force(sample, family, start)
    fit = gmm(sample, family, first_step=first_step)
    np.testing.assert_allclose(fit.estimate, theta, atol=1e-9, rtol=0)
    np.testing.assert_allclose(fit.covariance, V, atol=1e-9, rtol=1e-7)
    assert fit.j == pytest.approx(J, abs=1e-7)
    assert fit.j_df == 2 * M


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_literal_with_unequal_probabilities_and_failures(family):
    rng = np.random.default_rng(5)
    sample = draw(family, M=2, T=900, n=100, p=2, rng=rng)
    whole = draw(family, M=2, T=900, n=900, p=2, rng=11)
    probability = rng.uniform(0.1, 0.5, 900)
    labelled = rng.random(900) < probability
    observed = rng.random(900) < 0.9
    first, second = whole.sources
    broken = Source(first.name, first.kind, np.where(observed, first.y, np.nan), first.X, observed)
    sample = Sample(whole.y, whole.X, labelled, whole.terms, (broken, second), probability=probability)
    clean = replace(broken, y=np.nan_to_num(broken.y))
    literal = sample.with_sources([clean, second])
    start = full_start(sample, family)
    theta, V, J = two_step_by_brute_force(literal, family, start)
    fit = gmm(sample, family)
    np.testing.assert_allclose(fit.estimate, theta, atol=1e-9, rtol=0)
    np.testing.assert_allclose(fit.covariance, V, atol=1e-9, rtol=1e-7)
    assert fit.j == pytest.approx(J, abs=1e-7)
    assert any("failed for" in text for text in fit.warnings)


@pytest.mark.parametrize(("family", "M"), [("ols", 1), ("ols", 2), ("logit", 1)])
def test_statsmodels_gmm(family, M):
    from statsmodels.sandbox.regression.gmm import GMM

    sample = draw(family, M=M, T=800, n=160, p=2, rng=8)
    p, T = 2, sample.n_total

    class Augmented(GMM):
        def momcond(self, params):
            return literal_moments(sample, family, params)

        def gradient_momcond(self, params, epsilon=1e-4, centered=True):
            return literal_jacobian(sample, family, params)

        def score(self, params, weights, epsilon=None, centered=True):
            G, gbar = literal_jacobian(sample, family, params), self.momcond(params).mean(axis=0)
            return 2 * G.T @ weights @ gbar

    k = p + 2 * M * p
    model = Augmented(np.zeros(T), np.zeros((T, 1)), np.zeros((T, k)), k_moms=k, k_params=p + M * p)
    result = model.fit(
        full_start(sample, family),
        maxiter=2,
        inv_weights=np.eye(k),
        weights_method="cov",
        wargs={"centered": False},
        optim_method="bfgs",
        optim_args={"gtol": 1e-10, "disp": 0, "maxiter": 5000},
    )
    fit = gmm(sample, family, first_step="identity")
    np.testing.assert_allclose(fit.estimate, result.params[:p], atol=1e-8, rtol=0)
    # statsmodels reports Omega at the last step; with the weights it minimised with, the two are one number
    G = literal_jacobian(sample, family, result.params)
    V = np.linalg.inv(G.T @ result.weights @ G) / T
    np.testing.assert_allclose(fit.se, np.sqrt(np.diag(V))[:p], atol=1e-9, rtol=0)


@pytest.mark.parametrize("family", ["mean", "ols", "logit", "poisson"])
def test_no_source_is_human_only_with_its_sandwich(family):
    sample = draw(family, p=1 if family == "mean" else 3, M=0, rng=1)
    fit = gmm(sample, family)
    f, y, X = FAMILIES[family], sample.y[sample.labelled], sample.X[sample.labelled]
    score, slope = f.sums(y, X, fit.estimate, None)
    np.testing.assert_allclose(score, 0, atol=1e-10)
    psi = f.psi(y, X, fit.estimate)
    bread = np.linalg.inv(slope)
    np.testing.assert_allclose(fit.covariance, bread @ psi.T @ psi @ bread, atol=1e-10, rtol=1e-10)
    assert fit.j is None
    np.testing.assert_allclose(fit.effective_n, sample.n_labelled)
    assert fit.warnings == ("there is no source: this is the human-only fit",)
    assert ESTIMATORS["human"](sample, family).warnings == ()


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
def test_all_labelled_is_human_only_exactly(family):
    sample = draw(family, T=200, n=200, M=2, rng=2)
    fit, human = gmm(sample, family), ESTIMATORS["human"](sample, family)
    assert np.array_equal(fit.estimate, human.estimate)
    assert np.array_equal(fit.covariance, human.covariance)
    assert any("every unit is labelled" in text for text in fit.warnings)


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
@pytest.mark.parametrize("copies", [2, 4])
def test_copies_of_a_source_are_one_source(family, copies):
    sample = draw(family, M=1, rng=4)
    source = sample.sources[0]
    many = sample.with_sources(replace(source, name=f"copy{i}") for i in range(copies))
    one, several = gmm(sample, family), gmm(many, family)
    np.testing.assert_allclose(several.estimate, one.estimate, atol=1e-8, rtol=0)
    np.testing.assert_allclose(several.se, one.se, atol=1e-8, rtol=0)
    assert several.sources == ("copy0",)
    assert any("'copy1' dropped" in text for text in several.warnings)


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
def test_equivariant_to_linear_maps_of_the_covariates(family):
    sample = draw(family, M=2, rng=6)
    A = np.array([[1.0, 0.3, -2.0], [0.0, 100.0, 0.5], [0.0, 0.0, 0.01]])
    moved = Sample(
        sample.y,
        sample.X @ A,
        sample.labelled,
        sample.terms,
        tuple(replace(s, X=s.X @ A) for s in sample.sources),
    )
    fit, other = gmm(sample, family), gmm(moved, family)
    np.testing.assert_allclose(A @ other.estimate, fit.estimate, atol=1e-8, rtol=0)
    np.testing.assert_allclose(A @ other.covariance @ A.T, fit.covariance, atol=1e-8, rtol=0)


def test_the_identity_start_depends_on_the_units_of_the_covariates():
    sample, scale = draw("ols", M=2, rng=6), np.array([1.0, 1000.0, 0.01])
    moved = Sample(
        sample.y,
        sample.X * scale,
        sample.labelled,
        sample.terms,
        tuple(replace(s, X=s.X * scale) for s in sample.sources),
    )
    one, other = gmm(sample, "ols", first_step="identity"), gmm(moved, "ols", first_step="identity")
    assert np.max(np.abs(scale * other.estimate - one.estimate) / one.se) > 0.01


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
def test_order_of_rows_and_sources_does_not_matter(family):
    sample = draw(family, M=3, rng=7)
    rows = np.random.default_rng(0).permutation(sample.n_total)
    shuffled = sample.take(rows).with_sources(reversed(sample.take(rows).sources))
    fit, other = gmm(sample, family), gmm(shuffled, family)
    np.testing.assert_allclose(other.estimate, fit.estimate, atol=1e-12, rtol=0)
    np.testing.assert_allclose(other.se, fit.se, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "design", [(), ("cluster",), ("strata",), ("probability",), ("cluster", "probability")]
)
@pytest.mark.parametrize("name", ["human", "ppi++-proxy", "gmm-synth", "gmm-small"])
def test_order_of_units_with_all_that_belongs_to_them_and_the_names_of_ids(name, design):
    """Units move with their labels, sources, failures and codes; clusters and strata take other codes too."""
    rng = np.random.default_rng(15)
    plain = draw("logit", M=2, kinds=("proxy", "synthetic"), rng=15)
    T = plain.n_total
    failed = [replace(source, observed=rng.random(T) < 0.9) for source in plain.sources]
    codes = {
        "cluster": rng.permutation(np.repeat(np.arange(T // 4), 4)),
        "strata": rng.integers(0, 3, T),
        "probability": rng.uniform(0.1, 0.9, T),
    }
    sample = replace(plain.with_sources(failed), **{what: codes[what] for what in design})
    moved = sample.take(rng.permutation(T))
    for what in ("cluster", "strata"):
        if what in design:
            names = np.array([f"id{i}" for i in rng.permutation(T)])
            moved = replace(moved, **{what: names[getattr(moved, what)]})
    fit, other = ESTIMATORS[name](sample, "logit"), ESTIMATORS[name](moved, "logit")
    np.testing.assert_allclose(other.estimate, fit.estimate, atol=1e-12, rtol=0)
    np.testing.assert_allclose(other.se, fit.se, atol=1e-12, rtol=0)
    assert other.warnings == fit.warnings


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
def test_the_data_twice(family):
    sample = draw(family, M=2, rng=9)
    rows = np.tile(np.arange(sample.n_total), 2)
    fit, twice = gmm(sample, family), gmm(sample.take(rows), family)
    np.testing.assert_allclose(twice.estimate, fit.estimate, atol=1e-10, rtol=0)
    np.testing.assert_allclose(twice.se, fit.se / np.sqrt(2), atol=1e-10, rtol=0)
    clusters = replace(sample.take(rows), cluster=rows)
    np.testing.assert_allclose(gmm(clusters, family).se, fit.se, atol=1e-10, rtol=0)


@pytest.mark.parametrize(("scale", "shift"), [(2.5, -1.0), (-3.0, 7.0)])
def test_ols_does_not_see_an_affine_map_of_a_proxy(scale, shift):
    sample = draw("ols", M=2, rng=10)
    first, second = sample.sources
    moved = sample.with_sources([replace(first, y=scale * first.y + shift), second])
    fit, other = gmm(sample, "ols"), gmm(moved, "ols")
    np.testing.assert_allclose(other.estimate, fit.estimate, atol=1e-9, rtol=0)
    np.testing.assert_allclose(other.se, fit.se, atol=1e-9, rtol=0)


@pytest.mark.parametrize("family", ["ols", "logit", "poisson"])
@pytest.mark.parametrize("name", ["human", "gmm-proxy", "ppi++-proxy"])
def test_singleton_clusters_and_constant_probability_change_nothing(family, name):
    sample = draw(family, M=1, rng=12, predicted_covariates=False)
    T = sample.n_total
    plain = ESTIMATORS[name](sample, family)
    for other in (
        replace(sample, cluster=np.arange(T)[::-1]),
        replace(sample, probability=np.full(T, 0.3)),
    ):
        fit = ESTIMATORS[name](other, family)
        np.testing.assert_allclose(fit.estimate, plain.estimate, atol=1e-10, rtol=0)
        np.testing.assert_allclose(fit.se, plain.se, atol=1e-10, rtol=0)


def test_mean_is_ols_on_a_constant():
    sample = draw("mean", p=1, M=2, rng=13)
    np.testing.assert_array_equal(gmm(sample, "mean").estimate, gmm(sample, "ols").estimate)


def test_too_few_labels_for_the_moments_is_named():
    sample = draw("ols", p=3, n=8, M=2, rng=14)
    with pytest.raises(Unidentified, match="8 labelled units cannot weigh 3 real and 6 auxiliary"):
        gmm(sample, "ols")


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_omega_at_the_final_estimate_is_the_literal_one(family):
    sample = draw(family, M=2, T=800, n=160, p=2, rng=3)
    start, p, T = full_start(sample, family), 2, 800
    first, final = (gmm(sample, family, omega=omega) for omega in ("first", "final"))
    np.testing.assert_array_equal(first.estimate, final.estimate)
    g = literal_moments(sample, family, start)
    at = minimise(sample, family, start, np.linalg.inv(g.T @ g / T))
    g, G = literal_moments(sample, family, at), literal_jacobian(sample, family, at)
    V = np.linalg.inv(G.T @ np.linalg.inv(g.T @ g / T) @ G) / T
    np.testing.assert_allclose(final.covariance, V[:p, :p], rtol=1e-6)
    assert 0.9 < (final.se / first.se).min() <= (final.se / first.se).max() < 1.1
