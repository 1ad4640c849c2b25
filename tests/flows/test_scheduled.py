"""Schedules on a real Prefect server with its scheduler: served by one process, deployed to a work pool."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from moored.cli.api_server import api_server
from moored.storage.events import open_runs, study_outcomes
from moored.storage.generations import source_states
from moored.storage.progress import latest_plan
from moored.storage.warehouse import open_store
from tests.commands import said
from tests.endpoint import KEY, always, serve, text_of
from tests.studies import reads_well, requests_frame, write_requests, write_study
from tests.webhook import webhook

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def scheduler(prefect_home):
    """A whole Prefect server on loopback. Gives its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(prefect_home))
        with api_server(free_port()) as server:
            yield server.address


@pytest.fixture
def environment(tmp_path, scheduler, prefect_home):
    return os.environ | {
        "MOORED_STORE": str(tmp_path / "store.duckdb"),
        "MOORED_WORKERS": "0",
        "MOORED_LOG": f"json:{tmp_path}/moored.jsonl",
        "MOORED_PIPELINE": str(ROOT),
        "OPENAI_API_KEY": KEY,
        "PREFECT_API_URL": scheduler,
        "PREFECT_HOME": str(prefect_home),
        "PYTHONPATH": str(ROOT),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "NO_COLOR": "1",
    }


@pytest.fixture
def client(scheduler):
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: scheduler}), get_client(sync_client=True) as client:
        yield client


def messages(folder):
    file = folder / "moored.jsonl"
    return [json.loads(line)["message"] for line in file.read_text().splitlines()] if file.exists() else []


def wait_for(told, folder, process, count=1, limit_s=150):
    """Until the log has said something so many times."""
    deadline = time.monotonic() + limit_s
    while sum(message.startswith(told) for message in messages(folder)) < count:
        assert process.poll() is None, process.communicate()[0]
        if time.monotonic() > deadline:
            process.terminate()
            raise AssertionError(f"{told}: {messages(folder)}: {process.communicate(timeout=60)[0]}")
        time.sleep(0.2)


def start(folder, environment, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def stop(process):
    process.terminate()
    return process.communicate(timeout=60)[0]


def run(client, deployment):
    """Start a deployment by hand and wait for its version."""
    made = client.create_flow_run_from_deployment(client.read_deployment_by_name(deployment).id)
    deadline = time.monotonic() + 150
    while True:
        now = client.read_flow_run(made.id)
        if (
            now.state.is_final() and "version" in now.name
        ):  # a run is given its version's name as it has ended
            return now
        assert time.monotonic() < deadline, now.state
        time.sleep(0.3)


def pause(client, deployment):
    """Stop the schedule and wait for the run that is under way."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

    found = client.read_deployment_by_name(deployment)
    client.pause_deployment(found.id)
    its = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[found.id]))
    while any(not run.state.is_final() for run in client.read_flow_runs(flow_run_filter=its)):
        time.sleep(0.3)
    return client.read_flow_runs(flow_run_filter=its)


def test_a_schedule_runs_stays_quiet_takes_new_rows_and_reruns(tmp_path, environment, client):
    frame = requests_frame(66)
    write_requests(tmp_path, frame[:60])
    path = write_study(tmp_path, labels={"design": "simple-random", "sample": 30})
    broken, port = threading.Event(), free_port()
    broken.set()
    marks = (" 3?", " 3.", " 11?", " 11.")

    def fault(_number, body):
        return "400" if broken.is_set() and text_of(body).endswith(marks) else None

    with serve(fault, answers=reads_well) as endpoint, webhook() as hook:
        environment |= {"OPENAI_BASE_URL": endpoint.url, "MOORED_NOTIFY": hook.url}
        serving = start(
            tmp_path, environment, "moored", "serve", path, "--interval", "30s", "--metrics-port", str(port)
        )
        try:
            begin(environment["PREFECT_API_URL"], "scheduled/requests")  # the schedule's first is due later
            wait_for("requests: published version 1", tmp_path, serving)
            sent = endpoint.calls
            wait_for("requests: nothing changed since version 1", tmp_path, serving)
            assert endpoint.calls == sent
            runs = pause(client, "scheduled/requests")  # what follows is started by hand, whatever its speed
            write_requests(tmp_path, frame)
            grown = run(client, "scheduled/requests")
            assert endpoint.calls == sent + 6 * 3
            broken.clear()
            rerun = run(client, "rerun/requests")
            assert endpoint.calls == sent + 6 * 3 + 2 + 2 * 2
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                metrics = answer.read().decode()
        finally:
            printed = stop(serving)
    assert (grown.name, grown.state.message) == ("requests, version 2", "published version 2")
    assert (rerun.name, rerun.state.message) == ("requests, version 3", "published version 3")
    assert 'moored_latest_version{study="requests"} 3.0' in metrics
    ended = {(run.name, run.state.message) for run in runs}
    assert ("requests, version 1", "published version 1") in ended
    assert ("requests, version 1", "nothing changed since version 1: no model call, no new version") in ended
    assert {run.state.type.value for run in runs} <= {"COMPLETED", "CANCELLED"}
    with open_store(tmp_path / "store.duckdb") as store:
        assert [state.ok for state in source_states(store, "requests", *latest_plan(store, "requests"))] == [
            66
        ] * 2
    assert hook.alerts == []
    assert KEY not in printed + json.dumps(messages(tmp_path))
    assert (
        "Traceback" not in printed.split("SIGTERM received")[0]
    )  # as it stops, Prefect's runner may print one


def prefect(environment, *arguments):
    return said(ROOT, environment, "prefect", "--no-prompt", *arguments)


def test_a_server_accepts_what_deployments_holds(environment, client):
    from prefect.client.schemas.actions import WorkPoolCreate

    client.create_work_pool(WorkPoolCreate(name="moored", type="process"))
    prefect(environment, "deploy", "--prefect-file", "deployments/prefect.yaml", "--all")
    nightly = client.read_deployment_by_name("scheduled/tweets")
    assert nightly.parameters == {"study": "deployments/studies/tweets.toml"}
    assert [(one.schedule.cron, one.schedule.timezone) for one in nightly.schedules] == [
        ("0 2 * * *", "Europe/Berlin")
    ]
    for name in ("scheduled/tweets", "rerun/tweets", "watch/all-studies", "benchmark/coverage"):
        found = client.read_deployment_by_name(name)
        assert found.global_concurrency_limit.limit == 1
        assert found.concurrency_options.collision_strategy == "CANCEL_NEW"
        assert found.work_pool_name == "moored"
    # A study itself is taken as well as its file: the schema names both.
    kinds = [
        kind.get("type", "study") for kind in nightly.parameter_openapi_schema["properties"]["study"]["anyOf"]
    ]
    assert kinds == ["study", "string"]
    created = prefect(environment, "automation", "create", "--from-file", "deployments/automations.yaml")
    assert "Created 3 automation(s)" in created
    for name in ("moored-stalled", "moored-late", "moored-zombie"):
        (automation,) = client_automations(client, name)
        assert automation["enabled"]


def client_automations(client, name):
    everything = client._client.post("/automations/filter", json={}).json()
    return [automation for automation in everything if automation["name"] == name]


def test_windows_are_longer_than_heartbeats():
    import yaml
    from prefect.settings.models.flows import FlowsSettings

    beat = FlowsSettings.model_fields["heartbeat_frequency"].default
    for automation in yaml.safe_load((ROOT / "deployments" / "automations.yaml").read_text())["automations"]:
        assert automation["trigger"]["within"] >= 3 * beat
        # Otherwise the heartbeats of a healthy run would count as its end, or it would never be missed.
        assert not any("*" in event for event in automation["trigger"]["expect"])


def begin(address, deployment, limit_s=240):
    """Start a deployment by hand, as soon as it is there."""
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_API_URL, temporary_settings

    deadline = time.monotonic() + limit_s
    while True:
        try:
            with temporary_settings({PREFECT_API_URL: address}), get_client(sync_client=True) as client:
                client.create_flow_run_from_deployment(client.read_deployment_by_name(deployment).id)
                return
        except (ObjectNotFound, HTTPError, RuntimeError):
            assert time.monotonic() < deadline
            time.sleep(0.5)


@pytest.mark.slow
def test_a_run_that_is_killed_is_said_to_have_died(tmp_path, environment):
    """Served without a server of its own: the one that is started with it will do."""
    write_requests(tmp_path)
    path, hold, port = write_study(tmp_path, name="killed"), threading.Event(), free_port()
    del environment["PREFECT_API_URL"]
    with serve(always("hang"), hold=hold) as endpoint, webhook() as hook:
        environment |= {"OPENAI_BASE_URL": endpoint.url, "MOORED_NOTIFY": hook.url}
        environment |= {"PREFECT_HOME": str(tmp_path / "home")}
        serving = start(
            tmp_path, environment, "moored", "serve", path, "--interval", "1h", "--server-port", str(port)
        )
        try:
            begin(f"http://127.0.0.1:{port}/api", "scheduled/killed")
            wait_for("run began", tmp_path, serving)
            with open_store(tmp_path / "store.duckdb") as store:
                (run,) = open_runs(store)
            os.kill(run.process, signal.SIGKILL)
            wait_for("alert: a run died", tmp_path, serving)
        finally:
            hold.set()
            stop(serving)
    assert hook.titles == ["moored: killed: a run died and could not say so"]
    with open_store(tmp_path / "store.duckdb") as store:
        assert open_runs(store) == []
        assert study_outcomes(store)[0].outcome == "died"
