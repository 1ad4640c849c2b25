"""kill -9 in the middle of generation: nothing that was answered is asked or paid again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from moored.llm.generate import generate
from moored.storage.journal import Journal
from moored.study import GenerationSettings
from tests.endpoint import serve
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units

IN_FLIGHT = 8
UNITS = 60

_RUN = """
import pickle, sys
from pathlib import Path
from moored.llm.generate import generate
from moored.storage.journal import Journal
from moored.study import GenerationSettings
with open(sys.argv[1], "rb") as file:
    units, recipe, endpoint = pickle.load(file)
generate(units, recipe, endpoint, Journal(Path(sys.argv[2]), "small"), GenerationSettings(concurrency=8))
print("done")
"""


def test_killed_at_random_moments(tmp_path: Path) -> None:
    import pickle

    rng = random.Random(4)
    units = some_units(UNITS)
    with serve(latency_s=0.02) as server:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint, "synth")
        work = tmp_path / "work"
        work.write_bytes(pickle.dumps((units, recipe, endpoint)))
        kills = 0
        while kills < 6:
            answered = server.calls
            process = subprocess.Popen([sys.executable, "-c", _RUN, str(work), str(tmp_path / "j")])
            wanted = answered + rng.randint(3, 25)
            while process.poll() is None and server.calls < wanted:
                time.sleep(0.001)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            ended = process.wait()
            assert ended in (0, -signal.SIGKILL)
            if ended == 0:
                break
        assert kills >= 3
        journal = Journal(tmp_path / "j", "small")
        rows = generate(units, recipe, endpoint, journal, GenerationSettings(concurrency=IN_FLIGHT))
        assert server.calls <= 2 * UNITS + kills * IN_FLIGHT
        # A request is written down before it is sent: the journal never knows of fewer than were sent.
        assert server.calls <= journal.calls() <= server.calls + kills * IN_FLIGHT
    with serve() as quiet:
        other = endpoint_at(quiet.url)
        calm = generate(
            units,
            a_recipe(a_study(), other, "synth"),
            other,
            Journal(tmp_path / "q", "q"),
            GenerationSettings(),
        )
    table = lambda done: sorted((r.unit_id, r.step, r.draw, r.status, r.value, r.text) for r in done)  # noqa: E731
    assert table(rows) == table(calm)
