"""What `diff` says where a version has something that the other lacks."""

import json
from dataclasses import replace

import pytest

from moored.errors import NotStored
from moored.report.changes import changes_of
from moored.storage.data_versions import store_units
from moored.storage.generations import store_recipe
from moored.storage.ingest import read_units
from moored.storage.results import Inputs
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from moored.versions.diff import Change, diff_versions
from tests.published import publish_version
from tests.runs import publish_frames
from tests.storage.test_results import CHECKS, FITS, estimates, run_row
from tests.studies import requests_frame, study, study_table, write_requests

RECIPES = {
    "recipe-1:a": {"model": "small", "questions": {"polite": {"answers": {"yes": 1, "no": 0}}}},
    "recipe-1:b": {"model": "large", "questions": {"polite": {"answers": {"no": 0, "yes": 1}}}},
    "recipe-1:c": {"model": "small"},
}


@pytest.fixture
def store(tmp_path):
    """Version 1 with the source `proxy`; version 2 with another recipe, another source, late labels."""
    frame = requests_frame().assign(polite=lambda f: f["polite"].where(f.index < 30))
    late = requests_frame().assign(polite=lambda f: f["polite"].where(f.index < 33))
    late.loc[0, "polite"] = 1 - late.loc[0, "polite"]
    late.loc[1, "polite"] = None
    tables = (
        study_table(labels={"design": "simple-random"}),
        study_table(
            labels={"design": "simple-random"},
            seed=8,
            covariates=[{"name": "long", "rule": "length(text) > 30"}],
        ),
    )
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        for fingerprint, recipe in RECIPES.items():
            store_recipe(store, fingerprint, json.dumps(recipe))
        for number, (table, rows, recipes) in enumerate(
            zip(
                tables,
                (frame, late),
                ({"proxy": "recipe-1:a"}, {"proxy": "recipe-1:b", "other": "recipe-1:c"}),
                strict=True,
            )
        ):
            given = study(**table)
            write_requests(tmp_path, rows)
            units = read_units(given, tmp_path, tmp_path)
            store_study(store, given, tmp_path)
            store_units(store, given, units)
            inputs = Inputs(given.fingerprint, units.version, f"code-{number}", recipes, number)
            values = estimates(0.5 + number).assign(estimator=["human", f"only-{number}"])
            publish_frames(store, replace(run_row(f"run-{number}"), inputs=inputs), CHECKS, values, FITS)
        yield store


def test_what_one_version_lacks_is_none(store):
    diff = diff_versions(store, "requests", 1, 2)
    assert diff.code_version == Change("code_version", "code-0", "code-1")
    assert Change("seed", 7, 8) in diff.keys
    assert Change("covariates.question.rule", "contains(text, '?')", None) in diff.keys
    assert Change("covariates.long.rule", None, "length(text) > 30") in diff.keys
    rows = {(row.estimator, row.term): row for row in diff.estimates}
    assert rows["only-0", "question"].estimate_b is None
    assert rows["only-1", "question"].change is None
    assert rows["human", "Intercept"].change == 1.0
    assert rows["human", "Intercept"].in_ses == pytest.approx(10)


def test_the_order_of_answers_is_part_of_a_recipe_and_a_new_source_is_all_new(store):
    recipes = diff_versions(store, "requests", 1, 2).recipes
    keys = {change.key: (change.a, change.b) for change in recipes["proxy"]}
    assert keys["model"] == ("small", "large")
    assert keys["questions.polite.answers"] == ([("yes", 1), ("no", 0)], [("no", 0), ("yes", 1)])
    assert {change.key: change.a for change in recipes["other"]} == {"fingerprint": None, "model": None}


def test_labels_that_came_late_went_or_changed_are_told_apart(store):
    units = {
        row["change"]: (row["units"], row["such_as"]) for row in diff_versions(store, "requests", 1, 2).units
    }
    assert units == {
        "label arrived": (3, ["r030", "r031", "r032"]),
        "label gone": (1, ["r001"]),
        "label or covariate changed": (1, ["r000"]),
    }


def test_backwards_it_is_the_other_way_round(store):
    units = {row["change"]: row["units"] for row in diff_versions(store, "requests", 2, 1).units}
    assert units["label gone"] == 3


def test_there_must_be_such_versions(store):
    with pytest.raises(NotStored, match="no version 3"):
        diff_versions(store, "requests", 1, 3)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("person", "p7", "cluster changed: 1 (r001)"),
        ("polite", None, "held-back label changed: 1 (r001)"),
        ("chance", 0.75, "probability of a label changed: 1 (r001)"),
        ("text", "Another one?", "text changed: 1 (r001)"),
    ],
)
def test_no_change_of_the_data_is_called_the_same(tmp_path, moored, column, value, said):
    frame = requests_frame().assign(
        person=[f"p{row % 20}" for row in range(60)],
        chance=[0.5 if row % 2 else 0.4 for row in range(60)],
        drawn=[row % 3 != 1 for row in range(60)],
    )
    labels = {"design": "known-probability", "probability": "chance", "column": "drawn"}
    changes = {"labels": labels, "data": {"source": "requests.csv", "cluster": "person"}}
    store = tmp_path / "store.duckdb"
    publish_version(store, tmp_path, frame, **changes)
    frame = frame.astype({"polite": object})
    frame.loc[1, column] = value
    publish_version(store, tmp_path, frame, **changes)
    answer = moored("diff", "requests", 1, 2)
    assert answer.code == 0, answer.err
    assert f"\n  {said}\n" in answer.out
    assert "data: the same" not in answer.out
    with open_store(store) as opened:
        told = changes_of(diff_versions(opened, "requests", 1, 2))
    assert told[-1].startswith(f"Data: {said.partition(':')[0]}: 1") or column == "text"
    assert "data: the same" in moored("diff", "requests", 2, 2).out
