"""What is read from the store in parts is what it is as a whole."""

from functools import partial

import pytest

from moored.storage import generations, studies
from moored.storage.data_versions import store_units
from moored.storage.generations import SourcePlan, append_generations, latest_generations
from moored.storage.ingest import read_units
from moored.storage.parts import unit_ranges
from moored.storage.studies import stored_units
from moored.storage.warehouse import open_store
from tests.storage.test_generations import row
from tests.studies import requests_frame, study

IDS = ["Z", "a", "é", "z", "Ω", "中", "𝒳", "10", "9", "B", "_", "ß"]
TOWNS = ["Ulm", None, None, None, "Köln", None, None, "Ulm", "Bonn", None, None, "Köln"]
"""Some parts have a word for none of their units."""


@pytest.fixture
def stored(tmp_path):
    frame = requests_frame(len(IDS)).assign(id=IDS, town=TOWNS)
    frame.to_csv(tmp_path / "requests.csv", index=False)
    given = study(
        covariates=[{"name": "town", "column": "town"}],
        estimate={"formula": "polite ~ 1"},
        labels={"design": "undeclared"},
    )
    units = read_units(given.model_copy(update={"covariates": ()}), tmp_path, tmp_path)
    units.frame["town"] = units.frame["unit_id"].map(dict(zip(IDS, TOWNS, strict=True)).get).astype(object)
    with open_store(tmp_path / "s.duckdb", create=True) as store:
        store_units(store, given, units)
        yield store, given, units


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
def test_units_come_in_their_order_each_once(stored, monkeypatch, at_once):
    store, given, units = stored
    monkeypatch.setattr(studies, "unit_ranges", partial(unit_ranges, at_once=at_once))
    back = stored_units(store, given, units.version)
    assert list(back["unit_id"]) == list(units.frame["unit_id"]) == sorted(IDS)
    assert list(back["text"]) == list(units.frame["text"])
    assert list(back["town"]) == [dict(zip(IDS, TOWNS, strict=True))[unit] for unit in sorted(IDS)]
    assert back["polite"].equals(units.frame["polite"])
    assert back["cluster"].isna().all()


@pytest.mark.parametrize("at_once", [1, 5, 100])
def test_the_last_rows_of_all_parts(stored, monkeypatch, at_once):
    store, _, units = stored
    planned = [SourcePlan("proxy", "recipe-1:a", 1)]
    rows = [
        row(units, n, status="failed" if n == 3 else "ok", value=n) | {"error": "timeout" if n == 3 else None}
        for n in range(len(IDS))
    ]
    append_generations(store, "requests", "one", rows)
    append_generations(store, "requests", "two", [row(units, 7, value=0.25)])
    monkeypatch.setattr(generations, "unit_ranges", partial(unit_ranges, at_once=at_once))
    found = latest_generations(store, "requests", units.version, planned)
    assert list(found["unit_id"]) == sorted(IDS)
    assert list(found["value"]) == [0, 1, 2, 3, 4, 5, 6, 0.25, 8, 9, 10, 11]
    assert [str(error) for error in found["error"].dropna()] == ["timeout"]
    assert list(found["status"]) == ["ok"] * 3 + ["failed"] + ["ok"] * 8


def test_a_version_that_is_not_there_has_no_units(stored):
    store, given, _ = stored
    assert stored_units(store, given, "data-2:none").empty
    assert latest_generations(store, "requests", "data-2:none", []).empty
