"""Tables at the border: what is read of them is what a person sees, or they are refused in plain words."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from moored.cells import NoNumbers, numbers, words_for_missing
from moored.errors import (
    ColumnMissing,
    DataInvalid,
    EmptyTable,
    NotReadable,
    NotStored,
    OutsideDomain,
    StudyInvalid,
    WrongEncoding,
)
from moored.storage import columns
from moored.storage.column_sql import Wanted
from moored.storage.columns import chunk_reader, column_names, read_columns
from moored.storage.delimited import Dialect
from moored.storage.place import refuse_unwritable
from moored.storage.rules import evaluate
from moored.storage.table_files import read_any
from moored.storage.tables import TEXT, Table
from moored.storage.warehouse import open_store

WANTED = Wanted(("y", "x"), marks=("s",))
ROWS = [(f"{n % 5}.5", str(n % 3), "1" if n < 20 else "") for n in range(40)]


def lines(rows=ROWS, header="y,x,s", end="\n") -> str:
    return end.join((header, *map(",".join, rows), ""))


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(columns, "SMALL", 0)


@pytest.mark.parametrize(
    ("dressed", "what"),
    [
        ("'{}", "in quotes"),
        ('="{}"', "in quotes"),
        ("\u201c{}\u201d", "in quotes"),
        ("({})", "in parentheses"),
        ("{}-", "minus signs behind the number"),
        ("\u200b{}", "cannot be seen"),
        ("{}\ufeff", "cannot be seen"),
        ("\u200e({})", "cannot be seen"),
    ],
)
@pytest.mark.parametrize("number", ["1", "2.5", "1,200", "3e4"])
def test_numbers_with_something_around_them_are_no_categories(dressed, what, number):
    with pytest.raises(NoNumbers) as none:
        numbers([dressed.format(number), None, dressed.format("7")], words_for_missing())
    assert what in none.value.reason
    assert not none.value.categories


@pytest.mark.parametrize(
    "words", [["(1)", "(a)"], ["'n", "'m"], ["north", "(1)"], ["5-", "3-4"], ["()", '""']]
)
def test_words_with_something_around_them_stay_categories(words):
    with pytest.raises(NoNumbers) as none:
        numbers(words, words_for_missing())
    assert none.value.categories


def test_a_spreadsheets_formula_texts_are_refused_by_both_readers(tmp_path, monkeypatch):
    path = write(tmp_path, lines([(y, f'"=""{x}"""', s) for y, x, s in ROWS]))
    for small in (columns.SMALL, 0):
        monkeypatch.setattr(columns, "SMALL", small)
        with pytest.raises(OutsideDomain, match="numbers in quotes are not read"):
            read_columns(path, WANTED)
    assert set(read_columns(path, Wanted(("x",), frozenset({"x"})))["x"]) == {'="0"', '="1"', '="2"'}


@pytest.mark.parametrize("empty", [",,\n", ",,\n , ,\t\n,,\n"])
def test_rows_of_delimiters_alone_are_no_rows(tmp_path, monkeypatch, empty):
    path = write(tmp_path, lines() + empty)
    assert len(read_any(path)) == len(ROWS)
    monkeypatch.setattr(columns, "SMALL", 0)
    assert len(read_columns(path, WANTED)) == len(ROWS)
    assert sum(map(len, chunk_reader(path, WANTED, 2048)())) == len(ROWS)


def test_a_row_under_the_header_that_is_skipped_may_be_empty(tmp_path, monkeypatch):
    path, wanted = write(tmp_path, lines([("", "", ""), *ROWS])), Wanted(("y",), dialect=Dialect(skip_rows=1))
    for small in (columns.SMALL, 0):
        monkeypatch.setattr(columns, "SMALL", small)
        assert len(read_columns(path, wanted)) == len(ROWS)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (
            lines([*ROWS, ('"ok" no"', "1", "1")]),
            DataInvalid,
            "line 42: a quoted field goes on after its closing",
        ),
        (
            lines([*ROWS, ('"ok', "1", "1")]),
            DataInvalid,
            "line 42: a double quote is opened and never closed",
        ),
        (lines([*ROWS, ("1", "2")]), DataInvalid, "line 42 has 2 fields where the header has 3"),
        (lines([*ROWS, ("1", "2", "1", "0")]), DataInvalid, "line 42 has 4 fields where the header has 3"),
        (lines(end="\r\n") + "1,2,1\n", DataInvalid, "mixes line ends"),
        (lines().encode("utf-16"), WrongEncoding, r"not in UTF-8 \(byte 0xFF\).*save it in UTF-8"),
        (lines() + "\x1a", DataInvalid, "line 42 has 1 fields"),
        (lines().encode() + "1,2,ü\n".encode("latin-1"), WrongEncoding, r"not in UTF-8 \(byte 0xFC"),
    ],
)
def test_a_large_file_is_refused_in_plain_words(tmp_path, content, error, said):
    path = write(tmp_path, content)
    with pytest.raises(error, match=said):
        read_columns(path, WANTED)
    with pytest.raises(error, match=said):
        chunk_reader(path, WANTED, 2048)


@pytest.mark.usefixtures("large")
def test_line_breaks_of_another_kind_inside_texts_are_no_mixture(tmp_path):
    path = write(tmp_path, lines([(*row, '"a\nb"') for row in ROWS], "y,x,s,t", "\r\n"))
    assert len(read_columns(path, WANTED)) == len(ROWS)


def test_an_id_of_a_database_is_a_word(tmp_path):
    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT uuid() AS u, 1.5 AS y FROM range(3)")
    assert all(isinstance(cell, str) for cell in read_columns(path, Wanted(("u", "y")))["u"])


@pytest.mark.parametrize("name", ["answers.csv", "answers.json", "study.toml", "store.duckdb"])
def test_a_store_that_is_another_file_is_refused_and_left_alone(tmp_path, name):
    other = tmp_path / name
    other.write_text("id,text\n1,hello there\n")
    for opened in (lambda: refuse_unwritable(other), lambda: open_store(other, create=True).__enter__()):
        with pytest.raises(NotStored, match=rf"{name} is no store of moored \(it begins with b'id,text"):
            opened()
    assert other.read_text() == "id,text\n1,hello there\n"


def test_a_store_that_is_no_file_is_refused():
    with pytest.raises(NotStored, match="/dev/null is no store of moored"):
        refuse_unwritable(Path("/dev/null"))


@pytest.mark.parametrize("rule", ["zip * 1", "grade + 1", "CAST(grade AS INTEGER)"])
def test_a_rule_that_computes_with_a_text_is_told_why_it_is_one(rule):
    frame = pd.DataFrame({"zip": ["01", "02"], "grade": ["3", "DK"]}, dtype=object)
    with pytest.raises(StudyInvalid, match=r"computes with a text as if it were a number .* TRY_CAST"):
        evaluate({"v": rule}, Table(frame, dict.fromkeys(frame, TEXT)))


def test_a_column_of_the_same_look_is_named():
    frame = pd.DataFrame({"cafe\u0301": ["1"]}, dtype=object)
    with pytest.raises(
        ColumnMissing, match="did you mean 'cafe\u0301', which differs in case, spaces or the form"
    ):
        evaluate({"v": "caf\u00e9"}, Table(frame, dict.fromkeys(frame, TEXT)))


def test_a_probability_of_words_is_no_category(tmp_path):
    with pytest.raises(OutsideDomain, match="words among numbers") as refused:
        read_columns(
            write(tmp_path, lines([(y, "half", s) for y, _, s in ROWS])), Wanted(("y",), numbers=("x",))
        )
    assert "C(x)" not in refused.value.message


@pytest.mark.parametrize("small", [columns.SMALL, 0])
@pytest.mark.parametrize(
    "content", [b"y,x,s\n1,2,1\n", gzip.compress(lines().encode() * 50)[:-20], b"\x1f\x8b\x08"]
)
def test_a_packed_table_that_is_none_or_cut_short(tmp_path, monkeypatch, content, small):
    monkeypatch.setattr(columns, "SMALL", small)
    (tmp_path / "t.csv.gz").write_bytes(content)
    for read in (column_names, read_any, lambda path: read_columns(path, WANTED)):
        with pytest.raises(NotReadable, match=r"t\.csv\.gz cannot be read: .*; it may be cut short"):
            read(tmp_path / "t.csv.gz")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"y,x,s\n", r"cannot be read as Parquet: it begins with b'y,x,'"),
        (b"", "cannot be read as Parquet"),
        (b"PAR1 and so on", "cannot be read as Parquet: its end is missing"),
    ],
)
def test_a_parquet_file_that_is_none_or_cut_short(tmp_path, content, said):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(NotReadable, match=said):
        read_columns(tmp_path / "t.parquet", WANTED)


@pytest.mark.parametrize("name", ["\ufeffx", "x\u200b", "X\u00ad"])
def test_a_name_with_characters_that_cannot_be_seen_is_told(tmp_path, name):
    with pytest.raises(ColumnMissing, match="did you mean"):
        read_columns(write(tmp_path, lines(header=f"y,{name},s")), WANTED)


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("t.jsonl", '{"y": 1, "x": 2}\n{}\n{"y": 3, "x": 4}\n{}\n', 2),
        ("t.json", '[{}, {"y": 1, "x": 2}, {"y": null, "x": " "}, {"y": 0, "x": false}]', 2),
        ("t.json", '{"data": [{"y": 1, "meta": {"x": 2}}, {"meta": {}}, {"meta": {"x": null}}]}', 1),
        ("t.csv", "y,x\n1,2\n,\n3,4\n", 2),
    ],
)
def test_a_row_of_nothing_is_none(tmp_path, name, content, rows):
    path = tmp_path / name
    path.write_text(content)
    assert len(read_any(path)) == rows


@pytest.mark.parametrize("content", ["[{}, {}]", "{}\n{}\n"])
def test_a_file_of_empty_objects_has_no_rows(tmp_path, content):
    path = tmp_path / "t.json"
    path.write_text(content)
    with pytest.raises(EmptyTable, match="has no rows"):
        read_any(path)
