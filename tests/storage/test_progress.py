"""How much a run still has to make, by its plan and its scope."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moored.storage.data_versions import store_units
from moored.storage.generations import SourcePlan, append_generations, store_plan
from moored.storage.ingest import read_units
from moored.storage.progress import rows_to_generate
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from moored.study.scope import Scope
from tests.storage.test_generations import row
from tests.studies import requests_frame, study, write_requests

PLANNED = [SourcePlan("proxy", "recipe-1:a", 1), SourcePlan("synthetic", "recipe-1:b", 2)]
SCOPES = [
    (Scope(), 3 * 1 + 6 * 2),
    (Scope(failed=True), 4 * 1 + 6 * 2),
    (Scope(failed=True, sources=("proxy",)), 4),
    (Scope(units=("r000", "r005")), 2 * 1 + 2 * 2),
    (Scope(units=("r000",), sources=("synthetic",)), 2),
]


@pytest.mark.parametrize(("scope", "rows"), SCOPES, ids=str)
def test_rows_to_generate_are_those_of_the_scope(tmp_path: Path, scope: Scope, rows: int) -> None:
    path = tmp_path / "store.duckdb"
    began = datetime.now(UTC) - timedelta(seconds=1)
    write_requests(tmp_path, requests_frame(6))
    asked = study(labels={"design": "simple-random", "sample": 3})
    units = read_units(asked, tmp_path, tmp_path)
    with open_store(path, create=True) as store:
        store_study(store, asked, tmp_path)
        store_units(store, asked, units)
        assert rows_to_generate(path, "requests", began, scope) is None
        store_plan(store, "requests", "run", units.version, PLANNED)
        done = [row(units, 0), row(units, 1, "failed"), row(units, 2, "refused")]
        append_generations(store, "requests", "run", done)
        assert rows_to_generate(path, "requests", began, scope) == rows
        assert rows_to_generate(path, "requests", datetime.now(UTC) + timedelta(hours=1), scope) is None
