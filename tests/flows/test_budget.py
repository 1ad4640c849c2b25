"""Hard caps through the whole pipeline, and units that a study spends as examples."""

import json

import pytest

from moored.storage.generations import latest_generations
from moored.storage.progress import latest_plan
from moored.storage.warehouse import open_store
from tests.studies import requests_frame, study_table, write_requests, write_study

PROBES = 2
pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


def test_a_cap_stops_the_run_and_raising_it_completes(moored, endpoint, tmp_path):
    write_requests(tmp_path)
    generation = {"chunk_rows": 15, "concurrency": 8}
    path = write_study(tmp_path, generation=generation | {"max_requests": 100})
    stopped = moored("run", path)
    assert stopped.code == 44, stopped.err
    assert stopped.err.count("moored: ") == 1
    assert "`generation.max_requests` is 100, spent are 100" in stopped.err
    assert "Traceback" not in stopped.err
    assert endpoint.calls == 100
    status = json.loads(moored("status", "requests", "--json").out)
    assert status["model_calls"] == 100
    assert any(part["ok"] for part in status["sources"])
    assert any(part["missing"] for part in status["sources"])
    # The plan knows what is left to pay for, and that the cap does not allow it.
    plan = json.loads(moored("plan", path, "--json").out)
    assert plan["total"]["requests"] == 82
    assert not next(cap for cap in plan["caps"] if cap["cap"] == "max_requests")["enough"]
    again = moored("run", path)
    assert again.code == 44
    assert endpoint.calls == 100
    write_study(tmp_path, generation=generation | {"max_requests": 182})
    done = moored("run", path, "--json")
    assert done.code == 0, done.err
    assert endpoint.calls == 182
    assert json.loads(done.out)["version"] == 1
    status = json.loads(moored("status", "requests", "--json").out)
    assert [(part["ok"], part["missing"]) for part in status["sources"]] == [(60, 0), (60, 0)]


def test_what_ends_after_the_cap_was_reached_is_stored_too(moored, endpoint, tmp_path, monkeypatch):
    import flows.runner

    monkeypatch.setattr(flows.runner, "GATHER_S", 0.0)  # the first chunk that meets the cap comes alone
    write_requests(tmp_path)
    path = write_study(tmp_path, generation={"chunk_rows": 15, "concurrency": 8, "max_requests": 100})
    assert moored("run", path).code == 44
    with open_store(tmp_path / "store.duckdb") as store:
        rows = latest_generations(store, "requests", *latest_plan(store, "requests"))
    assert (rows["status"] == "ok").sum() == endpoint.calls - PROBES
    assert rows.groupby("source")["unit_id"].nunique().tolist() == [60, 60]


def test_a_unit_shown_as_an_example_leaves_and_the_version_says_so(moored, endpoint, tmp_path):
    write_requests(tmp_path)
    shown = [[requests_frame()["text"][7], "positive"], ["Do it now.", "negative"]]
    path = write_study(tmp_path, outcome=study_table()["outcome"] | {"examples": shown})
    assert "1 unit left the data" in moored("validate", path).out
    answer = moored("run", path, "--json")
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    assert [mark for mark in result["marks"] if "r007" in mark]
    assert result["fits"][0]["n_total"] == 59
