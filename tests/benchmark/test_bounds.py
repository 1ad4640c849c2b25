"""What the sources can ever save, against brute force and against the published figures of the shared corpora."""

from __future__ import annotations

import numpy as np
import pytest

from moored.benchmark.bounds import bounds, r2, truth_of
from moored.benchmark.corpus import read_corpus
from moored.benchmark.task import built_in
from tests.benchmark.corpora import SHARED, corpus, needs_shared


def test_r2_of_a_perfect_and_of_a_useless_source(tmp_path):
    rng = np.random.default_rng(1)
    u = rng.normal(size=5000)
    assert r2(u, [np.column_stack([u, u**2])]) == pytest.approx(1.0)
    assert r2(u, [rng.normal(size=(5000, 2))]) < 0.01
    assert r2(u, []) is None


def test_ols_by_brute_force(tmp_path):
    one = corpus(tmp_path)
    sample = one.sample
    found = bounds(one, "ols")

    def scores(y):
        b = np.linalg.lstsq(sample.X, y, rcond=None)[0]
        return sample.X * (y - sample.X @ b)[:, None], b

    psi, theta = scores(sample.y)
    influence = (psi @ np.linalg.inv(sample.X.T @ sample.X))[:, 1]
    H = np.column_stack([scores(source.y)[0] for source in sample.sources])
    left = influence - H @ np.linalg.lstsq(H, influence, rcond=None)[0]
    assert found["r2"] == pytest.approx(1 - left @ left / (influence @ influence))
    assert found["truth"] == pytest.approx(theta[1])
    assert truth_of(one, "ols").values == pytest.approx(theta)
    assert found["naive_proxy"] == pytest.approx(scores(sample.sources[0].y)[1][1])


@needs_shared
@pytest.mark.parametrize(
    ("task", "slope", "share"),
    [
        ("politeness-hedge", 0.3143, 0.184),
        ("politeness-plural", 0.1077, 0.233),
        ("stance", -0.2255, 0.447),
    ],
)
def test_the_shared_corpora_give_their_published_figures(task, slope, share):
    """Of every row of the file, stance's screening sentences too, and GPT-4o's readings alone."""
    located = built_in()[task]
    proxy = {name: said for name, said in located.task.sources.items() if name == "gpt-4o:proxy"}
    whole = located.task.model_copy(update={"recorded": (), "sources": proxy})
    found = bounds(read_corpus(located.model_copy(update={"task": whole}), SHARED), "logit")
    assert found["truth"] == pytest.approx(slope, abs=1e-4)
    assert found["r2_proxy"] == pytest.approx(share, abs=1e-3)


@needs_shared
def test_the_stance_task_leaves_the_screening_sentences_out():
    found = bounds(read_corpus(built_in()["stance"], SHARED), "logit")
    assert (found["units"], round(found["truth"], 3)) == (2049, -0.015)
