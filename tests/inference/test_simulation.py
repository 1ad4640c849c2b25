"""The worlds have the truth that they say, the traps are traps, and the loop is reproducible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moored.errors import DataInvalid
from moored.inference import ESTIMATORS, Sample, j_test
from moored.inference.simulate import many
from moored.inference.simulate.coverage import coverage, main
from moored.inference.simulate.worlds import GOAL, QUALITIES, WORLDS, draw


def all_labelled(name: str, T: int) -> Sample:
    return draw(name, np.random.default_rng(1), n=T, T=T, M=0)


@pytest.mark.parametrize("name", WORLDS)
def test_the_truth_of_a_world_is_what_a_large_sample_gives(name):
    fit = ESTIMATORS["human"](all_labelled(name, 200_000), WORLDS[name].family)
    assert (np.abs(fit.estimate - WORLDS[name].truth) < 4.5 * fit.se).all()


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("name", WORLDS)
def test_every_world_and_quality_can_be_drawn_and_fitted(name, quality):
    sample = draw(name, np.random.default_rng(2), n=100, T=600, M=3, quality=quality)
    assert (sample.n_labelled, sample.n_total, len(sample.sources)) == (100, 600, 3)
    fit = ESTIMATORS["gmm-small"](sample, WORLDS[name].family)
    assert np.isfinite(fit.covariance).all()
    if quality == "perfect":
        assert (fit.r2 > 0.95).all()


def test_many_sources():
    sample = draw("ols", np.random.default_rng(3), n=60, T=300, M=12)
    assert len({source.name for source in sample.sources}) == 12
    assert {source.kind for source in sample.sources} == {"proxy", "synthetic"}
    assert (ESTIMATORS["gmm-small"](sample, "ols").effective_n > 100).all()


def test_same_seed_same_numbers_and_same_draws_for_every_estimator():
    options = {"n": 40, "T": 200, "M": 1, "trials": 20}
    one = coverage("ols", ("human", "gmm-small"), seed=5, **options)
    two = coverage("ols", ("gmm-small", "human"), seed=5, **options)
    np.testing.assert_array_equal(one[0].mse, two[1].mse)
    np.testing.assert_array_equal(one[1].width, two[0].width)
    other = coverage("ols", ("human",), seed=6, **options)
    assert (other[0].mse != one[0].mse).all()


def test_a_draw_that_separates_is_left_out_for_all_and_counted():
    human, small = coverage("logit rare", ("human", "gmm-small"), n=15, T=100, M=1, trials=60, seed=1)
    assert human.failed == small.failed > 0
    assert human.trials == small.trials == 60 - human.failed


@pytest.mark.parametrize(
    "call",
    [
        lambda: draw("ols", np.random.default_rng(0), n=10, T=100, M=1, quality="magic"),
        lambda: draw("ols", np.random.default_rng(0), n=101, T=100, M=1),
        lambda: draw("ols", np.random.default_rng(0), n=10, T=100, M=-1),
        lambda: coverage("logit", ("human",), n=2, T=10, M=0, trials=3),
    ],
)
def test_refusals(call):
    with pytest.raises(DataInvalid):
        call()


def test_the_command_prints_the_table(capsys):
    assert main(["small", "--trials", "5", "--n", "30", "--sources", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 * len(GOAL)
    assert all(line.count("|") == lines[0].count("|") for line in lines)


# What the sources and the labelling must not do --------------------------------------------------------


@pytest.mark.parametrize("estimator", ["gmm-small", "gmm-synth"])
@pytest.mark.parametrize("options", [{"quality": "asymmetric"}, {"quality": "drifted"}, {"at_random": False}])
def test_broken_designs_lose_their_coverage(estimator, options):
    (found,) = coverage("mean gaussian", (estimator,), n=200, T=2000, M=1, trials=100, seed=3, **options)
    assert found.coverage[0] < 0.6


def test_labelling_that_depends_on_the_outcome_is_seen_by_j():
    sample = draw("mean gaussian", np.random.default_rng(4), n=200, T=2000, M=1, at_random=False)
    assert j_test(sample, "mean").p_value < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mean gaussian", "ols", "logit", "poisson"])
def test_nominal_coverage_with_enough_labels(name):
    trials = 1000
    found = coverage(name, ("human", "gmm-small", "gmm-synth"), n=400, T=2000, M=2, trials=trials, seed=7)
    for one in found:
        assert (np.abs(one.coverage - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / trials)).all(), one.estimator


def test_the_page_of_worlds_is_its_command_s():
    page = (Path(__file__).parents[2] / "docs" / "worlds.md").read_text()
    assert page.count(many.HEAD) == 1
    for world, n, ratio, M, quality, design in many.CELLS:
        assert f"| {world} | {n} | {n * ratio} | {M} {quality}{', ' + design if design else ''} |" in page
