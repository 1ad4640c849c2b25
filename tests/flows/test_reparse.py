"""Stored replies read again: nothing is sent, rows are appended, a new version is published."""

import json

import pytest

from moored.llm import recipe, replies
from moored.storage.warehouse import open_store
from tests.endpoint import serve, text_of
from tests.studies import reads_well, study_table, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def path(tmp_path):
    write_requests(tmp_path)
    return write_study(tmp_path, generation={"chunk_rows": 15, "max_failed_share": 0.5})


def refusing(*numbers):
    marks = tuple(f" {number}{mark}" for number in numbers for mark in "?.")
    return lambda _, body: "400" if text_of(body).endswith(marks) else None


@pytest.fixture
def server(monkeypatch):
    with serve(refusing(3, 11), answers=reads_well) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def rows_of(folder):
    with open_store(folder / "store.duckdb") as store:
        return store._connection.execute("SELECT * FROM generations ORDER BY seq").df()


def test_other_values_for_the_same_answers_cost_nothing(moored, server, path, tmp_path):
    first = json.loads(moored("run", path, "--json").out)
    calls, before = server.calls, rows_of(tmp_path)
    outcome = study_table()["outcome"] | {"answers": {"positive": 1.0, "negative": 0.2}}
    write_study(tmp_path, outcome=outcome, generation={"chunk_rows": 15, "max_failed_share": 0.5})
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
    assert moored("run", path).code == 0
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
    assert moored("run", path).code == 0
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
    assert moored("run", path).code == 0
    write_study(tmp_path, outcome=study_table()["outcome"] | {"ask": "Positive or negative?"})
    answer = moored("reparse", path)
    assert answer.code == 10
    assert "asks something else" in answer.err
