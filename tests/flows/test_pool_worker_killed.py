"""A work pool's worker dies by kill -9, alone or with the run that it had started: the next run goes on."""

import os
import signal
import time

import psutil
import pytest

from moored.cli.api_server import api_server
from moored.storage.journal import Journal
from moored.storage.results import history
from moored.storage.warehouse import open_store
from tests.commands import said
from tests.endpoint import KEY, serve
from tests.flows.test_interruptions import Reached
from tests.flows.test_scheduled import ROOT, free_port, start
from tests.studies import reads_well, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(1200)]

ROWS = 60 * 3
CONCURRENCY = 4
LEASE_S = 30
"""How long a dead run keeps its deployment's place: five minutes, unless the server says otherwise."""


@pytest.fixture
def environment(tmp_path, prefect_home, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(prefect_home))
    monkeypatch.setenv("PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION", str(LEASE_S))
    with api_server(free_port()) as server:
        yield os.environ | {
            "MOORED_STORE": str(tmp_path / "store.duckdb"),
            "MOORED_WORKERS": "1",
            "MOORED_PIPELINE": str(ROOT),
            "OPENAI_API_KEY": KEY,
            "PREFECT_API_URL": server.address,
            "PYTHONPATH": str(ROOT),
        }


def final(client, made, limit_s=300):
    deadline = time.monotonic() + limit_s
    while not (state := client.read_flow_run(made.id).state).is_final():
        assert time.monotonic() < deadline, state
        time.sleep(0.5)
    return state


@pytest.mark.parametrize("with_its_run", [False, True], ids=["the worker alone", "the worker and its run"])
def test_the_study_completes_after_a_restart(tmp_path, environment, with_its_run):
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    write_requests(tmp_path)
    path = write_study(tmp_path, generation={"chunk_rows": 10, "concurrency": CONCURRENCY})
    reached, pool = Reached(60), f"pool-{with_its_run}".lower()
    worker_command = ("prefect", "worker", "start", "--pool", pool, "--type", "process")
    with serve(reached, answers=reads_well, latency_s=0.05) as model:
        environment["OPENAI_BASE_URL"] = model.url
        said(
            tmp_path, environment, "prefect", "--no-prompt", "work-pool", "create", pool, "--type", "process"
        )
        said(tmp_path, environment, "moored", "deploy", path, "--pool", pool, "--cron", "0 2 * * *")
        with (
            temporary_settings({PREFECT_API_URL: environment["PREFECT_API_URL"]}),
            get_client(sync_client=True) as client,
        ):
            deployment = client.read_deployment_by_name("scheduled/requests").id
            worker = start(tmp_path, environment, *worker_command)
            lost = client.create_flow_run_from_deployment(deployment)
            assert reached.event.wait(200)
            its_run = psutil.Process(worker.pid).children(recursive=True)
            os.kill(worker.pid, signal.SIGKILL)
            for process in its_run if with_its_run else ():
                process.kill()
            if not with_its_run:  # it does not need its worker to end well
                assert final(client, lost).is_completed()
            worker = start(tmp_path, environment, *worker_command)
            try:
                deadline = time.monotonic() + 300
                while True:
                    again = final(client, client.create_flow_run_from_deployment(deployment))
                    if again.is_completed():
                        break
                    assert again.is_cancelled(), again  # the dead run still holds the deployment's place
                    assert time.monotonic() < deadline
                    time.sleep(LEASE_S / 3)
            finally:
                os.killpg(worker.pid, signal.SIGTERM)
                worker.wait(timeout=60)
    told = "published version 1" if with_its_run else "nothing changed since version 1"
    assert again.message.startswith(told)
    assert Journal(tmp_path / "store.replies.sqlite", "requests").calls() - ROWS - 2 <= CONCURRENCY
    with open_store(tmp_path / "store.duckdb") as store:
        assert [run.version for run in history(store, "requests")] == [1]
