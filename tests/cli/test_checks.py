import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest

from moored.storage.results import Inputs, RunRow, store_stopped
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.studies import study


def outcome(check, *, passed=True, severity="warning", observed="0.25", unit_ids=()):
    return {
        "suite": "validity",
        "check": check,
        "severity": severity,
        "passed": passed,
        "observed": observed,
        "threshold": "none",
        "unit_ids": list(unit_ids),
        "message": f"What {check} found.",
    }


PASSED = [outcome("one-recipe", severity="critical", observed="0.0"), outcome("near-human", observed=None)]
MARKED = [*PASSED, outcome("missing-share", passed=False, unit_ids=["r1", "r2"])]
STOPPED = [*MARKED, outcome("rows-unique", passed=False, severity="critical", unit_ids=["r7"])]

NUMBERS = {"estimate": 0.5, "se": 0.1, "lower": 0.3, "upper": 0.7, "p_value": 0.01, "r2": None}
ESTIMATES = pd.DataFrame(
    [NUMBERS | {"estimator": "human", "term": "question", "effective_n": 20.0, "labels_saved": 0.0}]
)
COUNTS = {"n_labelled": 20, "n_total": 40, "j": None, "j_df": None, "j_p_value": None, "warnings": []}
FITS = pd.DataFrame([COUNTS | {"estimator": "human", "family": "ols", "level": 0.95}])


def run_row(run_id, reason=None):
    inputs = Inputs("study-1:a", "data-1:b", "0.1+c", {}, 1)
    return RunRow(run_id, "requests", inputs, datetime.now(UTC), override_reason=reason)


@pytest.fixture
def store(tmp_path):
    """Version 1 with a warning, then a run that was stopped."""
    with open_store(tmp_path / "store.duckdb", create=True) as store:
        store_study(store, study(), tmp_path)
        publish_frames(store, run_row("run-one"), pd.DataFrame(MARKED), ESTIMATES, FITS)
        store_stopped(store, run_row("run-two"), pd.DataFrame(STOPPED))
    return tmp_path / "store.duckdb"


def test_the_newest_run_is_shown_with_what_failed_first(moored, store):
    answer = moored("checks", "requests")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == "requests, run run-two, stopped: nothing was published"
    assert lines[1] == "stops the run: 1, warning: 1, not asked: 1, passed: 1"
    order = [answer.out.index(f"[{check}]") for check in ("rows-unique", "missing-share")]
    assert order == sorted(order)
    assert "stops the run: [rows-unique] What rows-unique found." in answer.out
    assert "units: r1, r2" in answer.out
    table = [line.split() for line in lines[lines.index("") :] if "none" in line]
    assert [next(word for word in row if "-" in word) for row in table] == [
        "rows-unique",
        "missing-share",
        "near-human",
        "one-recipe",
    ]


def test_a_version_is_shown_by_its_number(moored, store):
    answer = moored("checks", "requests", "--version", 1)
    assert answer.out.startswith("requests, version 1, published (run run-one)\n")
    assert "rows-unique" not in answer.out
    assert moored("checks", "requests", "--version", 2).code == 52


def test_an_override_is_said(moored, store):
    with open_store(store) as opened:
        publish_frames(opened, run_row("run-three", "we know"), pd.DataFrame(STOPPED), ESTIMATES, FITS)
    answer = moored("checks", "requests")
    assert "version 2, published" in answer.out
    assert "published against its checks: we know" in answer.out


def test_json_is_one_object_with_every_outcome(moored, store):
    result = json.loads(moored("checks", "requests", "--json").out)
    assert (result["run_id"], result["version"], result["status"]) == ("run-two", None, "stopped")
    assert result["checks"] == STOPPED


def test_the_page_is_one_file_that_loads_nothing(moored, store, tmp_path):
    page = tmp_path / "checks.html"
    answer = moored("checks", "requests", "--html", page)
    assert answer.code == 0, answer.err
    assert answer.out.strip() == f"wrote {page}"
    text = page.read_text()
    assert "Nothing was published: 1 critical check failed." in text
    assert "What rows-unique found." in text
    assert not re.search(r"https?://|<script|<link|@import|url\(", text)


def test_a_page_in_a_folder_that_is_not_there_is_one_sentence(moored, store, tmp_path):
    answer = moored("checks", "requests", "--html", tmp_path / "nowhere" / "checks.html")
    assert answer.code == 10
    assert answer.err.count("\n") == 1
    assert "nowhere" in answer.err


def test_a_study_that_never_ran_is_one_sentence(moored, tmp_path):
    with open_store(tmp_path / "store.duckdb", create=True) as store:
        store_study(store, study(), tmp_path)
    answer = moored("checks", "requests")
    assert answer.code == 52
    assert answer.err.startswith("moored: the study 'requests' has no finished run")


def test_reading_outcomes_does_not_import_what_checks(moored, store):
    code = (
        "import sys; from moored.cli import app\n"
        "try: app(['checks', 'requests'])\n"
        "except SystemExit: pass\n"
        "heavy = {'great_expectations', 'prefect', 'checks'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.strip() == "[]"
    assert "rows-unique" in done.stdout
