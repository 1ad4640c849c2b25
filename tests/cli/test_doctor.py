"""`moored doctor`: one line per thing, what to do where one fails; nothing is changed, and the key not shown."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from moored.fetch.models import EMBEDDED, known_model
from moored.storage.warehouse import open_store
from tests.endpoint import KEY


@pytest.fixture
def doctor(moored, monkeypatch, tmp_path):
    monkeypatch.setenv("MOORED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    for name in ("PREFECT_API_URL", "PREFECT_PROFILES_PATH", "PREFECT_PROFILE", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def look():
        said = moored("doctor", "--json")
        found = json.loads(said.out)
        assert said.code == (0 if found["well"] else 14)
        return {one["name"]: one for one in found["findings"]}

    return look


def test_all_is_well_and_the_key_is_not_shown(doctor, moored, tmp_path):
    found = doctor()
    assert {one["state"] for one in found.values()} <= {"ok", "warn"}
    assert found["endpoint"]["said"].endswith("OPENAI_API_KEY is set")
    said = moored("doctor")
    assert said.code == 0
    assert KEY not in said.out + said.err
    assert len(said.out.splitlines()) == len(found)
    assert not (tmp_path / "store.duckdb").exists()


def test_a_store_is_looked_into_and_left_as_it_is(doctor, tmp_path):
    from moored.storage.studies import store_study
    from tests.studies import study

    with open_store(tmp_path / "store.duckdb", create=True) as store:
        store_study(store, study(), tmp_path)
    before = (tmp_path / "store.duckdb").read_bytes()
    assert "studies: 1" in doctor()["store"]["said"]
    assert (tmp_path / "store.duckdb").read_bytes() == before


def test_a_newer_store_fails(doctor, tmp_path):
    with open_store(tmp_path / "store.duckdb", create=True) as store:
        store.rows("insert_schema_migration", {"number": 9999, "name": "9999_later"})
    found = doctor()["store"]
    assert (found["state"], "upgrade moored" in found["said"]) == ("fail", True)


def test_what_is_no_store_fails(doctor, moored, tmp_path):
    (tmp_path / "store.duckdb").write_text("not a database, but long enough to be looked at" * 100)
    (tmp_path / "store.replies.sqlite").write_text("nor is this" * 1000)
    found = doctor()
    assert (found["store"]["state"], found["model replies"]["state"]) == ("fail", "fail")
    said = moored("doctor")
    assert said.code == 14
    assert "2 things do not work (store, model replies)" in said.err


def test_who_holds_the_store_is_told(doctor, tmp_path):
    path = tmp_path / "store.duckdb"
    with open_store(path, create=True):
        pass
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline().strip() == b"open"
    found = doctor()["store"]
    assert (found["state"], f"process {holder.pid}" in found["said"]) == ("warn", True)
    holder.communicate(b"\n")


def test_a_run_under_way_is_told(doctor, tmp_path):
    from moored.storage.run_lock import hold

    with open_store(tmp_path / "store.duckdb", create=True):
        pass
    with hold(tmp_path / "store.requests.lock", "requests", "r1"):
        assert "'requests' is being run by process" in doctor()["runs"]["said"]
    assert "runs" not in doctor()


@pytest.mark.parametrize(
    ("name", "value", "finding"),
    [
        ("OPENAI_API_KEY", "sk-with a blank", "endpoint"),
        ("OPENAI_BASE_URL", "localhost:8000", "endpoint"),
        ("MOORED_WORKERS", "many", "settings"),
        ("MOORED_CACHE", "/dev/null/cache", "cache"),
        ("MOORED_STORE", "/dev/null/store.duckdb", "store"),
    ],
)
def test_a_setting_that_cannot_be_fails(doctor, monkeypatch, name, value, finding):
    monkeypatch.setenv(name, value)
    found = doctor()[finding]
    assert found["state"] == "fail"
    assert "with a blank" not in found["said"]


def test_half_a_model_fails(doctor, tmp_path):
    file = known_model(EMBEDDED).place(tmp_path / "cache")
    assert doctor()["embedded model"]["state"] == "warn"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"<html>")
    found = doctor()["embedded model"]
    assert (found["state"], "type `moored model fetch embedded`" in found["said"]) == ("fail", True)


def test_prefects_profile_is_told_or_refused(doctor, monkeypatch, tmp_path):
    assert "a server of its own" in doctor()["prefect"]["said"]
    (tmp_path / "prefect").mkdir()
    profiles = tmp_path / "prefect" / "profiles.toml"
    profiles.write_text('active = "lab"\n[profiles.lab]\nPREFECT_API_URL = "http://lab:4200/api"\n')
    assert "http://lab:4200/api" in doctor()["prefect"]["said"]
    profiles.write_text("active = ")
    assert doctor()["prefect"]["state"] == "fail"
    monkeypatch.setenv("PREFECT_API_URL", "http://here:4200/api")
    assert "http://here:4200/api" in doctor()["prefect"]["said"]


def test_a_full_disk_fails(doctor, monkeypatch):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**6))
    assert doctor()["disk"]["state"] == "fail"


def test_it_loads_nothing_heavy():
    code = (
        "import sys; from moored.cli import app\n"
        "try: app(['doctor'])\n"
        "except SystemExit: pass\n"
        "heavy = ('prefect', 'great_expectations', 'openai', 'distributed', 'scipy')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.strip() == "[]"
