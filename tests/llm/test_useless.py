"""A source of which nothing can be used is not asked to its end, and the advice fits the failure."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from moored.errors import EndpointBusy, MooredError, TooManyFailures
from moored.llm.generate import generate
from moored.llm.useless import USELESS_AFTER, Start
from moored.storage.journal import Journal
from moored.study import GenerationSettings
from tests.endpoint import always, first, serve, share
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units


def _run(server: Any, journal: Journal, count: int = 200, source: str = "proxy", **keys: Any) -> Any:
    endpoint = endpoint_at(server.url)
    more = {name: keys.pop(name) for name in ("again", "begun") if name in keys}
    limits = GenerationSettings(**({"concurrency": 4} | keys))
    return generate(
        some_units(count), a_recipe(a_study(), endpoint, source), endpoint, journal, limits, **more
    )


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("nonsense", "give the question `examples`"),
        ("empty", "answered ''"),
        ("wrong-schema", "another reading prompt"),
        ("refusal", "does not want to do it"),
        ("filter", "content filter"),
        ("400", "shorten the texts"),
    ],
)
def test_nothing_usable_at_the_start_ends_the_source(fault: str, says: str, journal: Journal) -> None:
    with serve(always(fault)) as server:
        with pytest.raises(TooManyFailures, match="of source 'proxy' can be used") as caught:
            _run(server, journal)
        assert server.calls <= 2 * (USELESS_AFTER + 8)
    assert says in caught.value.message
    assert "--failed" not in caught.value.message
    assert caught.value.details["example"] not in caught.value.public


def test_texts_that_are_written_do_not_hide_that_none_can_be_read(journal: Journal) -> None:
    reads = lambda _, body: None if "rewrite" in str(body) else "nonsense"  # noqa: E731
    with (
        serve(reads) as server,
        pytest.raises(TooManyFailures, match="answers to 'positive' of source 'synth'"),
    ):
        _run(server, journal, source="synth")


def test_one_usable_row_among_the_first_keeps_the_source_going(journal: Journal) -> None:
    useless = lambda number, _: None if number == 15 else "nonsense"  # noqa: E731
    with serve(useless) as server:
        rows = _run(server, journal, 60)
    assert [row.status for row in rows].count("ok") == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_source_with_many_failures_is_not_stopped(seed: int, journal: Journal) -> None:
    with serve(share({"empty": 0.5, "400": 0.2}, seed=seed)) as server:
        assert len(_run(server, journal, 150)) == 150


@pytest.mark.parametrize("how", [{"again": True}, {"begun": True}, {"max_failed_share": 1.0}])
def test_who_asks_again_or_takes_any_share_is_not_stopped(how: dict[str, Any], journal: Journal) -> None:
    with serve(always("nonsense")) as server:
        assert len(_run(server, journal, 40, **how)) == 40


def test_an_endpoint_that_is_down_is_not_the_questions_fault(journal: Journal) -> None:
    start = Start("proxy")
    assert all(start.ended("read.x", "failed", "server", "HTTP 500") is None for _ in range(100))
    with serve(always("500")) as server, pytest.raises(MooredError, match="HTTP 500") as caught:
        _run(server, journal)
    assert not isinstance(caught.value, TooManyFailures)


def test_two_kinds_of_failure_come_to_the_end_too() -> None:
    start = Start("proxy")
    ended = [start.ended("read.x", "failed", ("empty", "wrong-answer")[k % 2], "no") for k in range(60)]
    assert next(k for k, error in enumerate(ended) if error is not None) == 2 * USELESS_AFTER - 2


@pytest.mark.parametrize("status", ["429", "503"])
@pytest.mark.parametrize("value", ["7300", "9" * 300, "Fri, 31 Dec 9999 23:59:59 GMT", "1e9"])
def test_a_wait_that_is_too_long_ends_the_run_and_says_when_to_come_back(
    status: str, value: str, journal: Journal
) -> None:
    asked = lambda _: (int(status), {"error": {"message": "busy"}}, {"Retry-After": value})  # noqa: E731
    with serve(in_place=asked) as server:
        with pytest.raises(EndpointBusy, match="run again after") as caught:
            _run(server, journal, 20)
        assert server.calls <= 8
    assert caught.value.exit_code == 45
    assert "`generation.max_wait_minutes` = 60" in caught.value.message
    assert "what was generated is stored" in caught.value.message


def test_the_study_sets_the_longest_wait(journal: Journal) -> None:
    with serve(first(1, "429"), retry_after="2") as server, pytest.raises(EndpointBusy):
        _run(server, journal, 3, max_wait_minutes=1 / 60)
    with serve(first(1, "429"), retry_after="0.3") as server:
        assert {row.status for row in _run(server, journal, 3, max_wait_minutes=1 / 60)} == {"ok"}


def test_short_waits_without_end_are_one_long_wait(journal: Journal) -> None:
    with (
        serve(always("429"), retry_after="0.2") as server,
        pytest.raises(EndpointBusy, match=r"longer than `generation.max_wait_minutes`"),
    ):
        _run(server, journal, 3, max_wait_minutes=1 / 60)


@pytest.mark.parametrize("value", ["-5", "nan", "soon", ""])
def test_a_wait_that_is_none_is_a_short_one(value: str, journal: Journal) -> None:
    with serve(first(2, "429"), retry_after=value) as server:
        assert {row.status for row in _run(server, journal, 5)} == {"ok"}


def test_a_wait_is_told_to_whoever_shows_the_run(journal: Journal) -> None:
    assert journal.waits_until() is None
    with serve(always("429"), retry_after="20") as server, pytest.raises(EndpointBusy):
        _run(server, journal, 3, max_wait_minutes=0.3)
    told: list[float | None] = []
    slow = lambda number, _: "429" if number == 1 else None  # noqa: E731
    with serve(slow, retry_after="6") as server:
        thread = threading.Thread(target=_run, args=(server, journal, 3))
        thread.start()
        while thread.is_alive() and not any(told):
            time.sleep(0.2)
            told.append(journal.waits_until())
        thread.join()
    assert any(told)
