"""A table in short, as `moored init` asks for it."""

from __future__ import annotations

import datetime as dt
import sys

import pandas as pd
import pyreadstat
import pytest

from moored.errors import ExtraMissing
from moored.storage.description import describe_table

FRAME = pd.DataFrame(
    {
        "id": [f"r{n}" for n in range(60)],
        "text": [
            f"Could you have a look at page {n} of the report before noon, please? " * 2 for n in range(60)
        ],
        "polite": [("yes", "no", None)[n % 3] for n in range(60)],
        "age": [20.0 + n for n in range(59)] + [None],
        "mark": [n % 2 == 0 for n in range(60)],
        "day": [dt.date(2024, 1, 1 + n % 28) for n in range(60)],
        "parts": [[1, n] for n in range(60)],
        "nothing": [None] * 60,
    }
)


def test_kinds_and_counts():
    found = describe_table(FRAME)
    kinds = {column.name: column.kind for column in found.columns}
    assert kinds == {
        "id": "text",
        "text": "text",
        "polite": "category",
        "age": "number",
        "mark": "boolean",
        "day": "date",
        "parts": "nested",
        "nothing": "empty",
    }
    assert (found.rows, found.names) == (60, tuple(FRAME.columns))
    assert [column.name for column in found.columns if column.unique] == ["id", "text", "parts"]
    polite = found.column("polite")
    assert (polite.counts, polite.empty, polite.distinct) == ((("yes", 20), ("no", 20)), 20, 2)
    assert found.column("age").span == (20.0, 78.0)


def test_a_codebook_is_told(tmp_path):
    frame = pd.DataFrame({"q1": [1.0, 2.0, 9.0, 1.0], "q2": [1.0, 2.0, 7.0, 97.5]})
    pyreadstat.write_sav(
        frame,
        tmp_path / "t.sav",
        column_labels={"q1": "Is this request polite?"},
        variable_value_labels={"q1": {1: "polite", 2: "impolite", 9: "refused"}},
        missing_ranges={"q1": [9], "q2": [{"lo": 90, "hi": 99}]},
    )
    q1, q2 = describe_table(tmp_path / "t.sav").columns
    assert q1.wording == "Is this request polite?"
    assert q1.value_labels == (("1", "polite"), ("2", "impolite"), ("9", "refused"))
    assert q1.counts == (("polite", 2), ("impolite", 1))
    assert q1.coded_missing == (("9 'refused'", 1),)
    assert (q2.kind, q2.span, q2.coded_missing, q2.empty) == ("number", (1.0, 7.0), (("97.5", 1),), 1)


@pytest.mark.parametrize(
    ("name", "package"), [("t.sav", "pyreadstat"), ("t.xlsx", "python_calamine"), ("t.feather", "pyarrow")]
)
def test_a_package_that_is_not_there_is_one_line_to_type(tmp_path, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ExtraMissing, match=r"type: pip install 'moored\[files\]'"):
        describe_table(tmp_path / name)
