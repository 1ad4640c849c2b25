"""The table's figures, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from moored.benchmark.metrics import Truth, band, summarise, timings
from moored.benchmark.trials import Cell
from moored.inference.stacked import Answers, Failure

TRUTH = {("t", "ols"): Truth(("x",), np.array([1.0]))}


def cell(
    estimator: str, estimates: list[float], half: float = 0.5, failures: tuple[Failure, ...] = ()
) -> Cell:
    estimate = np.array(estimates)[:, None]
    answers = Answers(
        estimate,
        estimate - half,
        estimate + half,
        np.full_like(estimate, 40.0),
        np.full(len(estimate), np.nan),
        np.isfinite(estimate[:, 0]),
        failures,
    )
    return Cell("t", "ols", "redrawn", 0.1, 20, estimator, answers, 0.5)


def test_figures_by_hand():
    human, ours = cell("human", [0.0, 2.0, 1.4, 0.8]), cell("gmm-synth", [0.5, 1.5, 1.2, 0.9], half=0.25)
    first, second = summarise([human, ours], TRUTH, 0.95)
    assert first["mse"] == pytest.approx((1 + 1 + 0.16 + 0.04) / 4)
    assert first["bias"] == pytest.approx(0.05)
    assert first["coverage"] == 0.5
    assert first["mse_ratio"] == 1.0
    ratio = (0.25 + 0.25 + 0.04 + 0.01) / (1 + 1 + 0.16 + 0.04)
    assert second["mse_ratio"] == pytest.approx(ratio)
    assert second["effective_n"] == pytest.approx(20 / ratio)
    assert second["labels_saved"] == pytest.approx(1 - ratio)
    assert second["width"] == pytest.approx(0.5)
    assert (second["trials"], second["failed"], second["claimed_n"]) == (4, 0, 40.0)


def test_a_failed_fit_is_counted_named_and_compared_with_nobody():
    human = cell("human", [0.0, np.nan, 1.4], failures=(Failure(1, "Separated"),))
    ours = cell("gmm-synth", [0.5, 9.0, 1.2])
    first, second = summarise([human, ours], TRUTH, 0.95)
    assert (first["trials"], first["failed"], first["failures"]) == (3, 1, ["1 Separated"])
    assert second["failed"] == 0
    assert second["mse_ratio"] == pytest.approx(
        (0.25 + 0.04) / (1 + 0.16)
    )  # over the trials that both answered
    assert second["mse"] == pytest.approx((0.25 + 64 + 0.04) / 3)


def test_chunks_are_one_cell():
    parts = [cell("human", [0.0, 2.0]), cell("human", [1.4, 0.8])]
    assert summarise(parts, TRUTH, 0.95) == summarise([cell("human", [0.0, 2.0, 1.4, 0.8])], TRUTH, 0.95)


def test_nothing_answered_is_nothing_said():
    (row,) = summarise([cell("human", [np.nan, np.nan])], TRUTH, 0.95)
    assert row["failed"] == 2
    assert row["mse"] is row["coverage"] is row["mse_ratio"] is row["band_low"] is None


def test_the_band_is_the_binomial_s():
    low, high = band(200, 0.95)
    assert (low, high) == (0.905, 0.985)
    hits = np.random.default_rng(1).binomial(200, 0.95, 20_000) / 200
    assert 0.985 < ((hits >= low) & (hits <= high)).mean() < 0.997


def test_timings_count_fits_and_those_left_to_the_ordinary_estimator():
    rows = timings([cell("human", [0.0, np.nan]), cell("human", [1.0, 2.0])])
    assert rows == [
        {"task": "t", "family": "ols", "estimator": "human", "fits": 4, "ordinary": 1, "cpu_seconds": 1.0}
    ]
