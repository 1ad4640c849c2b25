"""The table in the shared data's README: full-data and model-only slopes, and what the proxy can save."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moored.inference import ESTIMATORS, Sample, Source, gmm

SHARED = Path(__file__).parents[3] / "shared" / "data"
POLITE = ("politeness.csv", "human_polite", "gpt4o_polite")
STANCE = ("stance.csv", "human_agree", "gpt4o_agree")
TABLE = [
    (*POLITE, "hedge", "logit", 0.3143, 0.0598, 0.4175, 0.184),
    (*POLITE, "hedge", "ols", 0.0783, 0.0148, 0.0774, 0.184),
    (*POLITE, "first_person_plural", "logit", 0.1077, 0.1095, -0.0195, 0.233),
    (*POLITE, "first_person_plural", "ols", 0.0269, 0.0273, -0.0038, 0.233),
    (*STANCE, "affirming", "logit", -0.2255, 0.1091, -0.0171, 0.447),
    (*STANCE, "affirming", "ols", -0.0521, 0.0247, -0.0043, 0.447),
]


def read(file, outcome, proxy, covariate):
    if not (SHARED / file).is_file():
        pytest.skip(f"{SHARED / file} is not there: the study corpora are not part of the repository")
    import pandas as pd

    frame = pd.read_csv(SHARED / file)
    X = np.column_stack([np.ones(len(frame)), frame[covariate]])
    source = Source("gpt4o", "proxy", frame[proxy].to_numpy(float), X)
    everyone = np.ones(len(frame), bool)
    return Sample(frame[outcome].to_numpy(float), X, everyone, ("Intercept", covariate), (source,))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[3]}-{row[4]}")
def test_slopes_of_the_table(row):
    *where, family, true, se, naive, r2 = row
    sample = read(*where)
    full, model = ESTIMATORS["human"](sample, family), ESTIMATORS["naive-proxy"](sample, family)
    assert full.estimate[1] == pytest.approx(true, abs=6e-5)
    assert full.se[1] == pytest.approx(se, abs=6e-5)
    assert model.estimate[1] == pytest.approx(naive, abs=6e-5)
    half = sample_half(sample)
    assert gmm(half, family).r2[1] == pytest.approx(r2, abs=0.05)


def sample_half(sample):
    """Nine tenths labelled: nearly the full-data R2, with some units left to compare with."""
    labelled = np.random.default_rng(0).random(sample.n_total) < 0.9
    return Sample(sample.y, sample.X, labelled, sample.terms, sample.sources)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "low", "high"),
    [((*POLITE, "hedge"), 0.75, 0.98), ((*STANCE, "affirming"), 0.55, 0.80)],
)
def test_the_proxy_saves_what_the_table_says(where, low, high):
    """MSE of gmm-proxy over human-only, the corpus redrawn each time, one tenth labelled."""
    sample = read(*where)
    truth = ESTIMATORS["human"](sample, "ols").estimate[1]
    errors = []
    for child in np.random.SeedSequence(1).spawn(600):
        rng = np.random.default_rng(child)
        drawn = sample.take(rng.integers(0, sample.n_total, sample.n_total))
        labelled = rng.permutation(sample.n_total) < sample.n_total // 10
        drawn = Sample(drawn.y, drawn.X, labelled, drawn.terms, drawn.sources)
        human, fit = ESTIMATORS["human"](drawn, "ols"), gmm(drawn, "ols")
        errors.append([human.estimate[1] - truth, fit.estimate[1] - truth])
    ratio = np.mean(np.square(errors), axis=0)
    assert low < ratio[1] / ratio[0] < high
