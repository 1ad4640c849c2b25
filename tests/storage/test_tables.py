"""Every cell comes out as it stands in the file, or the file is refused with the line and the way out."""

from __future__ import annotations

import csv
import io

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moored.cells import NoNumbers, marks, numbers, words_for_missing
from moored.errors import ColumnMissing, DataInvalid, FileAbsent, NotReadable, OutsideDomain, StudyInvalid
from moored.storage import sandbox
from moored.storage.delimited import Dialect, count_records
from moored.storage.ingest import read_units
from moored.storage.rules import evaluate, select
from moored.storage.table_files import read_any
from moored.storage.tables import Table
from tests.studies import requests_frame, study, study_table

CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        ['"', '""', "#", "=1+1", "-", "NA", "a,b", "a;b", "a\tb", "a|b", "l\nm", "l\r\nm", "Yes", "1.10"]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_every_text_comes_back_as_it_was(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("id", "text", "n"), *rows])
    path.write_text(written.getvalue(), encoding="utf-8", newline="")
    table = read_any(path, Dialect(delimiter=delimiter))
    assert table.names == ("id", "text", "n")
    read = [tuple(cell or "" for cell in row) for row in table.frame.itertuples(index=False)]
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    assert read == filled
    counted = count_records(path, delimiter, 3, 0)
    assert (counted.records, counted.records - counted.empty) == (len(rows), len(filled))


def write(tmp_path, content, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


REFUSED = {
    "more fields": (
        "id,text\n1,a\n2,b, and c\n",
        "line 3 has 3 fields where the header has 2",
        "double quotes",
    ),
    "fewer fields": ("id,text,y\n1,a,1\n2,b\n", "line 3 has 2 fields where the header has 3", "missing"),
    "after a text of two lines": ('id,text\n1,"a\nb"\n2,b,c\n', "line 4 has 3", "double quotes"),
    "row names without a header": ('"a","b"\n"1",2,3\n"2",3,4\n', "first column a name", "row.names = FALSE"),
    "an open quote": ('id,text\n1,a\n2,"b\n3,c\n', "starts on line 3", "never closed"),
    "a quote not doubled": ('id,text\n1,"say "hi" now"\n', "starts on line 2", 'twice, as ""'),
    "not UTF-8": ("id,text\n1,Köln\n".encode("latin-1"), "line 2, byte 11 is 0xF6", "'1,Köln'"),
    "UTF-16 without its mark": ("id,text\n1,a\n".encode("utf-16-le"), "zero byte on line 1", "utf-16"),
    "empty": ("", "is empty", "a header"),
    "two columns of one name": ("id,id\n1,2\n", "two columns called 'id'", "name of its own"),
    "UTF-8 read as another": ("id,text\n1,Köln\n", "in UTF-8", "'Ã¶'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_could_be_misread_is_refused(tmp_path, case):
    content, *words = REFUSED[case]
    with pytest.raises(DataInvalid) as refusal:
        read_any(write(tmp_path, content), Dialect("cp1252" if "read as" in case else None))
    assert all(word in refusal.value.message for word in words), refusal.value.message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"PK\x03\x04", "end its name in .xlsx"),
        ("t.csv", b"$FL2", "end its name in .sav"),
        ("t.csv", b"ARROW1", "end its name in .feather"),
        ("t.txt", b"<stata_dta>", "end its name in .dta"),
        ("t.parquet", b"PK\x03\x04", "end its name in .xlsx"),
        ("t.csv", b"\x1f\x8b", "end its name in .csv.gz"),
        ("t.sav.gz", b"\x1f\x8b", "unpack it first"),
        ("t.csv", b"%PDF-1.7", "a PDF file"),
        ("t.rds", b"x", "row.names = FALSE"),
        ("t.csv", b"PAR1", "end its name in .parquet"),
        ("t.parquet", b"no", "cannot be read"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path, name, content, words):
    with pytest.raises(NotReadable, match=words):
        read_any(write(tmp_path, content, name))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a\0b.csv", "cannot be opened|there is no file"),
        ("x" * 300 + ".csv", "cannot be opened"),
        ("", "is a folder"),
        ("https://example.org/t.csv", "download the table"),
    ],
)
def test_what_is_no_file_is_one_sentence(path, words):
    with pytest.raises(FileAbsent, match=words):
        read_any(path)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("sep=;\nid;text\n1;a,b\n", [("1", "a,b")]),
        ("id,text\r\n1,a\n2,b\r\n", [("1", "a"), ("2", "b")]),
        ("id,text\n\n1,a\n\n", [("1", "a")]),
        ("#id,text\n#1,#\n", [("#1", "#")]),
        ("id|text\n1|a,b\n2|c\n", [("1", "a,b"), ("2", "c")]),
        ('id,text\n1,5" pipe\n', [("1", '5" pipe')]),
    ],
)
def test_files_are_read_as_they_are_written(tmp_path, content, rows):
    assert list(read_any(write(tmp_path, content)).frame.itertuples(index=False, name=None)) == rows


def test_a_folder_is_no_column(tmp_path):
    (tmp_path / "s=1").mkdir()
    assert read_any(write(tmp_path / "s=1", "id,s\n1,0\n")).frame["s"].tolist() == ["0"]


def test_what_a_database_declares_loses_nothing(tmp_path):
    with duckdb.connect(tmp_path / "t.duckdb") as connection:
        connection.execute("CREATE TYPE e AS ENUM ('it''s', 'b')")
        connection.execute(
            "CREATE TABLE t AS SELECT 12345678901234567890123::HUGEINT AS h, 12.50::DECIMAL(9,2) AS d, "
            "9007199254740993::BIGINT AS b, 0.1::DOUBLE AS x, 'it''s'::e AS e, true AS t "
            "UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL"
        )
    table = read_any(f"{tmp_path / 't.duckdb'}::t")
    first = ("12345678901234567890123", "12.50", "9007199254740993", "0.1", "it's", "true")
    assert list(table.frame.itertuples(index=False, name=None)) == [first, (None,) * 6]
    doubled = evaluate({"n": "d * 2", "u": "e = 'b'"}, table)
    assert [doubled["n"].cells[0], doubled["u"].cells[0]] == ["25.00", "false"]


# ---- numbers and marks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "delimiter", "values"),
    [
        (["1", "-2.5", "+3", "1e3", ".5", "5."], "", [1, -2.5, 3, 1000, 0.5, 5]),
        ([" 1 ", None, "NA", "", ".", "#N/A", "NaN"], "", [1, *[np.nan] * 6]),
        (["1,5", "-0,25", "3"], ";", [1.5, -0.25, 3]),
        (["0,125", "1,234"], ";", [0.125, 1.234]),
        (["-99", "-99.0", "3"], "", [np.nan, np.nan, 3]),
    ],
)
def test_numbers(cells, delimiter, values):
    np.testing.assert_array_equal(numbers(cells, words_for_missing(["-99"]), delimiter).values, values)


@pytest.mark.parametrize(
    ("cells", "delimiter", "reason"),
    [
        (["1,5", "2"], ",", "decimal commas"),
        (["1,234", "2,500"], ";", "thousands"),
        (["1.234", "12.500"], ";", "thousands"),
        (["1,234,567"], ",", "thousands"),
        (["1.234.567,89"], ";", "thousands"),
        (["1 234,5"], ";", "thousands"),
        (["$5", "$6"], ",", "currency"),
        (["5%", "6"], ",", "percent"),
        (["2020-01-31", "2020-02-01"], ",", "dates"),
        (["31.1.2020"], ";", "dates"),
        (["inf", "1"], ",", "infinite"),
        (["1e999", "1_000"], ",", "unusual"),
        (["1,5", "2.5"], ";", "decimal commas beside"),
        (["1,5", "2.5", "k.A."], ";", "decimal commas beside"),
        (["1,5", "5%", "k.A."], ";", "percent"),
        (["1,5", "1e999"], ";", "decimal commas beside"),
    ],
)
def test_what_is_no_number_is_said(cells, delimiter, reason):
    with pytest.raises(NoNumbers) as none:
        numbers(cells, words_for_missing(), delimiter)
    assert reason in none.value.reason
    assert not none.value.categories


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_words_among_decimal_commas_are_the_ones_that_are_named(delimiter):
    with pytest.raises(NoNumbers) as none:
        numbers(["0,25", "k.A.", "3", "weiß nicht", "k.A."], words_for_missing(), delimiter)
    assert none.value.words == {"k.A.": 2, "weiß nicht": 1}
    assert (none.value.reason, none.value.categories) == ("", False)
    stated = words_for_missing(["k.A.", "weiß nicht"])
    assert numbers(["0,25", "k.A.", "3"], stated, delimiter).values[[0, 2]].tolist() == [0.25, 3.0]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_a_number_keeps_its_every_digit(values):
    assert numbers([repr(value) for value in values], words_for_missing()).values.tolist() == values


def test_marks_are_words_for_yes_and_no():
    cells = ["1", "x", "X", "Yes", "TRUE", "t", "1.0", "y", "0", "", None, "NA", "no", "F", "0.0"]
    assert marks(cells, words_for_missing()).tolist() == [True] * 8 + [False] * 7
    assert marks(["1", "2", "2", "0"], words_for_missing()) == {"2": 2}


# ---- labels --------------------------------------------------------------------------------------------------


def label(tmp_path, cells, answers, **data):
    frame = requests_frame(len(cells)).assign(polite=cells)
    frame.to_csv(tmp_path / "requests.csv", index=False)
    outcome = study_table()["outcome"] | {"answers": answers, "examples": []}
    given = study(
        data={"source": "requests.csv"} | data,
        outcome=outcome,
        labels={"design": "undeclared"},
        covariates=[],
        estimate={"formula": "polite ~ 1"},
    )
    return read_units(given, tmp_path, tmp_path).frame["polite"].tolist()


@pytest.mark.parametrize(
    ("cells", "answers", "values"),
    [
        (["yes", "no", "yes"], {"yes": 0, "no": 1}, [0, 1, 0]),
        (["True", "False", "True"], {"true": 0, "false": 1}, [0, 1, 0]),
        (["1", "2", "1"], {"1": 0, "2": 1}, [0, 1, 0]),
        (["1.0", "2.0", "1.0"], {"1": 0, "2": 1}, [0, 1, 0]),
        (["0", "1", "0"], {"0": 1, "1": 0}, [1, 0, 1]),
        (["NA", "b", "NA"], {"NA": 1, "b": 0}, [1, 0, 1]),
        (["Yes ", "NO", "yes"], {"yes": 1, "no": 0}, [1, 0, 1]),
        (["a", "A", "a"], {"a": 1, "A": 0}, [1, 0, 1]),
        (["0.5", "positive", "0"], {"positive": 1, "negative": 0}, [0.5, 1, 0]),
        (["2020-01-01", "1/2", "1/2"], {"2020-01-01": 1, "1/2": 0}, [1, 0, 0]),
    ],
)
def test_labels_have_the_value_of_their_answer(tmp_path, cells, answers, values):
    assert label(tmp_path, cells, answers) == values


@pytest.mark.parametrize(
    ("cells", "answers", "words"),
    [
        (["TRUE", "FALSE"], {"yes": 0, "no": 1}, "'TRUE' (1 time)"),
        (["1", "0"], {"yes": 0, "no": 1}, "cannot be known"),
        (["yes", "DK", "DK", "no"], {"yes": 1, "no": 0}, 'data.missing = ["DK"]'),
        (["1", "-99", "5"], {"1": 1, "5": 5}, 'data.missing = ["-99"]'),
        (["3", "1"], {"1": 0, "2": 1}, "'3' (1 time)"),
        (["How?", *["1"] * 9], {"1": 1, "2": 2}, "data.skip_rows = 1"),
    ],
)
def test_labels_that_cannot_be_known_are_refused(tmp_path, cells, answers, words):
    with pytest.raises(OutsideDomain) as refusal:
        label(tmp_path, cells, answers)
    assert words in refusal.value.message


def test_words_that_mean_missing_are_stated(tmp_path):
    values = label(tmp_path, ["1", "-99", "5", "NA"], {"1": 1, "5": 5}, missing=[-99])
    np.testing.assert_array_equal(values, [1, np.nan, 5, np.nan])


@pytest.mark.parametrize(("answers", "known"), [({"true": 0, "false": 1}, True), ({"yes": 1, "no": 0}, True)])
def test_a_declared_truth_value_needs_answers_that_say_which(tmp_path, answers, known):
    frame = requests_frame(4).assign(polite=[True, False, True, None])
    with duckdb.connect() as connection:
        connection.register("frame", frame.astype({"polite": "boolean"}))
        connection.execute("COPY frame TO $path (FORMAT parquet)", {"path": str(tmp_path / "t.parquet")})

    def read(answers, **recode):
        outcome = study_table()["outcome"] | {"answers": answers, "examples": [], "recode": recode}
        given = study(data={"source": "t.parquet"}, outcome=outcome, labels={"design": "undeclared"})
        return read_units(given, tmp_path, tmp_path).frame["polite"].tolist()[:3]

    assert read(answers) == [float(list(answers.values())[n]) for n in (0, 1, 0)]
    for other in ({"yes": 0, "no": 1}, {"rude": 1, "polite": 0}):
        with pytest.raises(OutsideDomain, match=r"cannot be known.*recode = \{ true = "):
            read(other)
        first, last = other
        assert read(other, true=last, false=first) == [other[last], other[first], other[last]]


# ---- names, SQL ----------------------------------------------------------------------------------------------

NAMES = (
    "Human Label",
    "human.label",
    "order",
    "group",
    "1st",
    "label?",
    "q1/q2",
    "true",
    "NULL",
    "text",
    "cluster",
)


@pytest.mark.parametrize(
    "name", [*NAMES, "labelled", "probability", "fields", "unit_id", "value", "content_hash"]
)
def test_a_column_of_any_name_is_found_by_its_name(tmp_path, name):
    frame = requests_frame().rename(columns={"polite": name, "text": "words"}).assign(q1=1, q2=2)
    frame.to_csv(tmp_path / "requests.csv", index=False)
    given = study(
        data={"source": "requests.csv", "text": "words"}, outcome=study_table()["outcome"] | {"human": name}
    )
    units = read_units(given, tmp_path, tmp_path).frame
    seen = units["polite"].fillna(units["held_back"])
    np.testing.assert_array_equal(seen, requests_frame()["polite"])


@pytest.mark.parametrize(
    "name", ["text", "cluster", "Labelled", "probability", "fields", "unit_id", "value", "study"]
)
def test_a_variable_has_no_name_of_our_own(name):
    with pytest.raises(StudyInvalid, match="call it otherwise"):
        study(covariates=[{"name": name, "column": "age"}])


def table(**columns) -> Table:
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    return Table(frame, dict.fromkeys(columns, "TEXT"), ",")


def test_sql_sees_numbers_and_truth_values_and_keeps_codes():
    given = table(
        age=["31", "NA", "4"],
        score=["1.5", "2", None],
        code=["007", "010", "011"],
        mark=["TRUE", "false", "TRUE"],
    )
    rules = {"old": "age > 30", "half": "score / 2", "zip": "code || '!'", "is": "NOT mark"}
    found = {name: column.cells.tolist() for name, column in evaluate(rules, given).items()}
    assert found["old"] == ["true", None, "false"]
    assert found["half"] == ["0.75", "1.0", None]
    assert found["zip"] == ["007!", "010!", "011!"]
    assert found["is"] == ["false", "true", "false"]


def test_a_query_keeps_ids_and_has_every_column_as_text():
    given = table(id=["1.10", "1.1"], n=["1.10", "2"])
    rows = select(given, "SELECT id, n * 2 AS m FROM data ORDER BY n", texts=("id",))
    assert rows.frame.values.tolist() == [["1.10", "2.2"], ["1.1", "4.0"]]
    assert select(given, "SELECT n FROM data_as_text").frame["n"].tolist() == ["1.10", "2"]


def test_columns_that_differ_by_case_alone_are_not_mixed_up():
    given = table(Age=["1"], age=["2"])
    assert evaluate({"a": "Age", "b": "age"}, given)["b"].cells.tolist() == ["2"]
    with pytest.raises(ColumnMissing):
        evaluate({"c": "age + 1"}, given)


def test_a_rule_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(sandbox, "TIME_LIMIT_S", 0.5)
    endless = "(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r)"
    with pytest.raises(StudyInvalid, match="did not end within"):
        evaluate({"x": endless}, table(age=["1"]))


def test_log_says_its_base(tmp_path):
    requests_frame().to_csv(tmp_path / "requests.csv", index=False)
    with pytest.raises(StudyInvalid, match=r"ln\(\.\.\.\)"):
        read_units(study(covariates=[{"name": "n", "rule": "log(length(text))"}]), tmp_path, tmp_path)


# ---- covariates, ids, empties --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1", "DK", "3"], "words among numbers"),
        (["2020-01-01", "2020-01-02", "2020-01-03"], "dates"),
        (["1,5", "2,5", "3,5"], "decimal commas"),
        (["a", "", "b"], "unknown for 1 of 3 units: r001"),
    ],
)
def test_covariates_that_are_no_numbers_are_refused(tmp_path, cells, words):
    requests_frame(3).assign(age=cells).to_csv(tmp_path / "requests.csv", index=False)
    given = study(covariates=[{"name": "age", "column": "age"}], labels={"design": "undeclared"})
    with pytest.raises(DataInvalid, match=words):
        read_units(given, tmp_path, tmp_path)


def test_ids_and_texts_are_kept_to_the_letter(tmp_path):
    ids = ["1.1", "1.10", "01", "1", "12345678901234567890", "12345678901234567891", "1e5", "TRUE"]
    texts = ["Yes", "No", "12.50", "NA", "#N/A", "2020-01-01", "=1+1", " a "]
    frame = requests_frame(8).assign(id=ids, text=texts)
    frame.to_csv(tmp_path / "requests.csv", index=False)
    units = read_units(study(labels={"design": "undeclared"}), tmp_path, tmp_path).frame.set_index("unit_id")
    assert units.loc[ids, "text"].tolist() == texts


@pytest.mark.parametrize("query", [None, "SELECT * FROM data WHERE polite = 7"])
def test_a_table_without_rows_is_said_to_be_one(tmp_path, query):
    requests_frame(0 if query is None else 5).to_csv(tmp_path / "requests.csv", index=False)
    with pytest.raises(DataInvalid, match="no rows; give one row per unit"):
        read_units(study(data={"source": "requests.csv", "query": query}), tmp_path, tmp_path)


def test_a_cluster_that_is_empty_is_refused(tmp_path):
    who = ["a", None, "NA", "b"] * 15
    requests_frame().assign(who=who).to_csv(tmp_path / "requests.csv", index=False)
    with pytest.raises(DataInvalid, match="empty for 30 of 60 units: r001, r002"):
        read_units(study(data={"source": "requests.csv", "cluster": "who"}), tmp_path, tmp_path)


@pytest.mark.parametrize("kind", ["[1, 2]", "{'a': 1}", "'a'::BLOB"])
@pytest.mark.parametrize("role", ["polite", "id", "text"])
def test_lists_and_bytes_are_no_labels_ids_or_texts(tmp_path, kind, role):
    with duckdb.connect(tmp_path / "t.duckdb") as connection:
        connection.register("frame", requests_frame(3))
        connection.execute(f"CREATE TABLE t AS SELECT * REPLACE ({kind} AS {role}) FROM frame")
    with pytest.raises(DataInvalid, match="of type"):
        read_units(study(data={"source": "t.duckdb::t"}), tmp_path, tmp_path)
