"""Prefect's database of moored's own servers keeps the newest runs and no more."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from moored.cli.prune import prune_runs
from tests.surroundings import environment

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]

FILL = """
import sys
from moored.cli.api_server import api_server
from prefect import flow, task, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.settings import PREFECT_API_URL, temporary_settings

@task
def step():
    get_run_logger().info("a line")

@flow
def inner():
    step()

@flow
def outer():
    inner()
    create_markdown_artifact("text", key="one")

with api_server() as server, temporary_settings({PREFECT_API_URL: server.address}):
    for _ in range(int(sys.argv[1])):
        outer()
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    APILogWorker.drain_all()
    EventsWorker.drain_all()
"""
TABLES = ("flow_run", "task_run", "flow_run_state", "task_run_state", "log", "artifact")


def counts(home):
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        return {t: database.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in TABLES}


def fill(home, folder, runs):
    mine = environment(folder, PREFECT_HOME=str(home), PREFECT_LOGGING_LEVEL="INFO")
    subprocess.run(
        [sys.executable, "-c", FILL, str(runs)],
        env=mine,
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=240,
    )
    return counts(home)


def test_old_runs_go_with_all_that_belongs_to_them(own_prefect_home, tmp_path, monkeypatch):
    home = own_prefect_home
    four = fill(home, tmp_path, 4)
    assert four["flow_run"] == 8
    monkeypatch.setenv("PREFECT_HOME", str(home))
    for keep in ("", "0", "100"):
        monkeypatch.setenv("MOORED_KEEP_RUNS", keep)
        prune_runs()
        assert counts(home) == four
    monkeypatch.setenv("MOORED_KEEP_RUNS", "2")
    prune_runs()
    two = counts(home)
    assert {table: count * 2 for table, count in two.items()} == four
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        oldest = database.execute("SELECT min(created) FROM flow_run").fetchone()[0]
        assert (
            database.execute("SELECT count(*) FROM events WHERE occurred < ?", (oldest,)).fetchone()[0] == 0
        )
        assert database.execute("SELECT count(*) FROM artifact_collection").fetchone()[0] == 1
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_database_of_another_kind_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("MOORED_KEEP_RUNS", "1")
    prune_runs()
    for content in (b"", b"no database at all"):
        (tmp_path / "prefect.db").write_bytes(content)
        prune_runs()
        assert (tmp_path / "prefect.db").read_bytes() == content
