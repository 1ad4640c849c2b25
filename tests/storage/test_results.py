import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from moored.errors import NotStored
from moored.storage.published import EstimateRow, FitRow
from moored.storage.results import (
    Inputs,
    RunRow,
    checks_of,
    estimates_of,
    find_run,
    fits_of,
    history,
    latest_run,
    moves,
    newest_version,
    publish_rows,
    roll_back,
    store_stopped,
)
from moored.storage.warehouse import open_store
from tests.runs import publish_frames, rows_of

CHECKS = pd.DataFrame(
    [
        {
            "suite": "texts",
            "check": "ids",
            "severity": "critical",
            "passed": True,
            "observed": "0",
            "threshold": "0",
            "unit_ids": ["a"],
            "message": "fine",
        }
    ]
)
FITS = pd.DataFrame(
    [
        {
            "estimator": "human",
            "family": "ols",
            "level": 0.95,
            "n_labelled": 20,
            "n_total": 40,
            "j": None,
            "j_df": None,
            "j_p_value": None,
            "warnings": ["few"],
        }
    ]
)


def estimates(value: float = 0.5) -> pd.DataFrame:
    numbers = {"se": 0.1, "lower": value - 0.2, "upper": value + 0.2, "p_value": 0.01}
    row = {"estimator": "human", "estimate": value, "effective_n": 20.0, "labels_saved": 0.0, "r2": None}
    return pd.DataFrame([row | numbers | {"term": term} for term in ("Intercept", "question")])


def run_row(run_id: str, seq: int = 1) -> RunRow:
    inputs = Inputs("study-1:a", "data-1:b", "0.1+c", {"proxy": "recipe-1:d"}, seq)
    return RunRow(run_id, "requests", inputs, datetime.now(UTC), counts={"units": 40})


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        yield store


def test_versions_count_up_and_nothing_is_overwritten(store):
    assert publish_frames(store, run_row("one"), CHECKS, estimates(0.5), FITS) == 1
    assert publish_frames(store, run_row("two"), CHECKS, estimates(0.7), FITS) == 2
    assert [row.estimate for row in estimates_of(store, "one")] == [0.5, 0.5]
    assert latest_run(store, "requests").run_id == "two"
    assert find_run(store, "requests", 1).run_id == "one"
    assert fits_of(store, "one")[0].warnings == ("few",)
    assert checks_of(store, "two")[0].unit_ids == ("a",)


def test_the_order_of_terms_is_kept(store):
    publish_frames(store, run_row("one"), CHECKS, estimates(), FITS)
    assert [row.term for row in estimates_of(store, "one")] == ["Intercept", "question"]


def test_a_stopped_run_has_no_version_and_no_estimates(store):
    store_stopped(store, run_row("stopped"), CHECKS)
    assert latest_run(store, "requests") is None
    assert [run.status for run in history(store, "requests")] == ["stopped"]
    assert checks_of(store, "stopped")
    assert estimates_of(store, "stopped") == ()


def test_a_version_that_fails_half_way_leaves_nothing(store):
    twice = pd.concat([FITS, FITS])
    with pytest.raises(Exception, match=r"[Cc]onstraint"):
        publish_frames(store, run_row("one"), CHECKS, estimates(), twice)
    assert history(store, "requests") == []
    assert estimates_of(store, "one") == ()
    assert checks_of(store, "one") == ()


def test_refuses_a_version_that_is_not_there(store):
    publish_frames(store, run_row("one"), CHECKS, estimates(), FITS)
    with pytest.raises(NotStored, match="no version 7"):
        find_run(store, "requests", 7)
    with pytest.raises(NotStored, match="no published version"):
        find_run(store, "other")


def test_inputs_say_whether_anything_changed():
    assert run_row("one").inputs.fingerprint == run_row("two").inputs.fingerprint
    assert run_row("one").inputs.fingerprint != run_row("one", seq=2).inputs.fingerprint


def test_a_rollback_moves_latest_and_deletes_nothing(store):
    for run_id in ("one", "two", "three"):
        publish_frames(store, run_row(run_id), CHECKS, estimates(), FITS)
    roll_back(store, "requests", 1, "a wrong table")
    assert latest_run(store, "requests").run_id == "one"
    assert newest_version(store, "requests").run_id == "three"
    assert [run.version for run in history(store, "requests")] == [1, 2, 3]
    roll_back(store, "requests", 2)
    assert latest_run(store, "requests").run_id == "two"
    assert [(move.version, move.reason) for move in moves(store, "requests")] == [
        (1, "a wrong table"),
        (2, None),
    ]


def test_a_version_published_after_a_rollback_is_the_latest(store):
    for run_id in ("one", "two"):
        publish_frames(store, run_row(run_id), CHECKS, estimates(), FITS)
    roll_back(store, "requests", 1)
    publish_frames(store, run_row("three"), CHECKS, estimates(), FITS)
    assert latest_run(store, "requests").version == 3


def test_a_rollback_moves_one_study_alone(store):
    for name in ("requests", "others"):
        for run_id in ("one", "two"):
            publish_frames(store, replace(run_row(f"{name}-{run_id}"), study=name), CHECKS, estimates(), FITS)
    roll_back(store, "requests", 1)
    assert latest_run(store, "others").version == 2
    with pytest.raises(NotStored, match="no version 3"):
        roll_back(store, "others", 3)


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from moored.storage.results import publish_rows
from moored.storage.warehouse import Warehouse, open_store
real = Warehouse.rows
def rows(self, name, values=None):
    if name == "insert_run" and values["run_id"] == "two":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, name, values)
Warehouse.rows = rows
with open_store(Path(sys.argv[1]), create=True) as store:
    for version in pickle.load(sys.stdin.buffer):
        publish_rows(store, *version)
"""


def test_a_process_killed_while_it_publishes_leaves_no_half_version(tmp_path):
    path = tmp_path / "s.duckdb"
    rows = (
        rows_of(EstimateRow, estimates()),
        rows_of(FitRow, FITS, target="population", covariance=None),
    )
    versions = [(run_row(name), CHECKS, *rows) for name in ("one", "two")]
    command = [sys.executable, "-c", KILLED, str(path)]
    killed = subprocess.run(command, input=pickle.dumps(versions), timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    with open_store(path) as store:
        assert [run.run_id for run in history(store, "requests")] == ["one"]
        assert (estimates_of(store, "two"), fits_of(store, "two"), checks_of(store, "two")) == ((), (), ())
        assert publish_rows(store, *versions[1]) == 2
        assert len(estimates_of(store, "two")) == 2
