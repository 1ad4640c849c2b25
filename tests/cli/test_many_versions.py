"""A study that has been published 500 times: what people look at stays quick."""

import time
from dataclasses import replace

import duckdb
import pandas as pd
import pytest

from moored.storage.data_versions import store_units
from moored.storage.ingest import read_units
from moored.storage.results import Inputs, latest_run
from moored.storage.snapshot import open_snapshot, refresh_snapshot
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.storage.test_results import CHECKS, FITS, estimates, run_row
from tests.studies import requests_frame, study, write_requests

VERSIONS = 500
ESTIMATORS = 7
OUTCOMES = 59
MOST_S = 1.0
"""CPU seconds: the clock on the wall also counts what else the machine does."""

COPIES = """
INSERT INTO runs
SELECT * EXCLUDE n REPLACE ('run-' || n AS run_id, n AS version, n AS generation_seq) FROM runs, numbers;
INSERT INTO estimates
SELECT * EXCLUDE n REPLACE ('run-' || n AS run_id, estimate + n AS estimate) FROM estimates, numbers;
INSERT INTO fits SELECT * EXCLUDE n REPLACE ('run-' || n AS run_id) FROM fits, numbers;
INSERT INTO checks SELECT * EXCLUDE n REPLACE ('run-' || n AS run_id) FROM checks, numbers;
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store and its snapshot: as many estimates and checks a version as a study has, two data versions."""
    folder = tmp_path_factory.mktemp("many")
    path = folder / "store.duckdb"
    names = [f"estimator-{number}" for number in range(ESTIMATORS)]
    rows = (
        pd.concat([CHECKS] * OUTCOMES),
        pd.concat([estimates().assign(estimator=name) for name in names]),
        pd.concat([FITS.assign(estimator=name) for name in names]),
    )
    with open_store(path, create=True) as store:
        store_study(store, study(), folder)
        for units in (2000, 2010):
            write_requests(folder, requests_frame(units))
            data = read_units(study(), folder, folder)
            store_units(store, study(), data)
        inputs = Inputs(study().fingerprint, data.version, "0.1+c", {"proxy": "recipe-1:d"}, 1)
        publish_frames(store, replace(run_row("run-1"), inputs=inputs), *rows)
    with duckdb.connect(path) as connection:
        connection.execute(f"CREATE TEMP TABLE numbers AS SELECT n FROM range(2, {VERSIONS}) t(n)")
        connection.execute(COPIES)
        connection.execute(
            "UPDATE runs SET data_version = (SELECT data_version FROM data_versions WHERE units = 2000)"
            " WHERE version % 2 = 1"
        )
    with open_store(path) as store:
        publish_frames(store, replace(run_row(f"run-{VERSIONS}"), inputs=inputs), *rows)
        refresh_snapshot(store, folder / "store.published.duckdb")
    return folder


@pytest.fixture
def many(folder, moored, monkeypatch):
    monkeypatch.setenv("MOORED_STORE", str(folder / "store.duckdb"))
    return moored


@pytest.mark.parametrize(
    "command",
    [("history", "requests"), ("results", "requests"), ("diff", "requests", 1, VERSIONS)],
    ids=lambda command: command[0],
)
def test_a_look_takes_less_than_a_second(many, command):
    many(*command)  # what is imported once a process
    began = time.process_time()
    answer = many(*command)
    took = time.process_time() - began
    assert answer.code == 0, answer.err
    assert f"{VERSIONS}" in answer.out
    assert took < MOST_S


def test_one_more_version_and_the_snapshot_of_all_take_less_than_a_second_each(folder):
    with open_store(folder / "store.duckdb") as store:
        began = time.process_time()
        publish_frames(store, run_row("one-more"), CHECKS, estimates(), FITS)
        published = time.process_time()
        refresh_snapshot(store, folder / "store.published.duckdb")
        written = time.process_time()
    with open_snapshot(folder / "store.published.duckdb") as snapshot:
        assert latest_run(snapshot, "requests").version == VERSIONS + 1
    assert published - began < MOST_S
    assert written - published < MOST_S
