"""A model that is not on this machine is refused before the data are read and before Prefect is started."""

import json
import sys

import pytest

from tests.studies import write_study


@pytest.mark.parametrize(("name", "code"), [("qwen2.5-1.5b", 72), ("gone.gguf", 10)])
def test_it_is_refused_at_once_and_remembered(moored, settings, tmp_path, monkeypatch, name, code):
    path = write_study(tmp_path, model={"name": name})  # its table is not there
    monkeypatch.setenv("MOORED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "moored.cli.pipeline", None)  # whoever asks for Prefect fails
    answer = moored("run", path)
    assert (answer.code, answer.out) == (code, "")
    assert name in answer.err
    (ended,) = json.loads(moored("status", "requests", "--json").out)["endings"]
    assert (ended["event"], name in ended["message"]) == ("failed", True)
