"""Columns whose names SQL cannot tell apart: none is read as another."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from moored.errors import HeaderUnclear
from moored.storage.columns import column_names
from moored.storage.frames import write_table
from moored.storage.rules import evaluate, select
from moored.storage.table_files import read_any
from moored.storage.tables import TEXT, Table

ROWS = Table(
    pd.DataFrame({"g": list("abc"), "x": list("123"), "y": list("789")}, dtype=object),
    {"g": TEXT, "x": TEXT, "y": TEXT},
)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("id", "x", "X", "X_1"), "a column 'x' and a column 'X'"),
        (("id", "Age", "AGE"), "a column 'Age' and a column 'AGE'"),
        (("id", "x", "x"), "two columns 'x'"),
    ],
)
def test_a_parquet_file_with_such_columns_is_refused(tmp_path, names, said):
    path = tmp_path / "t.parquet"
    columns = [["a", "b"], *([10**k, 2 * 10**k] for k in range(len(names) - 1))]
    parquet.write_table(pa.table(columns, names=list(names)), path)
    for read in (read_any, column_names):
        with pytest.raises(HeaderUnclear, match=said):
            read(path)


def test_names_inside_a_column_and_other_letters_are_none_of_those(tmp_path):
    path = tmp_path / "t.parquet"
    inside = [{"x": 1, "deeper": {"id": 2, "Id": 3}}, {"x": 4, "deeper": {"id": 5, "Id": 6}}]
    made = {"id": ["a", "b"], "meta": inside, "list": [[1], [2]], "x": [1, 2], "É": [3, 4], "é": [5, 6]}
    parquet.write_table(pa.table(made), path)
    assert column_names(path) == ("id", "meta", "list", "x", "É", "é")
    table = read_any(path)
    assert list(table.frame["É"]) == ["3", "4"]
    assert list(table.frame["é"]) == ["5", "6"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT g, x, y AS x FROM data",
        "SELECT g, x, y AS X FROM data",
        "SELECT d.*, e.y AS x FROM data d JOIN data e USING (g)",
    ],
)
def test_a_query_that_gives_such_columns_is_refused(query):
    with pytest.raises(HeaderUnclear, match="SQL cannot tell apart"):
        select(ROWS, query)


def test_a_data_frame_of_a_study_with_such_columns_is_refused(tmp_path):
    cells = {"id": list("ab"), "x": list("12"), "X": list("34"), "X_1": list("56")}
    table = Table(pd.DataFrame(cells, dtype=object), dict.fromkeys(cells, TEXT))
    with pytest.raises(HeaderUnclear, match="a column 'x' and a column 'X'"):
        write_table(table, tmp_path / "t.parquet")


def test_a_table_in_text_may_have_such_columns():
    table = Table(
        pd.DataFrame({"x": list("12"), "X": list("34"), "z": list("56")}, dtype=object),
        {"x": TEXT, "X": TEXT, "z": TEXT},
    )
    found = evaluate({"a": "x", "b": "X", "c": "z + 1"}, table)
    assert [list(found[name].cells) for name in "abc"] == [["1", "2"], ["3", "4"], ["6", "7"]]
