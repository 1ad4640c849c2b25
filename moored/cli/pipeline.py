"""Hand a flow to Prefect by its entrypoint: with the server that is configured, or one for this run alone."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from moored.cli.api_server import Server, api_server
from moored.cli.surroundings import (
    ConfiguredServer,
    configured_server,
    may_be_configured,
    prefect_environment,
)
from moored.errors import MooredError, PrefectUnusable, ServerLost, StudyInvalid
from moored.run.forking import start_forking
from moored.settings import Settings

_TRIES, _PAUSE_S = 3, 1.0
_GATEWAY = {502, 503, 504}
"""What a proxy answers for a server that does not."""


def run_flow(
    settings: Settings, entrypoint: str, parameters: Mapping[str, Any], server: Server | None = None
) -> Any:
    """Run `flows/<file>.py:<flow>` of the checkout in this process and give back what it returns.

    server: one that `early_server` started. Errors: whatever the flow raises; `StudyInvalid` where the checkout has
    no such flow; `PrefectUnusable`, `ServerNotStarted`, `ServerLost`.
    """
    pipeline_environment(settings)
    with ExitStack() as stack:
        if server is None:
            server = stack.enter_context(early_server(settings))
        if (configured := configured_server()) is not None:
            stack.enter_context(configured_api(configured))
            return load_flow(settings.pipeline, entrypoint)(**parameters)
        server = server or stack.enter_context(api_server())
        flow = load_flow(settings.pipeline, entrypoint)  # while the server starts
        stack.enter_context(own_api(server))
        return flow(**parameters)


@contextmanager
def early_server(settings: Settings) -> Iterator[Server | None]:
    """A Prefect server for one run that starts beside the block; None where the user may have named one.

    It and this process's own imports take about as long. Where workers are asked for, what they are forked from
    starts, too.
    """
    pipeline_environment(settings)
    if settings.workers and settings.dask_address is None:
        start_forking()
    if may_be_configured():
        yield None
        return
    with api_server() as server:
        yield server


def pipeline_environment(settings: Settings, *, quiet: bool = True) -> None:
    """Let this process and those that it starts find the checkout. quiet: Prefect logs nothing here."""
    prefect_environment(settings.store, settings.keep_runs, quiet=quiet)
    if str(settings.pipeline) not in sys.path:
        sys.path.insert(0, str(settings.pipeline))


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
def own_api(server: Server) -> Iterator[None]:
    """One Prefect server for the run and its workers: without an address each worker would start its own.

    It ends with the run, so nobody waits for heartbeats; their thread holds up the end of each flow by a second.

    Errors: `ServerNotStarted`; `ServerLost` where it dies and cannot be started again.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_API_URL: server.address, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        try:
            yield
        except Exception as error:
            if server.lost is None or isinstance(error, MooredError):
                raise
            raise ServerLost(
                f"the run's own Prefect server ended and did not start again ({server.lost}); what was generated "
                "is stored: run again to go on"
            ) from error
        finally:
            _drain(server)


def _drain(server: Server) -> None:
    """What is still queued must reach the server before it ends, or Prefect waits for it in vain."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    if server.lost is None:
        APILogWorker.drain_all()
        EventsWorker.drain_all()


@contextmanager
def configured_api(server: ConfiguredServer) -> Iterator[None]:
    """The user's server. Errors: `ServerLost` where it does not answer, or no longer; `PrefectUnusable`."""
    from httpx import HTTPStatusError, TransportError

    lost = (
        f"the Prefect server at {server.address} does not answer ({server.source}); what was generated is stored: "
        f"start it, or {server.way_out}, and run again"
    )
    _refuse_silent(server.address, lost)
    try:
        yield
    except HTTPStatusError as error:
        status = f"{error.response.status_code} {error.response.reason_phrase}"
        raise PrefectUnusable(
            f"the Prefect server at {server.address} refuses with {status} ({server.source}); correct the address "
            f"and PREFECT_API_AUTH_STRING or PREFECT_API_KEY, or {server.way_out}"
        ) from error
    except (TransportError, RuntimeError) as error:
        # At the start Prefect wraps it.
        if not isinstance(error, TransportError) and "Failed to reach API" not in str(error):
            raise
        raise ServerLost(lost) from error


def _refuse_silent(address: str, lost: str) -> None:
    """Ask a server for any answer at all, a few times. Errors: `ServerLost`."""
    import httpx

    for again in reversed(range(_TRIES)):
        try:
            if httpx.get(f"{address}/health", timeout=10).status_code in _GATEWAY:
                raise httpx.ConnectError("a proxy answered")
        except httpx.TransportError as error:
            if not again:
                raise ServerLost(lost) from error
            time.sleep(_PAUSE_S)
        else:
            return
