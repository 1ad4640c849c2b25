"""The Batch API fills the reply store; rows are made by `generate`, which then finds everything there."""

from __future__ import annotations

from typing import Any

import pytest

from moored.errors import BudgetReached
from moored.llm.batch import batch_requests, fetch_batches, submit_batches
from moored.llm.generate import generate
from moored.storage.journal import Journal
from moored.study import Generation as Limits
from tests.endpoint import none, serve
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units


def _through(journal, units, recipe, endpoint):  # type: ignore[no-untyped-def]
    states = []
    for _ in recipe.questions.keys() | {"write"}:
        submit_batches(batch_requests(units, recipe, journal), recipe, endpoint, journal, Limits())
        while journal.open_batches(recipe.source, endpoint.identity):
            states += fetch_batches(recipe, endpoint, journal)
    return states


def test_a_synthetic_source_through_batches(journal: Journal) -> None:
    units = some_units(30)
    with serve() as server:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint, "synth")
        states = _through(journal, units, recipe, endpoint)
        assert [state.answered for state in states if state.status == "completed"] == [30, 30]
        sent = server.calls
        rows = generate(units, recipe, endpoint, journal, Limits())
        assert server.calls == sent == 60 == journal.calls()
    assert all(row.cached and row.status == "ok" for row in rows)
    assert [row.text for row in rows[:30]] == [f"In short: {unit.text}" for unit in units]


def test_a_batch_is_found_again_by_its_id(journal: Journal) -> None:
    units = some_units(5)
    with serve() as server:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint)
        (first,) = submit_batches(batch_requests(units, recipe, journal), recipe, endpoint, journal, Limits())
        # the process ends here; the next one hands nothing in again
        later = Journal(journal.path, "small")
        assert submit_batches(batch_requests(units, recipe, later), recipe, endpoint, later, Limits()) == []
        assert [state.status for state in fetch_batches(recipe, endpoint, later)] == ["in_progress"]
        (state,) = fetch_batches(recipe, endpoint, later)
        assert (state.batch, state.answered, len(server.batches)) == (first, 5, 1)


def test_what_a_batch_could_not_answer_is_sent_the_other_way(journal: Journal) -> None:
    units = some_units(10)
    faults = lambda number, _: "server_error" if number <= 3 else None  # noqa: E731
    with serve(faults) as server:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint)
        states = _through(journal, units, recipe, endpoint)
        assert sum(state.answered for state in states) == 10 or any(state.failed for state in states)
        rows = generate(units, recipe, endpoint, journal, Limits())
        assert {row.status for row in rows} == {"ok"}
        assert server.calls == journal.calls()


def test_a_cap_stops_a_batch_before_it_is_handed_in(journal: Journal) -> None:
    with serve(none) as server:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint)
        requests = batch_requests(some_units(10), recipe, journal)
        with pytest.raises(BudgetReached, match="raise its cap"):
            submit_batches(requests, recipe, endpoint, journal, Limits(max_requests=9))
        assert not server.files
        assert journal.calls() == 0


@pytest.mark.parametrize("handed_in", [True, False])
def test_a_batch_whose_id_was_never_written_down(handed_in: bool, journal: Journal, monkeypatch: Any) -> None:
    units = some_units(4)
    with serve() as server:
        endpoint = endpoint_at(server.url)
        recipe = a_recipe(a_study(), endpoint)
        requests = batch_requests(units, recipe, journal)
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "name_batch", lambda *_: None)  # killed just before this
            submit_batches(requests, recipe, endpoint, journal, Limits())
        if not handed_in:
            server.batches.clear()
        assert submit_batches(requests, recipe, endpoint, journal, Limits()) == []
        states = fetch_batches(recipe, endpoint, journal)
        states += fetch_batches(recipe, endpoint, journal)
        assert sum(state.answered for state in states) == (4 if handed_in else 0)
        assert journal.open_batches(recipe.source, endpoint.identity) == []
        assert bool(batch_requests(units, recipe, journal)) != handed_in
