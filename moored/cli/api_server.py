"""A Prefect server in a process of its own, for one run or for one schedule: `python -m moored.cli.api_server`.

It prints its address once it answers, and ends when its standard input closes: it outlives no parent, not even
one that was killed. Ctrl-C does not reach it: the flow still has to tell it how it ended. One that dies under its
parent is started again, at the same address and with the same database.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from moored.cli.prune import prune_runs
from moored.cli.surroundings import spare_collector
from moored.errors import ServerNotStarted

START_S = 180.0
RESTARTS = 3
_PRUNE_S = 3600.0
_ORPHAN_S, _LEAVES_S = 5.0, 10.0
"""How long a server whose parent is gone may take to end, and how long another one waits for its port."""
RUN_ONLY = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
_REASON = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception)\b.*")


class Server:
    """The process, and the thread that starts it again. It starts beside whatever its maker does meanwhile."""

    def __init__(self, port: int | None) -> None:
        extra = RUN_ONLY if port is None else {"PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api"}
        self._environment = os.environ | extra
        self._closing = threading.Event()
        self._ready: Future[str] = Future()
        self._process = _started(port or 0, self._environment)
        self.lost: str | None = None
        """Why it is gone for good, where it is."""
        threading.Thread(target=self._watch, args=(port or 0,), daemon=True).start()

    @property
    def address(self) -> str:
        """Where it answers, once it does. Errors: `ServerNotStarted`, with the reason."""
        return self._ready.result()

    @property
    def pid(self) -> int:
        """The process that answers now."""
        return self._process.pid

    def close(self) -> None:
        """End it, at the latest after ten seconds."""
        self.leave()
        _end(self._process)

    def leave(self) -> None:
        """Let it end by itself, which takes it a second."""
        self._closing.set()
        _let_end(self._process)

    def _watch(self, port: int) -> None:
        try:
            self._ready.set_result(_announced(self._process, port))
        except ServerNotStarted as error:
            self._ready.set_exception(error)
            return
        port = int(self.address.rsplit(":", 1)[1].removesuffix("/api"))
        for _ in range(RESTARTS + 1):
            self._process.wait()
            if self._closing.is_set():
                return
            try:
                self._process = _started(port, self._environment)
                _announced(self._process, port)
            except (ServerNotStarted, OSError) as error:
                if self._closing.is_set():
                    return
                self.lost = str(error)
                break
            if self._closing.is_set():
                _end(self._process)
                return
        else:
            self._process.kill()
            self.lost = f"it ended {RESTARTS + 1} times"
        _refuse_all(port)


@contextmanager
def api_server(port: int | None = None) -> Iterator[Server]:
    """A server on loopback, for the block's time; it starts beside the block, which waits where it asks for
    `Server.address`.

    port: a whole server on it, with its page and its scheduler; by default one that only takes runs, anywhere.
    """
    server = Server(port)
    try:
        yield server
    finally:
        if port is None:
            server.leave()
        else:
            server.close()


def _started(port: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "moored.cli.api_server", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def _announced(process: subprocess.Popen[bytes], port: int) -> str:
    """Wait until a server says where it answers; one that does not is gone then. Errors: `ServerNotStarted`."""
    assert process.stdout is not None
    complaints: deque[str] = deque(maxlen=200)
    reader = threading.Thread(target=_collect, args=(process, complaints), daemon=True)
    reader.start()
    watchdog = threading.Timer(START_S, process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        address = process.stdout.readline().decode().strip()
    finally:
        watchdog.cancel()
    if not address:
        process.wait()
        reader.join(timeout=5)
        raise ServerNotStarted(_not_started(process.returncode, complaints, port))
    return address


def _not_started(code: int, complaints: deque[str], port: int) -> str:
    reasons = [line for line in complaints if _REASON.match(line)]
    if port and any("Address already in use" in line for line in reasons):
        return f"port {port} is taken, so no Prefect server could be started on it; name another with --server-port"
    why = reasons[-1] if reasons else (complaints[-1] if complaints else f"it ended with {code}")
    home = os.environ.get("PREFECT_HOME", "~/.prefect")
    return (
        f"no Prefect server could be started with its database in {home} ({why[:300]}); make that folder "
        "writable, set PREFECT_HOME to another folder, or set PREFECT_API_URL to a server that is up"
    )


def _collect(process: subprocess.Popen[bytes], complaints: deque[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text := line.decode(errors="replace").strip():
            complaints.append(text)


def _end(process: subprocess.Popen[bytes]) -> None:
    _let_end(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    process.kill()
    process.wait()


def _let_end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


class _Gone(BaseHTTPRequestHandler):
    """Answers what Prefect's client does not try again: a dead port keeps it trying for minutes."""

    def _refuse(self) -> None:
        self.send_error(410)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _refuse  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Not a word."""


def _refuse_all(port: int) -> None:
    with suppress(OSError):
        ThreadingHTTPServer(("127.0.0.1", port), _Gone).serve_forever()


def _serve(port: int) -> None:
    import uvicorn

    spare_collector()
    listener = _listener(port)
    prune_runs()
    config = uvicorn.Config(
        "prefect.server.api.server:create_app", factory=True, log_level="error", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_prune_for_ever, daemon=True).start()
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    threading.Thread(target=_announce, args=(server, listener), daemon=True).start()
    server.run(sockets=[listener])


def _listener(port: int) -> socket.socket:
    """A socket on loopback. The server of a parent that was just killed needs some seconds to leave its port."""
    until = time.monotonic() + _LEAVES_S
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise
        time.sleep(0.2)


def _prune_for_ever() -> None:
    """Once an hour, for a server that lasts."""
    while True:
        threading.Event().wait(_PRUNE_S)
        prune_runs()


def _announce(server: object, listener: socket.socket) -> None:
    pause = threading.Event()
    while not getattr(server, "started", False):
        pause.wait(0.05)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/api", flush=True)  # noqa: T201


def _end_with_parent(server: object) -> None:
    while os.read(0, 4096):
        pass
    threading.Timer(_ORPHAN_S, os._exit, args=(1,)).start()
    server.should_exit = True  # type: ignore[attr-defined]


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
