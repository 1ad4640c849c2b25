"""Examples that were units of the study: picked by their answer they bias the rest, and the reader is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moored.run.examples import picked, picked_line
from moored.run.plan import Data, RunPlan
from moored.storage.ingest import read_units
from moored.study import parse_study
from tests.studies import requests_frame, study_table


def line(folder: Path, answers: list[str], raw: pd.DataFrame, texts: list[str] | None = None) -> str | None:
    raw.to_csv(folder / "requests.csv", index=False)
    shown = [list(pair) for pair in zip(texts or raw["text"][: len(answers)], answers, strict=True)]
    table = study_table()
    table["outcome"] = table["outcome"] | {"examples": shown}
    study = parse_study(table)
    return picked_line(study, read_units(study, folder, folder))


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (["positive"] * 2, "2 'positive'"),
        (["negative"] * 5, "5 'negative'"),
        (["positive"] * 12 + ["negative"], "1 'negative', 12 'positive'"),
        (["positive", "negative"], None),
        (["positive"], None),
        (["positive", "negative", "positive", "negative", "positive"], None),
    ],
)
def test_examples_of_one_answer_are_marked(tmp_path, answers, told):
    said = line(tmp_path, answers, requests_frame())
    if told is None:
        assert said is None
    else:
        assert told in said or ", ".join(reversed(told.split(", "))) in said
        assert "draw them at random" in said


def test_examples_from_elsewhere_are_not(tmp_path):
    assert line(tmp_path, ["positive"] * 3, requests_frame(), ["not", "in the", "data"]) is None


def test_the_mark_is_the_versions():
    plan = RunPlan(Data("data", ("r1",), "picked by their answer"), {})
    assert plan.marks[-1] == "picked by their answer"
    assert len(replace(plan, data=replace(plan.data, picked=None)).marks) == 1


def test_a_random_draw_is_rarely_called_picked():
    rng = np.random.default_rng(0)
    pool = (rng.random(400) < 0.4).astype(float)
    said = 0
    for _ in range(1000):
        order = rng.permutation(400)
        said += picked(pool[order[:12]], pool[order[12:]])
    assert said <= 80
    assert picked(np.ones(4), pool)
    assert not picked(np.ones(4), np.ones(50))
    scores = rng.normal(size=300)
    top = np.sort(scores)[-10:]
    assert picked(top, scores)
