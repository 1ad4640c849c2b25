"""Commands of `moored` in processes of their own that have most of their imports behind them.

`python -m moored run` imports for seconds before it begins. Here one process imports once and then forks for each
command: a process all the same, with its own environment, folder, streams, session, signals and exit code. Prefect
is not imported beforehand, because it reads its settings as it is imported. Tests of start-up, of SIGINT and of the
wheel start Python themselves.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import runpy
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
ADDRESS = "MOORED_TESTS_FORKS"
"""Where the process listens that pytest's processes share."""
_AHEAD = (
    *(
        "pandas",
        "scipy.stats",
        "scipy.optimize",
        "duckdb",
        "formulaic",
        "matplotlib.figure",
        "orjson",
        "httpx",
    ),
    *("matplotlib.backends.backend_agg", "openai", "openai.types", "aiohttp", "jinja2", "distributed"),
    *("great_expectations.expectations", "sqlalchemy.dialects.postgresql", "pydantic.v1.dataclasses"),
    *("multiprocessing.spawn", "prometheus_client", "moored.cli", "moored.run.estimates", "moored.run.plan"),
    *("moored.llm.batch", "moored.report.page", "moored.storage.warehouse"),
)
_LENGTH, _STATUS = struct.Struct("!Q"), struct.Struct("!q")
_START_S = 120


class Forked:
    """A command under way: what tests use of `subprocess.Popen`, with its streams read as text."""

    def __init__(self, arguments: tuple[object, ...], folder: Path, environment: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._line = _connected()
        request = {
            "arguments": [*map(str, arguments)],
            "folder": str(folder),
            "environment": dict(environment),
        }
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            body = json.dumps(request).encode()
            socket.send_fds(self._line, [_LENGTH.pack(len(body))], [nothing.fileno(), out_end, err_end])
            self._line.sendall(body)
        os.close(out_end)
        os.close(err_end)
        self._heard: tuple[list[str], list[str]] = ([], [])
        self._readers = [
            threading.Thread(target=_read, args=(stream, heard), daemon=True)
            for stream, heard in zip((out, err), self._heard, strict=True)
        ]
        for reader in self._readers:
            reader.start()
        (self.pid,) = _STATUS.unpack(_received(self._line, _STATUS.size))

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        if self.returncode is None and _readable(self._line, 0):
            self.returncode = os.waitstatus_to_exitcode(
                _STATUS.unpack(_received(self._line, _STATUS.size))[0]
            )
            self._line.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to stdout and stderr, once it and all that writes there has ended."""
        until = time.monotonic() + (timeout or 3600)
        for reader in self._readers:
            reader.join(max(0.0, until - time.monotonic()))
        while self.poll() is None and time.monotonic() < until:
            _readable(self._line, max(0.0, until - time.monotonic()))
        if self.returncode is None or any(reader.is_alive() for reader in self._readers):
            raise subprocess.TimeoutExpired("moored", timeout or 3600, "".join(self._heard[0]).encode())
        return "".join(self._heard[0]), "".join(self._heard[1])

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def completed(
    arguments: tuple[object, ...], folder: Path, environment: Mapping[str, str], limit_s: float
) -> subprocess.CompletedProcess[str]:
    """`moored ARGUMENTS`, which has ended."""
    run = Forked(arguments, folder, environment)
    try:
        out, err = run.communicate(limit_s)
    finally:
        run.kill()
    assert run.returncode is not None
    return subprocess.CompletedProcess(["moored", *map(str, arguments)], run.returncode, out, err)


def as_a_user() -> tuple[str, ...]:
    """What takes root's right to write anywhere from a command that follows."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return ()
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def start() -> None:
    """Start the process that forks; it ends with this one. Those that this one starts find it, too."""
    folder = tempfile.mkdtemp(prefix="forks-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[ADDRESS] = f"{folder}/s"
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OPENBLAS_NUM_THREADS": "1",  # threads do not survive a fork
        "DASK_LOGGING__DISTRIBUTED": "critical",  # as a run has it, before it imports Dask
    }
    process = subprocess.Popen(
        [*as_a_user(), sys.executable, "-P", __file__, os.environ[ADDRESS]],
        stdin=subprocess.PIPE,
        env=environment,
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None
    atexit.register(process.wait)
    atexit.register(process.stdin.close)


def _connected() -> socket.socket:
    if ADDRESS not in os.environ:
        start()
    until = time.monotonic() + _START_S
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(os.environ[ADDRESS])
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return line


def _readable(line: socket.socket, limit_s: float) -> bool:
    """Whether there is something to read. Not by `select`: it takes no descriptor beyond 1,023."""
    poll = select.poll()
    poll.register(line, select.POLLIN)
    return bool(poll.poll(limit_s * 1000))


def _read(stream: int, heard: list[str]) -> None:
    with open(stream, encoding="utf-8", errors="replace") as text:
        heard.extend(text)


def _received(line: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = line.recv(size - len(parts))
        if not part:
            raise ConnectionError("the process that forks is gone")
        parts += part
    return parts


def _next_request(address: str) -> tuple[dict[str, object], list[int]]:
    """Wait for requests for ever; returns in the process that was forked for one, as the one to run it."""
    for name in _AHEAD:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is frozen is not touched by a child's collector, and so not copied
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        keepers = 0
        while True:
            if 0 in select.select([listener, 0], [], [])[0]:
                os._exit(0)
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _kept(line)
            line.close()
            keepers += 1
            while keepers and os.waitpid(-1, os.WNOHANG)[0]:
                keepers -= 1


def _kept(line: socket.socket) -> tuple[dict[str, object], list[int]]:
    """Fork once more: the parent tells the process id and the exit status, the child returns with its request."""
    head, descriptors, _, _ = socket.recv_fds(line, _LENGTH.size, 3)
    request = json.loads(_received(line, _LENGTH.unpack(head)[0]))
    child = os.fork()
    if child == 0:
        line.close()
        return request, descriptors
    for descriptor in descriptors:
        os.close(descriptor)
    line.sendall(_STATUS.pack(child))
    _, status = os.waitpid(child, 0)
    try:
        line.sendall(_STATUS.pack(status))
    finally:
        os._exit(0)


def _settle(folder: str, environment: Mapping[str, str], descriptors: list[int]) -> None:
    """Become what `python -m moored` would be in that folder, with that environment and those streams."""
    os.setsid()
    os.chdir(folder)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # Those of before know how far a file was read that is there no more.
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)), "utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), "utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w")), "utf-8", "backslashreplace", None, True
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    extra = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    sys.path[:] = [folder, *extra, *sys.path]


if __name__ == "__main__":
    asked, given = _next_request(sys.argv[1])
    _settle(str(asked["folder"]), asked["environment"], given)
    sys.argv = ["moored", *asked["arguments"]]
    runpy.run_module("moored", run_name="__main__", alter_sys=True)
