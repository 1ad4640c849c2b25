"""A clock that was ahead and is put right: what was stored last is still what counts."""

from datetime import UTC, datetime

import pytest

from moored.monitor.overdue import overdue, parse_duration
from moored.storage.events import store_ended, study_outcomes
from moored.storage.generations import SourcePlan, store_plan
from moored.storage.progress import latest_plan
from moored.storage.results import history, newest_run, store_stopped
from moored.storage.snapshot import open_snapshot, write_snapshot
from moored.storage.studies import store_study, stored_study
from moored.storage.warehouse import open_store
from tests.storage.test_results import CHECKS, run_row
from tests.studies import study

DAY = parse_duration("1d")


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        yield store


def put_right(store, table, column="stored_at"):
    """All that was stored so far was stored by a clock that was two years ahead."""
    store._connection.execute(f"UPDATE {table} SET {column} = now() + INTERVAL 2 YEARS")


def test_the_study_that_was_stored_last_is_the_one_that_its_name_means(store, tmp_path):
    for seed in (1, 2, 1):
        store_study(store, study(seed=seed), tmp_path)
        assert stored_study(store, "requests")[0].seed == seed
        put_right(store, "studies")


def test_the_plan_of_the_run_that_began_last_is_how_far_a_study_is(store):
    for run in ("r2", "r1"):
        store_plan(store, "requests", run, f"data-{run}", [SourcePlan("proxy", "recipe-1:a", 1)])
        assert latest_plan(store, "requests")[0] == f"data-{run}"
        put_right(store, "plans")


def test_runs_are_told_in_the_order_in_which_they_were_stored(store, tmp_path):
    for run in ("r3", "r1", "r2"):
        store_stopped(store, run_row(run), CHECKS)
        assert newest_run(store, "requests").run_id == run
        put_right(store, "runs")
    assert [run.run_id for run in history(store, "requests")] == ["r3", "r1", "r2"]
    write_snapshot(store, tmp_path / "snapshot.duckdb")
    with open_snapshot(tmp_path / "snapshot.duckdb") as snapshot:
        assert [run.run_id for run in history(snapshot, "requests")] == ["r3", "r1", "r2"]


def test_a_study_whose_last_good_run_is_yet_to_come_is_not_silently_on_time(store, tmp_path):
    store_study(store, study(), tmp_path)
    store_ended(store, "requests", "r1", None, "published", "")
    put_right(store, "run_events", "said_at")
    (alert,) = overdue(study_outcomes(store), DAY, datetime.now(UTC))
    assert "yet to come" in alert.message
    store_ended(store, "requests", "r2", None, "unchanged", "")
    (outcome,) = study_outcomes(store)
    assert outcome.outcome == "unchanged"
    assert overdue([outcome], DAY, datetime.now(UTC)) == []
