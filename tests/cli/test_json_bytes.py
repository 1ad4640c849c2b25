"""What `--json` prints of a store is equal, byte for byte, to what moored 0.1 printed of it (`printed.jsonl`)."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from moored.storage.events import store_ended
from moored.storage.results import Inputs, RunRow, roll_back, store_stopped
from moored.storage.studies import store_study
from moored.storage.warehouse import open_store
from tests.runs import publish_frames
from tests.studies import study, study_table

ROOT = Path(__file__).parents[2]

PRINTED = (Path(__file__).parent / "printed.jsonl").read_text().splitlines()
COMMANDS = (["results"], ["results", "--version", "2", "--exp"], ["history"], ["checks"], ["diff", 1, 2])
LOGIT = study(estimate=study_table()["estimate"] | {"family": "logit"})
DATA = {"study": "requests", "data_version": "data-1:0123456789"}
RUN = RunRow(
    run_id="run-1",
    study="requests",
    inputs=Inputs(LOGIT.fingerprint, DATA["data_version"], "0.1+c", {"proxy": "recipe-1:1"}, 1),
    started_at=datetime(2026, 11, 1, 2, tzinfo=UTC),
    headline="gmm-small",
    marks=("[own-check] off",),
    counts={"units": 40, "labelled": 20, "usd": 0.5},
    timings={"total_s": 1.5},
)
CHECK = {
    "suite": "own",
    "check": "own-check",
    "severity": "warning",
    "passed": False,
    "observed": None,
    "threshold": "at most 0.1",
    "unit_ids": ["r1"],
    "message": "off",
}
FIT = {
    "family": "logit",
    "level": 0.95,
    "n_labelled": 20,
    "n_total": 40,
    "warnings": ["few \u2028"],
    "target": "population",
    "covariance": [[0.09, 0.0], [0.0, 0.09]],
}
FITS = pd.DataFrame(
    [
        FIT | {"estimator": "human", "j": None, "j_df": None, "j_p_value": None},
        FIT | {"estimator": "gmm-small", "j": 0.64, "j_df": 2, "j_p_value": 0.49},
    ]
)


def estimates(shift):
    numbers = {"se": 0.3, "p_value": 1e-40, "effective_n": 151.25, "labels_saved": 0.2}
    ends = {"estimate": shift + 0.1, "lower": shift - 0.5, "upper": shift + 0.7}
    return pd.DataFrame(
        [
            numbers | ends | {"estimator": name, "term": term, "r2": r2}
            for name, r2 in (("human", None), ("gmm-small", 1 / 3), ("naive-proxy", None))
            for term in ("Intercept", "question")
        ]
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two versions, a run that was stopped, and a move back to version 1."""
    folder = tmp_path_factory.mktemp("printed")
    inputs = replace(RUN.inputs, recipes={"proxy": "recipe-1:2"}, generation_seq=2)
    second = replace(RUN, run_id="run-2", inputs=inputs, override_reason="known")
    with open_store(folder / "store.duckdb", create=True) as opened:
        store_study(opened, LOGIT, folder)
        opened.rows("insert_data_version", DATA | {"units": 40, "labelled": 20, "probability": 0.5})
        publish_frames(opened, RUN, pd.DataFrame([CHECK]), estimates(1 / 3), FITS)
        publish_frames(opened, second, pd.DataFrame([CHECK]), estimates(2 / 3), FITS)
        store_stopped(opened, replace(second, run_id="run-3"), pd.DataFrame([CHECK]))
        roll_back(opened, "requests", 1, "wrong table")
    return folder / "store.duckdb"


@pytest.mark.parametrize(
    ("command", "printed"),
    list(zip(COMMANDS, PRINTED, strict=True)),
    ids=[" ".join(map(str, command)) for command in COMMANDS],
)
def test_json_is_what_it_was(moored, store, monkeypatch, command, printed):
    monkeypatch.setenv("MOORED_STORE", str(store))
    out = moored(command[0], "requests", *command[1:], "--json").out
    plain = re.sub(r"study-1:[0-9a-f]{10,}", "F", re.sub(r'"20\d\d-\d\d-\d\dT[^"]*"', '"T"', out))
    assert plain == printed + "\n"


@pytest.mark.parametrize("more", [(), ("--version", "2"), ("--exp",)], ids=" ".join)
def test_results_hold_to_their_schema(moored, store, monkeypatch, more):
    import jsonschema

    monkeypatch.setenv("MOORED_STORE", str(store))
    schema = json.loads((ROOT / "docs" / "reference" / "results.schema.json").read_text())
    printed = json.loads(moored("results", "requests", *more, "--json").out)
    jsonschema.validate(printed, schema)
    assert set(printed) == set(schema["required"])
    del printed["estimates"][0]["se"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(printed, schema)


@pytest.mark.parametrize("command", ["history", "status"])
def test_times_are_those_of_utc_wherever_they_are_read(moored, store, monkeypatch, command):
    """A version's time had the offset of its reader: two readers' objects differed."""
    monkeypatch.setenv("MOORED_STORE", str(store))
    with open_store(store) as opened:
        store_ended(opened, "requests", "run-1", None, "failed", "no")
    said = []
    for zone in ("America/New_York", "Asia/Kolkata"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        said.append(moored(command, "requests", "--json").out)
    monkeypatch.undo()
    time.tzset()
    assert said[0] == said[1]
    times = re.findall(r'"20\d\d-\d\d-\d\dT[^"]*"', said[0])
    assert times
    assert all(moment.endswith('+00:00"') for moment in times)
