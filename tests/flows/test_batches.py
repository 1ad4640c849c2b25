"""A study that sends in batches, through the whole pipeline, its first run killed while batches are open."""

import json
import os
import signal
import time

import pytest

from moored.storage.journal import Journal
from tests.endpoint import KEY, serve
from tests.forks import Forked
from tests.studies import reads_well, write_requests, write_study

pytestmark = pytest.mark.prefect

ROWS = 60 * 3
PROBES = 2


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL], ids=lambda how: how.name
)
def test_open_batches_are_fetched_not_handed_in_again(moored, tmp_path, monkeypatch, prefect_server, how):
    write_requests(tmp_path)
    path = write_study(tmp_path, generation={"send": "batch", "chunk_rows": 20})
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        more = {"MOORED_POLL_S": "600", "OPENAI_API_KEY": KEY, "PREFECT_API_URL": prefect_server}
        first = Forked(("run", path), tmp_path, os.environ | more)
        deadline = time.monotonic() + 120
        while len(server.batches) < 2:
            assert first.poll() is None, first.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.send_signal(how)
        _, err = first.communicate(timeout=60)
        if how == signal.SIGINT:
            assert first.returncode == 130, err
            assert "run again to go on" in err
        assert server.calls == PROBES
        assert json.loads(moored("status", "requests", "--json").out)["open_batches"] == 2
        monkeypatch.setenv("MOORED_POLL_S", "0.1")
        done = moored("run", path, "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["version"] == 1
        # The proxy's readings, the written texts, and then their readings.
        assert len(server.batches) == 3
        assert server.calls == ROWS + PROBES
        journal = Journal(tmp_path / "store.replies.sqlite", "requests")
        assert (journal.calls(), journal.unfinished(), journal.waiting_batches()) == (ROWS + PROBES, 0, 0)
        status = json.loads(moored("status", "requests", "--json").out)
        assert [(part["ok"], part["missing"]) for part in status["sources"]] == [(60, 0), (60, 0)]
        # Nothing is new: nothing is handed in, nothing published.
        assert not json.loads(moored("run", path, "--json").out)["changed"]
        assert len(server.batches) == 3
