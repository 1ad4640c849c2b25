from dataclasses import fields
from pathlib import Path

import pytest

from moored.errors import StudyInvalid
from moored.settings import Settings, code_version, read_settings


def test_defaults_name_a_store_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = read_settings({})
    assert settings.store == tmp_path / "moored.duckdb"
    assert settings.journal == tmp_path / "moored.replies.sqlite"
    assert (settings.workers, settings.dask_address, settings.base_url) == (None, None, None)
    assert settings.processes == 2
    assert (settings.pipeline / "flows" / "survey.py").is_file()


def test_the_environment_says_where():
    settings = read_settings({"MOORED_STORE": "/data/s.duckdb", "MOORED_WORKERS": "0", "OPENAI_BASE_URL": ""})
    assert (settings.store, settings.workers, settings.base_url) == (Path("/data/s.duckdb"), 0, None)
    assert settings.processes == 0


def test_a_variable_that_is_set_to_nothing_is_not_set():
    names = [f"MOORED_{field.name.upper()}" for field in fields(Settings)] + ["OPENAI_BASE_URL"]
    for nothing in ("", " "):
        assert read_settings(dict.fromkeys(names, nothing)) == read_settings({})


@pytest.mark.parametrize("wrong", ["-1", "two", "2.0", "\u00b2", "\u0662"])
def test_refuses_a_number_that_is_none(wrong):
    with pytest.raises(StudyInvalid, match=f"MOORED_WORKERS is '{wrong}'; set it to a whole number"):
        read_settings({"MOORED_WORKERS": wrong})


@pytest.mark.parametrize("wrong", ["often", "0", "-1", "nan"])
def test_refuses_seconds_that_are_none(wrong):
    with pytest.raises(StudyInvalid, match=r"MOORED_POLL_S is .* set it to seconds above 0"):
        read_settings({"MOORED_POLL_S": wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        "tcp://127.0.0.1",
        "scheduler",
        "tcp://",
        ":8786",
        "::1:8786",
        "h:0",
        "h:99999",
        "http://h:8787",
        "tcp://h:port",
    ],
)
def test_refuses_a_scheduler_without_an_address_before_anything_is_asked(wrong):
    with pytest.raises(StudyInvalid, match=r"MOORED_DASK_ADDRESS is .*; write it as tcp://host:8786"):
        read_settings({"MOORED_DASK_ADDRESS": wrong})


@pytest.mark.parametrize(
    "right", ["tcp://127.0.0.1:9", "h:8786", "tls://[::1]:8786", "TCP://a.b-c.org:1", "ucx://h:5"]
)
def test_takes_an_address_of_a_scheduler(right):
    assert read_settings({"MOORED_DASK_ADDRESS": right}).dask_address == right


def test_the_code_version_follows_the_code(tmp_path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "survey.py").write_text("one")
    one = code_version(tmp_path)
    assert one == code_version(tmp_path)
    (tmp_path / "flows" / "survey.py").write_text("two")
    assert one != code_version(tmp_path)


def test_the_code_version_follows_the_users_own_checks(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("one")
    one = code_version(tmp_path, own)
    own.write_text("two")
    assert one != code_version(tmp_path, own)
