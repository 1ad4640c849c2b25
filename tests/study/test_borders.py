"""Studies at the border: what a file says is what is run, or it is refused in plain words."""

from __future__ import annotations

import pandas as pd
import pytest

from moored.errors import OutsideDomain, StudyInvalid
from moored.storage.codebook import Entry
from moored.storage.label_role import labels
from moored.storage.roles import Where
from moored.storage.tables import Column
from moored.study import load_study, parse_study
from tests.studies import study_table


@pytest.mark.parametrize(
    ("part", "key", "right"),
    [
        (None, "seed", "a whole number, such as `seed = 0`"),
        ("labels", "sample", "a whole number, such as `sample = 150`"),
        ("data", "rows", "a whole number"),
        ("generation", "max_usd", "a number, such as `max_usd = 5.0`"),
        ("generation", "concurrency", "a whole number"),
        ("estimate", "level", "a number, such as `level = 0.95`"),
        ("model", "temperature", "a number"),
    ],
)
@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_no_number(part, key, right, value):
    table = study_table()
    if part is None:
        table[key] = value
    else:
        table[part] = dict(table.get(part, {})) | {key: value}
    with pytest.raises(StudyInvalid) as refused:
        parse_study(table)
    where = key if part is None else f"{part}.{key}"
    assert f"`{where}`: got {str(value).lower()}; allowed is {right}" in refused.value.message


def test_a_truth_value_stays_one_where_it_belongs():
    answers = {"positive": True, "negative": False}
    given = parse_study(study_table(outcome=study_table()["outcome"] | {"answers": answers}))
    assert given.outcome.answers == {"positive": 1.0, "negative": 0.0}


@pytest.mark.parametrize(
    "entry", [{"name": "proxy", "kind": "prox"}, {"name": "proxy", "kind": "proxy", "draw": 3}]
)
def test_a_list_whose_entry_is_wrong_is_not_called_too_short(entry):
    with pytest.raises(StudyInvalid) as refused:
        parse_study(study_table(sources=[entry]))
    assert "no fewer than" not in refused.value.message
    with pytest.raises(StudyInvalid, match="`sources`: got an empty list; allowed is no fewer than 1"):
        parse_study(study_table(sources=[]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "a"\nname = "b"\n', "a key or a table stands there a second time (at line 2"),
        ("[data]\n[outcome]\n[data]\n", "the table [data] stands there a second time (at line 3"),
        ("[model.a]\n[model.a]\n", "the table [model.a] stands there a second time"),
        ("data = { id = 1 }\n[data.x]\n", "the table [data.x] stands there a second time"),
        ("[data]\nid = 1\n[[data]]\n", "a key or a table stands there a second time (at line 3"),
    ],
)
def test_what_stands_twice_in_a_file_is_said(tmp_path, text, said):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(StudyInvalid) as refused:
        load_study(tmp_path / "s.toml")
    assert said in refused.value.message
    assert "Cannot" not in refused.value.message


@pytest.mark.parametrize(
    ("word", "answer"), [("None", "none"), ("NA", "na"), ("NULL", "Null"), ("nan", "Nan")]
)
def test_a_word_that_programs_write_for_nothing_is_no_answer_in_other_letters(word, answer):
    column = Column(pd.Series([word, answer, "some"], dtype=object).to_numpy())
    where, missing = Where("stance", pd.Series(["a", "b", "c"])), frozenset({"", "None", "NA", "NULL", "nan"})
    answers = {answer: 0.0, "some": 1.0}
    with pytest.raises(
        OutsideDomain, match=rf"holds '{word}' \(1 time\), which may be the answer '{answer}'"
    ):
        labels(where, column, answers, missing)
    assert labels(where, column, answers | {word: 0.0}, missing).tolist() == [0.0, 0.0, 1.0]  # as recoded
    coded = Column(column.cells, entry=Entry(value_labels={"0": word, "1": "some", "2": answer}))
    assert labels(where, coded, answers, missing).tolist() == [0.0, 0.0, 1.0]
