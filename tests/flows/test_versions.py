"""Versions of a real pipeline: compared, rolled back, exported, verified, and read while a run writes."""

import hashlib
import json
import shutil
import subprocess
import sys

import duckdb
import pytest

from moored.study import load_study
from tests.endpoint import KEY, serve
from tests.studies import reads_well, requests_frame, study_table, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store made once, and the server that its model was: version 1; version 2 with six more units, one less,
    one other text, another question and level."""
    from flows.survey import survey

    folder = tmp_path_factory.mktemp("versions")
    frame = requests_frame(66)
    with serve(answers=reads_well) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.url)
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("MOORED_STORE", str(folder / "store.duckdb"))
        patch.setenv("MOORED_WORKERS", "0")
        write_requests(folder, frame[:60])
        survey(load_study(write_study(folder)), str(folder))
        frame.loc[3, "text"] = "Please do something else 3?"
        write_requests(folder, frame.drop(index=5))
        outcome = study_table()["outcome"] | {"ask": "Positive or negative?"}
        estimate = study_table()["estimate"] | {"level": 0.9}
        survey(load_study(write_study(folder, outcome=outcome, estimate=estimate)), str(folder))
        yield folder, server


@pytest.fixture
def two(made, moored, monkeypatch, tmp_path):
    """A copy of that store to work on, where `moored` is."""
    folder, server = made
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    return server


def said(moored, *arguments):
    answer = moored(*arguments, "--json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


@pytest.mark.parametrize("command", [["results"], ["export"], ["verify"], ["diff", 1, 2]])
def test_a_file_that_differs_from_its_version_is_told_so(moored, two, tmp_path, command):
    estimate = study_table()["estimate"] | {"level": 0.8}
    path = write_study(tmp_path, estimate=estimate, outcome=study_table()["outcome"] | {"ask": "Nice?"})
    answer = moored(command[0], path, *command[1:])
    assert answer.code == 0, answer.err
    assert "differs from the study of version 2" in answer.err
    assert "`estimate.level` is 0.8 there and 0.9 in the store" in answer.err
    assert '`outcome.ask` is "Nice?" there' in answer.err


def test_a_rollback_holds_until_something_new_is_published(moored, two, tmp_path):
    answer = moored("rollback", "requests", 1, "--reason", "a wrong table")
    assert answer.code == 0, answer.err
    assert said(moored, "results", "requests")["version"] == 1
    again = moored("run", "requests.toml")
    assert again.code == 0, again.err
    assert "nothing changed since version 2" in again.out
    assert "latest stays at version 1" in again.out
    assert "requests, version 1:" in again.out
    assert [run["version"] for run in said(moored, "history", "requests")["runs"]] == [1, 2]
    assert "latest moved to version 1: a wrong table" in moored("history", "requests").out
    with duckdb.connect(tmp_path / "store.published.duckdb", read_only=True) as snapshot:
        assert snapshot.execute("SELECT DISTINCT version FROM latest").fetchall() == [(1,)]
    with duckdb.connect(tmp_path / "store.duckdb") as store:  # a key of an earlier moored, now gone
        store.execute('UPDATE studies SET spec = json_merge_patch(spec, \'{"colour": "red"}\')')
    write_requests(tmp_path, requests_frame(63))
    assert said(moored, "run", "requests.toml")["version"] == 3
    assert said(moored, "verify", "requests", "--version", 1)["equal"]
    history = said(moored, "history", "requests")
    assert (history["latest"], len(history["moves"])) == (3, 1)
    assert "version 3 is the latest already" in moored("rollback", "requests", 3).out
    assert moored("rollback", "requests", 9).code == 52


def test_what_changed_is_said_of_data_recipes_study_and_estimates(moored, two):
    diff = said(moored, "diff", "requests", 1, 2)
    assert {change["key"]: (change["a"], change["b"]) for change in diff["keys"]} == {
        "outcome.ask": (study_table()["outcome"]["ask"], "Positive or negative?"),
        "estimate.level": (0.95, 0.9),
    }
    units = {row["change"]: (row["units"], row["such_as"]) for row in diff["units"]}
    assert units["unit added"] == (6, ["r060", "r061", "r062", "r063", "r064"])
    assert units["unit removed"] == (1, ["r005"])
    assert units["text changed"] == (1, ["r003"])
    assert {change["key"]: (change["a"], change["b"]) for change in diff["counts"]}["units"] == (60, 65)
    assert set(diff["recipes"]) == {"proxy", "synthetic"}
    changed = {change["key"] for change in diff["recipes"]["proxy"]}
    assert "fingerprint" in changed
    assert any(key.endswith("ask") for key in changed)
    assert not any("model" in key for key in changed)
    assert diff["code_version"] is None
    before, after = (said(moored, "results", "requests", "--version", v)["estimates"] for v in (1, 2))
    for row, a, b in zip(diff["estimates"], before, after, strict=True):
        assert (row["estimator"], row["term"]) == (a["estimator"], a["term"])
        assert row["change"] == b["estimate"] - a["estimate"]
        assert row["in_ses"] == pytest.approx((b["estimate"] - a["estimate"]) / a["se"])
        assert row["se_change"] == pytest.approx(b["se"] / a["se"] - 1)
    out = moored("diff", "requests", 1, 2).out
    assert "unit added: 6 (r060, r061, r062, r063, r064, ...)" in out
    assert "outcome.ask: Is the tone of this request positive or negative? -> Positive or negative?" in out
    same = said(moored, "diff", "requests", 2, 2)
    assert (same["keys"], same["recipes"], same["units"], same["counts"]) == ([], {}, [], [])
    assert {row["change"] for row in same["estimates"]} == {0.0}


def test_old_and_new_versions_compute_again_bit_by_bit(moored, two, tmp_path):
    for version in (1, 2):
        seen = said(moored, "verify", "requests", "--version", version)
        assert (seen["version"], seen["equal"], seen["other_code"]) == (version, True, False)
        assert seen["compared"] > 100
    assert "values are equal, bit by bit" in moored("verify", "requests").out
    with duckdb.connect(tmp_path / "store.duckdb") as connection:
        # The smallest change that there is: the last bit of one stored number.
        connection.execute(
            "UPDATE estimates SET se = nextafter(se, 9::DOUBLE) WHERE estimator = 'gmm-proxy'"
            " AND term = 'question' AND run_id = (SELECT run_id FROM runs WHERE version = 2)"
        )
    answer = moored("verify", "requests", "--json")
    assert answer.code == 61
    assert "1 of" in answer.err
    assert "the code is the same" in answer.err
    differences = json.loads(answer.out)["differences"]
    assert [(d["estimator"], d["term"], d["column"]) for d in differences] == [
        ("gmm-proxy", "question", "se")
    ]
    with duckdb.connect(tmp_path / "store.duckdb") as connection:
        connection.execute(
            "UPDATE value_rows SET value = 1 - value WHERE variable = 'polite' AND unit_id = 'r001'"
        )
        connection.execute(
            "UPDATE value_rows SET value = 1 - value WHERE variable = 'polite' AND unit_id = 'r002'"
        )
        connection.execute("UPDATE runs SET code_version = '0.0.1+other'")
    answer = moored("verify", "requests")
    assert answer.code == 61
    assert "made by other code: 0.0.1+other" in answer.out
    assert "it was made by the code 0.0.1+other" in answer.err


def test_an_export_is_what_is_stored_and_says_so(moored, two, tmp_path):
    manifest = said(moored, "export", "requests", "--version", 1, "--out", "out")
    folder = tmp_path / "out"
    assert {path.name for path in folder.iterdir()} == {*manifest["files"], "manifest.json"}
    assert json.loads((folder / "manifest.json").read_text())["files"] == manifest["files"]
    for name, told in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told["sha256"]
        assert len(duckdb.read_parquet(str(folder / name)).df()) == told["rows"]
        assert (folder / name).stat().st_mode & 0o077 == 0
    results = said(moored, "results", "requests", "--version", 1)
    estimates = duckdb.read_parquet(str(folder / "estimates.parquet")).df()
    assert list(estimates["estimate"]) == [row["estimate"] for row in results["estimates"]]
    assert (manifest["version"], manifest["code_version"]) == (1, results["code_version"])
    assert manifest["inputs"]["data_version"] == results["data_version"]
    assert manifest["spec"]["name"] == "requests"
    assert manifest["recipes"]["proxy"]["model"] == "stub"
    values = duckdb.read_parquet(str(folder / "values.parquet")).df()
    assert set(values["source"]) == {"data", "proxy", "synthetic"}
    everything = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not any(text.encode() in everything for text in requests_frame()["text"])
    again = said(moored, "export", "requests", "--version", 1)
    assert again["folder"] == str(tmp_path / "requests-version-1")
    assert again["files"] == manifest["files"]
    answer = moored("export", "requests", "--version", 1)
    assert answer.code == 53
    assert "name another folder" in answer.err


def test_reading_commands_do_not_wait_for_a_held_store(moored, two, tmp_path):
    commands = [("results", "requests"), ("history", "requests"), ("checks", "requests.toml")]
    free = [said(moored, *command) for command in commands]
    diff = said(moored, "diff", "requests", 1, 2)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "store.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline()
        for command, expected in zip(commands, free, strict=True):
            answer = moored(*command, "--json")
            assert f"moored: the store is held by process {holder.pid}; this is its snapshot of" in answer.err
            assert json.loads(answer.out) == expected
        assert said(moored, "diff", "requests", 1, 2) == diff | {"units": None}
        assert "not in the snapshot" in moored("diff", "requests", 1, 2).out
        assert moored("results", "nobody").code == 52
    finally:
        holder.communicate()
    (tmp_path / "store.published.duckdb").unlink()
    assert moored("snapshot").code == 0
    assert (tmp_path / "store.published.duckdb").exists()


def test_a_backup_runs_as_a_store(moored, two, monkeypatch, tmp_path):
    expected = said(moored, "results", "requests")
    assert moored("backup", "kept.duckdb").code == 0
    answer = moored("backup", "kept.duckdb")
    assert answer.code == 53
    monkeypatch.setenv("MOORED_STORE", str(tmp_path / "kept.duckdb"))
    assert said(moored, "results", "requests") == expected
    calls = two.calls
    assert said(moored, "run", "requests.toml")["changed"] is False
    write_requests(tmp_path, requests_frame(66))
    assert said(moored, "run", "requests.toml")["version"] == 3
    # Two texts are back that the new question was not asked of; what was written of them is in the copied journal.
    assert two.calls == calls + 2 * 2
