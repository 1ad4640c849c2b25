"""What keeps a run from beginning is told as a run's end is, each case once: a run from cron has no reader."""

import json

import pytest

from moored.study.file import name_in
from tests.studies import write_requests, write_study
from tests.webhook import webhook

TITLE = "moored: requests: a run failed"


@pytest.fixture
def hook(monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("MOORED_NOTIFY", hook.url)
        yield hook


@pytest.fixture
def broken(tmp_path):
    """A function that breaks the study file, and the words of its refusal."""
    path = write_study(tmp_path)
    whole = path.read_text()

    def breaking(how):
        match how:
            case "no TOML":
                path.write_text(whole + "model = [\n")
            case "not UTF-8":
                path.write_bytes(whole.encode() + b"# caf\xe9\n")
            case "a key unknown":
                path.write_text(whole + "modell = 3\n")
            case "no name":
                path.write_text("[outcome")
            case "gone":
                path.unlink()
        return path

    return breaking


@pytest.mark.parametrize("how", ["no TOML", "not UTF-8", "a key unknown", "no name", "gone"])
@pytest.mark.parametrize("command", [["run"], ["rerun", "--failed"], ["reparse"]])
def test_a_study_file_that_cannot_be_read_is_told_under_its_name(
    moored, hook, settings, broken, how, command
):
    path = broken(how)
    first, again = (moored(*command, path) for _ in range(2))
    assert (first.code, again.code) == (10, 10)
    (alert,) = hook.alerts
    assert alert["title"] == TITLE
    assert alert["message"] in first.err.replace("\n", " ")
    endings = json.loads(moored("status", "requests", "--json").out)["endings"]
    assert [row["event"] for row in endings] == ["failed", "failed"]


def test_a_store_that_cannot_be_opened_is_told(moored, hook, tmp_path):
    (tmp_path / "store.duckdb").write_bytes(b"no database" * 500)
    write_requests(tmp_path)
    answer = moored("run", write_study(tmp_path))
    assert answer.code != 0
    assert hook.titles == [TITLE]


def test_a_store_without_a_place_is_told(moored, hook, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MOORED_STORE", str(tmp_path / "file" / "store.duckdb"))
    assert moored("run", write_study(tmp_path)).code == 57
    assert hook.titles == [TITLE]


def test_settings_that_cannot_be_read_are_told(moored, hook, tmp_path, monkeypatch):
    monkeypatch.setenv("MOORED_POLL_S", "often")
    assert moored("run", write_study(tmp_path)).code == 10
    assert moored("watch").code == 10
    assert hook.titles == [TITLE, "moored: watch: a run failed"]


def test_a_name_that_no_store_has_is_told(moored, hook, settings):
    assert moored("run", "request").code == 52
    assert hook.titles == ["moored: request: a run failed"]


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
def test_flows_that_are_not_there_are_told(moored, hook, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("MOORED_PIPELINE", str(tmp_path / "nowhere"))
    write_requests(tmp_path)
    answer = moored("run", write_study(tmp_path))
    assert answer.code == 10, answer.err
    assert hook.titles == [TITLE]


def test_a_watch_that_cannot_look_is_told_and_one_that_finds_nothing_is_not(moored, hook, tmp_path):
    (tmp_path / "store.duckdb").write_bytes(b"no database" * 500)
    assert moored("watch").code != 0
    assert hook.titles == ["moored: watch: a run failed"]


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
def test_what_the_flow_has_told_is_told_once(moored, hook, settings, tmp_path):
    answer = moored("run", write_study(tmp_path))  # there is no table
    assert answer.code == 26, answer.err
    endings = json.loads(moored("status", "requests", "--json").out)["endings"]
    assert [row["event"] for row in endings] == ["failed"]
    assert hook.titles == [TITLE]


def test_another_run_under_way_is_no_failure(moored, hook, settings, tmp_path):
    from moored.storage.run_lock import hold

    with hold(settings.run_lock("requests"), "requests", "r1"):
        assert moored("run", write_study(tmp_path)).code == 54
    assert hook.titles == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("name = 'tweets' # of 2026\nx = [", "tweets"),
        ('\ufeffname = "tweets"\r\nx = [', "tweets"),
        ('"name" = "tweets"', "tweets"),
        ('x = [\n[outcome]\nname = "polite"', None),
        ('[outcome]\nname = "polite"', None),
        ("name = [", None),
        ('name = "Tweets of May"\nx = [', None),
        ("name = 7", None),
    ],
)
def test_the_name_is_that_of_the_study_and_of_nothing_else(tmp_path, text, name):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8", newline="")
    assert name_in(path) == name
