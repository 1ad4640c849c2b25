"""`moored init`: from a table to a study that runs as it was written."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from moored.cli.validate import _fetch_lines
from moored.fetch.models import known_model
from moored.settings import read_settings
from moored.study import load_study
from tests.endpoint import serve
from tests.studies import reads_well, requests_frame, study


@pytest.fixture(autouse=True)
def no_key(moored, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def table(folder, name="answers.csv", rows=120, **options):
    frame = requests_frame(rows)
    rng = np.random.default_rng(4)
    frame["tone"] = np.where(frame["polite"] == 1, "polite", "impolite")
    frame.loc[rng.random(rows) < 0.5, "tone"] = None
    frame["age"] = rng.integers(20, 60, rows)
    frame = frame.drop(columns="polite")
    frame.to_csv(folder / name, index=False, **options)
    return frame


def test_it_writes_a_study_says_why_and_what_comes_next(moored, tmp_path):
    table(tmp_path)
    said = moored("init", "answers.csv", "--no-check")
    assert said.code == 0, said.err
    assert "label: tone, in " in said.out
    assert "next: moored plan answers.toml    moored run answers.toml" in said.out
    study = load_study(tmp_path / "answers.toml")
    assert (study.name, study.data.source, study.estimate.formula) == (
        "answers",
        "answers.csv",
        "polite ~ age",
    )
    assert study.outcome.examples


def test_it_never_overwrites_without_force(moored, tmp_path):
    table(tmp_path)
    (tmp_path / "answers.toml").write_text("mine")
    said = moored("init", "answers.csv", "--no-check")
    assert said.code == 53
    assert (tmp_path / "answers.toml").read_text() == "mine"
    assert moored("init", "answers.csv", "--no-check", "--force").code == 0


def test_flags_decide(moored, tmp_path):
    table(tmp_path)
    flags = [
        "--id",
        "id",
        "--covariates",
        "none",
        "--question",
        "Is it kind?",
        "--answers",
        "polite=2,impolite=1",
    ]
    said = moored(
        "init", "answers.csv", "--out", "sub/kind.toml", "--design", "simple-random", "--no-check", *flags
    )
    assert said.code == 0, said.err
    study = load_study(tmp_path / "sub" / "kind.toml")
    assert study.data.source == "../answers.csv"
    assert (study.outcome.ask, study.estimate.family, study.labels.design) == (
        "Is it kind?",
        "mean",
        "simple-random",
    )
    assert dict(study.outcome.answers) == {"polite": 2.0, "impolite": 1.0}


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--label", "mood"], 21, "`--label` names the column 'mood'"),
        (["--answers", "polite"], 10, "write it as `polite=1,impolite=0`"),
        (["--outcome-kind", "poem"], 10, "allowed is binary, scale, score, class"),
        (["--one", "rude"], 13, "it holds 'impolite', 'polite'"),
        (["--answers", "polite=1,rude=0"], 13, "also holds 'impolite'"),
        (["--label", "id", "--outcome-kind", "binary"], 13, "different labels"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(moored, tmp_path, flags, code, words):
    table(tmp_path)
    said = moored("init", "answers.csv", "--no-check", *flags)
    assert (said.code, said.err.count("\n")) == (code, 1), said.err
    assert words in said.err.replace("'polite', 'impolite'", "'impolite', 'polite'")
    assert not (tmp_path / "answers.toml").exists()


def test_a_doubt_is_refused_without_a_terminal_unless_yes(moored, tmp_path):
    frame = table(tmp_path)
    frame.assign(remark=frame["text"] + "!").to_csv(tmp_path / "two.csv", index=False)
    said = moored("init", "two.csv", "--no-check")
    assert said.code == 12
    assert "--text" in said.err
    assert moored("init", "two.csv", "--no-check", "--yes").code == 0


def test_covariates_that_give_no_estimate_are_dropped(moored, tmp_path):
    """Separated: a covariate that says the label exactly cannot stand in a logistic regression."""
    frame = table(tmp_path)
    frame["told"] = np.where(frame["tone"] == "polite", 1, 0)
    frame = frame[["id", "text", "tone", "age", "told"]]
    frame.to_csv(tmp_path / "told.csv", index=False)
    said = moored("init", "told.csv", "--no-check")
    assert said.code == 0, said.err
    assert load_study(tmp_path / "told.toml").estimate.formula == "polite ~ age"
    said = moored("init", "told.csv", "--no-check", "--force", "--covariates", "told")
    assert said.code == 32


def test_an_example_is_no_near_copy_of_a_row_that_stays(moored, tmp_path):
    frame = table(tmp_path)
    copies = frame.assign(id=frame["id"] + "b", text=frame["text"] + " indeed it is so", tone=None)
    both = pd.concat([frame.assign(text=frame["text"] + " indeed it is"), copies])
    both.to_csv(tmp_path / "copies.csv", index=False)
    assert moored("init", "copies.csv", "--no-check").code == 0
    study = load_study(tmp_path / "copies.toml")
    assert study.outcome.examples == ()


def test_what_was_written_passes_validate_and_is_checked_against_the_model(moored, monkeypatch, tmp_path):
    table(tmp_path)
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        said = moored("init", "answers.csv", "--model", "stub", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["study"] == "answers.toml"
    assert found["lines"][-1] == "everything that a run needs is there"
    study = load_study(tmp_path / "answers.toml")
    assert (study.model.name, study.outcome.examples) == ("stub", ())


def test_at_a_terminal_it_asks_and_enter_takes_the_default(tmp_path):
    frame = table(tmp_path)
    frame.assign(remark=frame["text"] + "!").to_csv(tmp_path / "two.csv", index=False)
    typed = "remark\nHow kind is it?\nnone\nyes\n"
    out = _at_a_terminal(tmp_path, typed, "init", "two.csv", "--no-check")
    study = load_study(tmp_path / "two.toml")
    assert study.data.text == "remark", out
    assert (study.outcome.ask, study.estimate.formula) == ("How kind is it?", "polite ~ 1")
    assert study.labels.design == "simple-random"
    _at_a_terminal(tmp_path, "\n" * 8, "init", "two.csv", "--no-check", "--force")
    study = load_study(tmp_path / "two.toml")
    assert (study.data.text, study.estimate.formula, study.labels.design) == (
        "text",
        "polite ~ age",
        "undeclared",
    )


def _at_a_terminal(folder, typed: str, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "moored", *arguments],
        cwd=folder,
        env=environment
        | {"TERM": "dumb", "MOORED_STORE": str(folder / "s.duckdb"), "MOORED_CACHE": str(folder / "cache")},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:  # the other side is closed
        pass
    assert process.wait(timeout=60) == 0, said.decode()
    os.close(ours)
    return said.decode()


def test_what_is_fetched_is_said_before_it_is(tmp_path):
    model = known_model("embedded")
    settings = replace(read_settings(), cache=tmp_path)
    embedded = study(model={"name": "embedded"})
    (line,) = _fetch_lines(embedded, settings)
    assert line == "model: fetching SmolLM2-135M-Instruct, Q4_1 (98.4 MB), once"
    place = model.place(tmp_path)
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.truncate(model.size)
    assert list(_fetch_lines(embedded, settings)) == []
