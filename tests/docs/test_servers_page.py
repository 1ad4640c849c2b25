"""docs/how-to/servers.md: the study lines of each section, tried on an emulation of its server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path
from typer.testing import CliRunner

from moored.cli import app
from moored.cli.validate import check_study
from moored.errors import MooredError
from moored.fetch.models import EMBEDDED
from moored.fetch.obtain import weights_of
from moored.llm.batch_client import BatchClient
from moored.llm.endpoints import external_endpoint
from moored.llm.local import local_model
from moored.settings import read_settings
from moored.study import parse_study
from tests import dialects
from tests.endpoint import KEY, always, serve
from tests.studies import reads_well

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "servers.md"
STUDY = ROOT / "deployments" / "studies" / "politeness.toml"
WRITE = bool(os.environ.get("MOORED_WRITE_DOCS"))
SAID = re.compile(r"^model: .*$", re.MULTILINE)
WHERE = re.compile(r" answers at \S+ \([\d.]+ s\)")

SERVERS: dict[str, tuple[dict[str, Any], str]] = {
    "OpenAI": ({}, "api.openai.com"),
    "OpenAI's models that think first": ({"in_place": dialects.reasoning, "thoughts": 500}, "api.openai.com"),
    "vLLM": ({"in_place": dialects.vllm(20)}, "127.0.0.1:8000"),
    "Ollama": ({"logprobs": False, "json_schema": False}, "127.0.0.1:11434"),
    "Azure": ({}, "NAME.openai.azure.com"),
    "LiteLLM, OpenRouter and other gateways": ({"in_place": dialects.litellm}, "gateway.example.org"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(STUDY.with_suffix(".csv"), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MOORED_STORE", str(tmp_path / "moored.duckdb"))
    return tmp_path


def section(name: str) -> str:
    return PAGE.read_text().partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def study_of(name: str) -> dict[str, Any]:
    """The example with the study lines of a section."""
    (lines,) = re.findall(r"^```toml\n(.*?)^```$", section(name), re.MULTILINE | re.DOTALL)
    return tomllib.loads(STUDY.read_text()) | tomllib.loads(lines)


def validated(folder: Path, study: dict[str, Any], address: str | None) -> str:
    """What `moored validate` prints, or the sentence that it ends with."""
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        if address is None:
            patch.delenv("OPENAI_BASE_URL", raising=False)
        else:
            patch.setenv("OPENAI_BASE_URL", address)
        try:
            check_study(parse_study(study), folder, read_settings(), lines.append)
        except MooredError as error:
            return error.message
    return "\n".join(lines)


def held(name: str, printed: str, host: str) -> None:
    """The section shows the line of the model; only address and seconds are the page's own."""
    (line,) = SAID.findall(printed)
    said = WHERE.sub(f" answers at {host} (0.02 s)", line)
    text = section(name)
    if WRITE:
        PAGE.write_text(PAGE.read_text().replace(text, SAID.sub(said, text)))
    assert said in section(name).splitlines()
    assert printed.endswith("everything that a run needs is there")


@pytest.mark.parametrize("name", SERVERS)
def test_validate_says_what_the_section_shows(name, folder):
    options, host = SERVERS[name]
    with serve(answers=reads_well, **options) as server:
        address = f"{server.url}?api-version=2024-10-21" if name == "Azure" else server.url
        held(name, validated(folder, study_of(name), address), host)
        assert all(("api-key" in sent) == (name == "Azure") for sent in server.headers)
        assert 2 <= server.calls <= 7


@pytest.mark.model
def test_llama_cpp_itself_says_what_its_section_shows(folder):
    cache = Path(os.environ.get("MOORED_CACHE", user_cache_path("moored")))
    with local_model(weights_of(EMBEDDED, cache), servers=1) as here:
        held("llama.cpp", validated(folder, study_of("llama.cpp"), here.base_url), "127.0.0.1:8080")


def test_the_vllm_of_few_log_probabilities_and_no_system_message_is_told(folder):
    with serve(answers=reads_well, in_place=dialects.vllm(5)) as server:
        assert "at most 5 tokens" in validated(folder, study_of("vLLM"), server.url)
    with serve(answers=reads_well, in_place=dialects.no_system_vllm) as server:
        assert "the task stands before the first text" in validated(folder, study_of("vLLM"), server.url)


def no_model(words: str) -> Any:
    return lambda _: dialects.openai_error(words, code="model_not_found", status=404)


def hot(body: dict[str, Any]) -> dialects.Given:
    if body.get("temperature", 0) > 1:
        return dialects.openai_error("temperature must be between 0 and 1", "temperature")
    return None


def moved(_: dict[str, Any]) -> dialects.Given:
    return 308, "", {"Location": "https://other.example.org/v1/chat/completions"}


FAULTS: dict[str, dict[str, Any]] = {
    "a wrong key": {"key": "sk-another"},
    "no credit left": {"faults": always("quota")},
    "an unknown model, at OpenAI": {
        "in_place": no_model("The model `gpt-4o-mimi` does not exist"),
        "model": {"name": "gpt-4o-mimi"},
    },
    "an unknown model, at Ollama": {
        "in_place": no_model("model 'llama3.1:8b' not found, try pulling it first")
    },
    "`/v1` is missing": {"address": lambda url: url.removesuffix("/v1")},
    "the address is too long": {"address": lambda url: f"{url}/chat/completions"},
    "the address leads elsewhere": {"in_place": moved},
    "soft labels demanded, none there": {"logprobs": False, "model": {"scoring": "logprobs"}},
    "a temperature above what is allowed": {"in_place": hot, "model": {"temperature": 1.5}},
}


@contextmanager
def broken(fault: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """An address at which one thing is wrong, and the study that goes there."""
    options = dict(FAULTS[fault])
    address = options.pop("address", lambda url: url)
    study = study_of("Ollama" if fault.endswith("Ollama") else "OpenAI")
    study["model"] |= options.pop("model", {})
    study.pop("generation", None)
    with serve(**options) as server:
        yield address(server.url), study


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_with_the_sentence_of_its_row(fault, folder):
    with broken(fault) as (address, study):
        in_its_row(fault, validated(folder, study, address))


def test_no_key_and_nothing_there(folder, monkeypatch):
    study = study_of("OpenAI")
    in_its_row("nothing listens", validated(folder, study | {"generation": {}}, "http://127.0.0.1:9/v1"))
    monkeypatch.delenv("OPENAI_API_KEY")
    in_its_row("no key", validated(folder, study, None))


def test_an_endpoint_without_batches(tmp_path, folder):
    async def hand_in(address: str) -> None:
        async with BatchClient(external_endpoint(address)) as client:
            await client.upload(tmp_path / "politeness.csv")

    with serve() as server, pytest.raises(MooredError) as caught:
        asyncio.run(hand_in(f"{server.url}/none"))
    in_its_row("no Batch API", caught.value.message)


def in_its_row(fault: str, sentence: str) -> None:
    """The page's table has the sentence; only the port is the page's own."""
    said = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", sentence)
    row = f"| {fault} | {said} |"
    if WRITE:
        text = re.sub(rf"^\| {re.escape(fault)} \|.*$", lambda _: row, PAGE.read_text(), flags=re.MULTILINE)
        PAGE.write_text(text)
    assert row in PAGE.read_text().splitlines()


def test_the_costs_of_the_page_are_those_of_the_plan(folder):
    batch = '\n[generation]\nsend = "batch"\n'
    soft = {"auto": ("", 0.144), "soft": ("", 0.032), "batches": (batch, 0.016)}
    for scoring, (more, usd) in soft.items():
        model = 'name = "gpt-4o-mini"' + ('\nscoring = "logprobs"' if scoring != "auto" else "")
        text = STUDY.read_text().replace('name = "embedded"', model) + more
        (folder / "politeness.toml").write_text(text)
        found = CliRunner().invoke(app, ["plan", "politeness.toml"], env={"OPENAI_BASE_URL": None})
        (line,) = [line for line in found.output.splitlines() if line.startswith("all ")]
        assert f"{float(line.split()[-1]):.3f}" == f"{usd:.3f}"
        assert f"{usd:.3f} USD" in section("OpenAI")
        if scoring != "batches":
            assert f"{line.split()[1]}" in PAGE.read_text()
