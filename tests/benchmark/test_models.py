"""What sources know by model, and what a claim that fails would take."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from moored.benchmark.bounds import bounds, source_bounds
from moored.benchmark.claims import RIVALS, focus
from moored.benchmark.corpus import read_corpus
from moored.benchmark.figures import write_saved_figure
from moored.benchmark.models import by_models, model_of, needs, points, who
from moored.benchmark.task import load_task
from tests.benchmark.corpora import corpus, write_task
from tests.benchmark.test_claims import row

TASKS = [{"task": name, "family": "ols", "term": "x", "r2": 0.3, "r2_proxy": 0.2} for name in ("a", "b")]
SOURCES = [
    {"task": "a", "source": "big", "kind": "proxy"},
    {"task": "a", "source": "small/restate", "kind": "synthetic"},
    {"task": "b", "source": "small/read", "kind": "proxy"},
    {"task": "b", "source": "small/restate", "kind": "synthetic"},
]


def table() -> pd.DataFrame:
    """In `a` all sources together are worse than the proxies by .1, in `b` better by .1, at two label fractions."""
    rows = []
    for fraction in (0.1, 0.5):
        for name in RIVALS:
            ratio = {"human": 1.0, "gmm-proxy": 0.8}.get(name, 0.9)
            rows.append(row("a", name, fraction, ratio))
            rows.append(row("b", name, fraction, 0.7 if name == "gmm-synth" else ratio))
    return focus(rows, TASKS)


def test_the_model_of_a_source_is_how_its_name_begins():
    assert model_of("qwen2.5-1.5b/restate") == "qwen2.5-1.5b"
    assert model_of("gpt-4o") == "gpt-4o"
    assert who(SOURCES) == {"a": "proxy big, synthetic small", "b": "small reads and writes"}


def test_settings_are_told_apart_by_whose_sources_they_have():
    groups = by_models(table(), SOURCES)
    assert {name: set(group["task"]) for name, group in groups.items()} == {
        "proxy big, synthetic small": {"a"},
        "small reads and writes": {"b"},
    }


def test_a_gap_in_mse_is_a_gap_in_r2():
    fails, holds = needs(table(), TASKS)
    slope = 1 - (0.1 + 0.5) / 2  # of the MSE on the R2, over both label fractions
    assert fails.best == fails.proxies == pytest.approx(0.3 + 0.1 / slope)
    assert (holds.best, holds.proxies) == (None, None)
    assert holds.half == pytest.approx(0.3 + (0.5 - 0.3) / 0.9)  # nearest at 10% labelled
    assert needs(table()[lambda frame: frame["estimator"] != "reppi"], TASKS) == []


def test_points_pair_what_is_known_with_what_was_saved(tmp_path):
    found = points(table(), TASKS, SOURCES)
    ours = [p for p in found if (p.models, p.estimator, p.fraction) == ("big, small", "gmm-synth", 0.1)]
    assert [(p.r2, round(p.saved, 6)) for p in ours] == [(0.3, 0.1)]
    proxies = [p for p in found if (p.models, p.estimator, p.fraction) == ("big", "gmm-proxy", 0.5)]
    assert [(p.r2, round(p.saved, 6)) for p in proxies] == [(0.2, 0.2)]
    path = write_saved_figure(found, tmp_path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert write_saved_figure([], tmp_path) is None


def test_what_each_source_knows(tmp_path):
    one = corpus(tmp_path)
    whole = bounds(one, "logit")
    proxy, synthetic = source_bounds(one, "logit")
    assert (proxy["source"], proxy["kind"], synthetic["source"]) == ("proxy", "proxy", "synthetic")
    assert proxy["r2"] == pytest.approx(whole["r2_proxy"])
    assert synthetic["r2"] == pytest.approx(whole["r2_synthetic"])
    assert synthetic["r2_beyond"] == pytest.approx(whole["r2"] - whole["r2_proxy"])
    T, p = one.sample.X.shape
    assert 1 - proxy["r2_adjusted"] == pytest.approx((1 - proxy["r2"]) * T / (T - p))


def test_a_source_of_noise_knows_nothing_once_adjusted(tmp_path):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(30):
        frame = pd.DataFrame({"polite": rng.integers(2, size=60), "hedge": rng.integers(2, size=60)})
        frame["read"], frame["written"] = rng.random(60), rng.random(60)
        found += source_bounds(read_corpus(load_task(write_task(tmp_path, rows=frame)), None), "ols")
    assert np.mean([one["r2"] for one in found]) > 0.02
    assert abs(np.mean([one["r2_adjusted"] for one in found])) < 0.012
