"""What a command must not import, and what a run that changes nothing does without: Prefect, Dask, openai."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from moored.cli.surroundings import may_be_named
from moored.storage.events import open_runs, run_endings
from moored.storage.warehouse import open_store
from moored.study import load_study
from tests.endpoint import KEY, serve
from tests.studies import reads_well, write_requests, write_study

PIPELINE = {"prefect", "distributed", "openai", "great_expectations", "fastapi", "matplotlib", "apprise"}
NUMBERS = {"numpy", "pandas", "scipy", "formulaic", "moored.inference", "moored.study"}
BUDGETS = {
    "--help": PIPELINE | NUMBERS | {"duckdb"},
    "results requests": PIPELINE | NUMBERS,
    "history requests": PIPELINE | NUMBERS,
    "status": PIPELINE | NUMBERS,
    "run requests": PIPELINE,
}
CALL = """
import sys
from moored.cli import main
try:
    main()
finally:
    print("imported:", *sys.modules, file=sys.stderr)
"""


def call(folder: Path, line: str, **environment: str) -> tuple[str, set[str]]:
    """What a command prints, and the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", CALL, *line.split()],
        cwd=folder,
        env=os.environ | {"MOORED_STORE": str(folder / "store.duckdb")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.rsplit("imported:", 1)[1].split())


@pytest.fixture(scope="module")
def made(tmp_path_factory, prefect_server):
    """One published version, and the server that its model was."""
    from flows.survey import survey

    folder = tmp_path_factory.mktemp("starts")
    with serve(answers=reads_well) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.url)
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("MOORED_STORE", str(folder / "store.duckdb"))
        patch.setenv("MOORED_WORKERS", "0")
        write_requests(folder)
        survey(load_study(write_study(folder)), str(folder))
        yield folder, server


@pytest.fixture
def folder(made, moored, monkeypatch, tmp_path):
    """A copy of that, where `moored` is."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("OPENAI_BASE_URL", made[1].url)
    return tmp_path


@pytest.mark.prefect
def test_a_command_imports_what_it_needs(folder, made):
    before = made[1].calls
    for line, budget in BUDGETS.items():
        said, imported = call(folder, line)
        assert sorted(budget & imported) == [], line
    assert "nothing changed since version 1" in said
    assert made[1].calls == before


@pytest.mark.prefect
def test_a_run_that_changes_nothing_is_recorded_without_prefect(folder, tmp_path):
    log, metrics = tmp_path / "log.jsonl", tmp_path / "moored.prom"
    said, _ = call(folder, "run requests --json", MOORED_LOG=f"json:{log}", MOORED_METRICS=str(metrics))
    assert json.loads(said)["changed"] is False
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["message"] for line in lines[:2]] == ["run began", "data read"]
    assert (lines[-1]["outcome"], lines[-1]["run_id"]) == ("unchanged", lines[0]["run_id"])
    assert 'outcome="unchanged"' in metrics.read_text()
    with open_store(tmp_path / "store.duckdb") as store:
        assert open_runs(store) == []
        ending = run_endings(store, "requests")[-1]
    assert (ending.event, ending.run_id) == ("unchanged", lines[0]["run_id"])


@pytest.mark.prefect
@pytest.mark.parametrize("what", ["data", "study", "scope", "journal", "lost rows"])
def test_anything_that_may_be_to_do_is_left_to_the_flow(moored, folder, what, monkeypatch):
    handed: list[str] = []

    def stop(_settings: object, entrypoint: str, *_: object) -> None:
        handed.append(entrypoint)
        raise SystemExit(7)

    monkeypatch.setattr("moored.cli.pipeline.run_flow", stop)
    monkeypatch.setattr("moored.cli.pipeline.early_server", lambda _: nullcontext())
    line = ["run", "requests.toml"]
    if what == "data":
        file = folder / "requests.csv"
        file.write_text(file.read_text() + "r999,Could you look at this one?,1\n")
    elif what == "study":
        write_study(folder, seed=8)
    elif what == "scope":
        line = ["rerun", "requests", "--failed"]
    elif what == "journal":
        for file in folder.glob("store.replies.sqlite*"):
            file.unlink()
    else:
        import duckdb

        with duckdb.connect(folder / "store.duckdb") as store:
            store.execute("DELETE FROM generations WHERE unit_id = 'r003'")
    assert moored(*line).code == 7
    assert handed == ["flows/survey.py:survey"]


def test_a_server_that_the_user_names_is_noticed_without_prefect(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = {"PREFECT_HOME": str(tmp_path / "home")}
    monkeypatch.setenv("PREFECT_HOME", home["PREFECT_HOME"])
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)
    assert not may_be_named({})
    assert may_be_named({"PREFECT_API_URL": "http://127.0.0.1:4200/api"})
    assert may_be_named({"prefect_api_url": "http://127.0.0.1:4200/api"})
    assert may_be_named({"PREFECT_PROFILE": "mine"})
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["prefect"]\n')
    assert not may_be_named({})
    for name, content in {
        "pyproject.toml": '[tool.prefect.api]\nurl = "http://h/api"\n',
        "prefect.toml": '[api]\nurl = "http://h/api"\n',
        ".env": "PREFECT_API_URL=http://h/api\n",
    }.items():
        (tmp_path / name).write_text(content)
        assert may_be_named({}), name
        (tmp_path / name).unlink()
    (tmp_path / "home").mkdir()
    profiles = tmp_path / "home" / "profiles.toml"
    profiles.write_text('active = "a"\n[profiles.a]\n[profiles.b]\nPREFECT_API_URL = "http://h/api"\n')
    assert not may_be_named({})
    profiles.write_text(profiles.read_text().replace('active = "a"', 'active = "b"'))
    assert may_be_named({})
    profiles.write_text("not TOML [")
    assert may_be_named({})
