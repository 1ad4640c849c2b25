import json

import pandas as pd
import pytest

from moored.storage.data_versions import store_units
from moored.storage.generations import (
    SourcePlan,
    append_generations,
    failures,
    latest_generations,
    missing_units,
    recipe_pairs,
    recipes_tried,
    served_models,
    source_state,
    store_plan,
)
from moored.storage.ingest import read_units
from moored.storage.warehouse import open_store
from tests.studies import requests_frame, study, write_requests

PLANNED = SourcePlan("proxy", "recipe-1:a", 1)


@pytest.fixture
def stored(tmp_path):
    write_requests(tmp_path, requests_frame(6))
    units = read_units(study(labels={"design": "undeclared"}), tmp_path, tmp_path)
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        store_units(store, study(), units)
        store_plan(store, "requests", "run", units.version, [PLANNED])
        yield store, units


def row(units, number, status="ok", recipe=PLANNED.recipe, value=0.5):
    unit = units.frame.iloc[number]
    return {
        "unit_id": unit["unit_id"],
        "source": "proxy",
        "step": "read.polite",
        "draw": 0,
        "recipe": recipe,
        "content_hash": unit["content_hash"],
        "request_key": None,
        "reply": None,
        "text": None,
        "value": value,
        "status": status,
        "error": None,
        "error_kind": None,
        "attempts": 1,
        "cached": False,
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "usd": 0.0,
        "prices": "local",
        "latency_s": 0.1,
        "flag": None,
    }


def counts(store, units):
    state = source_state(store, "requests", units.version, PLANNED)
    return (state.ok, state.failed, state.refused, state.missing)


def test_every_unit_is_missing_until_it_has_its_rows(stored):
    store, units = stored
    assert counts(store, units) == (0, 0, 0, 6)
    given = [row(units, 0), row(units, 1, "failed"), row(units, 2, "refused"), row(units, 3, "over-budget")]
    append_generations(store, "requests", "run", given)
    assert counts(store, units) == (1, 1, 1, 3)


def test_rows_of_another_recipe_or_text_do_not_count(stored):
    store, units = stored
    other = row(units, 1) | {"content_hash": "another text"}
    append_generations(store, "requests", "run", [row(units, 0, recipe="recipe-1:b"), other])
    assert counts(store, units) == (0, 0, 0, 6)


def test_the_last_row_counts_and_the_first_stays(stored):
    store, units = stored
    append_generations(store, "requests", "one", [row(units, 0, "failed")])
    append_generations(store, "requests", "two", [row(units, 0, value=0.9)])
    assert counts(store, units) == (1, 0, 0, 5)
    latest = latest_generations(store, "requests", units.version, [PLANNED])
    assert list(latest["value"]) == [0.9]
    before = latest_generations(store, "requests", units.version, [PLANNED], seq=1)
    assert list(before["status"]) == ["failed"]


def test_sources_that_swapped_their_recipes_have_rows_under_both_and_one_counts(stored):
    store, units = stored
    swapped = {"first": "recipe-1:b", "second": "recipe-1:a"}
    for source in swapped:
        for recipe, status in (("recipe-1:a", "ok"), ("recipe-1:b", "failed")):
            given = row(units, 0, status, recipe) | {"source": source, "error_kind": "empty"}
            append_generations(store, "requests", "run", [given])
    planned = [SourcePlan(source, recipe, 1) for source, recipe in swapped.items()]
    latest = latest_generations(store, "requests", units.version, planned)
    assert latest.set_index("source")["status"].to_dict() == {"first": "failed", "second": "ok"}
    assert [found["source"] for found in failures(store, "requests", units.version, planned)] == ["first"]
    key = {
        "study": "requests",
        "data_version": units.version,
        "seq": 99,
        "recipes": recipe_pairs(swapped),
    }
    assert [found["source"] for found in store.rows("failures_of_version", key)] == ["first"]
    assert [(found["rows"], found["failed"]) for found in store.rows("generation_facts", key)] == [
        (1, 1),
        (1, 0),
    ]
    ids = {"unit_ids": [units.frame["unit_id"].iloc[0]]}
    assert len(store.rows("stages_of_units", key | ids)) == 2


def test_what_a_request_used_counts_once_and_on_the_day_on_which_it_was_sent(stored):
    """Equal texts share a reply, and so does a new recipe that asks the same: the methods said more tokens than
    the run had used, and named the day of a run that asked nothing."""
    store, units = stored
    used = {"prompt_tokens": 30, "completion_tokens": 2, "usd": 0.5}
    free = used | {"usd": 0.0, "cached": True}
    first = [
        row(units, number) | used | {"request_key": key, "cached": number == 2}
        for number, key in enumerate(("a", "b", "b"))
    ]
    append_generations(store, "requests", "one", first)
    store._connection.execute("UPDATE generations SET stored_at = '2026-11-01 12:00:00+00'")
    again = [
        row(units, number, recipe="recipe-1:b") | free | {"request_key": key}
        for number, key in enumerate(("a", "b", "b"))
    ]
    append_generations(store, "requests", "two", again)
    for recipe in ("recipe-1:a", "recipe-1:b"):
        pairs = recipe_pairs({"proxy": recipe})
        key = {"study": "requests", "data_version": units.version, "seq": 99, "recipes": pairs}
        told = store.row("generation_facts", key)
        assert (told["rows"], told["prompt_tokens"], told["completion_tokens"]) == (3, 60, 4)
        assert told["usd"] == 1.0
        assert {told[at].date().isoformat() for at in ("first_at", "last_at")} == {"2026-11-01"}


def test_the_models_that_replies_name(stored):
    store, units = stored
    said = [
        '{"model": "march", "choices": []}',
        json.dumps({"choices": [{"message": {"content": '"model": "forged"'}}], "model": "june"}),
        '{"model":"june"}',
        "no JSON",
        None,
    ]
    rows = [row(units, number) | {"reply": reply} for number, reply in enumerate(said)]
    append_generations(store, "requests", "one", rows)
    found = served_models(store, "requests", units.version, [PLANNED])
    ids = list(units.frame["unit_id"])
    assert [(one.model, one.units, one.unit_ids) for one in found] == [
        ("june", 2, ids[1:3]),
        ("march", 1, ids[:1]),
    ]


def test_a_reply_of_a_run_that_was_killed_before_it_stored_its_rows_counts_as_it_came(stored):
    store, units = stored
    append_generations(
        store, "requests", "two", [row(units, 0) | {"request_key": "a", "cached": True, "prompt_tokens": 9}]
    )
    pairs = recipe_pairs({"proxy": PLANNED.recipe})
    key = {"study": "requests", "data_version": units.version, "seq": 99, "recipes": pairs}
    assert store.row("generation_facts", key)["prompt_tokens"] == 9


def test_what_is_missing_is_asked_for_and_failures_only_on_demand(stored):
    store, units = stored
    append_generations(
        store, "requests", "run", [row(units, 0), row(units, 1, "failed"), row(units, 2, "refused")]
    )
    ids = list(units.frame["unit_id"])
    assert missing_units(store, "requests", units.version, PLANNED) == ids[3:]
    failed = missing_units(store, "requests", units.version, PLANNED, failed=True)
    assert failed == [ids[1], *ids[3:]]
    only = missing_units(store, "requests", units.version, PLANNED, only=[ids[0]])
    assert only == [ids[0]]


def test_a_batch_that_cannot_be_stored_whole_is_not_stored(stored):
    store, units = stored
    with pytest.raises(Exception, match=r"CHECK|Constraint"):
        append_generations(store, "requests", "run", [row(units, 0), row(units, 1, "perhaps")])
    assert counts(store, units) == (0, 0, 0, 6)
    assert isinstance(units.frame, pd.DataFrame)


@pytest.mark.parametrize(
    "bad",
    [{"reply": "\ud83d"}, {"text": "a\ud83d"}, {"prompt_tokens": 10**30}, {"completion_tokens": -(10**40)}],
)
def test_a_row_that_cannot_be_stored_fails_alone(stored, bad):
    store, units = stored
    rows = [row(units, 0), row(units, 1) | bad, row(units, 2)]
    append_generations(store, "requests", "run", rows)
    assert counts(store, units) == (2, 1, 0, 3)
    kept = latest_generations(store, "requests", units.version, [PLANNED]).set_index("unit_id")
    failed = kept.loc[rows[1]["unit_id"]]
    assert (failed["status"], failed["value"] == failed["value"]) == ("failed", False)


def test_any_text_is_stored_as_it_is(stored):
    store, units = stored
    odd = "a\x00b\u2028\U0001f600'; DROP TABLE generations; --"
    append_generations(store, "requests", "run", [row(units, 0) | {"reply": odd, "text": odd}])
    kept = latest_generations(store, "requests", units.version, [PLANNED])
    assert list(kept["text"]) == [odd]


def test_recipes_are_counted_by_source_on_the_same_labels(stored):
    store, _ = stored
    for run, recipe, version in (("r1", "a", "d1"), ("r2", "b", "d1"), ("r3", "b", "d1"), ("r4", "c", "d2")):
        store_plan(store, "s", run, version, [SourcePlan("proxy", recipe, 1), SourcePlan("synth", "same", 1)])
    assert recipes_tried(store, "s", "d1") == {"proxy": 2, "synth": 1}
    assert recipes_tried(store, "s", "d2") == {"proxy": 1, "synth": 1}
    assert recipes_tried(store, "other", "d1") == {}
