"""Surroundings that users have: proxies, folders that cannot be written, homes of other users."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands import ended
from tests.endpoint import KEY
from tests.forks import as_a_user, completed

ROOT = Path(__file__).parents[1]
_ANSWER = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that reaches nothing. Gives its address and what it was asked."""
    asked: list[bytes] = []

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                asked.append(connection.recv(65536))
                connection.sendall(_ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked


def environment(folder: Path, **more: str | None) -> dict[str, str]:
    """What a user's shell has, nothing of Prefect or proxies in it; None takes a variable out."""
    mine = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    mine = {name: value for name, value in mine.items() if not name.startswith("PREFECT_")}
    mine |= {
        "MOORED_STORE": str(folder / "store.duckdb"),
        "MOORED_WORKERS": "0",
        "OPENAI_API_KEY": KEY,
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }
    for name, value in more.items():
        if value is None:
            mine.pop(name, None)
        else:
            mine[name] = value
    return mine


def called(
    folder: Path,
    surroundings: dict[str, str],
    *arguments: object,
    before: tuple[str, ...] = (),
    limit_s: int = 240,
) -> subprocess.CompletedProcess[str]:
    """`moored ...` in a process of its own, without root's right to write anywhere. before: what starts it."""
    if not before:
        return completed(arguments, folder, surroundings, limit_s)
    command = (*before, *as_a_user(), sys.executable, "-m", "moored", *arguments)
    return ended(command, folder, surroundings, limit_s)


def one_sentence(answer: subprocess.CompletedProcess[str]) -> str:
    """What a command said as it refused: one line for a person."""
    return only_sentence(answer.stderr)


def only_sentence(err: str) -> str:
    """The one line for a person in what a command wrote to stderr."""
    lines = err.splitlines()
    assert lines[-1].startswith("moored: "), err
    others = [line for line in lines[:-1] if "\u2501" not in line]  # the bar of the run's progress
    assert not "".join(others).strip(), err
    return lines[-1]


@contextmanager
def mounted_read_only(folder: Path) -> Iterator[None]:
    """The folder as a read-only file system. Skips where this user may not mount."""
    import pytest

    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting needs root")
    bound = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False)
    if bound.returncode != 0:
        pytest.skip("this root may not mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
