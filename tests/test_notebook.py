"""A notebook drives the pipeline: a data frame in, what is published out, errors by their own class."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest

import moored
from moored import errors
from moored.errors import (
    ColumnMissing,
    DataInvalid,
    NotStored,
    StudyBusy,
    StudyInvalid,
    TermUnknown,
    VersionDiffers,
)
from moored.storage.events import run_endings
from moored.storage.frames import write_table
from moored.storage.objects import table_of_object
from moored.storage.table_files import read_any
from moored.storage.warehouse import open_store
from tests.endpoint import KEY, serve
from tests.published import publish_version
from tests.studies import reads_well, requests_frame, study_table


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A folder to be in, with a store that is not there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOORED_STORE", str(tmp_path / "moored.duckdb"))
    monkeypatch.setenv("MOORED_WORKERS", "0")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return tmp_path


@pytest.fixture
def endpoint(monkeypatch, prefect_server):
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def without_data(**changes):
    table = study_table(**changes)
    del table["data"]
    return table


@pytest.mark.prefect
def test_a_frame_in_a_version_out_and_back_again(notebook, endpoint, capsys):
    severe = without_data(checks={"min_labelled": 50, "severity": {"labels-enough": "critical"}})
    with pytest.raises(errors.ChecksFailed, match="labels-enough") as stopped:
        moored.run(severe, requests_frame())
    told = capsys.readouterr().err
    assert "requests: chunk stored (source proxy" in told
    assert stopped.value.message not in told
    calls = endpoint.calls
    assert calls == 60 * 3 + 2  # two that probe
    first = moored.run(
        severe, pl.DataFrame(requests_frame().to_dict("list")), publish_anyway="a try", progress=False
    )
    assert (first.study, first.version, first.changed, first.headline) == ("requests", 1, True, "gmm-small")
    assert (first.override_reason, endpoint.calls) == ("a try", calls)
    again = moored.run("requests", publish_anyway="a try", progress=False)
    assert (again.version, again.changed, endpoint.calls) == (1, False, calls)
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(moored.results("requests").params, first.params)


def test_a_frame_is_the_same_data_as_its_csv(notebook):
    from moored.notebook import _over
    from moored.run.plan import units_of
    from moored.settings import read_settings
    from moored.study import parse_study

    requests_frame().to_csv(notebook / "requests.csv", index=False)
    written, settings = parse_study(study_table()), read_settings()
    framed = _over(written, requests_frame(), notebook, settings)
    assert framed.data.source == "moored.requests.data.parquet"
    versions = {units_of(given, notebook, settings).version for given in (written, framed)}
    assert len(versions) == 1


SCRIPT = """
import asyncio, json, sys
import moored, pandas as pd

async def cell():  # a notebook's cell runs inside a running event loop
    return moored.run(json.load(open("study.json")), pd.read_json("frame.json"), progress=False)

found = asyncio.run(cell())
print(found.version, found.changed)
"""


@pytest.mark.prefect
def test_a_script_needs_no_guard_and_a_notebook_may_have_a_loop_and_modules_of_our_names(
    notebook, endpoint, monkeypatch
):
    monkeypatch.setenv("MOORED_WORKERS", "1")
    (notebook / "study.json").write_text(json.dumps(without_data()))
    requests_frame().to_json(notebook / "frame.json")
    for name in ("tasks", "flows", "checks"):
        (notebook / f"{name}.py").write_text("raise SystemExit('the user has a module of that name')\n")
    (notebook / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "True"]


@pytest.mark.prefect
def test_an_interrupt_ends_the_run_in_order(notebook, prefect_server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    reached = threading.Event()

    def count(number, _body):
        if number >= 20:
            reached.set()

    with serve(count, answers=reads_well, latency_s=0.5) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        table = without_data(generation={"chunk_rows": 10, "concurrency": 2})
        threading.Thread(
            target=lambda: reached.wait(120) and os.kill(os.getpid(), signal.SIGINT), daemon=True
        ).start()
        with pytest.raises(KeyboardInterrupt):
            moored.run(table, requests_frame(), progress=False)
        assert server.calls < 182
    with open_store(notebook / "moored.duckdb") as store:
        assert [ending.event for ending in run_endings(store, "requests")] == ["cancelled"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": "BudgetReached", "sentence": "no money", "details": {"spent": 3}}, errors.BudgetReached),
        ({"error": "KeyError", "sentence": "this should not happen", "details": {}}, errors.MooredError),
        (None, errors.MooredError),
    ],
)
def test_an_error_of_the_run_is_raised_by_its_own_class(said, kind):
    from moored.notebook import _error

    error = _error(said, 44, ["what was heard last"])
    assert type(error) is kind
    assert error.message == (said["sentence"] if said else error.message)
    assert "code 44: what was heard last" in error.message or said
    assert error.details == (said["details"] if said else {})


def test_a_bad_frame_is_refused_before_anything_is_stored(notebook):
    for frame, error, why in (
        (requests_frame().drop(columns="text"), ColumnMissing, "text"),
        (requests_frame().assign(polite="perhaps"), DataInvalid, "perhaps"),
        (pd.concat([requests_frame()] * 2), errors.DuplicateIds, "r000"),
        (requests_frame().iloc[:0], DataInvalid, "no rows"),
        (3, DataInvalid, "int"),
    ):
        with pytest.raises(error, match=why):
            moored.run(without_data(), frame)
    assert not [path.name for path in notebook.iterdir() if "parquet" in path.name]
    for study, why in ((3, "came as int"), ({"name": "x"}, "outcome"), ("nowhere", "no study file")):
        with pytest.raises((StudyInvalid, NotStored), match=why):
            moored.run(study, requests_frame())


def test_the_lock_of_another_run_is_seen(notebook):
    from moored.settings import read_settings
    from moored.storage.run_lock import hold

    with hold(read_settings().run_lock("requests"), "requests", "a-run"), pytest.raises(StudyBusy):
        moored.run(without_data(), requests_frame())


@pytest.mark.parametrize(
    "values",
    [
        ["007", "12", None],
        [1, 2, None],
        [2**60 + 1, 3, 4],
        [2**70, 1, 2],
        [0.1 + 0.2, 1e-300, float("nan")],
        [True, False, None],
        [pd.Timestamp("2026-01-02 03:04:05"), None, pd.Timestamp("1999-12-31")],
        ["a\nb", "ü,;\"'", " "],
        [1, "2", "x"],
    ],
)
def test_a_frame_reads_from_its_file_as_it_was(tmp_path, values):
    frame = pd.DataFrame({"id": ["a", "b", "c"], "odd name: \"x\" 'y'": pd.Series(values, dtype=object)})
    table = table_of_object(frame)
    write_table(table, tmp_path / "t.parquet")
    back = read_any(tmp_path / "t.parquet")
    assert back.names == table.names
    pd.testing.assert_frame_equal(back.frame, table.frame)
    assert (tmp_path / "t.parquet").stat().st_mode & 0o077 == 0


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with two versions, the second of them published against its checks."""
    folder = tmp_path_factory.mktemp("published")
    path = folder / "store.duckdb"
    publish_version(path, folder)
    publish_version(path, folder, requests_frame(90), override="a demonstration")
    return path


def read_of(data):
    table = table_of_object(data)
    return {name: list(table.column(name).cells) for name in table.names}


def test_columns_with_keys_are_put_together_by_them():
    """The keys of `frame.to_dict()` were read as its values; a shuffled series stood by its place."""
    frame = pd.DataFrame({"id": ["a", "b", "c"], "polite": [1, 0, None]}, index=[5, 6, 7])
    expected = read_of(frame)
    assert expected == {"id": ["a", "b", "c"], "polite": ["1", "0", None]}
    assert read_of(frame.to_dict()) == expected
    assert read_of({"id": frame["id"], "polite": frame["polite"].iloc[::-1]}) == expected
    assert read_of({"id": frame["id"], "polite": [1, 0, None]}) == expected


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"id": "abc", "text": "def"}, "'id' came as str; give a list"),
        ({"id": ["a", "b"], "text": {"x", "y"}}, "'text' came as set; give a list"),
        ({"id": pd.Series([1, 2]), "text": ["x"]}, "differ in length"),
        ({"id": pd.Series([1, 2]), "y": pd.Series([1, 2], index=[7, 8]), "x": [1, 2]}, "make no table"),
    ],
)
def test_what_is_no_column_of_a_dict_is_refused(data, why):
    with pytest.raises(DataInvalid, match=why):
        table_of_object(data)
    with pytest.raises(DataInvalid, match=why):
        moored.fit(data, "id ~ 1")


def test_an_index_that_repeats_a_column_is_no_second_column():
    frame = pd.DataFrame({"id": ["a", "b"], "text": ["x", "y"]})
    assert read_of(frame.set_index("id", drop=False)) == read_of(frame)
    with pytest.raises(errors.HeaderUnclear, match="a column and an index called 'id' that differ"):
        table_of_object(frame.set_index(pd.Index(["b", "a"], name="id")))


def test_a_version_reads_like_a_fit(store):
    found = moored.results("requests", 1, store=store)
    rows = found.estimates
    own = rows[rows["estimator"] == found.headline].set_index("term")
    np.testing.assert_array_equal(found.params, own["estimate"])
    np.testing.assert_array_equal(found.tidy()[["se", "lower", "upper"]], own[["se", "lower", "upper"]])
    assert found.formula == "polite ~ question"
    assert found["human"].estimator == "human"
    assert "requests, version 1, gmm-small: polite ~ question" in repr(found)
    assert {fit.estimator for fit in found.fits} == set(rows["estimator"]) - {"everyone-labelled"}
    assert found.ordered[0].estimator == found.headline
    assert found.ordered[-1].estimator.startswith("naive")
    found.plot()
    found.forest("question")
    with pytest.raises(NotStored, match="no fit of 'ppi'; it has"):
        found["ppi"]


def test_another_level_and_tests_are_computed_from_the_stored_inputs(store):
    found = moored.results("requests", store=store)
    same = found.conf_int(found.level + 1e-13)
    np.testing.assert_allclose(same, found.conf_int(), rtol=1e-9)
    narrower = found.conf_int(0.5)
    assert (narrower["lower"] > found.lower).all()
    assert found.wald_test("question = 0").df == 1
    assert found["human"].contrast("question - Intercept").loc["question - Intercept", "se"] > 0
    assert found.confidence_region().contains([found.params["question"]])
    np.testing.assert_array_equal(found.again().estimate, found.estimate)
    with pytest.raises(TermUnknown):
        found.contrast("polite")


def test_marks_go_wherever_the_numbers_go(store):
    found = moored.results("requests", 2, store=store)
    assert found.override_reason == "a demonstration"
    for text in (
        repr(found),
        str(found.summary()),
        found._repr_html_(),
        found.to_markdown(),
        found.to_latex(),
    ):
        assert "Published although a critical check failed: a demonstration" in text


def test_a_version_whose_inputs_give_other_numbers_says_so(store, tmp_path):
    import shutil

    changed = tmp_path / "changed.duckdb"
    shutil.copy(store, changed)
    import duckdb

    with duckdb.connect(changed) as connection:
        connection.execute("UPDATE estimates SET estimate = estimate + 1e-9 WHERE term = 'question'")
    found = moored.results("requests", store=changed)
    with pytest.raises(VersionDiffers, match="moored verify requests"):
        found.conf_int(0.9)


def test_what_is_not_there_is_named(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotStored, match="no store"):
        moored.results("requests", store=tmp_path / "none.duckdb")
    with pytest.raises(NotStored, match="it has requests"):
        moored.results("other", store=store)
    with pytest.raises(NotStored, match="no version 9"):
        moored.results("requests", 9, store=store)


def test_while_a_run_holds_the_store_its_snapshot_is_read(store, tmp_path, monkeypatch):
    import shutil

    from moored.storage.snapshot import write_snapshot

    held = tmp_path / "held.duckdb"
    shutil.copy(store, held)
    with open_store(held) as opened:
        write_snapshot(opened, held.with_suffix(".published.duckdb"))
    holding = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(held)!r}); print('held', flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holding.stdout.readline() == "held\n"
        with pytest.warns(UserWarning, match="snapshot"):
            found = moored.results("requests", store=held)
        assert found.version == 2
    finally:
        holding.communicate("\n")


def test_run_is_a_door_and_still_a_package():
    import moored.run.plan

    assert callable(moored.run)
    assert moored.run.plan.units_of
    assert "data" in str(moored.run.__signature__)


def test_importing_is_light():
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, moored; print([m for m in sys.modules if m.startswith('moored')], len(sys.modules))",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("['moored']")
