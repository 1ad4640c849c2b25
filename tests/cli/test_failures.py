"""How commands end badly: one sentence, with `--json` one object on stdout, never a traceback."""

import json
import re
from pathlib import Path

import pytest

from moored.cli import failures
from moored.errors import MooredError, NotStored
from moored.plaintext import plain
from tests.studies import study_table, write_requests, write_study


def as_object(answer):
    """What stdout holds, which must be one error object, and whose sentence stderr says as well."""
    found = json.loads(answer.out)
    assert found.keys() == {"code", "error", "sentence", "details"}
    assert found["code"] == answer.code
    assert answer.err == f"moored: {plain(found['sentence'])}\n"
    return found


@pytest.mark.parametrize(
    "command", ["results", "history", "status", "checks", "verify", "export", "validate", "plan"]
)
def test_a_refusal_is_an_object_too(moored, command):
    found = as_object(moored(command, "nope", "--json"))
    assert (found["code"], found["error"]) == (52, "NotStored")
    assert "'nope' is no study file" in found["sentence"]


def test_a_bad_study_is_an_object_with_its_sentence(moored, tmp_path):
    found = as_object(moored("validate", write_study(tmp_path, colour="red"), "--json"))
    assert (found["code"], found["error"]) == (10, "StudyInvalid")
    assert "unknown key `colour`" in found["sentence"]


def test_details_are_in_the_object(moored, tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("y,x,s\n1,0,1\n0,1,1\n1,1,0\n0,0,0\n")
    found = as_object(moored("estimate", "t.csv", "--formula", "y ~ x", "--labelled", "s", "--json"))
    assert found["details"]


@pytest.mark.parametrize(
    "arguments", [["results", "--json"], ["results", "a", "--nope", "--json"], ["nope", "--json"]]
)
def test_a_command_line_that_is_not_understood_is_an_object(moored, arguments):
    found = as_object(moored(*arguments))
    assert found["code"] == 2
    assert found["error"] == "UsageError"


def test_without_json_stdout_is_empty(moored):
    answer = moored("results", "nope")
    assert answer.out == ""
    assert answer.err.count("\n") == 1


class Odd(Exception):
    """Nobody foresaw it."""

    exit_code = 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", [Odd, NotStored])
def test_errors_that_are_each_others_cause_end(moored, monkeypatch, tmp_path, kind):
    from moored.storage import studies

    first, second = kind("first"), Odd("second")
    first.__cause__, second.__context__ = second, first

    def fails(*_):
        raise first

    monkeypatch.setattr(studies, "is_study_file", fails)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert moored("results", "requests").code == kind("").exit_code


@pytest.mark.parametrize(
    "error",
    [
        Odd("x\ny"),
        KeyError("é\x1b[31m"),
        RecursionError(),
        Odd(f"{'long ' * 10_000}"),
        UnicodeError("\ud800"),
    ],
)
@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_what_nobody_foresaw_is_a_sentence_and_a_file(moored, monkeypatch, tmp_path, error, flag):
    from moored.storage import studies

    def fails(*_):
        raise error

    monkeypatch.setattr(studies, "is_study_file", fails)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = moored("results", "requests", *flag)
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert len(answer.err) < 1_500
    assert type(error).__name__ in answer.err
    assert "please report it" in answer.err
    assert "Traceback" not in answer.out + answer.err
    assert "\x1b" not in answer.err
    file = Path(re.search(r"(/\S+\.txt)", answer.err).group(1))
    assert "Traceback" in file.read_text()
    if flag:
        as_object(answer)


def test_the_key_is_in_no_sentence_and_no_file(moored, monkeypatch, tmp_path):
    from moored.storage import studies

    def fails(*_):
        raise Odd("sk-secret-secret-1 is wrong")

    monkeypatch.setattr(studies, "is_study_file", fails)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-secret-1\n")
    answer = moored("results", "requests", "--json")
    written = "".join(file.read_text() for file in tmp_path.glob("moored-traceback-*"))
    assert "sk-secret" not in answer.out + answer.err + written
    assert "[key] is wrong" in written


def test_every_error_is_an_object():
    def tree(cls):
        yield cls
        for one in cls.__subclasses__():
            yield from tree(one)

    for cls in tree(MooredError):
        found = json.loads(json.dumps(failures.as_object(cls("what came; what to do", example="x"))))
        assert (found["code"], found["error"]) == (cls.exit_code, cls.__name__)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".toml", "a/" + "y" * 5000, "folder"])
@pytest.mark.parametrize("command", ["results", "validate", "plan", "status"])
def test_a_name_that_no_file_can_have_is_a_sentence(moored, tmp_path, command, name):
    (tmp_path / "folder").mkdir()
    answer = moored(command, name)
    assert answer.code in {10, 52}
    assert answer.err.count("\n") == 1


def test_units_that_are_no_text_are_a_sentence(moored, tmp_path):
    write_requests(tmp_path)
    (tmp_path / "ids").write_bytes(b"\xff\xfe\x00r")
    answer = moored("rerun", write_study(tmp_path), "--units", "ids")
    assert answer.code == 10
    assert "it is not UTF-8 text; name a text file with one unit id per line" in answer.err


def test_validate_has_an_object_of_what_it_found(moored, monkeypatch, tmp_path):
    from tests.endpoint import serve

    write_requests(tmp_path)
    with serve() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        found = json.loads(moored("validate", write_study(tmp_path), "--json").out)
    assert list(found) == ["study", "fingerprint", "units", "labelled", "lines"]
    assert found["study"] == study_table()["name"]
    assert found["fingerprint"].startswith("study-1:")
    assert (found["units"], found["labelled"]) == (60, 30)
    assert found["lines"][-1] == "everything that a run needs is there"
