"""A model on this machine: a GGUF file in llama.cpp's OpenAI-compatible server, on loopback."""

from __future__ import annotations

import functools
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

from moored.errors import EndpointUnreachable
from moored.fetch.sums import file_sum
from moored.llm.endpoints import KEY_VARIABLE, Endpoint
from moored.study import EMBEDDED

SLOTS = 4
CONTEXT = 2048
MOST_SERVERS = 4
LARGE = 400 * 10**6
"""Bytes of a file from which on one server has all cores."""
RESIDENT = 2.0
"""What a server needs of memory, in sizes of its file: weights, some of them repacked, and its slots' texts."""
START_S = 120.0


@contextmanager
def local_model(
    weights: Path, servers: int | None = None, threads: int | None = None, slots: int = SLOTS
) -> Iterator[Endpoint]:
    """The running model for the block's time, on free loopback ports. weights: its GGUF file.

    Without `servers` and `threads`, `layout` chooses them. The servers are processes that end with the block, on
    Ctrl-C, and also when this process is killed. Errors: `EndpointUnreachable`.
    """
    import psutil  # type: ignore[import-untyped]

    fitting = layout(weights.stat().st_size, _cores(), psutil.virtual_memory().available)
    count, threads = servers or fitting[0], threads or fitting[1]
    options = {"gguf": str(weights), "name": EMBEDDED, "slots": slots, "context": CONTEXT, "threads": threads}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes += [_start(options) for _ in range(count)]
        first, *others = [_address(process, weights) for process in processes]
        ready = describe_local(weights)
        yield replace(ready, base_url=first, replicas=tuple(others), concurrency=slots * count)
    finally:
        for process in processes:
            _stop(process)


def layout(size: int, cores: int, memory: int) -> tuple[int, int]:
    """(Servers, threads of each) for a file of so many bytes, on so many cores, with so many bytes free.

    A small model: one server per core, one thread each. llama.cpp's threads wait for each other at every layer, so
    two of them on cores that others use too are many times slower than two servers. A large model has more to do
    between two waits and needs its memory once: one server, all cores.
    """
    if size >= LARGE:
        return 1, cores
    fitting = int(memory / (RESIDENT * max(size, 1)))
    return max(1, min(MOST_SERVERS, cores, fitting)), 1


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def describe_local(weights: Path) -> Endpoint:
    """The model's endpoint, not started and so without an address."""
    identity = f"gguf:{_sha256(weights)}/xllamacpp-{version('xllamacpp')}"
    return Endpoint(name=EMBEDDED, identity=identity, base_url="", local=True)


def _environment() -> dict[str, str]:
    """This process's import path, and no API key."""
    kept = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _sha256(weights: Path) -> str:
    return _sum_once(weights, weights.stat().st_mtime_ns)


@functools.cache
def _sum_once(weights: Path, _changed: int) -> str:
    return file_sum(weights)


def _address(process: subprocess.Popen[bytes], weights: Path) -> str:
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
            f"the model did not start from {weights} (exit {process.wait()}); "
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
