"""What commands say of a store: a file that is not what is stored, hostile texts, widths."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from moored.storage.results import Inputs, RunRow, roll_back
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.studies import study, study_table, write_study

ODD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")
HOSTILE = "\x1b[31mred\x1b[0m [red]x[/red] \u202eabc\u202c \r\b\a <script> \u2028"


def published(store, one, folder, *, mark="mark", term="question"):
    store_study(store, one, folder)
    numbers = {
        "estimate": 123456.789,
        "se": 512.25,
        "lower": 122452.8,
        "upper": 124460.8,
        "p_value": 1e-40,
        "r2": 0.4,
    }
    rows = [
        numbers | {"estimator": name, "term": place, "effective_n": 1234.0, "labels_saved": 0.4}
        for name in ("human", "gmm-small")
        for place in ("Intercept", term)
    ]
    counts = {"n_labelled": 20, "n_total": 40, "j": 0.64, "j_df": 2, "j_p_value": 0.49, "warnings": [mark]}
    fits = [counts | {"estimator": name, "family": "ols", "level": 0.95} for name in ("human", "gmm-small")]
    checks = [
        {
            "suite": "own",
            "check": "own-check",
            "severity": "warning",
            "passed": False,
            "observed": "123456789.123",
            "threshold": "at most 0.123456",
            "unit_ids": [mark],
            "message": mark,
        }
    ]
    key = {"study": one.name, "data_version": f"data-1:{one.fingerprint[8:]}"}
    store.rows("insert_data_version", key | {"units": 40, "labelled": 20, "probability": 0.5})
    run = RunRow(
        f"run-{datetime.now(UTC).timestamp()}",
        one.name,
        Inputs(one.fingerprint, key["data_version"], "0.1+0123456789ab", {}, 1),
        datetime.now(UTC),
        headline="gmm-small",
        marks=(mark,),
        override_reason=mark if mark != "mark" else None,
        counts={"units": 40, "labelled": 20},
    )
    publish_frames(store, run, pd.DataFrame(checks), pd.DataFrame(rows), pd.DataFrame(fits))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Version 1 with an ols study."""
    folder = tmp_path_factory.mktemp("made")
    with open_store(folder / "store.duckdb", create=True) as opened:
        published(opened, study(), folder)
    return folder / "store.duckdb"


@pytest.fixture
def store(made, tmp_path):
    """A copy of it to work on."""
    return Path(shutil.copy(made, tmp_path))


PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text()


def documented(name):
    """The keys that docs/results.md lists for a command."""
    row = next(line for line in PAGE.splitlines() if line.startswith("| ") and name in line.split("|")[1])
    return re.findall(r"\w+", row.split("|")[2].partition(";")[0])


@pytest.mark.parametrize("command", [["results"], ["history"], ["status"], ["checks"], ["diff", 1, 1]])
def test_json_has_the_keys_that_the_page_lists(moored, store, command):
    found = json.loads(moored(command[0], "requests", *command[1:], "--json").out)
    assert list(found) == documented(f"`{command[0]}`")


def test_the_keys_of_an_estimate_and_of_an_error_are_the_page_s(moored, store):
    found = json.loads(moored("results", "requests", "--json").out)
    row = re.search(r"A row of `estimates` has (.*?);", PAGE, re.DOTALL).group(1)
    assert set(found["estimates"][0]) == set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", row)))
    assert list(json.loads(moored("results", "nope", "--json").out)) == documented("an error")
    assert json.loads(re.search(r"```json\n(.*?)\n```", PAGE).group(1)).keys() == set(documented("an error"))


CHANGES = {
    "estimate.family": {"estimate": study_table()["estimate"] | {"family": "logit"}},
    "outcome.ask": {"outcome": study_table()["outcome"] | {"ask": "Another question?"}},
    "seed": {"seed": 8},
    "sources.proxy.read": {
        "sources": [{"name": "proxy", "kind": "proxy", "read": "mood"}, study_table()["sources"][1]]
    },
}


@pytest.mark.parametrize("key", CHANGES)
@pytest.mark.parametrize("command", ["results", "history", "checks", "status"])
def test_a_file_that_differs_is_told_so(moored, store, tmp_path, key, command):
    path = write_study(tmp_path, **CHANGES[key])
    answer = moored(command, path)
    assert answer.code == 0, answer.err
    assert "differs from the study of" in answer.err
    assert f"`{key}`" in answer.err
    assert "what is shown is of the stored study" in answer.err
    assert f"`moored run {path}`" in answer.err


@pytest.mark.parametrize("command", ["results", "history", "checks", "status"])
def test_the_file_that_was_run_is_not_told_so(moored, store, tmp_path, command):
    path = write_study(tmp_path)
    assert moored(command, path).err == ""
    json.loads(moored(command, path, "--json").out)


def test_each_version_is_compared_with_its_own_study(moored, store, tmp_path):
    with open_store(store) as opened:
        published(opened, study(**CHANGES["seed"]), tmp_path)
    first = write_study(tmp_path)
    assert "differs from the study of version 2" in moored("results", first).err
    assert moored("results", first, "--version", 1).err == ""


def test_values_of_both_are_said(moored, store, tmp_path):
    said = moored("results", write_study(tmp_path, **CHANGES["estimate.family"])).err
    assert '`estimate.family` is "logit" there and "ols" in the store' in said


def test_ratios_of_a_linear_model_are_refused(moored, store):
    answer = moored("results", "requests", "--exp")
    assert answer.code == 10
    assert "set `estimate.family` to logit or poisson" in answer.err


@pytest.mark.parametrize("command", [["results"], ["results", "-v"], ["history"], ["checks"], ["diff", 1, 2]])
def test_hostile_texts_are_shown_as_text(moored, store, tmp_path, command):
    with open_store(store) as opened:
        published(opened, study(seed=8), tmp_path, mark=HOSTILE, term=HOSTILE)
        roll_back(opened, "requests", 1, HOSTILE)
        roll_back(opened, "requests", 2, HOSTILE)
    answer = moored(command[0], "requests", *command[1:])
    assert answer.code == 0, answer.err
    assert not ODD.search(answer.out + answer.err)
    assert "[red]x[/red]" in answer.out.replace("\n", "")


def test_a_megabyte_is_cut(moored, store, tmp_path):
    with open_store(store) as opened:
        published(opened, study(seed=8), tmp_path, mark="x" * 10**6)
    for command in ("results", "checks"):
        answer = moored(command, "requests")
        assert len(answer.out) < 40_000
        assert "characters)" in answer.out


NUMBERS = re.compile(r"\d[\d,]*\.\d+(?:e[-+]?\d+)?|\b[0-9a-f]{8,}\b|\d\d:\d\d:\d\d")


@pytest.mark.parametrize(
    "command", [["results"], ["results", "-v"], ["history"], ["checks"], ["diff", "1", "2"]]
)
@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_number_is_cut(moored, store, tmp_path, monkeypatch, command, columns):
    with open_store(store) as opened:
        published(opened, study(seed=8), tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = moored(command[0], "requests", *command[1:]).out
    monkeypatch.setenv("COLUMNS", str(columns))
    narrow = moored(command[0], "requests", *command[1:]).out
    assert set(NUMBERS.findall(whole)) == set(NUMBERS.findall(narrow))
    assert "…" not in narrow
    if columns >= 80:
        assert max(map(len, narrow.splitlines())) <= columns


def test_every_end_of_a_run_is_listed_with_its_sentence(moored, store):
    from moored.storage.events import store_began, store_ended

    ends = ("unchanged", "stopped", "budget-reached", "failed", "cancelled", "died")
    with open_store(store) as opened:
        for end in ends:
            store_began(opened, "requests", f"run-{end}", None)
            store_ended(opened, "requests", f"run-{end}", None, end, f"this is why it was {end}{HOSTILE}")
        store_ended(opened, "requests", None, None, "failed", "refused before it began")
        store_study(opened, study(name="other"), store.parent)
        store_ended(opened, "other", None, None, "published", "published version 1")
    for command in ("history", "status"):
        said = moored(command, "requests").out
        for end in ends:
            assert f"this is why it was {end}" in said
        assert "failed: refused before it began" in said
        assert "nothing new: this is why" in said
        assert not ODD.search(said)
    every = moored("status")
    assert every.code == 0, every.err
    lines = every.out.splitlines()
    assert lines[0].split() == ["study", "version", "published", "at", "last", "run", "ended", "at"]
    assert any(line.startswith("requests") and "failed" in line for line in lines)
    assert any(line.startswith("other") and "published" in line for line in lines)
    assert "requests: " in every.out
    assert "refused before it began" in every.out
    found = json.loads(moored("status", "--json").out)
    assert [row["study"] for row in found["studies"]] == ["other", "requests"]
    assert [row["event"] for row in found["endings"]] == [*ends, "failed", "published"]
    assert "endings" in json.loads(moored("status", "requests", "--json").out)


def test_hundreds_of_endings_are_counted(moored, store):
    from moored.storage.events import store_ended

    with open_store(store) as opened:
        for night in range(60):
            store_ended(opened, "requests", None, None, "unchanged", f"night {night}.")
    said = moored("history", "requests").out
    assert "40 older ones are left out" in said
    assert "night 59." in said
    assert "night 39." not in said


def test_status_without_a_store_is_a_sentence(moored):
    answer = moored("status")
    assert answer.code == 52
    assert "there is no store at" in answer.err


def on_a_terminal(arguments, environment):
    """What a command writes to a terminal of 80 columns."""
    import fcntl
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    done = subprocess.Popen(
        [sys.executable, "-m", "moored", *arguments], stdout=follower, stderr=2, env=environment
    )
    os.close(follower)
    said = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(leader)
    assert done.wait(60) == 0
    return said.decode()


@pytest.mark.parametrize("setting", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_has_bold_lines_unless_it_says_no(store, setting):
    environment = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    said = on_a_terminal(
        ["results", "requests"], environment | {"TERM": "xterm", "MOORED_STORE": str(store)} | setting
    )
    assert ("\x1b[1m" in said) == (not setting)
    lines = re.sub(r"\x1b\[\d*m", "", said).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("> gmm-small") for line in lines)
