"""Hand a flow to Prefect by its entrypoint: with the server that is configured, or one for this run alone."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moored.cli.api_server import api_server
from moored.errors import ServerLost, StudyInvalid

_OFFLINE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
_QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "DASK_LOGGING__DISTRIBUTED": "critical",
}


def run_flow(pipeline: Path, entrypoint: str, parameters: Mapping[str, Any]) -> Any:
    """Run `flows/<file>.py:<flow>` of the checkout in this process and give back what it returns.

    Errors: whatever the flow raises; `StudyInvalid` where the checkout has no such flow; `ServerLost`.
    """
    pipeline_environment(pipeline)
    with _api() as address, _answering(address):
        return load_flow(pipeline, entrypoint)(**parameters)


def pipeline_environment(pipeline: Path, *, quiet: bool = True) -> None:
    """Let this process and those that it starts find the checkout. quiet: Prefect logs nothing here."""
    for name, value in (_OFFLINE | _QUIET if quiet else _OFFLINE).items():
        os.environ.setdefault(name, value)
    if str(pipeline) not in sys.path:
        sys.path.insert(0, str(pipeline))


def load_flow(pipeline: Path, entrypoint: str) -> Any:
    """The flow `flows/<file>.py:<flow>` of the checkout. Errors: `StudyInvalid` where it has none."""
    file = pipeline / entrypoint.split(":", maxsplit=1)[0]
    if not file.is_file():
        raise StudyInvalid(
            f"there is no {file}; unset MOORED_PIPELINE, which names another place than the installed flows, or "
            "install moored again"
        )
    from prefect.flows import load_flow_from_entrypoint

    # Where this fails, Prefect would read the file instead and complain of something else.
    importlib.import_module(str(file.relative_to(pipeline).with_suffix("")).replace(os.sep, "."))
    return load_flow_from_entrypoint(f"{pipeline}/{entrypoint}")


@contextmanager
def _api() -> Iterator[str]:
    """One Prefect server for the run and its workers: without an address each worker would start its own.

    Gives its address.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if configured := PREFECT_API_URL.value():
        yield str(configured)
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    with api_server() as address, temporary_settings({PREFECT_API_URL: address}):
        try:
            yield address
        finally:
            # What is still queued must reach the server before it ends, or Prefect waits for it in vain.
            APILogWorker.drain_all()
            EventsWorker.drain_all()


@contextmanager
def _answering(address: str) -> Iterator[None]:
    """A server that does not answer as one sentence."""
    from httpx import TransportError

    try:
        yield
    except (TransportError, RuntimeError) as error:
        # At the start Prefect wraps it.
        if not isinstance(error, TransportError) and "Failed to reach API" not in str(error):
            raise
        raise ServerLost(
            f"the Prefect server at {address} does not answer; what was generated is stored: start it, or "
            "leave PREFECT_API_URL unset to get one for the run, and run again"
        ) from error
