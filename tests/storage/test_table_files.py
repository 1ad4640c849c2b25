"""One table, in every kind of file that people have: the same ids, texts, labels and numbers come out."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tracemalloc

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyreadstat
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyarrow import feather
from typer.testing import CliRunner

from moored.cells import numbers, words_for_missing
from moored.cli import app
from moored.storage.delimited import _lines
from moored.storage.ingest import read_units
from moored.storage.table_files import read_any
from tests.studies import study, study_table

LABELS = {1.0: "polite", 2.0: "impolite"}
VALUE_LABELS = {"polite": LABELS, "g": {1.0: "north", 2.0: "south"}}
QUESTIONS = {"id": "Response ID", "text": "The request", "polite": "Is it polite?", "x": "How long?"}


def frame_of(rows):
    """ids of any letters, texts, a label's words (None where nobody labelled) and a number."""
    return pd.DataFrame(rows, columns=["id", "text", "polite", "x"]).astype({"polite": object})


def _csv(frame, path, **options):
    frame.to_csv(path, index=False, **options)


def _asked(frame):
    return {name: QUESTIONS.get(name, name) for name in frame}


def _qualtrics(frame, path):
    more = [list(_asked(frame).values()), [json.dumps({"ImportId": name}) for name in frame]]
    rows = [*more, *frame.itertuples(index=False)]
    pd.DataFrame(rows, columns=frame.columns).to_csv(path, index=False)


def _coded(frame):
    codes = {label: code for code, label in LABELS.items()}
    coded = frame.assign(polite=[codes.get(label, np.nan) for label in frame["polite"]])
    if "g" not in frame:
        return coded
    return coded.assign(g=[1.0 if word == "north" else 2.0 for word in frame["g"]])


def _labels_of(frame):
    return {name: labels for name, labels in VALUE_LABELS.items() if name in frame}


def _sav(frame, path):
    pyreadstat.write_sav(
        _coded(frame), path, column_labels=_asked(frame), variable_value_labels=_labels_of(frame)
    )


def _dta(frame, path):
    whole = {
        name: {int(code): word for code, word in of.items()}
        for name, of in VALUE_LABELS.items()
        if name in frame
    }
    pyreadstat.write_dta(_coded(frame), path, column_labels=_asked(frame), variable_value_labels=whole)


def _xlsx(frame, path):
    book = openpyxl.Workbook()
    book.active.append(list(frame.columns))
    for row in frame.itertuples(index=False):
        book.active.append(list(row))
    for row in book.active.iter_rows(max_col=3):
        for cell in row:
            if isinstance(cell.value, str):
                cell.data_type = "s"  # else "=1" would be a formula
    book.save(path)


def _jsonl(frame, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))


def _json_gz(frame, path):
    path.write_bytes(gzip.compress(json.dumps(frame.to_dict("records"), ensure_ascii=False).encode()))


def _sqlite(frame, path):
    with sqlite3.connect(path) as connection:
        frame.to_sql("answers", connection, index=False)


def _duckdb(frame, path):
    with duckdb.connect(path) as connection:
        connection.register("f", frame)
        connection.execute("CREATE TABLE answers AS SELECT * FROM f")


def _feather(frame, path):
    feather.write_feather(pa.Table.from_pandas(frame), str(path))


def _arrow_stream(frame, path):
    table = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table)


WRITERS = {
    "t.csv": _csv,
    "semicolons.csv": lambda frame, path: _csv(frame, path, sep=";"),
    "marked.csv": lambda frame, path: _csv(frame, path, encoding="utf-8-sig"),
    "t.csv.gz": _csv,
    "t.tsv": lambda frame, path: _csv(frame, path, sep="\t", encoding="utf-16"),
    "qualtrics.csv": _qualtrics,
    "t.sav": _sav,
    "t.zsav": lambda frame, path: pyreadstat.write_sav(
        _coded(frame), path, compress=True, variable_value_labels=_labels_of(frame)
    ),
    "t.dta": _dta,
    "t.xlsx": _xlsx,
    "t.jsonl": _jsonl,
    "t.json.gz": _json_gz,
    "t.sqlite": _sqlite,
    "t.duckdb": _duckdb,
    "t.parquet": lambda frame, path: frame.to_parquet(path),
    "t.feather": _feather,
    "t.arrow": _arrow_stream,
}
OBJECTS = {
    "pandas": lambda frame: frame,
    "pandas strings": lambda frame: frame.convert_dtypes(),
    "pandas index": lambda frame: frame.set_index("id"),
    "polars": pl.from_pandas,
    "polars lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pyarrow": pa.Table.from_pandas,
    "columns": lambda frame: frame.to_dict("list"),
    "rows": lambda frame: frame.to_dict("records"),
}

WORD = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
IDS = st.lists(
    st.one_of(
        st.from_regex(r"0[0-9]{1,6}", fullmatch=True), st.from_regex(r"[0-9]{17,20}", fullmatch=True), WORD
    ),
    min_size=4,
    max_size=8,
    unique=True,
)
TEXTS = st.one_of(
    st.tuples(WORD, WORD).map(" ".join),
    st.sampled_from(["NA", "1.10", "Yes", "a,b;c", 'say "hi"', "=1+1", "a\nb", "'"]),
)
NUMBERS = st.one_of(
    st.integers(-(10**9), 10**9).map(float), st.floats(-1e6, 1e6).map(lambda x: round(x, 6)), st.none()
)


@st.composite
def tables(draw):
    ids = draw(IDS)
    size = len(ids)
    texts = draw(st.lists(TEXTS, min_size=size, max_size=size))
    labels = draw(st.lists(st.sampled_from(["polite", "impolite", None]), min_size=size, max_size=size))
    values = draw(st.lists(NUMBERS, min_size=size, max_size=size))
    return frame_of(list(zip(ids, texts, labels, [np.nan if x is None else x for x in values], strict=True)))


def differences(table, frame):
    """The columns that differ from the frame that was written."""
    wrong = [] if table.names == tuple(QUESTIONS) else [f"columns {table.names}"]
    for name in ("id", "text", "polite"):
        written = [None if pd.isna(value) else value for value in frame[name]]
        if table.frame[name].tolist() != written:
            wrong.append(f"{name}: {table.frame[name].tolist()} for {written}")
    read = numbers(table.frame["x"].to_numpy(dtype=object), words_for_missing(), "").values
    if not np.array_equal(read, frame["x"].to_numpy(dtype=float), equal_nan=True):
        wrong.append(f"x: {read} for {frame['x'].tolist()}")
    return wrong


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(tables())
def test_one_table_reads_equal_from_every_kind(tmp_path_factory, frame):
    folder = tmp_path_factory.mktemp("t")
    found = {}
    for name, write in WRITERS.items():
        write(frame, folder / name)
        found[name] = differences(read_any(folder / name), frame)
    for name, made in OBJECTS.items():
        found[name] = differences(read_any(made(frame)), frame)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


# ---- the same numbers, to the last digit -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """One table in every kind of file: labels of a third, what a model said of all, a number that is not round."""
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(5)
    said = np.where(rng.random(90) < 0.5, "polite", "impolite")
    label = np.where(rng.random(90) < 0.8, said, "polite")
    label = [word if n % 3 == 0 else None for n, word in enumerate(label)]
    x = (rng.normal(size=90) + (said == "polite")).round(6)
    frame = frame_of(
        list(zip([f"{n:04d}" for n in range(90)], [f"text {n}" for n in range(90)], label, x, strict=True))
    )
    y = (x * 7919 % 1).round(6)
    mark = [int(word is not None) for word in label]
    frame = frame.assign(g=[("north", "south")[n % 5 < 2] for n in range(90)])
    frame = frame.assign(y=np.where(mark, y, np.nan), f=(y + x % 0.3).round(6), s=mark)
    for name, write in WRITERS.items():
        write(frame, folder / name)
    return folder


def _study(name):
    outcome = study_table()["outcome"] | {"answers": {"polite": 1.0, "impolite": 0.0}, "examples": []}
    covariates = [{"name": name, "column": name} for name in ("x", "g")]
    estimate = {"formula": "polite ~ x + g", "family": "ols"}
    return study(
        data={"source": name},
        outcome=outcome,
        covariates=covariates,
        labels={"design": "simple-random"},
        estimate=estimate,
    )


@pytest.mark.parametrize("name", WRITERS)
def test_a_study_has_the_same_data_version_from_every_kind(kinds, name):
    units, plain = (read_units(_study(file), kinds, kinds) for file in (name, "t.csv"))
    assert units.version == plain.version
    assert units.reading.columns == plain.reading.columns


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_table_gives_the_same_numbers(kinds, name):
    def estimates(file):
        asked = [
            "estimate",
            str(kinds / file),
            "--formula",
            "y ~ x + g",
            "--labelled",
            "s",
            "--source",
            "gpt",
            "f ~ x + g",
        ]
        found = CliRunner().invoke(app, [*asked, "--json"])
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)["estimates"]

    assert estimates(name) == estimates("t.csv")


@given(st.text(alphabet='a,"\r\n\x0b\x0c\x1c\x85\u2028é;😀 '))
def test_lines_end_where_a_file_has_their_ends(text):
    assert list(_lines(text)) == list(io.StringIO(text, newline=""))


def test_a_large_file_is_copied_few_times(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("id,text\n" + "".join(f"{row},{'word ' * 60}\n" for row in range(20_000)))
    tracemalloc.start()
    try:
        table = read_any(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(table) == 20_000
    assert most < 5 * path.stat().st_size  # 2.7 times; 6.6 times with io.StringIO
