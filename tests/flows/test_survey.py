"""The survey flow over a real Prefect server, a real store, and a local server that speaks the OpenAI protocol."""

import json
import math
import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest

from moored.storage.generations import latest_generations
from moored.storage.ingest import read_units
from moored.storage.progress import latest_plan
from moored.storage.results import checks_of, estimates_of, history
from moored.storage.warehouse import open_store
from moored.study import load_study
from tests.artifacts import artifacts
from tests.endpoint import KEY, always, serve, text_of
from tests.studies import reads_well, requests_frame, study_table, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def path(tmp_path):
    write_requests(tmp_path)
    return write_study(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which the study was run once, and the server that its model was."""
    from flows.survey import survey

    folder = tmp_path_factory.mktemp("survey")
    write_requests(folder)
    with serve(answers=reads_well) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.url)
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("MOORED_STORE", str(folder / "store.duckdb"))
        patch.setenv("MOORED_WORKERS", "0")
        survey(load_study(write_study(folder)), str(folder))
        probes = 2  # one reading, one writing
        assert server.calls == 60 * 3 + probes
        yield folder, server


@pytest.fixture
def ran(made, monkeypatch, tmp_path):
    """A copy of that folder to work on: the study's file and the server."""
    folder, server = made
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    return tmp_path / "requests.toml", server


def store_of(folder):
    return open_store(folder / "store.duckdb")


def refused(*numbers):
    """The requests about these units fail for good."""
    marks = tuple(f" {number}{mark}" for number in numbers for mark in "?.")
    return lambda _, body: "400" if text_of(body).endswith(marks) else None


def test_a_run_publishes_one_version(moored, ran):
    result = json.loads(moored("results", "requests", "--json").out)
    assert (result["study"], result["version"]) == ("requests", 1)
    estimators = list(dict.fromkeys(row["estimator"] for row in result["estimates"]))
    assert estimators == [
        "human",
        "naive-proxy",
        "naive-synthetic",
        "gmm-proxy",
        "gmm-synth",
        "gmm-small",
        "everyone-labelled",
    ]
    assert result["headline"] == "gmm-small"
    for row in result["estimates"]:
        assert math.isfinite(row["estimate"])
        assert row["lower"] < row["estimate"] < row["upper"]


def test_every_row_holds_the_answer_to_its_own_text(ran, tmp_path):
    texts = requests_frame().set_index("id")["text"]
    with store_of(tmp_path) as store:
        rows = latest_generations(store, "requests", *latest_plan(store, "requests"))
    assert len(rows) == 60 * 3
    assert not rows.duplicated(["unit_id", "source", "step", "draw"]).any()
    write = rows[rows["step"] == "write"].set_index("unit_id")["text"]
    assert (write == "In short: " + texts.str.lower()).all()
    for source, read in rows[rows["step"] == "read.polite"].groupby("source"):
        asked = texts if source == "proxy" else write
        for unit, value in read.set_index("unit_id")["value"].items():
            said = reads_well({"messages": [{"content": f"<text>\n{asked[unit]}\n</text>"}]})
            assert value == pytest.approx(0.8 if said == "positive" else 0.2, abs=1e-3)


def test_a_second_run_calls_no_model_and_gives_the_same_numbers(moored, ran):
    path, server = ran
    first = moored("results", "requests", "--json")
    calls = server.calls
    second = moored("run", path)
    assert second.code == 0, second.err
    assert "nothing changed since version 1" in second.out
    assert server.calls == calls
    again = json.loads(moored("results", "requests", "--json").out)
    assert again["estimates"] == json.loads(first.out)["estimates"]
    assert again["version"] == 1


def test_new_rows_are_the_only_ones_sent(moored, ran, tmp_path):
    path, server = ran
    calls = server.calls
    write_requests(tmp_path, requests_frame(66))
    assert moored("run", path).code == 0
    assert server.calls == calls + 6 * 3
    assert json.loads(moored("results", "requests", "--json").out)["version"] == 2


def test_a_table_that_grows_gives_new_versions_and_late_labels_count(moored, endpoint, tmp_path):
    frame = requests_frame(66)
    unlabelled = np.random.default_rng(1).permutation(66) % 2 == 0
    frame["polite"] = frame["polite"].astype("Int64").mask(unlabelled)
    database = tmp_path / "raw.duckdb"
    with duckdb.connect(database) as raw:
        raw.register("frame", frame)
        raw.execute("CREATE TABLE requests AS SELECT *, id < 'r060' AS shown FROM frame")
    path = write_study(
        tmp_path,
        data={"source": "raw.duckdb", "query": "SELECT id, text, polite FROM requests WHERE shown"},
        labels={"design": "simple-random"},
    )
    assert moored("run", path).code == 0
    calls = endpoint.calls
    with duckdb.connect(database) as raw:  # what a night brings
        raw.execute("UPDATE requests SET shown = true")
        raw.execute(
            "UPDATE requests SET polite = 1 WHERE id IN (SELECT id FROM requests WHERE polite IS NULL LIMIT 3)"
        )
    done = moored("run", path, "--json")
    assert done.code == 0, done.err
    assert endpoint.calls == calls + 6 * 3
    first, second = (json.loads(moored("results", "requests", "--version", n, "--json").out) for n in (1, 2))
    assert [result["counts"]["units"] for result in (first, second)] == [60, 66]
    assert second["counts"]["labelled"] == int((~unlabelled).sum()) + 3
    assert {fit["n_labelled"] for fit in second["fits"]} == {second["counts"]["labelled"]}
    assert json.loads(moored("run", path, "--json").out)["changed"] is False


def test_a_changed_prompt_is_asked_anew_and_old_versions_stay(moored, ran, tmp_path):
    path, server = ran
    calls = server.calls
    first = json.loads(moored("results", "requests", "--json").out)
    outcome = study_table()["outcome"] | {"ask": "Positive or negative?"}
    write_study(tmp_path, outcome=outcome)
    assert moored("run", path).code == 0
    # The written texts stay what they were: only what reads them has changed.
    assert server.calls == calls + 60 * 2
    kept = json.loads(moored("results", "requests", "--version", 1, "--json").out)
    assert kept["estimates"] == first["estimates"]


def test_rerun_failed_sends_only_what_failed(moored, monkeypatch, path):
    with serve(refused(3, 11), answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        first = moored("run", path)
        assert first.code == 0, first.err
        status = json.loads(moored("status", "requests", "--json").out)
        assert {s["source"]: (s["ok"], s["failed"]) for s in status["sources"]} == {
            "proxy": (58, 2),
            "synthetic": (58, 2),
        }
        assert status["model_calls"] == server.calls
        result = json.loads(moored("results", "requests", "--json").out)
        # A failed unit keeps its row and its label.
        assert result["fits"][0]["n_total"] == 60
        corrected = [fit for fit in result["fits"] if not fit["estimator"].startswith("naive")]
        assert {fit["n_labelled"] for fit in corrected} == {30}
        calls = server.calls
        assert moored("rerun", "requests", "--failed").code == 0
        assert server.calls == calls + 2 * 2
        assert json.loads(moored("history", "requests", "--json").out)["runs"][-1]["version"] == 2


def test_a_failing_check_stops_and_an_override_is_recorded(moored, monkeypatch, tmp_path):
    write_requests(tmp_path)
    path = write_study(tmp_path, name="stopped", checks={"severity": {"synthetic-copies": "critical"}})

    def echoes(body):
        return text_of(body) if "rewrite" in str(body["messages"]) else reads_well(body)

    with serve(answers=echoes) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        stopped = moored("run", path)
        assert stopped.code == 60
        assert "Nothing was published" in stopped.err
        assert "Traceback" not in stopped.err
        calls = server.calls
        with store_of(tmp_path) as store:
            runs = history(store, "stopped")
            assert [run.status for run in runs] == ["stopped"]
            failed = [row for row in checks_of(store, runs[0].run_id) if not row.passed]
            assert any(row.severity == "critical" and row.unit_ids for row in failed)
            assert estimates_of(store, runs[0].run_id) == ()
        (table,) = artifacts("checks-stopped")
        assert (table[0]["check"], table[0]["outcome"]) == ("synthetic-copies", "critical")
        said = moored("checks", "stopped").out
        assert "stopped: nothing was published" in said
        assert "stops the run: [synthetic-copies]" in said
        anyway = moored("run", path, "--publish-anyway", "a demonstration")
        assert anyway.code == 0, anyway.err
        assert "a demonstration" in anyway.out
        assert server.calls == calls
    assert json.loads(moored("results", "stopped", "--json").out)["override_reason"] == "a demonstration"


def test_a_column_of_ones_own_and_a_parquet_file_do_too(moored, endpoint, tmp_path):
    frame = requests_frame().assign(age=range(60)).rename(columns={"id": "key", "text": "words"})
    frame.to_csv(tmp_path / "mine.csv", index=False)
    import duckdb

    with duckdb.connect(tmp_path / "mine.duckdb") as connection:
        connection.register("frame", frame)
        connection.execute("CREATE TABLE letters AS FROM frame")
        connection.execute(f"COPY letters TO '{tmp_path / 'mine.parquet'}'")
    frames = []
    for source in ("mine.csv", "mine.parquet", "mine.duckdb::letters"):
        path = write_study(
            tmp_path,
            data={"source": source, "id": "key", "text": "words"},
            covariates=[{"name": "age", "column": "age / 10"}],
            estimate={"formula": "polite ~ age"},
        )
        frames.append(read_units(load_study(path), tmp_path, tmp_path).frame)
    for other in frames[1:]:
        pd.testing.assert_frame_equal(other, frames[0])
    answer = moored("run", path, "--json")
    assert answer.code == 0, answer.err
    assert {row["term"] for row in json.loads(answer.out)["estimates"]} == {"Intercept", "age"}


BAD = {
    "fewer labels than parameters": (31, {"labels": {"design": "simple-random", "sample": 2}}, None),
    "separation": (32, {"estimate": {"formula": "polite ~ question", "family": "logit"}}, "question"),
    "formula over unknown names": (10, {"estimate": {"formula": "polite ~ wealth"}}, None),
    "formula that runs code": (10, {"estimate": {"formula": "polite ~ print(question)"}}, None),
    "empty text": (23, {}, "empty"),
    "duplicate ids": (22, {}, "twice"),
    "label outside its domain": (24, {}, "nine"),
    "no labelled unit": (25, {}, "none"),
    "missing column": (21, {"data": {"source": "requests.csv", "id": "key"}}, None),
}
DAMAGE = {
    "empty": lambda frame: frame.assign(text=["", *frame["text"][1:]]),
    "twice": lambda frame: frame.assign(id=["r001", *frame["id"][1:]]),
    "nine": lambda frame: frame.assign(polite=9),
    "none": lambda frame: frame.assign(polite=pd.Series(dtype=float)),
    "question": lambda frame: frame.assign(polite=frame["text"].str.contains("?", regex=False).astype(int)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_its_exit_code(moored, endpoint, tmp_path, case):
    code, changes, damage = BAD[case]
    write_requests(tmp_path, DAMAGE[damage](requests_frame()) if damage else None)
    answer = moored("run", write_study(tmp_path, **changes))
    assert answer.code == code, answer.err
    said = answer.err.strip().splitlines()[-1]
    assert said.startswith("moored: ")
    assert "Traceback" not in answer.err


MODEL = {
    "wrong key": (41, {"key": "another"}, None),
    "a model that answers nonsense": (43, {"logprobs": False}, always("nonsense")),
    "a model that nobody knows": (42, {}, always("404")),
}


@pytest.mark.parametrize("case", MODEL)
def test_a_model_that_does_not_work_is_one_sentence(moored, monkeypatch, path, case):
    code, options, faults = MODEL[case]
    with serve(*([faults] if faults else []), **options) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        answer = moored("run", path)
    assert answer.code == code, answer.err
    assert "Traceback" not in answer.err
    assert answer.err.count("moored: ") == 1


def test_an_endpoint_that_is_not_there_is_one_sentence(moored, monkeypatch, path):
    with serve() as server:
        url = server.url
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    answer = moored("run", path)
    assert answer.code == 40, answer.err
    assert "Traceback" not in answer.err
