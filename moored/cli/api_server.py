"""A Prefect server in a process of its own, for one run or for one schedule: `python -m moored.cli.api_server`.

It prints its address once it answers, and ends when its standard input closes: it outlives no parent, not even
one that was killed. Ctrl-C does not reach it: the flow still has to tell it how it ended.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from moored.errors import MooredError

START_S = 180.0
_RUN_ONLY = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


@contextmanager
def api_server(port: int | None = None) -> Iterator[str]:
    """The API's address on loopback, for the block's time. Errors: `MooredError` where it does not start.

    port: a whole server on it, with its page and its scheduler; by default one that only takes runs, anywhere.
    """
    extra = _RUN_ONLY if port is None else {"PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api"}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "moored.cli.api_server", str(port or 0)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | extra,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    watchdog = threading.Timer(START_S, process.kill)
    watchdog.start()
    try:
        address = process.stdout.readline().decode().strip()
        watchdog.cancel()
        if not address:
            raise MooredError(
                f"no Prefect server could be started (exit {process.wait()}); `prefect server start` says why, "
                f"PREFECT_API_URL names another{f'; is port {port} taken?' if port else ''}"
            )
        yield address
    finally:
        watchdog.cancel()
        with suppress(OSError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        process.kill()
        process.wait()


def _serve(port: int) -> None:
    import uvicorn

    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        "prefect.server.api.server:create_app", factory=True, log_level="error", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    threading.Thread(target=_announce, args=(server, listener), daemon=True).start()
    server.run(sockets=[listener])


def _announce(server: object, listener: socket.socket) -> None:
    pause = threading.Event()
    while not getattr(server, "started", False):
        pause.wait(0.05)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/api", flush=True)  # noqa: T201


def _end_with_parent(server: object) -> None:
    while os.read(0, 4096):
        pass
    threading.Timer(5, os._exit, args=(1,)).start()
    server.should_exit = True  # type: ignore[attr-defined]


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
