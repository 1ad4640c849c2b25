"""The process that Dask's workers are forked from: it has imported what they spend their start on."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

IMPORTED = (
    "distributed.worker",
    "prefect.task_engine",
    "prefect_dask",
    "moored.llm.client",
    "moored.llm.steps",
)
"""What workers need; nothing that starts a thread, which a fork would lose."""
_LONGEST_FOLDER = 70
"""Of temporary files: the process is spoken to by a socket in it, whose path may have 107 characters."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Dask's own setting for workers; numpy reads it as it is imported."""


def start_forking() -> bool:
    """Start that process, if it is not there, beside whatever comes next; False where nothing can be forked."""
    if sys.platform != "linux" or len(tempfile.gettempdir()) > _LONGEST_FOLDER:
        return False
    multiprocessing.set_forkserver_preload(list(IMPORTED))
    missing = {name: value for name, value in _ONE_THREAD.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        with interrupts_ignored():
            multiprocessing.forkserver.ensure_running()
    finally:
        for name in missing:
            del os.environ[name]
    return True


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Processes started here inherit it: Ctrl-C is for the flow, which ends its workers itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
