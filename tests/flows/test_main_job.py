"""The main job, whole: example data, embedded model, Dask cluster, Prefect server; once, on 12 units."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.commands import said

pytestmark = pytest.mark.prefect

ROOT = Path(__file__).parent.parent.parent
UNITS, LABELLED = 12, 9


@pytest.fixture(scope="module")
def job(tmp_path_factory, prefect_server):
    """`moored run` on a small cut of the tweets study: the finished process and its environment."""
    folder = tmp_path_factory.mktemp("main-job")
    text = (ROOT / "deployments" / "studies" / "tweets.toml").read_text()
    text = text.replace("rows = 500", f"rows = {UNITS}").replace("sample = 120", f"sample = {LABELLED}")
    text = text.replace('family = "logit"', 'family = "ols"')
    assert tomllib.loads(text)["data"]["rows"] == UNITS
    (folder / "tweets.toml").write_text(text)
    environment = os.environ | {
        "MOORED_STORE": str(folder / "store.duckdb"),
        "PREFECT_API_URL": prefect_server,
    }
    environment.pop("OPENAI_API_KEY", None)
    environment.pop("OPENAI_BASE_URL", None)
    command = [sys.executable, "-m", "moored", "run", "tweets.toml"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    return done, folder, environment


def ask(job, *arguments):
    _, folder, environment = job
    return json.loads(said(folder, environment, "moored", *arguments, "--json"))


@pytest.mark.model
@pytest.mark.timeout(300)
def test_the_main_job_ends_well(job):
    done = job[0]
    assert done.returncode == 0, done.stderr
    assert "gmm-synth" in done.stdout
    assert "everyone-labelled" in done.stdout
    assert "Traceback" not in done.stderr
    assert "distributed." not in done.stderr  # Dask logs what no user asked for
    assert f"{UNITS * 3}/{UNITS * 3} rows" in done.stderr


@pytest.mark.model
def test_every_unit_has_its_terminal_rows(job):
    status = ask(job, "status", "tweets")
    assert [part["source"] for part in status["sources"]] == ["proxy", "synthetic"]
    assert all(part["ok"] == part["expected"] == UNITS for part in status["sources"])
    # Texts that were written alike are read once.
    assert UNITS * 2 < status["model_calls"] <= UNITS * 3


@pytest.mark.model
def test_soft_labels_are_probabilities_and_texts_are_new(job):
    import duckdb

    with duckdb.connect(job[1] / "store.duckdb", read_only=True) as store:
        read = store.sql("SELECT value FROM generations WHERE step LIKE 'read.%'").fetchall()
        pairs = store.sql(
            "SELECT g.text, t.text FROM generations g JOIN texts t USING (study, unit_id) WHERE step = 'write'"
        ).fetchall()
        raw = store.sql("SELECT count(*) FROM generations WHERE reply IS NULL").fetchall()
    values = [value for (value,) in read]
    assert len(values) == 2 * UNITS
    assert all(0 < value < 1 for value in values)
    assert len(set(values)) > UNITS
    assert sum(new == old for new, old in pairs) <= UNITS // 10
    assert raw == [(0,)]


@pytest.mark.model
def test_results_are_one_version_of_named_estimators(job):
    result = ask(job, "results", "tweets")
    assert result["version"] == 1
    assert {fit["n_total"] for fit in result["fits"]} == {UNITS}
    human = [row for row in result["estimates"] if row["estimator"] == "human"]
    assert [row["term"] for row in human] == ["Intercept", "exclamation"]


def test_the_readme_says_what_is_run_here_and_by_the_gate():
    lines = (ROOT / "README.md").read_text().splitlines()
    commands = [
        line.split("uv run ", 1)[1] for line in lines if line.startswith("    ") and "uv run " in line
    ]
    assert commands == ["moored run deployments/studies/tweets.toml", "pytest"]
