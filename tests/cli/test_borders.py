"""Odd values on a command line and around it: one sentence of ours, and at once."""

from __future__ import annotations

import json
import shlex

import pandas as pd
import pytest

from tests.studies import write_requests, write_study


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["results", "a", "--version", "abc"], "got 'abc'; allowed is a whole number."),
        (
            ["estimate", "t.csv", "--formula", "y ~ 1", "--labelled", "s", "--level", "high"],
            "allowed is a number.",
        ),
        (
            ["estimate", "t.csv", "--formula", "y ~ 1", "--labelled", "s", "--skip-rows", "-1"],
            "a number at least 0.",
        ),
    ],
)
def test_a_value_of_another_kind(moored, arguments, said):
    for answer in (moored(*arguments), moored(*arguments, "--json")):
        assert answer.code == 2
        assert said in " ".join(answer.err.replace("│", " ").split())
        assert "Input should" not in answer.err


@pytest.mark.parametrize("encoding", ["foo", "rot13", "idna", "base64"])
def test_an_encoding_that_is_none(moored, tmp_path, encoding):
    (tmp_path / "t.csv").write_text("y,x,s\n1,0,1\n0,1,1\n1,1,0\n0,0,0\n")
    asked = ["estimate", "t.csv", "--formula", "y ~ x", "--labelled", "s", "--encoding", encoding, "--json"]
    found = json.loads(moored(*asked).out)
    assert found["error"] == "WrongEncoding"
    assert f"there is no encoding {encoding!r}; name one such as utf-8" in found["sentence"]


@pytest.mark.parametrize(
    ("where", "said"), [("xml", "MOORED_LOG is 'xml'; set it to plain"), ("json:{}", "cannot be written")]
)
def test_a_log_that_cannot_be_is_said_once_before_prefect_starts(moored, tmp_path, monkeypatch, where, said):
    write_requests(tmp_path)
    monkeypatch.setenv("MOORED_LOG", where.format(tmp_path))
    monkeypatch.setattr("moored.cli.pipeline.early_server", None)
    monkeypatch.setattr("moored.cli.pipeline.run_flow", None)
    answer = moored("run", write_study(tmp_path))
    assert answer.code == 10
    assert answer.err.count("\n") == 1
    assert said in answer.err


def test_a_store_that_is_a_table_is_said_before_prefect_starts(moored, tmp_path, monkeypatch):
    monkeypatch.setenv("MOORED_STORE", str(write_requests(tmp_path)))
    monkeypatch.setattr("moored.cli.pipeline.early_server", None)
    answer = moored("run", write_study(tmp_path))
    assert "requests.csv is no store of moored" in answer.err
    assert (tmp_path / "requests.csv").read_text().startswith("id,text,polite")
    assert moored("results", "requests").err.count("is no store of moored") == 1


def test_json_has_the_notes_that_are_printed(moored, tmp_path):
    rows = "".join(f"{k % 2};{k % 5},5;{'1' if k < 40 else ''}\n" for k in range(80))
    (tmp_path / "t.csv").write_text("y;x;s\n" + rows)
    asked = [
        "estimate",
        "t.csv",
        "--formula",
        "y ~ x",
        "--labelled",
        "s",
        "--family",
        "logit",
        "--level",
        "0.9",
    ]
    printed, notes = " ".join(moored(*asked).out.split()), json.loads(moored(*asked, "--json").out)["notes"]
    assert "The numbers are log odds." in notes
    assert any(note.startswith("The table: ") for note in notes)
    assert any("90%" in note for note in notes)
    for note in notes:
        assert " ".join(note.split()) in printed


@pytest.mark.parametrize("words", [('a "b"', "c"), ("c", "a;b"), ("x", "a b c")])
def test_an_option_that_init_proposes_can_be_typed(moored, tmp_path, words):
    rows = [f"This is the message number {k}, long enough to be read." for k in range(60)]
    tone = [words[k % 2] for k in range(40)] + [None] * 20
    pd.DataFrame({"id": range(60), "text": rows, "tone": tone}).to_csv(tmp_path / "t.csv", index=False)
    said = json.loads(moored("init", "t.csv", "--json").out)["sentence"]
    proposed = said.split("say `--one ")[1].split("` or another")[0]
    assert len(shlex.split(proposed)) == 1
    assert shlex.split(proposed)[0] in words
