"""Dask started by somebody else: a scheduler and workers that have the wheel, not the checkout."""

import json
import os
import subprocess
import sys
import time
import zipfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.benchmark.corpora import write_task
from tests.endpoint import KEY, serve
from tests.studies import reads_well, write_requests, write_study

pytestmark = pytest.mark.prefect

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import importlib, importlib.util, sys
program, site, checkouts = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1).split()
sys.path[:] = [site, *(place for place in sys.path if place not in checkouts)]
assert importlib.util.find_spec("moored").origin.startswith(site)
assert not any(map(importlib.util.find_spec, ("flows", "tasks", "checks")))
importlib.import_module(f"distributed.cli.{program}").main()
"""


@contextmanager
def process(*arguments, cwd, log, **variables):
    """A process that ends with the block."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    with log.open("w") as stderr:
        started = subprocess.Popen(
            [sys.executable, *map(str, arguments)], cwd=cwd, env=environment, stdout=stderr, stderr=stderr
        )
    try:
        yield started
    finally:
        started.terminate()
        started.wait(timeout=20)


@pytest.fixture
def site(tmp_path, wheel):
    """The wheel, unpacked."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def scheduler(tmp_path, site):
    """Its address, with two workers."""
    told = tmp_path / "scheduler.json"
    # "", and the checkout that an editable install puts on every path.
    checkouts = " ".join({"", str(ROOT), *(p for p in sys.path if (Path(p) / "flows").is_dir())})
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", told]

    def program(name, log, *options):
        start = ["-c", PROGRAM, name, site, checkouts, *common, *options]
        return process(*start, cwd=tmp_path, log=tmp_path / log, OPENAI_API_KEY=KEY)

    with ExitStack() as running:
        running.enter_context(program("dask_scheduler", "scheduler.log", "--port", 0))
        for name in ("one", "two"):
            options = ["--nthreads", 1, "--no-nanny", "--name", name]
            running.enter_context(program("dask_worker", f"{name}.log", *options))
        deadline = time.monotonic() + 60
        while not told.exists():
            assert time.monotonic() < deadline, (tmp_path / "scheduler.log").read_text()
            time.sleep(0.1)
        yield json.loads(told.read_text())["address"]


@pytest.mark.usefixtures("prefect_server")
def test_workers_without_the_checkout_generate_and_replicate(moored, monkeypatch, tmp_path, scheduler):
    write_requests(tmp_path)
    path = write_study(tmp_path, generation={"chunk_rows": 10, "concurrency": 4})
    monkeypatch.setenv("MOORED_DASK_ADDRESS", scheduler)
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        answer = moored("run", path, "--json")
        assert answer.code == 0, answer.err
        assert server.calls == 60 * 3 + 2
    result = json.loads(answer.out)
    assert (result["version"], result["changed"]) == (1, True)
    few = ("--trials", 2, "--worlds", 1, "--fractions", 0.3, "--json")
    answer = moored("benchmark", write_task(tmp_path), *few)
    assert answer.code == 0, answer.err
    table = json.loads(answer.out)
    assert all(row["failed"] == 0 for row in table["results"])
    assert any(row["stopped"] for row in table["worlds"])
    assert table["workers"] == 2  # of the scheduler; MOORED_WORKERS is 0
