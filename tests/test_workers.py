"""Workers elsewhere that lack what generation needs are refused in one sentence, by a real scheduler's workers."""

import os
import socket
import sys
from pathlib import Path

import pytest
from distributed import LocalCluster

import tasks  # noqa: F401
from flows.runner import refuse_far_workers, workers
from moored.errors import StudyInvalid
from moored.llm.endpoints import Endpoint
from moored.run.workers import ONE_LOOP, THREADS_DO, lacking_here, worth_processes
from moored.settings import read_settings
from tests.commands import ended
from tests.endpoint import serve

ROOT = Path(__file__).parents[1]


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}/v1"


def test_what_a_worker_may_lack(tmp_path: Path, closed_port: str) -> None:
    journal = tmp_path / "moored.replies.sqlite"
    assert "cannot open the journal" in str(lacking_here(journal, []))
    journal.touch()
    assert lacking_here(journal, []) is None
    assert "cannot reach the model" in str(lacking_here(journal, [closed_port]))
    with serve() as server:
        assert lacking_here(journal, [server.url]) is None


def test_processes_are_for_many_requests_to_a_model_elsewhere() -> None:
    assert not worth_processes(THREADS_DO, ONE_LOOP + 1, here=False)
    assert not worth_processes(100 * THREADS_DO, ONE_LOOP, here=False)
    assert worth_processes(THREADS_DO + 1, ONE_LOOP + 1, here=False)
    assert not worth_processes(100 * THREADS_DO, 1024, here=True)


def test_workers_have_the_environment_of_their_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("first", "then"):
        monkeypatch.setenv("MOORED_SAID", said)
        with workers(read_settings({}), 1) as pool:
            answers = pool.client.run(os.getenv, "MOORED_SAID").values()
            assert list(answers) == [said]


ONE_WORKER = """
import os, tasks
from flows.runner import workers
from moored.settings import read_settings
if __name__ == "__main__":
    with workers(read_settings({}), 1) as pool:
        print(len(pool.client.run(os.getpid)))
"""


def test_workers_start_where_temporary_files_have_long_paths(tmp_path: Path) -> None:
    long = tmp_path / ("folder" * 20)
    long.mkdir()
    (tmp_path / "one.py").write_text(ONE_WORKER)
    surroundings = os.environ | {"TMPDIR": str(long), "PYTHONPATH": str(ROOT)}
    done = ended([sys.executable, "one.py"], tmp_path, surroundings, 120)
    assert done.stdout.strip() == "1", done.stderr


def test_external_workers_are_asked_before_anything_is_sent(tmp_path: Path, closed_port: str) -> None:
    far = Endpoint("far", "https://models.invalid/v1", "https://models.invalid/v1")
    with (
        serve() as server,
        LocalCluster(
            n_workers=1, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
    ):
        environment = {
            "MOORED_STORE": str(tmp_path / "s.duckdb"),
            "MOORED_DASK_ADDRESS": cluster.scheduler_address,
        }
        settings = read_settings(os.environ | environment)
        refuse_far_workers(settings, [far, Endpoint("near", "n", server.url, local=True)])
        with pytest.raises(StudyInvalid, match=r"the Dask worker \S+ cannot reach the model at http://127"):
            refuse_far_workers(settings, [far, Endpoint("near", "n", closed_port, local=True)])
    assert settings.journal.is_file()
