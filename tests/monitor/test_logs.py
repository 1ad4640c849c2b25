"""Where log lines go and how they look."""

import json
import logging

import pytest

from moored.errors import StudyInvalid
from moored.monitor.logs import log, set_up_logs


@pytest.fixture(autouse=True)
def as_before():
    yield
    set_up_logs(None)


def test_without_a_setting_only_warnings_show(capsys):
    set_up_logs(None)
    log("chunk stored", study="s", run_id="r")
    log("not delivered", study="s", level=logging.WARNING)
    assert capsys.readouterr().err == "moored: not delivered\n"


def test_plain_shows_every_line(capsys):
    set_up_logs("plain")
    set_up_logs("plain")
    log("chunk stored", study="s", run_id="r", rows=3)
    assert capsys.readouterr().err == "moored: chunk stored\n"


def test_json_lines_have_the_ids_and_the_fields(tmp_path, capsys):
    file = tmp_path / "logs" / "moored.jsonl"
    set_up_logs(f"json:{file}")
    log("chunk stored", study="s", run_id="r", rows={"ok": 3})
    log("said", study="s", level=logging.ERROR)
    first, second = map(json.loads, file.read_text().splitlines())
    assert first.pop("at")
    assert first == {
        "level": "INFO",
        "logger": "moored",
        "message": "chunk stored",
        "study": "s",
        "run_id": "r",
        "rows": {"ok": 3},
    }
    assert (second["level"], second["run_id"]) == ("ERROR", None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("wrong", ["yaml", "plain:/tmp/x"])
def test_refuses_what_it_does_not_know(wrong):
    with pytest.raises(StudyInvalid, match="set it to plain, json or json:FILE"):
        set_up_logs(wrong)


def test_refuses_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyInvalid, match="cannot be written"):
        set_up_logs(f"json:{tmp_path}/file/moored.jsonl")
