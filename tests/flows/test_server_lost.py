"""The Prefect server dies by kill -9 in the midst of a run: the run ends clearly, the next one goes on."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from moored.errors import ServerLost
from moored.storage.journal import Journal
from moored.storage.results import history
from moored.storage.warehouse import open_store
from tests.endpoint import KEY, serve
from tests.flows.test_interruptions import Reached
from tests.forks import Forked
from tests.studies import reads_well, write_requests, write_study
from tests.surroundings import environment

pytestmark = pytest.mark.prefect

ROWS = 60 * 3
CONCURRENCY = 4


@contextmanager
def prefect(home):
    """A Prefect server of its own: its process and address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "moored.cli.api_server", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PREFECT_HOME": str(home)},
        text=True,
    )
    try:
        yield server, server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow  # Prefect's client tries for minutes
@pytest.mark.timeout(900)
def test_a_run_without_its_server_ends_and_the_next_goes_on(tmp_path, prefect_home, prefect_server):
    write_requests(tmp_path)
    write_study(tmp_path, generation={"chunk_rows": 10, "concurrency": CONCURRENCY})
    environment = os.environ | {
        "MOORED_STORE": str(tmp_path / "store.duckdb"),
        "MOORED_WORKERS": "1",
        "OPENAI_API_KEY": KEY,
    }
    command = [sys.executable, "-m", "moored", "run", "requests.toml", "--json"]
    reached = Reached(60)
    with serve(reached, answers=reads_well, latency_s=0.05) as model, prefect(prefect_home) as (server, url):
        environment |= {"OPENAI_BASE_URL": model.url, "PREFECT_API_URL": url}
        run = subprocess.Popen(
            command,
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert reached.event.wait(200), run.communicate()[1]
        server.kill()
        _, err = run.communicate(timeout=400)
        assert run.returncode == ServerLost.exit_code, err
        assert (
            err.strip().splitlines()[-1].startswith(f"moored: the Prefect server at {url} does not answer")
        ), err
        environment["PREFECT_API_URL"] = prefect_server
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
    journal = Journal(tmp_path / "store.replies.sqlite", "requests")
    assert journal.calls() - ROWS - 2 <= CONCURRENCY
    with open_store(tmp_path / "store.duckdb") as store:
        assert [run.version for run in history(store, "requests") if run.version] == [1]
    assert json.loads(done.stdout)["version"] == 1


def own_server(run):
    """The Prefect server that a run started for itself."""
    return next(
        child
        for child in psutil.Process(run.pid).children()
        if "moored.cli.api_server" in " ".join(child.cmdline())
    )


@contextmanager
def run_with_its_own(tmp_path, home, **more):
    """A run in the midst of its generation, with the Prefect server that it started."""
    write_requests(tmp_path)
    write_study(tmp_path, generation={"chunk_rows": 10, "concurrency": CONCURRENCY})
    reached = Reached(60)
    with serve(reached, answers=reads_well, latency_s=0.05) as model:
        mine = environment(tmp_path, OPENAI_BASE_URL=model.url, PREFECT_HOME=str(home), **more)
        run = Forked(("run", "requests.toml", "--json"), tmp_path, mine)
        assert reached.event.wait(200), run.communicate()[1]
        yield run


@pytest.mark.timeout(400)
def test_a_runs_own_server_that_dies_is_started_again(tmp_path, prefect_home):
    with run_with_its_own(tmp_path, prefect_home) as run:
        own_server(run).kill()
        out, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    assert json.loads(out)["version"] == 1


@pytest.mark.timeout(400)
def test_what_a_killed_run_had_started_ends_with_it(tmp_path, prefect_home):
    """Its Prefect server, Dask's nanny and worker."""
    with run_with_its_own(tmp_path, prefect_home, MOORED_WORKERS="1") as run:
        started = psutil.Process(run.pid).children(recursive=True)
        assert len(started) >= 2
        run.kill()
        run.communicate(timeout=60)
        _, alive = psutil.wait_procs(started, timeout=60)
    assert alive == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_where_its_own_server_cannot_come_back_the_run_ends_and_says_so(tmp_path):
    home = tmp_path / "home"
    with run_with_its_own(tmp_path, home) as run:
        server = own_server(run)
        (home / "prefect.db").write_text("no database")
        server.kill()
        began = time.monotonic()
        _, err = run.communicate(timeout=300)
    assert run.returncode == ServerLost.exit_code, err
    assert "the run's own Prefect server ended and did not start again (" in err
    assert "PREFECT_API_URL unset" not in err
    assert time.monotonic() - began < 60


def test_no_server_at_the_address_is_one_sentence(tmp_path, moored):
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    write_requests(tmp_path)
    nobody = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(nobody):
        answer = moored("run", write_study(tmp_path))
    assert answer.code == ServerLost.exit_code, answer.err
    assert "127.0.0.1:9" in answer.err
