"""A run that is stopped half-way, as a user or a machine stops it, goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from moored.storage.progress import study_status
from tests.endpoint import KEY, serve
from tests.studies import reads_well, study_table, write_requests, write_study

pytestmark = pytest.mark.prefect

ROWS = 60 * 3


@pytest.fixture
def environment(tmp_path, prefect_home):
    write_requests(tmp_path)
    write_study(tmp_path, generation={"chunk_rows": 10, "concurrency": 4})
    return os.environ | {
        "MOORED_STORE": str(tmp_path / "store.duckdb"),
        "MOORED_WORKERS": "1",
        "OPENAI_API_KEY": KEY,
        "PREFECT_HOME": str(prefect_home),
    }


class Reached:
    """Tells when the server has answered so many requests; adds no fault of its own."""

    def __init__(self, count):
        self.count, self.event = count, threading.Event()

    def __call__(self, number, _body):
        if number >= self.count:
            self.event.set()


# SIGTERM is Ctrl-C to one process alone: the same path. Quick tests of kill -9: runs in batches, generation alone.
HOW = [
    signal.SIGINT,
    pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("how", HOW, ids=lambda how: how.name)
def test_a_stopped_run_goes_on(environment, tmp_path, how, prefect_server, moored, monkeypatch):
    reached = Reached(70)
    with serve(reached, answers=reads_well, latency_s=0.05) as server:
        environment["OPENAI_BASE_URL"] = server.url
        if how == signal.SIGKILL:  # the other ways also end the run's own server
            environment["PREFECT_API_URL"] = prefect_server
        run = subprocess.Popen(
            [sys.executable, "-m", "moored", "run", "requests.toml"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert reached.event.wait(200), run.communicate()[1]
        if how == signal.SIGINT:
            os.killpg(run.pid, how)  # Ctrl-C reaches the whole group
        else:
            run.send_signal(how)
        _, err = run.communicate(timeout=60)
        if how != signal.SIGKILL:
            assert run.returncode == 130, err
            assert "Traceback" not in err
            assert "run again to go on" in err
        stopped_at = server.calls
        assert stopped_at < ROWS
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        done = moored("run", "requests.toml", "--json")
        assert done.code == 0, done.err
        status = study_status(tmp_path / "store.duckdb", tmp_path / "store.replies.sqlite", "requests")
        assert [(part["ok"], part["missing"]) for part in status["sources"]] == [(60, 0), (60, 0)]
        # Only what was in flight is paid for twice: at most `concurrency`. A call is written down before it is
        # sent, so one that was killed in between is counted though the server never saw it.
        probes = 2
        assert server.calls <= ROWS + probes + 4
        assert server.calls <= status["model_calls"] <= server.calls + 4
    result = json.loads(done.out)
    assert (result["version"], result["changed"]) == (1, True)


NOPE = {**study_table()["outcome"], "human": "nope"}


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        (
            {"labels": {"design": "simple-random", "sample": 2}},
            31,
            "2 labelled units cannot identify 2 parameters",
        ),
        ({"outcome": NOPE}, 21, "the rule of 'polite', `nope`, names a column that the data do not have"),
    ],
    ids=["too few labels", "no such column"],
)
@pytest.mark.usefixtures("prefect_server", "endpoint")
def test_a_refusal_from_inside_the_flow_is_one_line(moored, tmp_path, changes, code, sentence):
    write_requests(tmp_path)
    done = moored("run", write_study(tmp_path, **changes))
    assert done.code == code
    progress = ("rows", "reading the data")
    said = [
        line for line in done.err.splitlines() if line.strip() and not any(map(line.__contains__, progress))
    ]
    assert len(said) == 1, done.err
    assert said[0].startswith(f"moored: {sentence}")
