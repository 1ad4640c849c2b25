"""`moored watch`: what is overdue, which runs died, and who is told."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from moored.errors import StudyInvalid
from moored.monitor.endings import Ending, settle
from moored.monitor.overdue import dead_runs, overdue, parse_duration
from moored.settings import read_settings
from moored.storage.events import StudyOutcome, open_runs, store_began, store_ended, study_outcomes
from moored.storage.run_lock import hold
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from tests.studies import study
from tests.webhook import webhook

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEGAN_AND_DIED = """
import sys, os, signal
from pathlib import Path
from moored.storage.events import store_began
from moored.storage.warehouse import open_store
with open_store(Path(sys.argv[1])) as store:
    store_began(store, "requests", "r1", "f1")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store.duckdb"
    with open_store(path, create=True) as store:
        store_study(store, study(), tmp_path)
    return path


@pytest.fixture
def hook(monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("MOORED_NOTIFY", hook.url)
        yield hook


def test_a_study_that_ended_well_lately_is_not_overdue(moored, store, hook):
    with open_store(store) as opened:
        store_ended(opened, "requests", "r1", None, "unchanged", "")
        store_ended(opened, "requests", "r2", None, "failed", "")
    answer = moored("watch", "--expected-every", "1h")
    assert (answer.code, answer.out.strip()) == (0, "nothing is overdue")
    assert hook.alerts == []


def test_an_overdue_study_is_said_each_time_and_sent_until_it_recovers(moored, store, hook):
    overdue_title = "moored: requests: nothing was published for longer than expected"
    for _ in range(3):
        answer = moored("watch", "requests", "--expected-every", "0.001s")
        assert answer.code == 62
        assert "requests: no run has ended well since it came into the store" in answer.err
    assert hook.titles == [overdue_title]
    settle(Ending("requests", "unchanged", "nothing changed"), read_settings())
    settle(Ending("requests", "unchanged", "nothing changed"), read_settings())
    assert hook.titles == [overdue_title, "moored: requests: a run ended well again"]
    assert moored("watch", "requests", "--expected-every", "0.001s").code == 62
    assert hook.titles[2:] == [overdue_title]
    assert moored("watch", "surveys").code == 52


def test_a_run_that_was_killed_is_said_once(moored, store, hook):
    subprocess.run([sys.executable, "-c", BEGAN_AND_DIED, store], timeout=60, check=False)
    answer = moored("watch", "--json")
    assert answer.code == 62
    (alert,) = json.loads(answer.out)["alerts"]
    assert (alert["kind"], alert["run_id"]) == ("died", "r1")
    assert moored("watch").code == 0
    assert hook.titles == ["moored: requests: a run died and could not say so"]
    with open_store(store) as opened:
        assert open_runs(opened) == []


def test_a_run_that_lives_did_not_die(store):
    with open_store(store) as opened:
        store_began(opened, "requests", "r1", None)
        (run,) = open_runs(opened)
    soon = datetime.now(UTC)
    lock_of = read_settings({"MOORED_STORE": str(store)}).run_lock
    assert dead_runs([run], timedelta(0), soon, lock_of) == []
    # A younger process with the same number is another one.
    assert dead_runs([replace(run, said_at=soon - timedelta(days=1))], timedelta(days=9), soon, lock_of)
    # Of another machine only the time is known.
    elsewhere = replace(run, host="elsewhere")
    assert dead_runs([elsewhere], timedelta(hours=1), soon, lock_of) == []
    assert dead_runs([elsewhere], timedelta(hours=1), soon + timedelta(hours=2), lock_of)


def test_a_run_lives_on_where_the_clock_was_put_ahead(store):
    """Processes' birthdays go with the clock: a run of a day ago, by a process of now, was told to have died."""
    lock_of = read_settings({"MOORED_STORE": str(store)}).run_lock
    with open_store(store) as opened:
        store_began(opened, "requests", "r1", None)
        opened._connection.execute("UPDATE run_events SET said_at = now() - INTERVAL 1 DAYS")
        (run,) = open_runs(opened)
    now = datetime.now(UTC)
    with hold(lock_of("requests"), "requests", "r1"):
        assert dead_runs([run], timedelta(0), now, lock_of) == []
        assert dead_runs([replace(run, run_id="r0")], timedelta(0), now, lock_of)
    assert dead_runs([run], timedelta(0), now, lock_of) == [run]


def test_a_study_that_never_ran_well_is_overdue_though_each_run_stores_it_anew(store, tmp_path):
    with open_store(store) as opened:
        store_ended(opened, "requests", "r1", None, "failed", "")
        opened._connection.execute("UPDATE run_events SET said_at = now() - INTERVAL 3 DAYS")
        store_study(opened, study(), tmp_path)
        (row,) = study_outcomes(opened)
    (alert,) = overdue([row], timedelta(days=1), datetime.now(UTC))
    assert "no run has ended well since it came into the store" in alert.message


@pytest.mark.parametrize(("hours", "late"), [(25, False), (27, True)])
def test_overdue_counts_from_the_last_good_end(hours, late):
    row = StudyOutcome(
        study="s",
        known_at=NOW - timedelta(days=50),
        outcome="failed",
        ended_at=NOW,
        ended_well_at=NOW - timedelta(hours=hours),
        version=1,
        published_at=NOW - timedelta(days=40),
    )
    assert bool(overdue([row], timedelta(hours=26), NOW)) == late


def test_durations():
    assert parse_duration("90s") == timedelta(seconds=90)
    assert parse_duration("26h") == timedelta(hours=26)
    assert parse_duration("1.5d") == timedelta(hours=36)
    for wrong in ("26", "h", "-3h", "0h", "3 weeks"):
        with pytest.raises(StudyInvalid, match="is no duration; write a number and its unit"):
            parse_duration(wrong)
