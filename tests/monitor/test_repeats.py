"""The same alert once, until it changes or the study recovers; endings that are no failures alert nobody."""

import pytest

from moored.errors import ChecksFailed, NoLabels, StudyBusy
from moored.monitor.alerts import Alert
from moored.monitor.endings import STOPPED, Ending, ending_of, settle
from moored.monitor.repeats import is_news
from moored.storage.events import run_endings
from moored.storage.warehouse import open_store
from tests.webhook import webhook


@pytest.fixture
def told(monkeypatch):
    """Settle endings; gives what was sent, as kinds."""
    with webhook() as hook:
        monkeypatch.setenv("MOORED_NOTIFY", hook.url)

        def tell(settings, *endings):
            before = len(hook.alerts)
            for outcome, message in endings:
                settle(Ending("requests", outcome, message), settings)
            return [title.removeprefix("moored: requests: ") for title in hook.titles[before:]]

        yield tell


def test_the_same_failure_is_sent_once_until_it_changes(settings, told):
    assert told(settings, *[("failed", "35 of 60 units have no label")] * 3) == ["a run failed"]
    assert told(settings, ("failed", "36 of 60 units have no label")) == []
    assert told(settings, ("failed", "there is no column 'polite'")) == ["a run failed"]
    assert told(settings, ("stopped", "balance failed"), ("failed", "there is no column 'polite'")) == [
        "a run was stopped by its checks"
    ]


@pytest.mark.parametrize("good", ["published", "unchanged"])
def test_a_run_that_ends_well_says_so_once_and_then_the_failure_is_news_again(settings, told, good):
    assert told(settings, ("failed", "no")) == ["a run failed"]
    assert told(settings, (good, "well"), (good, "well")) == ["a run ended well again"]
    assert told(settings, ("failed", "no")) == ["a run failed"]


def test_without_an_alert_before_nobody_hears_of_a_good_end(settings, told):
    assert told(settings, ("published", "well"), ("cancelled", STOPPED), ("unchanged", "well")) == []


def test_three_cancelled_in_a_row_are_one_alert(settings, told):
    assert told(settings, *[("cancelled", "no place")] * 2, ("unchanged", "well")) == []
    assert told(settings, *[("cancelled", "no place")] * 5) == ["run after run is cancelled"]
    assert told(settings, ("unchanged", "well")) == ["a run ended well again"]


def test_runs_that_wait_for_one_that_is_under_way_alert_nobody(settings, told):
    busy = "'requests' is being run by process 7 on here since now (run r); wait for it to end"
    assert told(settings, *[("cancelled", busy)] * 4) == []


def test_an_alert_that_no_address_took_is_sent_again(settings, monkeypatch, told):
    with webhook() as other:
        reached = other.url
    monkeypatch.setenv("MOORED_NOTIFY", reached)  # nobody is there any more
    settle(Ending("requests", "failed", "no"), settings)
    monkeypatch.undo()
    assert is_news(Alert("failed", "requests", "no"), {})
    with open_store(settings.store) as store:
        assert store.rows("open_alerts", {"study": "requests"}) == []


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(0), "cancelled"),
        (type("TerminationSignal", (BaseException,), {})(), "cancelled"),
        (StudyBusy("busy"), "cancelled"),
        (ChecksFailed("stopped"), "stopped"),
        (NoLabels("none"), "failed"),
        (ValueError("x"), "failed"),
    ],
)
def test_what_a_flow_run_ended_with(result, outcome):
    ending = ending_of("requests", "flow", result)
    assert ending.outcome == outcome
    assert "SystemExit" not in ending.message


def test_endings_are_read(settings):
    for outcome in ("published", "unchanged", "failed", "cancelled", "died"):
        settle(Ending("requests", outcome, f"it {outcome}"), settings)
    with open_store(settings.store) as store:
        rows = run_endings(store, "requests")
        assert [row.event for row in rows] == ["published", "unchanged", "failed", "cancelled", "died"]
        assert rows[-1].message == "it died"
        assert run_endings(store, most=2) == rows[-2:]
