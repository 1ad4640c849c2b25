"""The gate, held against worlds whose truth is known: what is invalid is stopped, what is valid is not."""

from __future__ import annotations

import numpy as np
import pytest

from checks.known_truth import checked, failing
from moored.benchmark.known_truth import SCENARIOS, draws, run_world, world_pieces

TRIALS = 5
BY_NAME = {piece.scenario.name: piece for piece in world_pieces(TRIALS, seed=7)}


@pytest.mark.parametrize("name", BY_NAME)
def test_invalid_worlds_are_stopped_and_valid_ones_are_not(name):
    piece = BY_NAME[name]
    rows = checked(piece, run_world(piece))
    stopped = {row["world"]: row["stopped"] for row in rows}
    assert list(stopped) == list(piece.scenario.worlds)
    mean = np.mean(list(stopped.values()))
    assert mean <= 0.1 if piece.scenario.valid else mean >= 0.8
    for row in rows:
        assert bool(row["stopped_by"]) == (row["stopped"] > 0)


def test_texts_written_from_labels_are_caught_by_the_relation_and_not_by_j():
    for sample in draws(BY_NAME["written from labels"], "mean gaussian"):
        assert failing(sample, "mean") == ["same-law"]


def test_every_scenario_says_whether_it_is_valid():
    assert {scenario.valid for scenario in SCENARIOS} == {True, False}
