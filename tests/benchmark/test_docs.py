"""docs/benchmark.md: its examples run, and what is cheap to compute again is what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from moored.benchmark.bounds import bounds, source_bounds, truth_of
from moored.benchmark.claims import by_setting, focus
from moored.benchmark.corpus import read_corpus
from moored.benchmark.metrics import summarise
from moored.benchmark.page import page_tables
from moored.benchmark.recorded import recorded_names
from moored.benchmark.task import built_in, load_task
from moored.benchmark.trials import TrialPlan, pieces, run_piece
from tests.benchmark.corpora import SHARED, needs_shared, write_task

PAGE = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text()
RECORDED = [
    located
    for located in built_in().values()
    if located.task.data.removeprefix("recorded:") in recorded_names()
]

RAN = {"wall_s": 1.0, "workers": 2}


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def table(name: str) -> str:
    return re.search(rf"<!-- begin: {name} -->\n(.*?)<!-- end -->", PAGE, re.DOTALL)[1]


def test_the_example_task_and_estimator_run(tmp_path):
    located = load_task(write_task(tmp_path, block("toml")))
    (tmp_path / "half.py").write_text(block("python"))
    plan = TrialPlan(
        trials=3, fractions=(0.3,), estimators=("human", f"{tmp_path}/half.py:half"), designs=("fixed",)
    )
    human, half = run_piece(pieces([read_corpus(located, None)], plan)[0])
    np.testing.assert_allclose(half.answers.estimate, human.answers.estimate / 2, rtol=1e-9, atol=1e-12)


def test_every_table_has_its_place_and_none_is_empty():
    places = re.findall(r"<!-- begin: ([a-z-]+) -->", PAGE)
    assert len(places) == len(set(places)) == PAGE.count("<!-- end -->")
    assert all(table(name).strip() for name in places)
    assert "not run" not in PAGE


@pytest.mark.parametrize("located", RECORDED, ids=lambda located: located.task.name)
def test_the_corpora_in_numbers_are_what_the_page_says(located):
    corpus = read_corpus(located, None)
    rows = [bounds(corpus, family) for family in located.task.families]
    plan = {"trials": 1, "seed": 1, "fractions": [0.1], "designs": ["redrawn"]}
    known = [row for family in located.task.families for row in source_bounds(corpus, family)]
    version = {
        "plan": plan,
        "tasks": rows,
        "results": _blank(rows),
        "sources": known,
        "worlds": [],
        "timings": [],
    }
    from datetime import UTC, datetime

    made = page_tables(version | {"code_version": "x", "stored_at": datetime.now(UTC)} | RAN)
    for name in ("tasks", "sources"):
        for line in made[name].splitlines()[2:]:
            assert line in table(name)


def _blank(rows):
    shared = {"design": "redrawn", "fraction": 0.1, "estimator": "human", "width": 1.0}
    shared |= {
        "bias": 0.0,
        "mse": 1.0,
        "mse_ratio": 1.0,
        "coverage": 1.0,
        "band_low": 0.9,
        "failed": 0,
        "labels_saved": 0.0,
        "trials": 1,
        "failures": [],
    }
    return [shared | {key: row[key] for key in ("task", "family", "term")} for row in rows]


@needs_shared
def test_a_row_of_the_table_computed_again():
    """The MSE of the headline method on one task: some seconds, and to the last digit."""
    said = re.search(r"(\d+) trials, seed (\d+)", table("run"))
    plan = TrialPlan(
        trials=int(said[1]), seed=int(said[2]), estimators=("human", "gmm-synth"), designs=("redrawn",)
    )
    corpus = read_corpus(built_in()["stance"], SHARED)
    cells = [cell for piece in pieces([corpus], plan) if piece.family == "ols" for cell in run_piece(piece)]
    rows = summarise(cells, {("stance", "ols"): truth_of(corpus, "ols")}, 0.95)
    ratio = by_setting(focus(rows, [bounds(corpus, "ols")]), "mse_ratio").loc["stance ols", "gmm-synth"]
    head, *lines = [line.strip("| ").split(" | ") for line in table("mse").splitlines()]
    (row,) = [line for line in lines if line[0] == "stance ols"]
    assert row[head.index("gmm-synth")] == f"{ratio:.2f}"
