"""What each kind of file has of its own: codes and labels, dates, percentages, headers that are found."""

from __future__ import annotations

import datetime as dt
import decimal
import inspect
import json
import re
import sys
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from typer.testing import CliRunner

from moored import errors
from moored.cli import app
from moored.errors import DataInvalid, LabelsUnknown, OutsideDomain, StudyInvalid
from moored.storage.columns import Wanted, chunk_reader, column_names, read_columns, row_count
from moored.storage.delimited import Dialect
from moored.storage.file_kinds import KIND_OF
from moored.storage.ingest import read_units
from moored.storage.rules import select
from moored.storage.table_files import read_any
from tests.studies import requests_frame, study, study_table

# ---- Excel ---------------------------------------------------------------------------------------------------


def workbook(path, rows, **formats):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in formats.items():
        book.active[cell].number_format = number_format
    book.save(path)
    return path


def test_a_sheet_is_read_by_its_stored_values(tmp_path):
    rows = [
        ["Survey of 2024"],
        [],
        ["id", "share", "day", "at", "yes", 2020, "note", None],
        ["007", 0.05, dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 12, 30), True, 3, "text", "extra"],
        [None] * 8,
        ["8", 0.5, None, None, False, 2.5, "NA"],
        [None, "  "],
    ]
    table = read_any(workbook(tmp_path / "t.xlsx", rows, B4="0%"))
    assert table.names == ("id", "share", "day", "at", "yes", "2020", "note", "column 8")
    assert table.frame.to_numpy().tolist() == [
        ["007", "0.05", "2024-01-31", "2024-01-31 12:30:00", "true", "3", "text", "extra"],
        ["8", "0.5", None, None, "false", "2.5", "NA", None],
    ]
    assert list(table.types.values())[1:6] == ["DOUBLE", "DATE", "TIMESTAMP", "BOOLEAN", "DOUBLE"]
    assert table.notes == ("sheet 'Sheet'", "header in row 3, the rows above it left out")


def test_a_cell_with_an_error_is_empty_and_said(tmp_path):
    book = openpyxl.Workbook()
    for row in (["id", "x"], ["a", 1], ["b", "#DIV/0!"], ["c", "#N/A"]):
        book.active.append(row)
    for cell in ("B3", "B4"):
        book.active[cell].data_type = "e"
    book.save(tmp_path / "t.xlsx")
    table = read_any(tmp_path / "t.xlsx")
    assert table.frame["x"].tolist() == ["1", None, None]
    assert "cells with an error such as #DIV/0! are read as empty (1: B3)" in table.notes


def test_skipped_rows_are_said(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["Response ID", "How many?"], ["a", 1]])
    table = read_any(path, Dialect(skip_rows=1))
    assert (table.frame["x"].tolist(), table.types["x"]) == (["1"], "BIGINT")


# ---- ids that a file has lost ----------------------------------------------------------------------------------


def _excel(folder):
    return workbook(
        folder / "requests.xlsx", [["id", "text", "polite"], [12345678901234567, "a b", 1], [2, "c d", 0]]
    )


def _excel_csv(folder):
    (folder / "requests.csv").write_text("id,text,polite\n1.23457E+15,a b,1\n2.1E+15,c d,0\n")
    return folder / "requests.csv"


def _stata_float(folder):
    frame = pd.DataFrame(
        {"id": np.array([16777217, 3], dtype="float32"), "text": ["a b", "c d"], "polite": [1, 0]}
    )
    frame.to_stata(folder / "requests.dta", write_index=False)
    return folder / "requests.dta"


def _spss(folder):
    frame = pd.DataFrame({"id": [9007199254740993.0, 3.0], "text": ["a b", "c d"], "polite": [1, 0]})
    pyreadstat.write_sav(frame, folder / "requests.sav")
    return folder / "requests.sav"


def _json(folder):
    (folder / "requests.json").write_text('[{"id": 1e20, "text": "a b", "polite": 1}]')
    return folder / "requests.json"


@pytest.mark.parametrize("write", [_excel, _excel_csv, _stata_float, _spss, _json])
def test_ids_that_lost_digits_are_refused(tmp_path, write):
    given = study(data={"source": write(tmp_path).name}, labels={"design": "undeclared"})
    with pytest.raises(DataInvalid, match=r"digits.*texts"):
        read_units(given, tmp_path, tmp_path)


def test_long_ids_that_a_file_keeps_are_kept(tmp_path):
    (tmp_path / "t.jsonl").write_text(
        '{"id": 12345678901234567890, "x": 1.0}\n{"id": 9007199254740993, "x": 2.5}\n'
    )
    table = read_any(tmp_path / "t.jsonl")
    assert table.frame["id"].tolist() == ["12345678901234567890", "9007199254740993"]
    assert (table.types["id"], table.frame["x"].tolist()) == ("HUGEINT", ["1", "2.5"])


# ---- SPSS, Stata, SAS ------------------------------------------------------------------------------------------

CODED = pd.DataFrame(
    {
        "id": [f"r{n}" for n in range(8)],
        "polite": [1.0, 2.0, 1.0, 2.0, 8.0, 9.0, None, 1.0],
        "region": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0],
        "scale": [1.0, 2.0, 7.0, 4.0, 5.0, 1.0, 7.0, 3.0],
        "day": [dt.date(2024, 1, n + 1) for n in range(8)],
    }
)
VALUE_LABELS = {
    "polite": {1: "Polite", 2: "Not polite", 8: "don't know", 9: "refused"},
    "region": {1: "North", 2: "South", 3: "North"},
    "scale": {1: "not at all", 7: "very much"},
}


@pytest.fixture
def sav(tmp_path):
    pyreadstat.write_sav(
        CODED.assign(text=[f"text {n}" for n in range(8)]),
        tmp_path / "requests.sav",
        column_labels={"polite": "Is it polite?"},
        variable_value_labels=VALUE_LABELS,
        missing_ranges={"polite": [{"lo": 8, "hi": 9}]},
        variable_format={"day": "DATE11"},
    )
    return tmp_path / "requests.sav"


def test_codes_are_their_labels_and_missing_codes_are_empty(sav):
    table = read_any(sav)
    assert table.frame["polite"].tolist() == [
        "Polite",
        "Not polite",
        "Polite",
        "Not polite",
        None,
        None,
        None,
        "Polite",
    ]
    assert table.codebook["polite"].missing == {'8 "don\'t know"': 1, "9 'refused'": 1}
    assert table.frame["scale"].tolist()[:4] == ["not at all", "2", "very much", "4"]
    assert table.frame["day"].tolist()[:2] == ["2024-01-01", "2024-01-02"]
    assert table.types["day"] == "DATE"
    assert "'region' has several codes with the label 'North', read as one" in table.notes


def test_a_column_is_read_by_its_codes_where_the_study_says_so(sav):
    table = read_any(sav, Dialect(codes=("scale", "region")))
    assert table.frame["scale"].tolist()[:3] == ["1", "2", "7"]
    assert table.frame["region"].tolist()[:3] == ["1", "2", "3"]
    assert "'scale' by its codes (1 = 'not at all', 7 = 'very much')" in table.notes


def outcome(answers, **more):
    return study_table()["outcome"] | {"answers": answers, "examples": []} | more


def polite(folder, answers, codes=(), **more):
    given = study(
        data={"source": "requests.sav", "codes": codes},
        labels={"design": "undeclared"},
        outcome=outcome(answers, **more),
    )
    return read_units(given, folder, folder)


@pytest.mark.parametrize(
    ("answers", "more"),
    [
        ({"polite": 1, "not polite": 0}, {}),
        ({"1": 1, "2": 0}, {}),
        ({"yes": 1, "no": 0}, {"recode": {"1": "yes", "2": "no"}}),
        ({"yes": 1, "no": 0}, {"recode": {"Polite": "yes", "not polite": "no"}}),
        ({"kind": 1, "rude": 2}, {"codes": ["polite"]}),
    ],
)
def test_labels_find_their_answers_without_sql(sav, answers, more):
    units = polite(sav.parent, answers, **more)
    low = 2.0 if "codes" in more else 0.0
    expected = [1.0, low, 1.0, low, np.nan, np.nan, np.nan, 1.0]
    np.testing.assert_array_equal(units.frame["polite"], expected)
    missing = "missing in polite by the file's codes: 8 \"don't know\" (1), 9 'refused' (1)"
    assert missing in units.reading.lines


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            {"kind": 1, "rude": 0},
            r"labels 1 = 'Polite'.*none of the answers \(kind, rude\) is called.*recode",
        ),
        ({"kind": 1, "2": 0}, "'Polite' "),
        ({"Polite": 1, "1": 0, "2": 3}, "'Polite' "),  # the label says one answer, the code another
    ],
)
def test_value_labels_that_are_no_answers_are_refused(sav, answers, words):
    with pytest.raises(LabelsUnknown, match=words):
        polite(sav.parent, answers)


def test_the_numbers_between_two_labelled_ends_are_labels(sav):
    given = study(
        data={"source": "requests.sav"},
        labels={"design": "undeclared"},
        outcome=outcome({"not at all": 1, "very much": 7}, human="scale"),
    )
    units = read_units(given, sav.parent, sav.parent)
    assert units.frame["polite"].tolist() == [1.0, 2.0, 7.0, 4.0, 5.0, 1.0, 7.0, 3.0]


@pytest.mark.parametrize("stated", ["3", "3.0", "not coded"])
def test_a_code_is_stated_missing_by_its_number_or_its_label(tmp_path, stated):
    labels = {
        "polite": {1: "yes", 2: "no", 3: "not coded"},
        "region": {1: "north", 2: "south", 3: "not coded"},
    }
    frame = requests_frame(6).assign(polite=[1.0, 2.0, 3.0] * 2, region=[3.0, 1.0, 2.0] * 2)
    pyreadstat.write_sav(frame, tmp_path / "requests.sav", variable_value_labels=labels)
    given = study(
        data={"source": "requests.sav", "missing": [stated]},
        labels={"design": "undeclared"},
        outcome=outcome({"yes": 1, "no": 0}),
        covariates=[{"name": "region", "column": "region"}],
        estimate={"formula": "polite ~ region", "missing": "drop"},
    )
    units = read_units(given, tmp_path, tmp_path)
    assert units.frame["region"].tolist() == ["north", "south"] * 2
    np.testing.assert_array_equal(units.frame["polite"], [0.0, np.nan] * 2)
    wanted = Wanted(("region",), missing=(stated,))
    read = read_columns(tmp_path / "requests.sav", wanted)["region"].fillna("")
    assert read.tolist() == ["", "north", "south"] * 2


def test_whole_numbers_of_parquet_are_ids_as_elsewhere(tmp_path):
    frame = pd.DataFrame({"id": [1.0, 2.0, None], "x": [1.5, 2.0, 1e20]})
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_any(tmp_path / "t.parquet").frame.to_numpy().tolist() == [
        ["1", "1.5"],
        ["2", "2"],
        [None, "1e+20"],
    ]


def test_a_column_that_is_nearly_named_is_meant(tmp_path):
    requests_frame(3).rename(columns={"text": "text "}).to_csv(tmp_path / "requests.csv", index=False)
    with pytest.raises(errors.ColumnMissing, match="did you mean 'text '"):
        read_units(study(), tmp_path, tmp_path)


def test_a_query_over_a_file_with_codes_keeps_its_codebook(sav):
    given = study(
        data={"source": "requests.sav", "query": "SELECT * FROM data WHERE region = 'North' ORDER BY id"},
        labels={"design": "undeclared"},
        outcome=outcome({"1": 1, "2": 0}),
    )
    units = read_units(given, sav.parent, sav.parent)
    assert units.frame["unit_id"].tolist() == ["r0", "r2", "r3", "r5", "r6"]
    np.testing.assert_array_equal(units.frame["polite"], [1.0, 1.0, 0.0, np.nan, np.nan])


def test_a_code_on_the_scale_of_the_answers_is_no_answer_by_chance(tmp_path):
    """0 = 'civil', 1 = 'rude' and answers polite = 1, impolite = 0: taken as numbers the labels were reversed."""
    frame = requests_frame(6).assign(polite=[0.0, 1.0] * 3)
    pyreadstat.write_sav(
        frame, tmp_path / "requests.sav", variable_value_labels={"polite": {0: "civil", 1: "rude"}}
    )
    with pytest.raises(LabelsUnknown, match="civil"):
        polite(tmp_path, {"polite": 1, "impolite": 0})


def test_recode_names_answers(tmp_path):
    with pytest.raises(StudyInvalid, match=r"recode of '2' gives 'maybe', allowed are yes, no"):
        study(outcome=outcome({"yes": 1, "no": 0}, recode={"2": "maybe"}))
    with pytest.raises(StudyInvalid, match="an answer stands for itself"):
        study(outcome=outcome({"yes": 1, "no": 0}, recode={"yes": "no"}))
    assert (
        study(outcome=outcome({"yes": 1, "no": 0})).fingerprint
        == study(outcome=outcome({"yes": 1, "no": 0}, recode={})).fingerprint
    )


@pytest.mark.parametrize(
    "cells", [["Ja", "Nein", "Ja"], ["1", "2", "1"], ["1.0", "2.0", ""], ["agree", "DISAGREE", "agree "]]
)
def test_words_of_a_csv_are_recoded_too(tmp_path, cells):
    frame = requests_frame(3).assign(polite=cells)
    frame.to_csv(tmp_path / "requests.csv", index=False)
    recode = {"ja": "yes", "nein": "no", "1": "yes", "2": "no", "agree": "yes", "disagree": "no"}
    given = study(labels={"design": "undeclared"}, outcome=outcome({"yes": 1, "no": 0}, recode=recode))
    expected = [1.0, 0.0, np.nan if cells[2] == "" else 1.0]
    np.testing.assert_array_equal(read_units(given, tmp_path, tmp_path).frame["polite"], expected)


def test_ends_of_a_scale_among_its_numbers_are_said(sav):
    given = study(
        data={"source": "requests.sav"},
        labels={"design": "undeclared"},
        outcome=outcome({"polite": 1, "not polite": 0}),
        covariates=[{"name": "scale", "column": "scale"}],
        estimate={"formula": "polite ~ scale", "family": "ols"},
    )
    with pytest.raises(OutsideDomain, match=r'value labels.*data\.codes = \["scale"\]'):
        read_units(given, sav.parent, sav.parent)


def test_missing_codes_of_stata_are_letters(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b", "c"], "q": pd.Series([1, "a", "b"], dtype=object)})
    pyreadstat.write_dta(
        frame,
        tmp_path / "t.dta",
        missing_user_values={"q": ["a", "b"]},
        variable_value_labels={"q": {1: "yes", "a": "refused"}},
    )
    table = read_any(tmp_path / "t.dta")
    assert table.frame["q"].tolist() == ["yes", None, None]
    assert table.codebook["q"].missing == {"a 'refused'": 1, "b": 1}


@pytest.mark.parametrize("version", [114, 117, 118, 119])
def test_stata_of_every_age(tmp_path, version):
    frame = pd.DataFrame({"id": ["Köln", "b"], "x": [1.5, 2.0], "g": pd.Categorical(["u", "v"])})
    frame.to_stata(tmp_path / "t.dta", version=version, write_index=False)
    table = read_any(tmp_path / "t.dta")
    assert table.frame.to_numpy().tolist() == [["Köln", "1.5", "u"], ["b", "2", "v"]]


def test_sas_transport_and_portable_spss(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "x": [1.5, 2.0]})
    pyreadstat.write_xport(frame, tmp_path / "t.xpt")
    pyreadstat.write_por(frame, tmp_path / "t.por")
    for name in ("t.xpt", "t.por"):
        table = read_any(tmp_path / name)
        assert [column.lower() for column in table.names] == ["id", "x"]
        assert table.frame.to_numpy().tolist() == [["a", "1.5"], ["b", "2"]]


def test_marks_are_read_by_their_codes(tmp_path):
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0], "s": [1.0, 0.0, 1.0]})
    pyreadstat.write_sav(
        frame, tmp_path / "t.sav", variable_value_labels={"s": {0: "not coded", 1: "coded by hand"}}
    )
    wanted = Wanted(("y",), marks=("s",))
    assert read_columns(tmp_path / "t.sav", wanted)["s"].tolist() == [True, False, True]


PACKAGES = {"t.sav": "pyreadstat", "t.xlsx": "python_calamine", "t.feather": "pyarrow"}


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_a_package_that_is_not_there_is_one_line_to_type(tmp_path, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(errors.ExtraMissing, match=r"t\.\w+ needs .*; type: pip install 'moored\[files\]'"):
        read_any(tmp_path / name)


# ---- JSON ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('[{"id": "a", "x": 1}, {"id": "b"}]', "t.json"),
        ('{"id": "a", "x": 1}\n{"id": "b", "x": null}\n', "t.json"),
        ('{"data": [{"id": "a", "x": 1}, {"id": "b", "x": ""}]}', "t.json"),
        ('{"schema": {"n": 1}, "data": [{"id": "a", "x": 1}, {"id": "b"}]}', "t.json"),
        ('{"id": {"0": "a", "1": "b"}, "x": {"0": 1.0, "1": null}}', "t.json"),
        ('{"columns": ["id", "x"], "index": [0, 1], "data": [["a", 1], ["b", null]]}', "t.json"),
        ('{"id": ["a", "b"], "x": [1, null]}', "t.json"),
        ('\ufeff{"id": "a", "x": 1}\r\n\r\n{"id": "b", "x": NaN}', "t.ndjson"),
    ],
)
def test_json_in_its_forms(tmp_path, content, name):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert read_any(tmp_path / name).frame.to_numpy().tolist() == [["a", "1"], ["b", None]]


def test_objects_and_lists_in_a_row(tmp_path):
    rows = [
        {"id": 1, "label": ["yes"], "meta": {"lang": "en", "at": {"page": 3}}, "spans": [1, 2]},
        {"id": 2, "label": [], "meta": {}, "spans": []},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = read_any(tmp_path / "t.jsonl")
    assert table.names == ("id", "label", "meta.lang", "meta.at.page", "spans", "meta")
    assert table.frame["label"].tolist() == ["yes", None]
    assert table.column("spans").nested
    assert table.notes == ("'label': lists of one item, read as the item",)


def test_label_studio(tmp_path):
    def said(**controls):
        found = [
            {"from_name": name, "to_name": "text", "type": kind, "value": {kind: value}}
            for name, (kind, value) in controls.items()
        ]
        return {"result": found, "was_cancelled": False, "ground_truth": False}

    good, bad = ("choices", ["good"]), ("choices", ["bad"])
    tasks = [
        {"id": 1, "data": {"text": "one"}, "annotations": [said(tone=good, stars=("rating", 4))]},
        {"id": 2, "data": {"text": "two"}, "annotations": [said(tone=bad), said(tone=bad)]},
        {
            "id": 3,
            "data": {"text": "three"},
            "annotations": [said(tone=good), said(tone=bad) | {"ground_truth": True}],
        },
        {"id": 4, "data": {"text": "four"}, "annotations": [said(tone=good) | {"was_cancelled": True}]},
        {"id": 5, "data": {"text": "five"}, "annotations": []},
    ]
    (tmp_path / "t.json").write_text(json.dumps(tasks))
    table = read_any(tmp_path / "t.json")
    assert table.names == ("id", "text", "tone", "stars")
    assert table.frame["tone"].tolist() == ["good", "bad", "bad", None, None]
    assert table.frame["stars"].tolist() == ["4", None, None, None, None]
    assert table.notes == ("an export of Label Studio", "tasks with several annotations, which agree: 1")


# ---- Qualtrics -------------------------------------------------------------------------------------------------

QUALTRICS = (
    'id,q1\nResponse ID,"How polite\nis it?"\n"{""ImportId"":""id""}","{""ImportId"":""QID1""}"\nr1,2\nr2,3\n'
)


@pytest.mark.parametrize(("name", "encoding"), [("t.csv", "utf-8-sig"), ("t.tsv", "utf-16")])
def test_qualtrics_headers_are_found_and_said(tmp_path, name, encoding):
    text = (
        QUALTRICS
        if name.endswith("csv")
        else QUALTRICS.replace(",q1", "\tq1")
        .replace(',"', '\t"')
        .replace("1,2", "1\t2")
        .replace("2,3", "2\t3")
    )
    (tmp_path / name).write_text(text, encoding=encoding, newline="")
    for dialect in (Dialect(), Dialect(skip_rows=2)):
        table = read_any(tmp_path / name, dialect)
        assert table.frame.to_numpy().tolist() == [["r1", "2"], ["r2", "3"]]
        assert "2 rows of Qualtrics under the header skipped" in table.notes
        assert table.codebook["q1"].wording == "How polite\nis it?"
    with pytest.raises(DataInvalid, match="leave it out"):
        read_any(tmp_path / name, Dialect(skip_rows=1))


def test_previews_of_qualtrics_are_said(tmp_path):
    text = QUALTRICS.replace("id,q1", "id,q1,Status").replace('is it?"', 'is it?",Response Type')
    text = text.replace('QID1""}"', 'QID1""}","{""ImportId"":""status""}"')
    text = text.replace("r1,2", "r1,2,Survey Preview").replace("r2,3", "r2,3,IP Address")
    (tmp_path / "t.csv").write_text(text, newline="")
    assert (
        "answers of a preview, not of a respondent, among the rows: 1" in read_any(tmp_path / "t.csv").notes
    )


def test_qualtrics_in_chunks(tmp_path):
    (tmp_path / "t.csv").write_text(QUALTRICS, newline="")
    wanted = Wanted(("q1",))
    frames = list(chunk_reader(tmp_path / "t.csv", wanted, 100)())
    assert frames[0]["q1"].tolist() == [2.0, 3.0]


# ---- the door of `moored estimate` -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.jsonl", "t.xlsx", "t.dta"])
def test_whole_tables_are_handed_out_in_chunks_too(tmp_path, name):
    frame = pd.DataFrame({"y": np.arange(50.0) / 8, "s": [n % 2 for n in range(50)], "g": ["a", "b"] * 25})
    path = tmp_path / name
    if name == "t.jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif name == "t.xlsx":
        workbook(path, [list(frame.columns), *frame.astype(object).values.tolist()])
    else:
        frame.to_stata(path, write_index=False)
    wanted = Wanted(("y", "g"), marks=("s",))
    whole = read_columns(path, wanted)
    assert (column_names(path), row_count(path)) == (("y", "s", "g"), 50)
    read = chunk_reader(path, wanted, 20)
    for _ in range(2):
        chunks = list(read())
        assert [len(chunk) for chunk in chunks] == [20, 20, 10]
        pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), whole)


def test_an_outcome_with_value_labels_is_a_number_and_said_to_be(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=80).round(3)
    y = (rng.random(80) < 1 / (1 + np.exp(-x))).astype(float)
    frame = pd.DataFrame({"y": y, "x": x, "s": [1.0] * 80, "f": y})
    labels = {"y": {0: "no", 1: "yes"}, "f": {0: "no", 1: "yes"}}
    pyreadstat.write_sav(frame, tmp_path / "t.sav", variable_value_labels=labels)
    frame.to_csv(tmp_path / "t.csv", index=False)
    coded, plain = (
        CliRunner().invoke(
            app,
            ["estimate", str(tmp_path / name), "--formula", "y ~ x", "--labelled", "s", "--family", "logit"],
        )
        for name in ("t.sav", "t.csv")
    )
    assert (coded.exit_code, plain.exit_code) == (0, 0), coded.output
    said = "The table: 'y' by its codes (0 = 'no', 1 = 'yes')."
    assert said in " ".join(coded.stdout.split())
    assert "The table" not in plain.stdout


# ---- other forms -------------------------------------------------------------------------------------------------

ROW = "<table:table-row>{}</table:table-row>"
CELL = '<table:table-cell office:value-type="{}"{}><text:p>{}</text:p></table:table-cell>'
SHEET = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="Answers">'
    + ROW.format(CELL.format("string", "", "id") + CELL.format("string", "", "x"))
    + ROW.format(CELL.format("string", "", "007") + CELL.format("percentage", ' office:value="0.05"', "5%"))
    + "</table:table></office:spreadsheet></office:body></office:document-content>"
)


def test_a_sheet_of_libreoffice(tmp_path):
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="/" manifest:media-type="{}"/></manifest:manifest>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(tmp_path / "t.ods", "w") as parts:
        parts.writestr("mimetype", kind)
        parts.writestr("META-INF/manifest.xml", manifest.format(kind))
        parts.writestr("content.xml", SHEET)
    assert read_any(tmp_path / "t.ods").frame.to_numpy().tolist() == [["007", "0.05"]]


@pytest.mark.parametrize("name", ["T.XLSX", "T.SAV", "T.DTA", "T.JSONL", "T.PARQUET"])
def test_names_in_capitals(tmp_path, name):
    frame = pd.DataFrame({"id": ["a", "b"], "x": [1.5, 2.5]})
    path = tmp_path / name
    writers = {
        "T.XLSX": lambda: workbook(path, [["id", "x"], ["a", 1.5], ["b", 2.5]]),
        "T.SAV": lambda: pyreadstat.write_sav(frame, path),
        "T.DTA": lambda: pyreadstat.write_dta(frame, path),
        "T.JSONL": lambda: frame.to_json(path, orient="records", lines=True),
        "T.PARQUET": lambda: frame.to_parquet(path),
    }
    writers[name]()
    assert read_any(path).frame.to_numpy().tolist() == [["a", "1.5"], ["b", "2.5"]]


def test_a_relation_of_duckdb_and_sets_of_its_own_kind():
    assert read_any(duckdb.sql("SELECT 'a' AS id, 1.5 AS x")).frame.to_numpy().tolist() == [["a", "1.5"]]
    odd = [np.float32("nan"), decimal.Decimal("1.50"), dt.timedelta(hours=30), b"\x00", None]
    assert read_any({"x": odd}).frame["x"].tolist() == [None, "1.50", "30:00:00", "00", None]


def test_sql_takes_every_type_back():
    """A query over all columns casts each cell to its column's type again."""
    at = dt.datetime(2024, 1, 31, 12, 30, 0, 5)
    columns = {
        "b": [True, None],
        "i": [1, -3],
        "h": [2**100, None],
        "d": [1.5, 1e300],
        "t": ["a", None],
        "day": [dt.date(2024, 1, 31), None],
        "at": [at, None],
        "both": [at, dt.date(2024, 1, 31)],
        "zone": [at.replace(tzinfo=dt.UTC), None],
        "time": [dt.time(12, 30), None],
        "span": [dt.timedelta(hours=-30, microseconds=500_000), None],
        "bytes": [b"\xff", None],
        "parts": [[1, "a"], {"k": None}],
        "mixed": [1, "a"],
        "money": [decimal.Decimal("1.50"), None],
    }
    table = read_any(columns)
    back = select(table, "SELECT * FROM data")
    assert back.types == {name: {"TEXT": "VARCHAR"}.get(kind, kind) for name, kind in table.types.items()} | {
        "money": "DOUBLE"
    }
    for name in set(columns) - {"money", "bytes", "zone"}:
        assert [cell and cell.removesuffix(".0") for cell in back.frame[name]] == [
            {"2024-01-31": "2024-01-31 00:00:00"}.get(cell, cell) if name == "both" else cell
            for cell in table.frame[name]
        ], name


# ---- the page ----------------------------------------------------------------------------------------------------


def test_the_page_names_every_kind_of_file_and_every_exit_code():
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    assert [
        suffix for suffix in KIND_OF if f"`{suffix}`" not in page and f"answers{suffix}" not in page
    ] == []
    listed = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", page, flags=re.M) for code in row.split(",")
    }
    kinds = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.DataInvalid)]
    assert {kind.exit_code for kind in kinds} - {errors.NoLabels.exit_code} == listed - {
        errors.ExtraMissing.exit_code
    }
