"""In worlds with a known truth the intervals hold where the theory says so, and J sees what it should."""

from __future__ import annotations

import numpy as np
import pytest

from moored.benchmark.known_truth import SCENARIOS, WorldPiece, conditioned, run_world, world_pieces

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def rows(name: str, trials: int = 100):
    found = run_world(WorldPiece(BY_NAME[name], trials, seed=1))
    return {(row["world"], row["estimator"]): row for row in found}


@pytest.mark.parametrize("name", ["useless sources", "perfect source"])
def test_valid_scenarios_keep_their_coverage(name):
    found = rows(name)
    for (_, estimator), row in found.items():
        if not estimator.startswith("naive"):
            assert row["coverage"] >= row["band_low"], row
            assert row["failed"] == 0
    ratio = found["ols", "gmm-small"]["mse_ratio"]
    assert ratio < 0.2 if name == "perfect source" else 0.9 < ratio < 1.1


@pytest.mark.parametrize("name", ["another law where labelled", "labelled by outcome", "recipe drifted"])
def test_broken_scenarios_lose_it_and_j_says_so(name):
    row = rows(name)["mean gaussian", "gmm-synth"]
    assert row["coverage"] < row["band_low"]
    assert row["j_rejected"] > 0.9


def test_written_from_labels_where_there_are_any_is_wrong_and_j_often_quiet():
    row = rows("written from labels", trials=60)["mean gaussian", "gmm-synth"]
    assert row["coverage"] < 0.7
    assert row["j_rejected"] < 0.9
    sample = conditioned(np.random.default_rng(1), 50, 500)
    assert (sample.n_labelled, sample.n_total, len(sample.sources)) == (50, 500, 2)


def test_few_labels_are_what_gmm_small_is_for():
    few = rows("few labels", trials=200)
    assert few["ols", "gmm-synth"]["coverage"] < few["ols", "gmm-synth"]["band_low"]
    assert few["ols", "gmm-small"]["coverage"] >= few["ols", "gmm-small"]["band_low"]


def test_the_same_seed_is_the_same_table():
    assert run_world(WorldPiece(BY_NAME["few labels"], 10, 3)) == run_world(
        WorldPiece(BY_NAME["few labels"], 10, 3)
    )
    assert world_pieces(0, 1) == []
    assert len(world_pieces(5, 1)) == len(SCENARIOS)
