"""All workers go and none comes back: the run ends and says so, and with workers again the next one goes on."""

import json
import threading

import pytest
from distributed import LocalCluster

from tests.endpoint import serve
from tests.studies import reads_well, write_requests, write_study

pytestmark = pytest.mark.prefect


@pytest.mark.usefixtures("prefect_server")
def test_a_run_without_workers_does_not_wait_for_ever(moored, tmp_path, monkeypatch):
    import flows.runner

    monkeypatch.setattr(flows.runner, "_LOOK_S", 0.2)
    monkeypatch.setattr(flows.runner, "_GONE_S", 2.0)
    write_requests(tmp_path)
    path = write_study(tmp_path, generation={"concurrency": 4})
    under_way = threading.Event()

    def note(number, _body):
        if number == 20:
            under_way.set()

    with (
        serve(note, answers=reads_well, latency_s=0.1) as server,
        LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0") as cluster,
    ):
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("MOORED_DASK_ADDRESS", cluster.scheduler_address)

        def leave():
            assert under_way.wait(200)
            cluster.scale(0)

        leaving = threading.Thread(target=leave, daemon=True)
        leaving.start()
        gone = moored("run", path)
        leaving.join()
        assert gone.code == 43, gone.err
        assert "have no generation yet; run again to go on" in gone.err
        cluster.scale(1)
        cluster.wait_for_workers(1)
        done = moored("run", path, "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["version"] == 1
        assert server.calls <= 60 * 3 + 2 + 4
