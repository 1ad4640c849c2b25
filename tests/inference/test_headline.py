"""The rule for the headline row, and the warning of the two-step GMM that follows it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, Sample, Source, gmm, headline
from moored.inference.headline import LABELS_A_COEFFICIENT, labels_for_gmm
from tests.inference.worlds import draw


def test_it_is_one_estimator_at_every_size():
    for family in ("mean", "quantile:0.9", "ols", "logit", "poisson"):
        assert {headline(family, M) for M in (0, 1, 6)} == {"gmm-small"}
    assert headline("multinomial:3", 2) == headline("ols", 2, streamed=True) == "gmm-synth"
    assert headline("multinomial:3", 2, synthetic=False) == "gmm-proxy"
    assert headline("multinomial:3", 0) == "human"


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_with_many_labels_it_is_the_two_step_gmm(family):
    sample = draw(family, T=60_000, n=12_000, p=3, M=2, rng=4)
    small, gmm_fit = ESTIMATORS["gmm-small"](sample, family), ESTIMATORS["gmm-synth"](sample, family)
    assert (np.abs(small.estimate - gmm_fit.estimate) < 0.1 * gmm_fit.se).all()
    np.testing.assert_allclose(small.se, gmm_fit.se, rtol=0.02)


def test_its_boundary_is_coverage_of_94_percent():
    shrunk = (1 - 1 / LABELS_A_COEFFICIENT) ** 2
    assert 2 * ndtr(-ndtri(0.025) * math.sqrt(shrunk)) - 1 == pytest.approx(0.94, abs=0.001)


@pytest.mark.parametrize("name", ["human", "ppi++-proxy", "reppi", "gmm-proxy"])
@pytest.mark.parametrize(
    ("family", "way_out"), [("ols", "read 'gmm-small'"), ("multinomial:3", "label more")]
)
def test_few_labels_are_said_of_the_human_fit_too(name, family, way_out):
    """HC0 with 20 labels for 2 coefficients covers 88%: no interval of few labels goes unmarked."""
    outcome = np.arange(400) % 3 if family != "ols" else np.random.default_rng(2).normal(size=400)
    X = np.column_stack([np.ones(400), np.random.default_rng(3).normal(size=400)])
    sources = (Source("read", "proxy", np.roll(outcome, 1).astype(float), X),)
    p = 2 if family == "ols" else 4

    def said(n: int) -> list[str]:
        sample = Sample(outcome.astype(float), X, np.arange(400) < n, ("Intercept", "x"), sources)
        fit = ESTIMATORS[name](sample, family)
        return [text for text in fit.warnings if text.startswith(f"{n} labelled units for")]

    (few,) = said(20)
    assert way_out in few
    assert not said(25 * p * (2 if name == "gmm-proxy" else 1))


@pytest.mark.parametrize("call", [lambda: headline("ols", -1), lambda: labels_for_gmm(0, 1)])
def test_impossible_sizes_are_refused(call):
    with pytest.raises(DataInvalid):
        call()


def warned(sample):
    return any("too narrow; read 'gmm-small'" in text for text in gmm(sample, "ols").warnings)


@pytest.mark.parametrize("M", [1, 2])
def test_a_two_step_fit_warns_below_its_number_of_labels(M):
    for n in (labels_for_gmm(2, M) - 1, labels_for_gmm(2, M)):
        assert warned(draw("ols", p=2, M=M, n=n)) == (n < labels_for_gmm(2, M))


def test_sources_that_were_dropped_are_not_counted():
    sample = draw("ols", p=2, n=100, M=1)
    twice = sample.with_sources([*sample.sources, replace(sample.sources[0], name="copy")])
    assert not warned(twice)


def test_clusters_are_counted_and_not_their_units():
    sample = draw("ols", T=1000, p=2, n=1000, M=1)
    who = np.repeat(np.arange(250), 4)
    assert not warned(replace(sample, labelled=who < 100, cluster=who))
    few = replace(sample, labelled=who < 99, cluster=who)
    assert any("99 labelled clusters for 4 coefficients" in text for text in gmm(few, "ols").warnings)
