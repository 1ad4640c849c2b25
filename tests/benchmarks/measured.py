"""One side of a benchmark in a process of its own: wall and CPU time of its work, and of all of the process."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Measured:
    """Seconds; CPU time is that of the process and of all that it started."""

    rows: int
    wall_s: float
    cpu_s: float
    """From `ready` to `done`: imports, servers that it starts and a first warm call are not counted."""
    whole_wall_s: float
    """From nothing to the end of the process."""
    whole_cpu_s: float
    server_s: float = 0.0
    """CPU time of the model server, whoever started it."""

    @property
    def rows_per_s(self) -> float:
        """Of the work alone."""
        return self.rows / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per row, of the work alone."""
        return 1000.0 * self.cpu_s / self.rows


def measure(command: Sequence[str], rows: int, environment: Mapping[str, str], log: Path) -> Measured:
    """Run a side that says `ready` and `done` (`sides/clock.py`) to its end.

    Errors: `RuntimeError` with its last words.
    """
    _adopt_orphans()
    others = {child.pid for child in psutil.Process().children()}
    started, before = time.perf_counter(), _reaped()
    with log.open("w") as errors:
        side = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
        marks = []
        for word in ("ready", "done"):
            _await(side, word, log)
            marks.append((time.perf_counter(), _tree(side.pid)))
            assert side.stdin is not None
            side.stdin.write("\n")
            side.stdin.flush()
        side.communicate()
    ended_s = time.perf_counter()
    for orphan in {child.pid for child in psutil.Process().children()} - others:
        os.waitpid(orphan, 0)
    (begun, cpu_begun), (ended, cpu_ended) = marks
    return Measured(rows, ended - begun, cpu_ended - cpu_begun, ended_s - started, _reaped() - before)


def _await(side: subprocess.Popen[str], word: str, log: Path) -> None:
    assert side.stdout is not None
    said = ""
    for line in side.stdout:
        if line.strip() == word:
            return
        said += line
    raise RuntimeError(f"{side.args} ended without `{word}`:\n{said[-1500:]}{log.read_text()[-3000:]}")


def _tree(pid: int) -> float:
    """CPU seconds of a process, of what it started, and of what these waited for."""
    spent = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            spent += sum(process.cpu_times()[:4])
        except psutil.Error:  # it ended just now
            continue
    return spent


def _adopt_orphans() -> None:
    """What a side leaves running until it sees that the side has ended is this process's child then (Linux)."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _reaped() -> float:
    """CPU seconds of all processes that this one waited for, and these in turn."""
    times = os.times()
    return times.children_user + times.children_system
