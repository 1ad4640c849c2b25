"""A model's process on this machine: it answers, and it outlives nobody."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from moored.errors import EndpointUnreachable, StudyInvalid
from moored.fetch.models import EMBEDDED
from moored.fetch.obtain import weights_of
from moored.llm.generate import generate
from moored.llm.generations import Unit
from moored.llm.local import LARGE, describe_local, layout, local_model
from moored.llm.recipe_builder import build_recipe
from moored.llm.serving import describe_endpoints, open_endpoints
from moored.storage.journal import Journal
from moored.study import GenerationSettings
from tests.llm.conftest import a_study

CACHE = Path(os.environ.get("MOORED_CACHE", user_cache_path("moored")))


def test_a_file_that_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF, but no more than that")
    with (
        pytest.raises(EndpointUnreachable, match="did not start"),
        local_model(bad, servers=1),
    ):
        pass


def test_a_model_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    study = a_study(model={"name": str(tmp_path / "mine.gguf")})
    with pytest.raises(StudyInvalid, match="is not there"):
        describe_endpoints(study, tmp_path, None)


GIB = 2**30


@pytest.mark.parametrize(
    ("size", "cores", "memory", "wanted"),
    [
        (98 * 10**6, 2, 8 * GIB, (2, 1)),
        (98 * 10**6, 16, 8 * GIB, (4, 1)),
        (98 * 10**6, 16, GIB // 2, (2, 1)),
        (98 * 10**6, 2, 0, (1, 1)),
        (LARGE, 16, 8 * GIB, (1, 16)),
        (1_117_320_768, 2, GIB, (1, 2)),
    ],
)
def test_servers_and_threads_by_size_cores_and_memory(size, cores, memory, wanted) -> None:
    assert layout(size, cores, memory) == wanted


def test_a_models_identity_is_the_sum_of_its_weights(tmp_path: Path) -> None:
    weights = tmp_path / "mine.gguf"
    for content in (b"GGUF one", b"GGUF two"):
        weights.write_bytes(content)
        os.utime(weights, ns=(1, len(content) + content[-1]))
        assert hashlib.sha256(content).hexdigest() in describe_local(weights).identity


@pytest.mark.model
def test_a_model_file_of_ones_own_is_used_in_chat(journal: Journal) -> None:
    study = a_study(model={"name": str(weights_of(EMBEDDED, CACHE)), "scoring": "draws", "draws": 2})
    with open_endpoints(study, CACHE, None) as endpoints:
        endpoint = endpoints["proxy"]
        recipe = build_recipe(study, study.sources[0], endpoint, Path())
        assert (recipe.api, recipe.json_schema) == ("chat", True)
        rows = generate(
            [Unit("u", "What a lovely day", "h")], recipe, endpoint, journal, GenerationSettings()
        )
    assert [(row.status, row.draw) for row in rows] == [("ok", 0), ("ok", 1)]


@pytest.mark.model
def test_a_text_beyond_the_models_context_fails_as_too_long(journal: Journal) -> None:
    study = a_study(model={"name": "embedded"})
    units = [
        Unit("long", "a lovely day and a sad night " * 400, "l"),
        Unit("short", "What a lovely day", "s"),
    ]
    with open_endpoints(study, CACHE, None, servers=1) as endpoints:
        for source in study.sources:
            recipe = build_recipe(study, source, endpoints[source.name], Path())
            rows = generate(units, recipe, endpoints[source.name], journal, GenerationSettings())
            assert next(row.error_kind for row in rows if row.unit_id == "long") == "too-long"
            assert "context" in str(rows[0].error)
            assert {row.status for row in rows if row.unit_id == "short"} == {"ok"}


@pytest.mark.model
def test_the_real_model_tells_moods_apart(journal: Journal) -> None:
    study = a_study(model={"name": "embedded"})
    happy, sad = "What a wonderful, lovely, happy day!", "I hate this, I am so sad and angry."
    units = [Unit("happy", happy, "h"), Unit("sad", sad, "s")]
    with open_endpoints(study, CACHE, None) as endpoints:
        for source in study.sources:
            recipe = build_recipe(study, source, endpoints[source.name], Path())
            rows = generate(units, recipe, endpoints[source.name], journal, GenerationSettings())
            assert {row.status for row in rows} == {"ok"}
            assert all(row.text for row in rows)
            if source.kind == "proxy":
                value = {row.unit_id: row.value for row in rows}
                assert value["happy"] > value["sad"] + 0.2
    assert journal.progress().usd == 0


_HOLDER = """
import signal, sys, time
from pathlib import Path
from moored.llm.local import local_model
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would this
with local_model(Path(sys.argv[1]), servers=1) as endpoint:
    print(endpoint.base_url, flush=True)
    time.sleep(600)
"""


@pytest.mark.model
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_server_ends_with_its_parent(how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(weights_of(EMBEDDED, CACHE))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert _listens(address)
    os.kill(process.pid, how)
    process.wait()
    deadline = time.monotonic() + 20
    while _listens(address):
        assert time.monotonic() < deadline, "the server outlived its parent"


def _listens(address: str) -> bool:
    import socket

    host, port = address.removeprefix("http://").split("/")[0].split(":")
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex((host, int(port))) == 0
