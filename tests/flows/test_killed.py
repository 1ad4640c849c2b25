"""Processes that die by kill -9 while generating: the run goes on, and pays again only what was in flight."""

import json
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from moored.storage.generations import latest_generations
from moored.storage.journal import Journal
from moored.storage.progress import latest_plan, study_status
from moored.storage.warehouse import open_store
from tests.commands import said
from tests.endpoint import KEY, serve
from tests.forks import Forked
from tests.studies import reads_well, requests_frame, write_requests, write_study

pytestmark = pytest.mark.prefect

ROOT = Path(__file__).parents[2]
"""The processes run this checkout, wherever the package is installed from."""
CONCURRENCY = 4
PROBES = 2
MOMENTS = 20


@dataclass
class Place:
    """A folder with a study, a store and a server of its own."""

    folder: object
    server: object
    prefect_server: str
    environment: dict = field(default_factory=dict)

    def __post_init__(self):
        self.environment = os.environ | {
            "MOORED_STORE": str(self.folder / "store.duckdb"),
            "MOORED_WORKERS": "1",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": self.server.url,
            "PREFECT_API_URL": self.prefect_server,
            "PYTHONPATH": str(ROOT),
        }

    def start(self):
        return Forked(("run", "requests.toml", "--json"), self.folder, self.environment)

    def said(self, *arguments):
        return json.loads(said(self.folder, self.environment, "moored", *arguments, "--json"))

    def generations(self):
        with open_store(self.folder / "store.duckdb") as store:
            rows = latest_generations(store, "requests", *latest_plan(store, "requests"))
        columns = ["unit_id", "source", "step", "draw", "status", "value", "text"]
        return rows[columns].sort_values(columns[:4], ignore_index=True)

    def repeated(self, rows):
        """Calls beyond one per row: how many, and how many never came to an end."""
        journal = Journal(self.folder / "store.replies.sqlite", "requests")
        return journal.calls() - rows - PROBES, journal.unfinished()


def reached(server, calls, run):
    deadline = time.monotonic() + 200
    while server.calls < calls:
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def worker_of(run):
    """Dask's worker process; waits for it, since a worker that died is only just being replaced."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in psutil.Process(run.pid).children(recursive=True):
            try:
                if "forkserver" in " ".join(child.parent().cmdline()):
                    return child
            except (psutil.Error, AttributeError):  # it, or its parent, ended just now
                continue
        time.sleep(0.02)
    raise AssertionError("no worker")


def test_a_worker_that_is_killed_costs_what_was_in_flight(tmp_path, prefect_server):
    write_requests(tmp_path)
    write_study(tmp_path, generation={"chunk_rows": 10, "concurrency": CONCURRENCY})
    rows = 60 * 3
    with serve(answers=reads_well, latency_s=0.05) as server:
        place = Place(tmp_path, server, prefect_server)
        run = place.start()
        reached(server, 70, run)
        worker_of(run).kill()
        out, err = run.communicate(timeout=200)
        assert run.returncode == 0, err
        assert json.loads(out)["version"] == 1
        assert server.calls <= rows + PROBES + CONCURRENCY
        status = study_status(tmp_path / "store.duckdb", tmp_path / "store.replies.sqlite", "requests")
        assert [(part["ok"], part["missing"]) for part in status["sources"]] == [(60, 0), (60, 0)]
        repeated, unfinished = place.repeated(rows)
        assert repeated == unfinished <= CONCURRENCY
        # A call is written down before it is sent: one that was killed in between never reached the server.
        assert server.calls <= status["model_calls"] <= server.calls + CONCURRENCY


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_kills_change_nothing(tmp_path, prefect_server):
    frame = requests_frame(120)
    rows = len(frame) * 3
    places = []
    with serve(answers=reads_well) as calm, serve(answers=reads_well, latency_s=0.05) as rough:
        for name, server in (("calm", calm), ("rough", rough)):
            folder = tmp_path / name
            folder.mkdir()
            write_requests(folder, frame)
            write_study(
                folder,
                labels={"design": "simple-random", "sample": 60},
                generation={"chunk_rows": 10, "concurrency": CONCURRENCY},
            )
            places.append(Place(folder, server, prefect_server))
        undisturbed, disturbed = places
        expected = undisturbed.said("run", "requests.toml")
        moments = sorted(random.Random(20).sample(range(10, rows - 30), MOMENTS))
        run = disturbed.start()
        for number, moment in enumerate(moments):
            reached(rough, moment, run)
            if number % 2 == 0:
                worker_of(run).kill()
            else:
                os.kill(run.pid, signal.SIGKILL)
                run.communicate(timeout=60)
                run = disturbed.start()
        out, err = run.communicate(timeout=300)
        assert run.returncode == 0, err
        repeated, unfinished = disturbed.repeated(rows)
    assert calm.calls == rows + PROBES
    assert repeated == unfinished <= MOMENTS * CONCURRENCY
    assert json.loads(out)["estimates"] == expected["estimates"]
    assert disturbed.generations().equals(undisturbed.generations())
