"""A place in the schedule whose holder died: freed as `serve` starts, and said."""

import contextlib
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from moored.cli import places
from moored.cli.places import NEVER_BEGAN, free_places, note_cancelled
from moored.monitor.metrics import write_metrics
from moored.storage.events import run_endings, store_began
from moored.storage.warehouse import open_store
from tests.endpoint import serve
from tests.flows.test_scheduled import free_port, start, wait_for
from tests.studies import reads_well, write_requests, write_study
from tests.surroundings import ROOT, environment
from tests.webhook import webhook

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(400)]


@pytest.fixture
def client(prefect_server):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def deployment(client, monkeypatch):
    """A deployment as `serve` makes it; new for each test. Gives its id."""
    from moored.cli.pipeline import load_flow
    from moored.cli.serve import FLOW, RERUN, _deployments

    monkeypatch.syspath_prepend(str(ROOT))
    made = _deployments(
        load_flow(ROOT, FLOW),
        load_flow(ROOT, RERUN),
        [("requests", "requests.toml")],
        {"interval": timedelta(hours=1)},
    )
    ids = [one.apply() for one in made]
    yield ids[0]
    for one in ids:
        client.delete_deployment(one)


def claimed(client, deployment):
    """A run that was claimed, as the state that it then has."""
    from prefect.states import Pending

    run = client.create_flow_run_from_deployment(deployment)
    client.set_flow_run_state(run.id, Pending())
    return client.read_flow_run(run.id)


def test_a_run_that_was_claimed_and_never_began_gives_its_place_back(settings, client, deployment):
    orphan = claimed(client, deployment)
    assert orphan.state.is_pending()
    assert claimed(client, deployment).state.is_cancelled()
    assert free_places(["requests"], settings, timedelta(minutes=10)) == 0  # it may be starting
    assert free_places(["requests"], settings, timedelta(0)) == 1
    assert client.read_flow_run(orphan.id).state.message == NEVER_BEGAN
    assert claimed(client, deployment).state.is_pending()
    with open_store(settings.store) as store:
        (ending,) = run_endings(store, "requests")
    assert (ending.event, ending.message) == ("cancelled", NEVER_BEGAN)


def test_a_place_that_nobody_holds_is_free(settings, client, deployment):
    """As where a server died between a run's end and the count of places."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    limit = client.read_deployment(deployment).global_concurrency_limit
    client.update_global_concurrency_limit(str(limit.id), GlobalConcurrencyLimitUpdate(active_slots=1))
    assert claimed(client, deployment).state.is_cancelled()
    assert free_places(["requests"], settings, timedelta(0)) == 0
    assert claimed(client, deployment).state.is_pending()


@pytest.mark.parametrize("lives", [True, False])
def test_a_run_that_began_keeps_its_place_as_long_as_its_process_lives(
    settings, client, deployment, lives, monkeypatch
):
    from prefect.states import Running

    run = claimed(client, deployment)
    client.set_flow_run_state(run.id, Running())
    if not lives:
        gone = psutil.Popen(["true"])
        gone.wait()
        monkeypatch.setattr(os, "getpid", lambda: gone.pid)
    with open_store(settings.store) as store:
        store_began(store, "requests", "run-1", str(run.id))
    monkeypatch.undo()
    assert free_places(["requests"], settings, timedelta(0)) == int(not lives)
    state = client.read_flow_run(run.id).state
    assert state.is_running() if lives else state.is_cancelled()
    if not lives:
        with open_store(settings.store) as store:
            assert run_endings(store, "requests")[-1].event == "died"


def test_runs_cancelled_in_a_row_are_said_once_and_counted(
    settings, client, deployment, tmp_path, monkeypatch
):
    monkeypatch.setattr(places, "_START", timedelta(0))  # the holder has not begun, and never will
    since = datetime.now(UTC)
    claimed(client, deployment)
    with webhook() as hook:
        monkeypatch.setenv("MOORED_NOTIFY", hook.url)
        for _ in range(5):
            assert claimed(client, deployment).state.is_cancelled()
            since = note_cancelled(["requests"], settings, since)
        assert hook.titles == ["moored: requests: run after run is cancelled"]
    with open_store(settings.store) as store:
        assert [row.event for row in run_endings(store)] == ["cancelled"] * 5
    write_metrics(tmp_path / "metrics", settings.store)
    assert 'outcome="cancelled",study="requests"} 1.0' in (tmp_path / "metrics").read_text()


@pytest.mark.parametrize("ended", [False, True], ids=["it runs", "it has ended"])
def test_a_schedule_denser_than_its_runs_is_no_fault(settings, client, deployment, ended):
    from prefect.states import Completed, Running

    since = datetime.now(UTC)
    run = claimed(client, deployment)
    client.set_flow_run_state(run.id, Running())
    with open_store(settings.store) as store:
        store_began(store, "requests", "run-1", str(run.id))
    assert claimed(client, deployment).state.is_cancelled()
    if ended:
        client.set_flow_run_state(run.id, Completed())
    note_cancelled(["requests"], settings, since)
    with open_store(settings.store) as store:
        assert run_endings(store) == []


def kill_all(process):
    if process.poll() is not None:
        return
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    process.kill()
    process.wait()


@pytest.mark.slow  # that such a place is freed, and what holds one, is tried above on the server of all tests
@pytest.mark.parametrize("stopped", [signal.SIGKILL, signal.SIGTERM], ids=["KILL", "TERM"])
def test_a_server_that_is_stopped_between_claim_and_begin_goes_on_when_started_again(
    tmp_path, prefect_home, stopped
):
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    write_requests(tmp_path)
    path, port = write_study(tmp_path, name="wedged"), free_port()
    with serve(answers=reads_well) as model:
        mine = environment(
            tmp_path,
            OPENAI_BASE_URL=model.url,
            MOORED_LOG=f"json:{tmp_path}/moored.jsonl",
            PREFECT_HOME=str(prefect_home),
        )
        command = ("moored", "serve", path, "--interval", "5s", "--server-port", str(port))
        serving = start(tmp_path, mine, *command)
        try:
            api = {PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}
            with temporary_settings(api):
                assert_claimed(serving, get_client)
            if stopped == signal.SIGKILL:
                kill_all(serving)
                said = serving.communicate()[0]
            else:
                serving.terminate()
                said = serving.communicate(timeout=90)[0]
            assert "never awaited" not in said
            assert "Traceback" not in said
            serving = start(tmp_path, mine, *command)
            wait_for("wedged: published version 1", tmp_path, serving)
        finally:
            kill_all(serving)


def assert_claimed(serving, get_client, limit_s=120):
    """Wait for a run that is claimed and has not begun."""
    deadline = time.monotonic() + limit_s
    while True:
        assert serving.poll() is None, serving.communicate()[0]
        assert time.monotonic() < deadline
        with contextlib.suppress(Exception), get_client(sync_client=True) as client:
            while time.monotonic() < deadline:
                if any(run.state.is_pending() for run in client.read_flow_runs(limit=50)):
                    return
                time.sleep(0.02)
        time.sleep(0.2)
