"""Names that would break a statement put together from text: none is."""

import duckdb
import pandas as pd
import pytest

from moored.errors import StudyInvalid
from moored.storage.data_versions import store_units
from moored.storage.ingest import read_units
from moored.storage.studies import stored_units
from moored.storage.warehouse import open_store
from tests.studies import requests_frame, study, study_table

NASTY = (
    'a"b',
    "it's",
    "x; DROP TABLE units; --",
    "/* no */",
    "select",
    "größe",
    "年龄",
    "🙂",
    "two words",
    "a.b",
    "$path",
    "%s {0}",
    "a\\b",
)


def quoted(name):
    """As a user writes it in a rule."""
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(params=["csv", "parquet", "duckdb"])
def write(request, tmp_path):
    """Write a frame as a file of each kind; gives `data.source`."""

    def write(frame):
        if request.param == "csv":
            frame.to_csv(tmp_path / "d.csv", index=False)
            return "d.csv"
        with duckdb.connect(tmp_path / "d.duckdb") as connection:
            connection.register("frame", frame)
            connection.execute("CREATE TABLE words AS FROM frame")
            if request.param == "parquet":
                connection.execute("COPY words TO $path", {"path": str(tmp_path / "d.parquet")})
                return "d.parquet"
        return "d.duckdb::words"

    return write


@pytest.mark.parametrize("name", NASTY)
def test_columns_may_have_any_name(tmp_path, write, name):
    frame = requests_frame()
    renamed = {column: f"{name} {column}" for column in ("id", "text", "polite")}
    source = write(frame.rename(columns=renamed).assign(**{name: [n % 7 for n in range(60)]}))
    given = study(
        data={"source": source, "id": renamed["id"], "text": renamed["text"], "cluster": name},
        outcome=study_table()["outcome"] | {"human": quoted(renamed["polite"])},
        covariates=[{"name": "age", "column": quoted(name)}],
        estimate={"formula": "polite ~ age"},
    )
    units = read_units(given, tmp_path, tmp_path)
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        store_units(store, given, units)
        read = stored_units(store, given, units.version)
    assert list(read["text"]) == list(frame["text"])
    assert list(read["age"]) == [float(n % 7) for n in range(60)]
    assert list(read["cluster"]) == [str(n % 7) for n in range(60)]


@pytest.mark.parametrize("name", NASTY)
def test_units_may_have_any_id_and_any_text(tmp_path, name):
    frame = requests_frame().assign(id=lambda f: name + f["id"], text=lambda f: name + f["text"])
    frame.to_csv(tmp_path / "requests.csv", index=False)
    units = read_units(study(), tmp_path, tmp_path)
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        store_units(store, study(), units)
        read = stored_units(store, study(), units.version)
    pd.testing.assert_series_equal(read["unit_id"], units.frame["unit_id"], check_dtype=False)
    assert sorted(read["text"]) == sorted(frame["text"])


@pytest.mark.parametrize("name", NASTY)
def test_a_table_of_a_database_may_have_any_name(tmp_path, name):
    with duckdb.connect(tmp_path / "d.duckdb") as connection:
        connection.register("frame", requests_frame())
        connection.execute(f"CREATE TABLE {quoted(name)} AS FROM frame")
    units = read_units(study(data={"source": f"d.duckdb::{name}"}), tmp_path, tmp_path)
    assert len(units.frame) == 60


@pytest.mark.parametrize("name", NASTY)
def test_what_becomes_a_name_of_ours_must_be_plain(name):
    for changes in (
        {"name": name},
        {"outcome": study_table()["outcome"] | {"name": name}},
        {"covariates": [{"name": name, "rule": "length(text)"}]},
        {"sources": [{"name": name, "kind": "proxy"}]},
    ):
        if name in {"select"}:
            continue
        with pytest.raises(StudyInvalid, match="allowed is"):
            study(**changes)
