"""Tables as people have them: what is read is what a person sees in the file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from moored.storage.ingest import Units, read_units
from tests.studies import study, study_table, write_requests

ROWS = 60
TEXTS = [f"request {n}, please; it's {n}\tdone" for n in range(ROWS)]
WORDS = ["yes" if n % 3 == 0 else "no" for n in range(ROWS)]
AGES = [20.5 + n % 7 for n in range(ROWS)]
LABELLED = 40


def read(folder: Path, source: str, answers: dict[str, float] | None = None, **data) -> Units:
    given = study(
        data={"source": source} | data,
        outcome={
            "name": "rude",
            "human": "polite",
            "ask": "Is this rude?",
            "answers": answers or {"yes": 1.0, "no": 0.0},
        },
        covariates=[{"name": "age", "column": "age"}],
        labels={"design": "undeclared"},
        estimate={"formula": "rude ~ age"},
    )
    return read_units(given, folder, folder)


def people(labels=WORDS, ages=AGES) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"id": [f"{n // 10}.{n % 10}0" for n in range(ROWS)], "text": TEXTS, "polite": labels}
    )
    frame["polite"] = frame["polite"].astype(object).where(frame.index < LABELLED, None)
    return frame.assign(age=ages)


def comma(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=frame["age"].map(lambda age: f"{age:.1f}".replace(".", ",")))


def semicolon(folder):
    comma(people()).to_csv(folder / "t.csv", sep=";", index=False)


def tab(folder):
    people().to_csv(folder / "t.csv", sep="\t", index=False)


def latin(folder):
    people().assign(city="Köln").to_csv(folder / "t.csv", index=False, encoding="latin-1")


def excel(folder):
    content = comma(people()).to_csv(sep=";", index=False, lineterminator="\r\n")
    (folder / "t.csv").write_bytes(b"\xef\xbb\xbf" + content.encode())


def excel_unicode(folder):
    (folder / "t.csv").write_bytes(comma(people()).to_csv(sep="\t", index=False).encode("utf-16"))


def r_made(folder):
    people().to_csv(folder / "t.csv", index_label="", na_rep="NA", quoting=2)


def likert(folder):
    people(labels=[str(1 + n % 5) for n in range(ROWS)]).to_csv(folder / "t.csv", index=False)


def spss(folder):
    labels = [1 + (n % 3 > 0) for n in range(ROWS)]
    frame = people(labels=labels).astype({"polite": object})
    frame["polite"] = [labels[n] if n < LABELLED else -99 for n in range(ROWS)]
    frame.to_csv(folder / "t.csv", index=False)


def capitals(folder):
    people(labels=[word.upper() for word in WORDS]).to_csv(folder / "t.CSV", index=False)


def nullable(folder):
    frame = people(labels=[word == "yes" for word in WORDS]).astype({"polite": "boolean", "age": "Float64"})
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute("COPY frame TO $path (FORMAT parquet)", {"path": str(folder / "t.PARQUET")})


def enum(folder):
    with duckdb.connect(folder / "t.duckdb") as connection:
        connection.register("frame", people())
        connection.execute("CREATE TYPE word AS ENUM ('no', 'yes')")
        connection.execute("CREATE TABLE t AS SELECT * REPLACE (polite::word AS polite) FROM frame")


YES = np.array([float(word == "yes") for word in WORDS[:LABELLED]])
TABLES = {
    "semicolons and decimal commas": (semicolon, {}, YES),
    "tabs": (tab, {}, YES),
    "Latin-1": (latin, {"encoding": "latin-1"}, YES),
    "Excel: a mark, semicolons, decimal commas, CRLF": (excel, {}, YES),
    "Excel: Unicode text": (excel_unicode, {}, YES),
    "R: NA, quotes, row names": (r_made, {}, YES),
    "Likert": (likert, {"answers": {str(n): float(n) for n in range(1, 6)}}, 1.0 + np.arange(LABELLED) % 5),
    "SPSS: codes and -99": (spss, {"answers": {"1": 1.0, "2": 0.0}, "missing": ["-99"]}, YES),
    "yes and no in capitals": (capitals, {"source": "t.CSV"}, YES),
    "Parquet, nullable": (nullable, {"source": "t.PARQUET", "answers": {"true": 1.0, "false": 0.0}}, YES),
    "DuckDB, ENUM": (enum, {"source": "t.duckdb::t"}, YES),
    "yes and no, reversed": (tab, {"answers": {"yes": 0.0, "no": 1.0}}, 1 - YES),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_is_read_is_what_a_person_sees(tmp_path, name):
    write, options, labels = TABLES[name]
    write(tmp_path)
    units = read(tmp_path, **({"source": "t.csv"} | options))
    frame = units.frame.set_index("unit_id").loc[people()["id"]]
    assert list(frame["text"]) == TEXTS
    np.testing.assert_array_equal(frame["rude"][:LABELLED], labels)
    assert frame["rude"][LABELLED:].isna().all()
    np.testing.assert_array_equal(frame["age"], AGES)
    label, age = units.reading.columns
    assert (units.reading.rows, units.reading.labelled, label.missing) == (ROWS, LABELLED, ROWS - LABELLED)
    assert sum(count for _, count, _ in label.counts) == LABELLED
    assert age.span == (20.5, 23.5, 26.5)
    assert all(len(line) <= 80 for line in units.reading.lines)


def test_what_was_read_in_lines(tmp_path):
    excel(tmp_path)
    assert read(tmp_path, "t.csv").reading.lines == (
        "60 rows, 40 labelled (separated by semicolon)",
        "label rude: no = 0 (26), yes = 1 (14); empty 20",
        "number age: 20.5 to 26.5, median 23.5",
    )


def test_a_category_is_stored_and_read_back(tmp_path):
    from moored.storage.data_versions import store_units
    from moored.storage.studies import stored_units
    from moored.storage.warehouse import open_store

    towns = [("Ulm", "Köln", 'a "b"')[n % 3] for n in range(ROWS)]
    people().assign(town=towns).to_csv(tmp_path / "t.csv", index=False)
    given = study(
        data={"source": "t.csv"},
        outcome=study_table()["outcome"]
        | {"human": "polite", "answers": {"yes": 1, "no": 0}, "examples": []},
        covariates=[{"name": "town", "column": "town"}, {"name": "age", "column": "age"}],
        labels={"design": "undeclared"},
    )
    units = read_units(given, tmp_path, tmp_path)
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        store_units(store, given, units)
        back = stored_units(store, given, units.version)
    assert list(back["town"]) == list(units.frame["town"]) == towns
    assert list(back["age"]) == AGES
    assert units.reading.lines[2] == 'category town: Ulm (20), Köln (20), a "b" (20)'


def test_what_stored_studies_were_read_as_is_read_still(tmp_path):
    write_requests(tmp_path)
    version = read_units(study(), tmp_path, tmp_path).version
    assert version == "data-2:52f87649534849ab57fa403e1416c07f5ca4ae9c162492f962fb0df6cf0bdd06"
