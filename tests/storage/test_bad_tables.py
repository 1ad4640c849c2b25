"""What no table can be read from: one sentence and an exit code for each."""

from __future__ import annotations

import json
import sqlite3

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pyreadstat
import pytest
from msoffcrypto.format.ooxml import OOXMLFile

from moored.errors import (
    ColumnMissing,
    DataInvalid,
    EmptyTable,
    FileAbsent,
    HeaderUnclear,
    NotReadable,
    PasswordNeeded,
    SheetUnnamed,
    WrongEncoding,
)
from moored.storage.columns import column_names
from moored.storage.delimited import Dialect
from moored.storage.ingest import read_units
from moored.storage.table_files import read_any
from tests.studies import study, write_study

ROWS = [["id", "text"], ["a", "one"], ["b", "two"]]


def sheet(path, rows=ROWS, *, more=(), merge=None, change=None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.active.title = "Answers"
    for name, cells in more:
        other = book.create_sheet(name)
        for row in cells:
            other.append(row)
    if merge:
        book.active.merge_cells(merge)
    if change:
        change(book)
    book.save(path)
    return path


def _protected(folder):
    with (folder / "t.xlsx").open("wb") as out, sheet(folder / "plain.xlsx").open("rb") as plain:
        OOXMLFile(plain).encrypt("secret", out)
    return folder / "t.xlsx"


def _bytes(name, content):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _broken_sav(folder):
    frame = pd.DataFrame({"id": ["abcdefgh"] * 5, "text": ["plain"] * 3 + ["köln", "last."]})
    pyreadstat.write_sav(frame, folder / "utf8.sav")
    content = (folder / "utf8.sav").read_bytes().replace("köln".encode(), b"k\xf6ln.")
    return _bytes("t.sav", content)(folder)


def _sqlite(*tables, name="t.sqlite"):
    def write(folder):
        with sqlite3.connect(folder / name) as connection:
            for table in tables:
                connection.execute(f"CREATE TABLE {table} (id)")
        return folder / name

    return write


def _sqlite_latin(folder):
    with sqlite3.connect(folder / "t.sqlite") as connection:
        connection.execute("CREATE TABLE t AS SELECT CAST(x'4BF66C6E' AS TEXT) AS id")
    return folder / "t.sqlite"


def _duckdb(*tables):
    def write(folder):
        with duckdb.connect(folder / "t.duckdb") as connection:
            for table in tables:
                connection.execute(f"CREATE TABLE {table} (id INTEGER)")
        return folder / "t.duckdb"

    return write


def _named(part, write):
    return lambda folder: f"{write(folder)}::{part}"


def _hidden(book):
    book["Codes"].sheet_state = "hidden"


TWO_SHEETS = [("Codes", [["code", "means"], [1, "yes"]])]
CASES = {
    "a folder": (lambda folder: folder, FileAbsent, "is a folder; name one file"),
    "an address": (lambda folder: "https://example.org/t.xlsx", FileAbsent, "download the table"),
    "nothing there": (lambda folder: folder / "t.sav", FileAbsent, "there is no file"),
    "an empty CSV": (_bytes("t.csv", b""), EmptyTable, "is empty; give a table with a header"),
    "an empty JSONL": (_bytes("t.jsonl", b"\n\n"), EmptyTable, "is empty"),
    "an empty list": (_bytes("t.json", b"[]"), EmptyTable, "has no rows"),
    "an empty sheet": (lambda f: sheet(f / "t.xlsx", []), EmptyTable, "has no sheets"),
    "an empty sheet, named": (
        lambda f: f"{sheet(f / 't.xlsx', more=[('Later', [])])}::Later",
        EmptyTable,
        "the sheet 'Later' .* is empty",
    ),
    "a database without tables": (_sqlite(), EmptyTable, "has no tables"),
    "an empty SPSS file": (_bytes("t.sav", b""), NotReadable, "as a file of SPSS"),
    "a broken SPSS file": (_bytes("t.sav", b"$FL2@(#) no"), NotReadable, "broken or cut short"),
    "a broken Stata file": (_bytes("t.dta", b"<stata_dta><h"), NotReadable, "as a file of Stata"),
    "a broken SAS file": (_bytes("t.sas7bdat", b"no"), NotReadable, "as a file of SAS"),
    "a broken workbook": (_bytes("t.xlsx", b"PK\x03\x04 no"), NotReadable, "as a workbook"),
    "a text called a sheet": (_bytes("t.xls", b"id\ttext\n1\ta"), NotReadable, "begins with b'id"),
    "a page called a sheet": (_bytes("t.xls", b"<html><table>"), NotReadable, "a web page"),
    "a page called a CSV": (_bytes("t.csv", b"<!DOCTYPE html>"), NotReadable, "download the table itself"),
    "a pointer": (_bytes("t.parquet", b"version https://git-lfs"), NotReadable, "git lfs pull"),
    "a password of SPSS": (
        _bytes("t.sav", b"\x1c" + bytes(7) + b"ENCRYPTEDSAV\x15"),
        PasswordNeeded,
        "open it in SPSS",
    ),
    "SQLite not in UTF-8": (_sqlite_latin, WrongEncoding, "a text is not in UTF-8"),
    "a broken Feather file": (_bytes("t.feather", b"ARROW1 no"), NotReadable, "as an Arrow or Feather"),
    "a broken Parquet file": (_bytes("t.parquet", b"PAR1 no"), NotReadable, "cannot be read"),
    "a broken database": (_bytes("t.sqlite", b"SQLite format 3\0 no"), NotReadable, "SQLite database"),
    "cut gzip": (_bytes("t.csv.gz", b"\x1f\x8b\x08"), NotReadable, "cut short"),
    "no JSON": (_bytes("t.jsonl", b'{"id": 1}\n{"id": 2,}\n'), NotReadable, "line 2, character 10"),
    "JSON without objects": (_bytes("t.json", b'[{"id": 1}, 3]'), NotReadable, "row 2 is no object but 3"),
    "one value of JSON": (_bytes("t.json", b"3"), NotReadable, "row 1 is no object"),
    "deep JSON": (_bytes("t.jsonl", b"[" * 100_000), NotReadable, "line 1"),
    "other kinds": (_bytes("t.rds", b"x"), NotReadable, "row.names = FALSE"),
    "a password": (_protected, PasswordNeeded, "protected by a password; open it in Excel"),
    "a key twice": (_bytes("t.jsonl", b'{"id": 1, "id": 2}'), HeaderUnclear, "two keys 'id'"),
    "a name twice in Excel": (
        lambda f: sheet(f / "t.xlsx", [["id", "id"], [1, 2]]),
        HeaderUnclear,
        "two columns called 'id'",
    ),
    "a merged header": (
        lambda f: sheet(f / "t.xlsx", [["id", "text", None], [1, 2, 3]], merge="B1:C1"),
        HeaderUnclear,
        "cells B1:C1 of the header are merged",
    ),
    "a header of two rows": (
        lambda f: sheet(f / "t.xlsx", [["id", "text"], [None, "a"], [1, 2]], merge="A1:A2"),
        HeaderUnclear,
        "cells A1:A2 of the header",
    ),
    "merged cells": (
        lambda f: sheet(f / "t.xlsx", [["g", "text"], ["x", "a"], [None, "b"]], merge="A2:A3"),
        DataInvalid,
        "cells A2:A3 are merged",
    ),
    "formulas never computed": (
        lambda f: sheet(f / "t.xlsx", [["id", "n"], ["a", "=1+1"], ["b", "=B2"]]),
        DataInvalid,
        r"formulas without a stored value \(2: B2, B3\)",
    ),
    "two sheets": (
        lambda f: sheet(f / "t.xlsx", more=TWO_SHEETS),
        SheetUnnamed,
        "several sheets: 'Answers', 'Codes'; name one as `.*t.xlsx::Answers`",
    ),
    "no such sheet": (
        lambda f: f"{sheet(f / 't.xlsx', more=TWO_SHEETS)}::answers",
        SheetUnnamed,
        "no sheet 'answers'; it has 'Answers', 'Codes'",
    ),
    "two tables": (_sqlite("a", "b"), SheetUnnamed, "several tables: 'a', 'b'"),
    "no such table": (_named("c", _sqlite("a", "b")), SheetUnnamed, "no table 'c'"),
    "two tables of DuckDB": (_duckdb("a", "b"), SheetUnnamed, "several tables: 'a', 'b'"),
    "no such table of DuckDB": (_named("c", _duckdb("a")), SheetUnnamed, "no table 'c'; it has 'a'"),
    "a table of a CSV": (_named("a", _bytes("t.tsv.gz", b"")), NotReadable, "cannot be read"),
    "a sheet of SPSS": (_named("a", _bytes("t.sav", b"")), SheetUnnamed, "holds one table"),
    "not UTF-8": (_bytes("t.csv", "id\nKöln".encode("latin-1")), WrongEncoding, "line 2, byte 4 is 0xF6"),
    "JSON not in UTF-8": (_bytes("t.json", b'[{"id": "\xe9"}]'), WrongEncoding, "byte 9 is 0xE9"),
    "SPSS in another encoding": (_broken_sav, WrongEncoding, "a text of row 4 is not in"),
    "half a character": (
        _bytes("t.jsonl", rb'{"text": "a\ud83d"}'),
        DataInvalid,
        "row 1 of 'text' holds half",
    ),
    "flattened names twice": (
        _bytes("t.json", b'[{"a.b": 1, "a": {"b": 2}}]'),
        HeaderUnclear,
        "two columns called 'a.b'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_table_is_one_sentence(tmp_path, case):
    write, kind, words = CASES[case]
    with pytest.raises(kind, match=words) as refusal:
        read_any(write(tmp_path))
    assert type(refusal.value) is kind
    assert "\n" not in refusal.value.message


def test_the_way_out_of_a_wrong_encoding_works(tmp_path):
    assert read_any(_broken_sav(tmp_path), Dialect("cp1252")).frame["text"][3] == "köln."
    with pytest.raises(WrongEncoding, match="'nope'"):
        read_any(tmp_path / "t.sav", Dialect("nope"))


def test_a_hidden_sheet_is_taken_when_named_alone(tmp_path):
    path = sheet(tmp_path / "t.xlsx", more=TWO_SHEETS, change=_hidden)
    assert read_any(path).names == ("id", "text")
    assert read_any(f"{path}::Codes").names == ("code", "means")


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (3, DataInvalid, "the data are a int; give a data frame"),
        ([], DataInvalid, "the data are a list"),
        ({"id": [1], "text": ["a", "b"]}, DataInvalid, "differ in length: id 1, text 2"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), HeaderUnclear, "two columns called 'a'"),
        (
            pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            HeaderUnclear,
            "several levels",
        ),
        (pl.Series([1]), DataInvalid, "a Series"),
    ],
)
def test_what_is_no_data_frame(data, kind, words):
    with pytest.raises(kind, match=words):
        read_any(data)


def test_a_label_studio_export_whose_annotators_differ(tmp_path):
    def task(number, *choices):
        said = [
            {"result": [{"from_name": "tone", "type": "choices", "value": {"choices": [word]}}]}
            for word in choices
        ]
        return {"id": number, "data": {"text": f"t{number}"}, "annotations": said}

    (tmp_path / "t.json").write_text(json.dumps([task(1, "good"), task(2, "good", "bad"), task(3)]))
    with pytest.raises(DataInvalid, match="annotators differ in 'tone' \\(1 of 3 tasks: 2\\); mark one"):
        read_any(tmp_path / "t.json")


@pytest.mark.parametrize(
    ("write", "stated"),
    [
        (lambda f: sheet(f / "t.xlsx"), Dialect(delimiter=";")),
        (lambda f: sheet(f / "t.xlsx"), Dialect(encoding="cp1252")),
        (_bytes("t.jsonl", b'{"id": 1}'), Dialect(skip_rows=1)),
        (_bytes("t.parquet", b"PAR1"), Dialect(encoding="cp1252")),
        (_sqlite("a"), Dialect(delimiter=";")),
    ],
)
def test_what_a_kind_of_file_does_not_have_is_not_stated(tmp_path, write, stated):
    path = write(tmp_path)
    with pytest.raises(DataInvalid, match=r"says nothing of this kind of file .*; leave it out"):
        read_any(path, stated)
    with pytest.raises(DataInvalid, match=r"says nothing of"):
        column_names(path, stated)


def test_codes_of_a_column_that_is_not_there(moored, tmp_path):
    pyreadstat.write_sav(pd.DataFrame({"y": [1.0], "s": [1.0]}), tmp_path / "t.sav")
    answer = moored("estimate", tmp_path / "t.sav", "--formula", "y ~ 1", "--labelled", "s", "--codes", "q7")
    assert (answer.code, answer.out) == (ColumnMissing.exit_code, "")
    given = study(data={"source": "t.sav", "id": "y", "text": "s", "codes": ["q7"]})
    with pytest.raises(ColumnMissing, match=r"`data.codes` names the column 'q7'"):
        read_units(given, tmp_path, tmp_path)


SHELL = {
    "a folder": (lambda f: f, 26),
    "not UTF-8": (_bytes("t.csv", "y,s\nKöln,1".encode("latin-1")), 27),
    "empty": (_bytes("t.csv", b""), 28),
    "a header alone": (lambda f: sheet(f / "t.xlsx", [["y", "s"]]), 28),
    "a password": (_protected, 36),
    "two sheets": (lambda f: sheet(f / "t.xlsx", more=TWO_SHEETS), 38),
    "broken": (_bytes("t.sav", b"$FL2"), 39),
}


@pytest.mark.parametrize("case", SHELL)
def test_estimate_and_validate_end_with_the_same_code(moored, tmp_path, case):
    write, code = SHELL[case]
    path = write(tmp_path)
    estimated = moored("estimate", path, "--formula", "y ~ 1", "--labelled", "s")
    toml = write_study(tmp_path, data={"source": str(path), "id": "y", "text": "s"})
    validated = moored("validate", toml)
    assert (estimated.code, validated.code) == (code, code), (estimated.err, validated.err)
    for answer in (estimated, validated):
        assert answer.err.count("\n") == 1
        assert answer.err.startswith("moored: ")
