"""The embedded model: SmolLM2-135M in llama.cpp's OpenAI-compatible server, on loopback."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from moored.errors import EndpointUnreachable, StudyInvalid
from moored.fetch import EMBEDDED_MODEL
from moored.llm.endpoints import KEY_VARIABLE, Endpoint
from moored.study import EMBEDDED

SLOTS = 4
CONTEXT = 2048
MOST_SERVERS = 4
START_S = 120.0


@contextmanager
def embedded_model(
    cache_dir: Path,
    servers: int | None = None,
    threads: int | None = None,
    gguf: Path | None = None,
    slots: int = SLOTS,
) -> Iterator[Endpoint]:
    """The running model for the block's time, on free loopback ports; another model by its `gguf` file.

    One server per core, one thread each: llama.cpp's threads wait for each other at every layer, so two of
    them on cores that others use too are many times slower than two servers. A `gguf` of one's own is
    likely larger: one server, all cores. The servers are processes that end with the block, on Ctrl-C,
    and also when this process is killed.
    Errors: `FetchFailed`, `ChecksumDiffers`, `StudyInvalid`, `EndpointUnreachable`.
    """
    model = _file(cache_dir, gguf)
    cores = os.cpu_count() or 1
    threads = threads or (cores if gguf else 1)
    options = {"gguf": str(model), "name": EMBEDDED, "slots": slots, "context": CONTEXT, "threads": threads}
    count = servers or min(MOST_SERVERS, max(1, cores // threads))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes += [_start(options) for _ in range(count)]
        first, *others = [_address(process, model) for process in processes]
        yield replace(_describe(model), base_url=first, replicas=tuple(others), concurrency=slots * count)
    finally:
        for process in processes:
            _stop(process)


def _start(options: dict[str, object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "moored.llm.embedded", json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        # Ctrl-C reaches the whole group: requests in flight shall still be answered.
        start_new_session=True,
    )


def describe_embedded(cache_dir: Path, gguf: Path | None = None) -> Endpoint:
    """The embedded model's endpoint, not started and so without an address."""
    return _describe(_file(cache_dir, gguf))


def _file(cache_dir: Path, gguf: Path | None) -> Path:
    if gguf is not None and not gguf.is_file():
        raise StudyInvalid(
            f"the model file {gguf} is not there; `model.name` takes a path from the working folder"
        )
    return gguf or EMBEDDED_MODEL.fetch(cache_dir)


def _describe(model: Path) -> Endpoint:
    weights = _sha256(model, model.stat().st_mtime_ns)
    identity = f"gguf:{weights}/xllamacpp-{version('xllamacpp')}"
    return Endpoint(name=EMBEDDED, identity=identity, base_url="", local=True)


def _environment() -> dict[str, str]:
    """This process's import path, and no API key."""
    kept = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@functools.cache
def _sha256(path: Path, _changed: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _address(process: subprocess.Popen[bytes], model: Path) -> str:
    """Wait for the address. A server that cannot load its model ends, and its pipe with it."""
    assert process.stdout is not None
    watchdog = threading.Timer(START_S, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    if not line:
        raise EndpointUnreachable(
            f"the embedded model did not start from {model} (exit {process.wait()}); "
            "check that it is a GGUF file and that memory is free"
        )
    return str(json.loads(line)["url"])


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
