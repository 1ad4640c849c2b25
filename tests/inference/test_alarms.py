"""A fit from a table says where its labels were not drawn by chance, or a source treats them otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import moored
from moored.inference import Columns, sample_from_frame, source_tests
from moored.inference.alarms import alarms

T = 1500


def table(seed, chosen=None, n=150):
    """chosen(x, y) : how readily a unit is labelled."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=T)
    y = (rng.random(T) < 1 / (1 + np.exp(-0.3 - 0.8 * x))).astype(float)
    chance = np.ones(T) if chosen is None else chosen(x, y)
    labelled = np.isin(np.arange(T), rng.choice(T, n, replace=False, p=chance / chance.sum()))
    gpt = np.where(rng.random(T) < 0.85, y, 1 - y)
    return pd.DataFrame({"y": np.where(labelled, y, np.nan), "x": x, "gpt": gpt, "mistral": rng.random(T)})


def alarmed(fit):
    return [warning for warning in fit.warnings if "no interval here is safe" in warning]


@pytest.mark.parametrize(
    ("formula", "family"), [("y ~ 1", "mean"), ("y ~ x", "ols"), ("y ~ x", "logit"), ("y ~ 1", "quantile")]
)
@pytest.mark.parametrize("chosen", [lambda x, y: 1 + 5 * y, lambda x, y: np.exp(2 * x)])
def test_labels_that_were_not_drawn_by_chance(chosen, formula, family):
    found = alarmed(moored.fit(table(4, chosen), formula, sources="gpt", family=family))
    assert len(found) == 1
    assert found[0].startswith("labelled and unlabelled units differ (readings and covariates together: p")


def test_a_source_that_treats_labelled_units_otherwise_is_named():
    data = table(6)
    data["mistral"] += 0.2 * data["y"].notna()
    (found,) = alarmed(moored.fit(data, "y ~ x", sources=["gpt", "mistral"], estimator="human"))
    assert "source 'mistral': p" in found
    assert "'gpt'" not in found


def test_sound_tables_are_left_in_peace():
    columns = Columns("y ~ x", "labelled", {"gpt": "gpt ~ x", "mistral": "mistral ~ x"})
    tables = [table(seed) for seed in range(100, 160)]
    samples = [sample_from_frame(data.assign(labelled=data["y"].notna()), columns) for data in tables]
    assert sum(bool(alarms(sample, "ols")) for sample in samples) <= 3


def test_a_design_that_labels_some_more_readily_is_no_alarm():
    data = table(7, lambda x, y: 1 + 4 * (x > 0))
    data["chance"] = np.where(data["x"] > 0, 5.0, 1.0)
    data["chance"] *= 150 / data["chance"].sum()
    assert alarmed(moored.fit(data, "y ~ x", sources="gpt"))
    assert not alarmed(moored.fit(data, "y ~ x", sources="gpt", probability="chance"))


def test_labels_that_the_covariates_separate_do_not_keep_the_sources_from_their_test():
    data = table(8)
    data["x"] = np.where(data["y"].notna(), data["y"], (data.index % 2).astype(float))
    columns = Columns("y ~ x", "labelled", {"gpt": "gpt ~ x"})
    sample = sample_from_frame(data.assign(labelled=data["y"].notna()), columns)
    assert [test.name for test in source_tests(sample, "logit")] == ["gpt"]
