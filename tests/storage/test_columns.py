"""A large file is read by another reader and by the same rules."""

import json

import numpy as np
import pandas as pd
import pytest

from moored.errors import ColumnMissing, DataInvalid, HeaderUnclear, OutsideDomain
from moored.storage import columns
from moored.storage.column_sql import Wanted
from moored.storage.columns import chunk_reader, column_names, read_columns
from moored.storage.delimited import Dialect

WANTED = Wanted(("y", "x"), frozenset(), ("w",), ("who",), ("s",), ("-99",))
SAID = {
    "y": ["1", "#N/A", "-99", "NA"],
    "x": ["1.5", " 2 ", "", "1e3"],
    "w": ["2", "3", "4", "5"],
    "who": ["a,b", "#b", '"', "NA"],
    "s": ["x", "Yes", "", "0"],
}


def table(rows=5000, **changes):
    return pd.DataFrame({name: (cells * rows)[:rows] for name, cells in (SAID | changes).items()})


def both(path, wanted, monkeypatch):
    small = read_columns(path, wanted)
    monkeypatch.setattr(columns, "SMALL", 0)
    return small, read_columns(path, wanted), pd.concat(chunk_reader(path, wanted, 2048)(), ignore_index=True)


@pytest.mark.parametrize(
    ("delimiter", "changes"),
    [
        (",", {}),
        (";", {"x": ["1,5", "0,25", "", "3"]}),
        ("\t", {"y": ["TRUE", "false", "NA", "True"]}),
        ("|", {"x": ["low", " high", "NA", "mid"]}),
    ],
)
def test_both_readers_see_the_same(tmp_path, monkeypatch, delimiter, changes):
    path = tmp_path / "s=1" / "t.csv"
    path.parent.mkdir()
    table(**changes).to_csv(path, sep=delimiter, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    small, *large = both(path, WANTED, monkeypatch)
    assert len(small) == 5000
    assert small["s"].tolist()[:4] == [True, True, False, False]
    assert small["who"].tolist()[:3] == ["a,b", "#b", '"']
    assert small["who"].isna().tolist()[:4] == [False, False, False, True]
    if not changes:
        np.testing.assert_array_equal(small["y"][:4], [1, np.nan, np.nan, np.nan])
        np.testing.assert_array_equal(small["x"][:4], [1.5, 2, np.nan, 1000])
    for other in large:
        pd.testing.assert_frame_equal(small, other)


@pytest.mark.parametrize(
    ("delimiter", "changes", "words"),
    [
        (",", {"x": ["1", "2", "3", "DK"]}, "words among numbers"),
        (",", {"x": ["1,5", "2", "3", "4"]}, "decimal commas"),
        (";", {"x": ["1.234", "2.500", "3", "4"]}, "may be decimal points"),
        (",", {"x": ["5%", "2", "3", "4"]}, "percent signs"),
        (",", {"x": ["\N{MINUS SIGN}5", "\N{MINUS SIGN}2.5"] * 2}, "dashes in the place of minus signs"),
        (",", {"x": ["\N{EN DASH}5", "2", "3", "4"]}, "dashes in the place of minus signs"),
        (",", {"s": ["2", "0", "1", "x"]}, r"'2' \("),
    ],
)
def test_both_readers_refuse_the_same(tmp_path, monkeypatch, delimiter, changes, words):
    path = tmp_path / "t.csv"
    table(40, **changes).to_csv(path, sep=delimiter, index=False)
    for size in (columns.SMALL, 0):
        monkeypatch.setattr(columns, "SMALL", size)
        with pytest.raises(OutsideDomain, match=words):
            read_columns(path, WANTED)


OUT_OF_RANGE = ["1e999", "-1e400", "9" * 400]


@pytest.mark.parametrize("cell", OUT_OF_RANGE)
@pytest.mark.parametrize("role", ["x", "y", "w"])
def test_a_number_out_of_range_is_refused_by_both(tmp_path, monkeypatch, role, cell):
    """A stream took it for infinite: a failed generation in a source's column."""
    said = table(50)
    said[role] = "1"
    said.loc[[3, 7], role] = cell
    said.to_csv(tmp_path / "t.csv", index=False)
    messages = set()
    for small in (10**9, 0):
        monkeypatch.setattr(columns, "SMALL", small)
        with pytest.raises(OutsideDomain, match="out of range") as refusal:
            read_columns(tmp_path / "t.csv", WANTED)
        messages.add(refusal.value.message.partition(" for the rows")[0].partition(":")[0])
        with pytest.raises(OutsideDomain, match="out of range"):
            list(chunk_reader(tmp_path / "t.csv", WANTED, 10)())
    assert len(messages) == 1
    assert "(2 times)" in messages.pop()


def test_the_words_that_a_large_file_holds_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "SMALL", 0)
    table(400, x=["1", "DK", "2", "DK", "-"]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(OutsideDomain, match=r"'DK' \(160 times\), '-' \(80 times\)"):
        read_columns(tmp_path / "t.csv", WANTED)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1.469", "", "yes", "yes"], r"'yes' \(20 times\).*words among numbers"),
        (["1.469", "", "3", "3"], r"holds '1.469' \(10 times\)( for|:).*dots that may be"),
    ],
)
def test_both_readers_say_the_same_of_dots(tmp_path, monkeypatch, cells, words):
    table(40, x=cells).to_csv(tmp_path / "t.csv", index=False, sep=";")
    for small in (10**9, 0):
        monkeypatch.setattr(columns, "SMALL", small)
        with pytest.raises(OutsideDomain, match=words):
            read_columns(tmp_path / "t.csv", WANTED)


@pytest.mark.parametrize("column", ["x", "s", "who"])
def test_a_zero_byte_is_refused_by_both(tmp_path, monkeypatch, column):
    said = table(50)
    said.loc[30, column] = "1\x00"
    said.to_csv(tmp_path / "t.csv", index=False)
    for small in (10**9, 0):
        monkeypatch.setattr(columns, "SMALL", small)
        with pytest.raises(DataInvalid, match="holds a zero byte on line 32"):
            read_columns(tmp_path / "t.csv", WANTED)
    with pytest.raises(DataInvalid, match="holds a zero byte on line 32"):
        chunk_reader(tmp_path / "t.csv", WANTED, 10)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("a\x00b", "'a\\x00b' is no text that can be typed; correct or delete it"),
        ("3\u200b", "characters that cannot be seen are not read; write plain numbers"),
        ('say "none"', "set `data.missing = ['say \"none\"']`"),
        ("none said", 'set `data.missing = ["none said"]`'),
    ],
)
def test_what_is_advised_for_a_word_among_numbers_can_be_typed(tmp_path, cell, words):
    rows = [{"y": k, "x": k % 3, "s": 1} for k in range(9)] + [{"y": 1, "x": cell, "s": 1}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    with pytest.raises(OutsideDomain) as refusal:
        read_columns(tmp_path / "t.json", Wanted(("y", "x"), marks=("s",)))
    assert words in refusal.value.message


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n", "\ufeff"])
def test_the_names_of_an_empty_file_are_refused(tmp_path, content):
    (tmp_path / "e.csv").write_text(content)
    with pytest.raises(DataInvalid, match="is empty; give a table with a header"):
        column_names(tmp_path / "e.csv")


def test_large_files_lose_no_record(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "SMALL", 0)
    path = tmp_path / "t.csv"
    table(40).to_csv(path, index=False)
    with path.open("a") as file:
        file.write("1,2,3\n")
    with pytest.raises(DataInvalid):
        read_columns(path, WANTED)
    with pytest.raises(ColumnMissing, match="no column 'z'"):
        chunk_reader(path, Wanted(("z",)), 10)


def test_a_line_break_in_a_name_is_refused_where_lines_are_counted(tmp_path, monkeypatch):
    """It was said that no record could be read, and that quotes were not doubled."""
    table(40).rename(columns={"x": "x\nof y"}).to_csv(tmp_path / "t.csv", index=False)
    wanted = Wanted(("y", "x\nof y"), marks=("s",))
    assert len(read_columns(tmp_path / "t.csv", wanted)) == 40
    monkeypatch.setattr(columns, "SMALL", 0)
    with pytest.raises(HeaderUnclear, match="holds a line break, which a table read in chunks cannot have"):
        read_columns(tmp_path / "t.csv", wanted)


@pytest.mark.parametrize("above", ["", "sep=;\n"])
@pytest.mark.parametrize("space", ["\u2009", "\u202f", "\u3000", "\x85", "\u00a0"])
def test_both_readers_skip_what_stands_above_and_around(tmp_path, monkeypatch, above, space):
    path = tmp_path / "t.csv"
    rows = "".join(f"{space}{k},5{space};{k % 7};1;a;{space}yes\n" for k in range(3000))
    path.write_text(f"{above}y;x;w;who;s\n{rows}", encoding="utf-8")
    small, *large = both(path, WANTED, monkeypatch)
    assert small["y"].tolist()[:2] == [0.5, 1.5]
    assert len(small) == 3000
    assert small["s"].all()
    for other in large:
        pd.testing.assert_frame_equal(small, other)


@pytest.mark.parametrize("wanted", ["y", "Y"])
def test_names_that_differ_by_case_alone_are_told_apart(tmp_path, monkeypatch, wanted):
    path = tmp_path / "t.csv"
    pd.DataFrame({"y": range(3000), "who": "b", "Y": range(5, 3005), "s": 1, "S": 0}).to_csv(
        path, index=False
    )
    small, *large = both(path, Wanted((wanted,), marks=("s",)), monkeypatch)
    assert small[wanted][0] == (0 if wanted == "y" else 5)
    assert small["s"].all()
    for other in large:
        pd.testing.assert_frame_equal(small, other)
    with pytest.raises(HeaderUnclear, match="'y' and 'Y' differ by case alone"):
        read_columns(path, Wanted(("y", "Y"), marks=("s",)))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_told_before_its_columns_are_missed(tmp_path, encoding):
    """The columns were called 's\\x00', and no column 's' was there."""
    (tmp_path / "t.csv").write_bytes("y,s\n1,1\n2,0\n".encode(encoding))
    with pytest.raises(DataInvalid, match=r"zero byte on line 1: .* \(`--encoding utf-16`\)"):
        column_names(str(tmp_path / "t.csv"), Dialect())
