import json
import subprocess
import sys

import pytest

from moored import __version__
from tests.studies import study_table, write_requests, write_study


def test_the_module_runs_too():
    done = subprocess.run(
        [sys.executable, "-m", "moored", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, __version__)


def test_an_unknown_key_is_one_sentence(moored, tmp_path):
    answer = moored("run", write_study(tmp_path, colour="red"))
    assert answer.code == 10
    assert answer.err.count("\n") == 1
    assert "unknown key `colour`; allowed here are name, seed" in answer.err


@pytest.mark.parametrize("command", ["results", "history", "status", "rerun"])
def test_a_study_without_a_store_is_one_sentence(moored, command):
    answer = moored(command, "requests")
    assert answer.code == 52
    assert answer.err.startswith("moored: 'requests' is no study file and there is no store at")


def test_a_study_that_the_store_does_not_know_names_those_it_knows(moored, tmp_path):
    from moored.storage.studies import store_study
    from moored.storage.warehouse import open_store
    from tests.studies import study

    with open_store(tmp_path / "store.duckdb", create=True) as store:
        store_study(store, study(), tmp_path)
    answer = moored("results", "reqests")
    assert answer.code == 52
    assert "it has requests" in answer.err


def test_rerun_wants_to_know_what(moored, tmp_path):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    assert moored("rerun", path).code == 10
    answer = moored("rerun", path, "--failed", "--source", "gossip")
    assert answer.code == 10
    assert "the study has proxy, synthetic" in answer.err


def test_a_newer_store_is_one_sentence(moored, tmp_path):
    from moored.storage.warehouse import open_store

    with open_store(tmp_path / "store.duckdb", create=True) as store:
        store.rows("insert_schema_migration", {"number": 9999, "name": "9999_later"})
    answer = moored("history", "requests")
    assert answer.code == 51
    assert "upgrade moored" in answer.err


def test_a_setting_that_is_no_number_is_one_sentence(moored, monkeypatch, tmp_path):
    monkeypatch.setenv("MOORED_WORKERS", "many")
    answer = moored("run", write_study(tmp_path))
    assert answer.code == 10
    assert "MOORED_WORKERS is 'many'" in answer.err


def test_validate_says_what_is_there(moored, monkeypatch, tmp_path):
    from tests.endpoint import serve

    write_requests(tmp_path)
    with serve() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        answer = moored("validate", write_study(tmp_path))
    assert answer.code == 0, answer.err
    assert "60 units, 30 labelled" in answer.out
    assert "everything that a run needs is there" in answer.out


def test_validate_finds_bad_data_before_it_asks_a_model(moored, monkeypatch, tmp_path):
    from tests.endpoint import serve

    write_requests(tmp_path)
    with serve() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        data = study_table()["data"] | {"text": "words"}
        answer = moored("validate", write_study(tmp_path, data=data))
        assert server.calls == 0
    assert answer.code == 21
    assert "the data have id, text, polite" in answer.err


def test_json_on_a_fresh_study_is_one_object(moored, tmp_path):
    from moored.storage.studies import store_study
    from moored.storage.warehouse import open_store
    from tests.studies import study

    with open_store(tmp_path / "store.duckdb", create=True) as store:
        store_study(store, study(), tmp_path)
    assert json.loads(moored("history", "requests", "--json").out) == {
        "study": "requests",
        "latest": None,
        "runs": [],
        "moves": [],
    }
    status = json.loads(moored("status", "requests", "--json").out)
    assert (status["sources"], status["model_calls"]) == ([], 0)
