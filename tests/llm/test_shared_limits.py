"""A limit of requests a minute over two worker processes: kept, and used, as counted at the server."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from moored.llm.endpoints import Endpoint
from tests.endpoint import serve
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units

REQUESTS = 480
A_MINUTE = 1200
BURST = 20
"""A second's worth, which may go out at once."""

_WORK = """
import pickle, sys
from pathlib import Path
from moored.llm.generate import generate
from moored.storage.journal import Journal
with open(sys.argv[1], "rb") as file:
    units, recipe, endpoint, limits = pickle.load(file)
print("ready", flush=True)
sys.stdin.readline()
rows = generate(units, recipe, endpoint, Journal(Path(sys.argv[2]), "small"), limits)
assert {row.status for row in rows} == {"ok"}, rows[0]
"""


@pytest.mark.slow
def test_two_workers_share_a_limit(tmp_path: Path) -> None:
    from moored.study import GenerationSettings

    came: list[float] = []

    def note(_number: int, _body: dict[str, Any]) -> None:
        came.append(time.monotonic())

    units = some_units(REQUESTS + 100)[100:]
    with serve(note) as server:
        endpoint: Endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint)
        limits = GenerationSettings(concurrency=16, requests_per_minute=A_MINUTE)
        workers = []
        for part in (units[::2], units[1::2]):
            work = tmp_path / f"work{len(workers)}"
            work.write_bytes(pickle.dumps((part, recipe, endpoint, limits)))
            command = [sys.executable, "-c", _WORK, str(work), str(tmp_path / "j.sqlite")]
            workers.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    assert len(came) == REQUESTS
    used = (REQUESTS - BURST) / (came[-1] - came[BURST - 1]) * 60 / A_MINUTE
    assert 0.85 <= used <= 1.10, used
