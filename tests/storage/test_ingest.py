from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from moored.errors import (
    ColumnMissing,
    DataInvalid,
    DuplicateIds,
    EmptyText,
    NoLabels,
    OutsideDomain,
    StudyInvalid,
    UnsafeRule,
)
from moored.storage.data_versions import store_units
from moored.storage.ingest import read_units
from moored.storage.studies import stored_units
from moored.storage.warehouse import open_store
from tests.studies import requests_frame, study, study_table, write_requests


def units_of(folder: Path, frame: pd.DataFrame | None = None, **changes):
    write_requests(folder, frame)
    return read_units(study(**changes), folder, folder)


def test_units_carry_text_hash_label_and_rule(tmp_path):
    frame = units_of(tmp_path).frame
    raw = requests_frame()
    assert list(frame["unit_id"]) == sorted(raw["id"])
    assert list(frame["question"]) == [float("?" in text) for text in raw["text"]]
    assert frame["labelled"].sum() == 30
    assert frame["content_hash"].nunique() == len(raw)
    assert frame["probability"].eq(0.5).all()


def test_a_label_that_does_not_count_is_held_back(tmp_path):
    frame = units_of(tmp_path).frame
    truth = requests_frame().set_index("id")["polite"].reindex(frame["unit_id"]).to_numpy()
    assert frame.loc[~frame["labelled"], "polite"].isna().all()
    np.testing.assert_array_equal(frame["polite"].fillna(frame["held_back"]), truth)


def test_the_draw_depends_on_seed_and_ids_not_on_row_order(tmp_path):
    raw = requests_frame()
    one = units_of(tmp_path, raw).frame
    other = units_of(tmp_path, raw.sample(frac=1, random_state=1)).frame
    pd.testing.assert_frame_equal(one, other)
    reseeded = units_of(tmp_path, raw, seed=8).frame
    assert set(one["unit_id"][one["labelled"]]) != set(reseeded["unit_id"][reseeded["labelled"]])


def test_the_version_follows_the_content(tmp_path):
    raw = requests_frame()
    one = units_of(tmp_path, raw)
    assert one.version == units_of(tmp_path, raw.iloc[::-1]).version
    raw.loc[0, "text"] += " now"
    assert one.version != units_of(tmp_path, raw).version


def test_the_version_follows_the_names_of_variables(tmp_path):
    """A covariate under another name, or two that swapped theirs, had the values of the study before."""
    raw = requests_frame().assign(age=range(60), pay=[n % 7 for n in range(60)])
    shown = []
    for names in [("age", "pay"), ("pay", "age"), ("years", "pay")]:
        covariates = [{"name": names[0], "column": "age"}, {"name": names[1], "column": "pay"}]
        estimate = {"formula": f"polite ~ {names[0]} + {names[1]}", "family": "ols"}
        given = study(covariates=covariates, estimate=estimate)
        units = units_of(tmp_path, raw, covariates=covariates, estimate=estimate)
        with open_store(tmp_path / "s.duckdb", create=True) as store:
            store_units(store, given, units)
            back = stored_units(store, given, units.version)
        assert list(back[names[0]]) == list(range(60))
        assert list(back[names[1]]) == [n % 7 for n in range(60)]
        shown.append(units.version)
    assert len(set(shown)) == 3


def test_the_version_follows_every_digit_of_small_numbers(tmp_path):
    covariates = [{"name": "mol", "column": "mol"}]
    estimate = {"formula": "polite ~ mol", "family": "ols"}
    one, other = (
        units_of(
            tmp_path,
            requests_frame().assign(mol=[f"{n + part}e-14" for n in range(60)]),
            covariates=covariates,
            estimate=estimate,
        )
        for part in (0, 0.01)
    )
    assert one.version != other.version


def test_rows_takes_a_seeded_sample(tmp_path):
    data = {"source": "requests.csv", "rows": 30}
    frame = units_of(tmp_path, data=data).frame
    assert len(frame) == 30
    assert set(frame["unit_id"]) < set(requests_frame()["id"])


def test_words_become_numbers_by_the_answers(tmp_path):
    raw = requests_frame()
    raw["polite"] = raw["polite"].map({1: "positive", 0: "negative"})
    frame = units_of(tmp_path, raw).frame
    assert set(frame["polite"].dropna()) == {0.0, 1.0}


def test_unlabelled_rows_are_unlabelled(tmp_path):
    raw = requests_frame().astype({"polite": "Int64"})
    raw.loc[10:, "polite"] = pd.NA
    frame = units_of(tmp_path, raw, labels={"design": "undeclared"}).frame
    assert frame["labelled"].sum() == 10
    assert frame["held_back"].isna().all()


def test_known_probabilities_are_kept(tmp_path):
    raw = requests_frame().assign(pi=np.linspace(0.2, 0.9, 60))
    labels = {"design": "known-probability", "probability": "pi"}
    frame = units_of(tmp_path, raw, labels=labels).frame
    np.testing.assert_allclose(frame["probability"], np.linspace(0.2, 0.9, 60))


REFUSALS = {
    "missing column": (lambda raw: raw.drop(columns="id"), {}, ColumnMissing, "'id'"),
    "missing label": (lambda raw: raw.drop(columns="polite"), {}, ColumnMissing, "polite"),
    "duplicate ids": (lambda raw: raw.assign(id="same"), {}, DuplicateIds, "same"),
    "no id": (lambda raw: raw.assign(id=None), {}, DataInvalid, "no 'id'"),
    "empty text": (lambda raw: raw.assign(text=["  ", *raw["text"][1:]]), {}, EmptyText, "r000"),
    "label outside": (lambda raw: raw.assign(polite=9), {}, OutsideDomain, "from 0 to 1"),
    "label no answer": (lambda raw: raw.assign(polite="rude"), {}, OutsideDomain, "positive, negative"),
    "no label": (lambda raw: raw.assign(polite=None), {}, NoLabels, "label some"),
    "sample too large": (
        lambda raw: raw,
        {"labels": {"design": "simple-random", "sample": 61}},
        DataInvalid,
        "labels.sample",
    ),
    "rule reads a file": (
        lambda raw: raw,
        {"covariates": [{"name": "x", "rule": "(SELECT count(*) FROM read_csv('/etc/passwd'))"}]},
        UnsafeRule,
        "over its row only",
    ),
    "rule mixes rows": (
        lambda raw: raw,
        {"covariates": [{"name": "x", "rule": "max(length(text))"}]},
        UnsafeRule,
        "one value for each row",
    ),
    "rule is no SQL": (
        lambda raw: raw,
        {"covariates": [{"name": "x", "rule": "length(text"}]},
        StudyInvalid,
        "no SQL expression",
    ),
    "rule over the label": (
        lambda raw: raw,
        {"covariates": [{"name": "x", "rule": "polite"}]},
        ColumnMissing,
        "they have text",
    ),
    "covariate with gaps": (
        lambda raw: raw.assign(age=[None, *range(59)]),
        {"covariates": [{"name": "age", "column": "age"}]},
        DataInvalid,
        "r000",
    ),
    "probability zero": (
        lambda raw: raw.assign(pi=0.0),
        {"labels": {"design": "known-probability", "probability": "pi"}},
        OutsideDomain,
        "(0, 1]",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refuses(tmp_path, case):
    change, changes, error, words = REFUSALS[case]
    with pytest.raises(error) as refusal:
        units_of(tmp_path, change(requests_frame()), **changes)
    assert words in refusal.value.message


def test_refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataInvalid, match=r"nowhere\.csv"):
        read_units(study(data={"source": "nowhere.csv"}), tmp_path, tmp_path)


def test_units_shown_as_examples_leave_before_anything_is_drawn(tmp_path):
    raw = requests_frame()
    outcome = study_table()["outcome"]
    shown = [[f"  {raw['text'][7].upper()}\n", "positive"], [raw["text"][21], "negative"]]
    units = units_of(tmp_path, raw, outcome=outcome | {"examples": shown})
    assert units.shown_units == ("r007", "r021")
    assert len(units.frame) == 58
    assert not units.frame["unit_id"].isin(units.shown_units).any()
    assert units.frame["labelled"].sum() == 30
    others = units_of(tmp_path, raw.drop(index=[7, 21]))
    pd.testing.assert_frame_equal(units.frame, others.frame)
    assert (units.version, others.shown_units) == (others.version, ())


def test_examples_of_a_covariate_are_spent_too(tmp_path):
    raw = requests_frame().assign(hurry=0)
    asked = {"ask": "Is it urgent?", "answers": {"yes": 1, "no": 0}, "examples": [[raw["text"][3], "no"]]}
    units = units_of(tmp_path, raw, covariates=[{"name": "urgent", "human": "hurry", "question": asked}])
    assert units.shown_units == ("r003",)


def test_refuses_data_that_are_all_examples(tmp_path):
    raw = requests_frame(2)
    shown = [[text, "positive"] for text in raw["text"]]
    with pytest.raises(DataInvalid, match="every unit's text is an example"):
        units_of(tmp_path, raw, outcome=study_table()["outcome"] | {"examples": shown})


def test_a_query_selects_the_units_of_a_table(tmp_path):
    source = {"source": "requests.csv", "query": "SELECT * FROM data WHERE polite = 1"}
    frame = units_of(tmp_path, data=study().data.model_copy(update=source)).frame
    raw = requests_frame()
    assert list(frame["unit_id"]) == sorted(raw["id"][raw["polite"] == 1])


def test_a_query_joins_the_tables_of_a_database(tmp_path):
    raw = requests_frame()
    with duckdb.connect(tmp_path / "raw.duckdb") as connection:
        connection.register("raw", raw)
        connection.execute("CREATE TABLE texts AS SELECT id, text FROM raw")
        connection.execute("CREATE TABLE labels AS SELECT * EXCLUDE text FROM raw")
    source = {"source": "raw.duckdb", "query": "SELECT * FROM texts JOIN labels USING (id)"}
    joined = units_of(tmp_path, data=study().data.model_copy(update=source))
    assert joined.version == units_of(tmp_path, raw).version


@pytest.mark.parametrize(
    "query", ["SELECT * FROM '/etc/passwd'", "SELEC", "CREATE TABLE x AS SELECT 1", "SELECT * FROM nowhere"]
)
@pytest.mark.parametrize("source", ["requests.csv", "raw.duckdb"])
def test_a_query_that_does_more_than_select_is_refused(tmp_path, query, source):
    with duckdb.connect(tmp_path / "raw.duckdb") as connection:
        connection.execute("CREATE TABLE texts (id VARCHAR, text VARCHAR)")
    changed = study().data.model_copy(update={"source": source, "query": query})
    with pytest.raises(StudyInvalid, match=r"data\.query"):
        units_of(tmp_path, data=changed)
