"""Stored replies read again: nothing is sent, rows are appended, a new version is published."""

import json
import shutil

import pytest

from moored.llm import recipe, replies
from moored.storage.warehouse import open_store
from moored.study import load_study
from tests.endpoint import KEY, serve, text_of
from tests.studies import reads_well, study_table, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

GENERATION = {"chunk_rows": 30, "max_failed_share": 0.5}


def refusing(*numbers):
    marks = tuple(f" {number}{mark}" for number in numbers for mark in "?.")
    return lambda _, body: "400" if text_of(body).endswith(marks) else None


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which the study was run once, and the server that its model was."""
    from flows.survey import survey

    folder = tmp_path_factory.mktemp("reparse")
    write_requests(folder)
    path = write_study(folder, generation=GENERATION)
    with serve(refusing(3, 11), answers=reads_well) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.url)
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("MOORED_STORE", str(folder / "store.duckdb"))
        patch.setenv("MOORED_WORKERS", "0")
        survey(load_study(path), str(folder))
        yield folder, server


@pytest.fixture
def path(made, tmp_path):
    """The study's file in a copy of that folder to work on."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "requests.toml"


@pytest.fixture
def server(made, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", made[1].url)
    return made[1]


def rows_of(folder):
    with open_store(folder / "store.duckdb") as store:
        return store._connection.execute("SELECT * FROM generations ORDER BY seq").df()


def test_other_values_for_the_same_answers_cost_nothing(moored, server, path, tmp_path):
    first = json.loads(moored("results", "requests", "--json").out)
    calls, before = server.calls, rows_of(tmp_path)
    outcome = study_table()["outcome"] | {"answers": {"positive": 1.0, "negative": 0.2}}
    write_study(tmp_path, outcome=outcome, generation=GENERATION)
    frame = write_requests(tmp_path)
    frame.write_text(frame.read_text().replace(",0\n", ",0.2\n"))
    answer = moored("reparse", path)
    assert answer.code == 0, answer.err
    assert server.calls == calls
    assert "rows read again" in answer.out
    assert "The data have changed" in answer.out
    after = rows_of(tmp_path)
    assert after.iloc[: len(before)].equals(before)
    assert moored("run", path).code == 0
    assert server.calls == calls
    again = json.loads(moored("results", "requests", "--json").out)
    assert again["version"] == 2
    assert again["estimates"] != first["estimates"]


def test_a_new_parser_reads_what_is_stored(moored, server, path, tmp_path, monkeypatch):
    calls, before = server.calls, rows_of(tmp_path)
    assert "nothing to read again" in moored("reparse", path).out
    assert len(rows_of(tmp_path)) == len(before)
    monkeypatch.setattr(recipe, "PARSER", recipe.PARSER + 1)
    answer = moored("reparse", path, "--json")
    assert answer.code == 0, answer.err
    # Not even those units are asked again that the endpoint had refused.
    assert server.calls == calls
    assert json.loads(answer.out)["version"] == 2
    after = rows_of(tmp_path)
    assert after.iloc[: len(before)].equals(before)
    appended = after.iloc[len(before) :]
    columns = ["unit_id", "source", "step", "draw", "status", "value", "text", "reply"]
    order = columns[:4]
    assert (
        appended[columns]
        .sort_values(order, ignore_index=True)
        .equals(before[columns].sort_values(order, ignore_index=True))
    )
    assert set(appended["recipe"]).isdisjoint(before["recipe"])
    assert moored("run", path).code == 0
    assert server.calls == calls


def test_written_texts_that_read_differently_wait_for_the_model(moored, server, path, monkeypatch):
    calls = server.calls
    monkeypatch.setattr(recipe, "PARSER", recipe.PARSER + 1)
    parse = replies.parse_written
    from moored.llm import reparse, steps

    def shorter(raw):
        parsed = parse(raw)
        return replies.Parsed("ok", text=parsed.text.removeprefix("In short: ")) if parsed.text else parsed

    monkeypatch.setattr(reparse, "parse_written", shorter)
    monkeypatch.setattr(steps, "parse_written", shorter)
    answer = moored("reparse", path)
    assert answer.code == 0, answer.err
    assert "58 units need the model now" in answer.out
    assert server.calls == calls
    assert moored("run", path).code == 0
    assert server.calls == calls + 58
    assert json.loads(moored("results", "requests", "--json").out)["version"] == 2


def test_another_question_is_not_a_rereading(moored, server, path, tmp_path):
    write_study(tmp_path, outcome=study_table()["outcome"] | {"ask": "Positive or negative?"})
    answer = moored("reparse", path)
    assert answer.code == 10
    assert "asks something else" in answer.err
