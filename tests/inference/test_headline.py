"""The rule for the headline row, and the warning of the two-step GMM that follows it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, gmm, headline
from moored.inference.headline import LABELS_A_COEFFICIENT, labels_for_gmm
from tests.inference.worlds import draw


def test_it_is_a_rule_on_sizes():
    assert headline(49, 1, 1) == "gmm-small"
    assert headline(50, 1, 1) == "gmm-synth"
    assert headline(50, 1, 1, synthetic=False) == "gmm-proxy"
    assert headline(299, 3, 3) == "gmm-small"
    assert headline(300, 3, 3) == "gmm-synth"
    assert headline(25, 1, 0) == "human"
    assert headline(24, 1, 0) == "gmm-small"
    assert all(headline(n, p, M) in ESTIMATORS for n in (10, 1000) for p in (1, 4) for M in (0, 1, 6))


def test_its_boundary_is_coverage_of_94_percent():
    shrunk = (1 - 1 / LABELS_A_COEFFICIENT) ** 2
    assert 2 * ndtr(-ndtri(0.025) * math.sqrt(shrunk)) - 1 == pytest.approx(0.94, abs=0.001)


@pytest.mark.parametrize("call", [lambda: headline(-1, 1, 1), lambda: headline(10, 0, 1)])
def test_impossible_sizes_are_refused(call):
    with pytest.raises(DataInvalid):
        call()


def warned(sample):
    return any("too narrow; read 'gmm-small'" in text for text in gmm(sample, "ols").warnings)


@pytest.mark.parametrize("M", [1, 2])
def test_a_two_step_fit_warns_exactly_where_it_is_not_the_headline(M):
    for n in (labels_for_gmm(2, M) - 1, labels_for_gmm(2, M)):
        assert warned(draw("ols", p=2, M=M, n=n)) == (headline(n, 2, M) == "gmm-small")


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
