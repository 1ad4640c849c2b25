"""What a worker process needs of the machine that it runs on."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

ONE_LOOP = 256
"""Requests in flight up to which one process is enough: it sends some 1,700 rows per second, and even a model that
answers within .2 s gives no more than 1,280 with so many."""
THREADS_DO = 10_000
"""Requests up to which threads are done before worker processes would be, however many are in flight."""
_PATIENCE_S = 5.0


def worth_processes(requests: int, in_flight: int, *, here: bool) -> bool:
    """Whether worker processes send so many requests sooner than threads of the flow's own process.

    in_flight: the most that threads would have at one time. here: the models run on this machine, and they are
    what needs its cores.
    """
    return not here and requests > THREADS_DO and in_flight > ONE_LOOP


def lacking_here(journal: Path, addresses: Sequence[str]) -> str | None:
    """What this process cannot use of what generation needs, as the end of a sentence; None where nothing.

    journal: must be there already, since a new one would know no reply and hold no budget. addresses: of
    model servers on the flow's own machine.
    """
    if not (journal.is_file() and os.access(journal, os.R_OK | os.W_OK)):
        return (
            f"cannot open the journal {journal}, which all workers share; give it that folder, at the same path "
            "and on the same machine (SQLite's log needs that)"
        )
    for address in addresses:
        parts = urlsplit(address)
        try:
            socket.create_connection((parts.hostname or "", parts.port or 80), _PATIENCE_S).close()
        except OSError as error:
            return (
                f"cannot reach the model at {address} ({error.strerror or error}), which answers on the flow's "
                "machine alone; name a model that all workers can reach"
            )
    return None
