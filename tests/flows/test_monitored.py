"""What a run leaves for those who do not look: log lines, metrics, alerts, the record of how it ended."""

import inspect
import json
import time

import pytest

from flows.ending import tell, tell_failure
from moored.errors import NotStored, Overdue, StudyInvalid
from moored.monitor.endings import Ending, settle
from moored.storage.events import open_runs, study_outcomes
from moored.storage.warehouse import open_store
from tests.benchmark.corpora import write_task
from tests.endpoint import KEY, always, serve
from tests.published import publish_version
from tests.studies import requests_frame, study_table, write_requests, write_study
from tests.webhook import SECRET, webhook

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def hook(monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("MOORED_NOTIFY", hook.url)
        yield hook


def outcome_of(tmp_path):
    with open_store(tmp_path / "store.duckdb") as store:
        assert open_runs(store) == []
        return study_outcomes(store)[0].outcome


def artifacts(key):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_is_logged_counted_and_recorded(moored, endpoint, hook, tmp_path, monkeypatch):
    monkeypatch.setenv("MOORED_LOG", "json")
    monkeypatch.setenv("MOORED_METRICS", str(tmp_path / "textfile" / "moored.prom"))
    frame = requests_frame()
    write_requests(tmp_path, frame)
    answer = moored("run", write_study(tmp_path, name="monitored"), "--json")
    assert answer.code == 0, answer.err
    run_id = json.loads(answer.out)["run_id"]
    logged = lines(answer.err)
    assert {line["study"] for line in logged} == {"monitored"}
    assert {line["run_id"] for line in logged} == {run_id}
    assert logged[-1]["message"] == "monitored: published version 1"
    assert [line["outcome"] for line in logged if "outcome" in line] == ["published"]
    stored = [line["rows"] for line in logged if line["message"] == "chunk stored"]
    assert sum(rows["ok"] for rows in stored) == 60 * 3
    for secret in (KEY, SECRET, *frame["text"]):
        assert secret not in answer.err
    assert hook.alerts == []
    metrics = (tmp_path / "textfile" / "moored.prom").read_text()
    assert 'moored_generations_total{source="proxy",status="ok",study="monitored"} 60.0' in metrics
    assert 'moored_latest_version{study="monitored"} 1.0' in metrics
    assert 'moored_last_run_outcome{outcome="published",study="monitored"} 1.0' in metrics
    assert 'moored_generation_latency_seconds_count{source="synthetic",study="monitored"} 120.0' in metrics
    assert "moored_store_readable 1.0" in metrics
    assert list((tmp_path / "textfile").iterdir()) == [tmp_path / "textfile" / "moored.prom"]
    (estimates,) = artifacts("estimates-monitored")
    assert [row["estimate"] for row in json.loads(estimates.data)] == [
        float(f"{row['estimate']:.4g}") for row in json.loads(answer.out)["estimates"]
    ]
    (forest,) = artifacts("forest-monitored")
    assert str(forest.data).startswith("data:image/png;base64,iVBOR")
    (progress,) = artifacts("progress-monitored")
    assert progress.data == 100.0
    assert progress.description == f"120 of 120 units stored, run {run_id}"
    again = moored("run", "monitored", "--json")
    assert lines(again.err)[-1]["message"].startswith("monitored: nothing changed since version 1")
    assert outcome_of(tmp_path) == "unchanged"


def test_a_deployment_takes_a_study_itself(moored, endpoint, tmp_path):
    from flows.scheduled import scheduled

    write_requests(tmp_path)
    table = study_table(name="inline", sources=[{"name": "proxy", "kind": "proxy"}])
    first, again = scheduled(table), scheduled("inline")
    assert (first.version, first.changed) == (1, True)
    assert (again.version, again.changed) == (1, False)


def test_what_somebody_must_know_is_sent(moored, endpoint, hook, tmp_path):
    frame = requests_frame()
    write_requests(tmp_path, frame)
    generation = {"chunk_rows": 15, "concurrency": 8}
    assert moored("run", write_study(tmp_path, generation=generation | {"max_requests": 50})).code == 44
    assert outcome_of(tmp_path) == "budget-reached"
    stopping = {"severity": {"labels-enough": "critical"}, "min_labelled": 59}
    stopped = moored("run", write_study(tmp_path, checks=stopping))
    assert stopped.code == 60, stopped.err
    assert outcome_of(tmp_path) == "stopped"
    assert moored("run", write_study(tmp_path)).code == 0
    write_requests(tmp_path, frame.assign(polite=1 - frame["polite"]))
    drifted = moored("run", write_study(tmp_path, checks={"max_drift": 0.001}))
    assert drifted.code == 0, drifted.err
    assert outcome_of(tmp_path) == "published"
    assert hook.titles == [
        "moored: requests: the budget is used up",
        "moored: requests: a run was stopped by its checks",
        "moored: requests: a run ended well again",
        "moored: requests: a published version drifted",
    ]
    assert all("\nrun: 20" in alert["message"] for alert in hook.alerts)
    assert "published version 2: " in hook.alerts[-1]["message"]
    assert SECRET not in stopped.err + drifted.err


def test_a_failed_run_sends_an_alert_without_what_anybody_wrote(moored, hook, tmp_path, monkeypatch):
    monkeypatch.setenv("MOORED_LOG", "json")
    write_requests(tmp_path)
    with serve(always("nonsense"), logprobs=False) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        failed = moored("run", write_study(tmp_path))
    assert failed.code == 43, failed.err
    (alert,) = hook.alerts
    assert alert["title"] == "moored: requests: a run failed"
    assert "can be used (...); " in alert["message"]
    assert outcome_of(tmp_path) == "failed"
    assert lines(failed.err)[-1]["message"] in alert["message"]
    assert "weather" not in failed.err


def test_a_webhook_that_is_not_there_fails_no_run(moored, endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("MOORED_NOTIFY", f"json://127.0.0.1:9/{SECRET} nonsense-{SECRET}")
    write_requests(tmp_path)
    path = write_study(tmp_path, generation={"max_requests": 5})
    stopped = moored("run", path)
    assert stopped.code == 44, stopped.err
    assert "alert not delivered to address 1 of MOORED_NOTIFY (json): refused or failed" in stopped.err
    assert "alert not delivered to address 2 of MOORED_NOTIFY (no address): refused" in stopped.err
    assert SECRET not in stopped.err


def test_a_watch_and_a_benchmark_that_fail_send_an_alert(moored, hook, tmp_path):
    from flows.watch import watch

    write_task(tmp_path)
    (tmp_path / "mine.csv").unlink()
    assert moored("benchmark", tmp_path / "mine.toml", "--trials", 1).err.count("needs mine.csv") == 1
    with open_store(tmp_path / "store.duckdb", create=True), pytest.raises(NotStored):
        watch("26h", ["requests"])
    assert hook.titles == ["moored: benchmark: a run failed", "moored: watch: a run failed"]
    assert "needs mine.csv" in hook.alerts[0]["message"]


def test_a_watch_that_found_something_says_it_once(moored, hook, tmp_path):
    from flows.watch import watch

    publish_version(tmp_path / "store.duckdb", tmp_path)
    time.sleep(1)
    with pytest.raises(Overdue):
        watch("1s")
    assert hook.titles == ["moored: requests: nothing was published for longer than expected"]


@pytest.mark.parametrize("hook", [tell, tell_failure])
def test_the_hooks_have_the_names_that_prefects_runner_calls_them_by(hook):
    assert list(inspect.signature(hook).parameters) == ["flow", "flow_run", "state"]


def test_a_study_file_that_breaks_while_it_is_scheduled_is_told_under_the_studys_name(
    moored, hook, settings, tmp_path
):
    """Under the file's path `history` did not list it, and the next time it broke nobody was told."""
    from prefect.client.orchestration import get_client
    from prefect.states import Failed

    from flows.scheduled import scheduled

    path = write_study(tmp_path)
    deployment = scheduled.to_deployment("requests", parameters={"study": str(path)}).apply()
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run_from_deployment(deployment)
    whole = path.read_text()
    for _ in range(2):
        path.write_text("name = [")
        tell(scheduled, flow_run, Failed(data=StudyInvalid("no TOML")))
        path.write_text(whole)
        settle(Ending("requests", "unchanged", "nothing changed"), settings)
    path.unlink()
    tell(scheduled, flow_run, Failed(data=StudyInvalid("no file")))
    endings = json.loads(moored("status", "requests", "--json").out)["endings"]
    assert [row["event"] for row in endings] == ["failed", "unchanged", "failed", "unchanged", "failed"]
    assert [title.partition(": ")[2] for title in hook.titles] == [
        "requests: a run failed",
        "requests: a run ended well again",
        "requests: a run failed",
        "requests: a run ended well again",
        "requests: a run failed",
    ]
