"""Places in a schedule that dead runs hold.

Two runs of a deployment never overlap: one takes the place as it is claimed, and gives it back as it ends. Where
its process is gone before it could say so, nobody gives it back, and Prefect cancels every later run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moored.errors import MooredError
from moored.monitor.endings import UNDER_WAY, Ending, settle
from moored.monitor.logs import LOGGER
from moored.monitor.overdue import died_sentence, lives_here
from moored.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

LOOK_S = 60.0
NEVER_BEGAN = "what was to run it was gone before it began; the place in the schedule is free again"
NO_PLACE = "not run: an earlier run still held the place in the schedule"
_START = timedelta(minutes=10)
"""A run that was claimed longer ago and has not begun never will."""
_ELSEWHERE = timedelta(minutes=1)
"""The same on a server that others use, too, as this process starts."""


def free_places(studies: Sequence[str], settings: Settings, patience: timedelta) -> int:
    """Cancel the runs of the studies' deployments whose process is gone, and say how they ended. Gives how many.

    patience: how long ago a run that has not begun must have been claimed.
    """
    from prefect.client.orchestration import get_client

    began = _open_runs(settings)
    with get_client(sync_client=True) as client:
        return sum(
            _free(client, deployment, study, settings, began, patience)
            for study, deployment in _deployments(client, studies)
        )


def note_cancelled(studies: Sequence[str], settings: Settings, since: datetime) -> datetime:
    """Record the runs that were claimed since then and found no place. Gives the time of this look."""
    from prefect.client.orchestration import get_client

    now = datetime.now(UTC)
    alive = {run["study"] for run in _open_runs(settings).values() if lives_here(run)}
    with get_client(sync_client=True) as client:
        for study, deployment in _deployments(client, studies):
            for run in _runs(client, deployment, ("CANCELLED",)):
                state = run.state
                if (
                    state is not None
                    and state.timestamp >= since
                    and "limit reached" in (state.message or "")
                ):
                    said = UNDER_WAY if study in alive else NO_PLACE
                    settle(Ending(study, "cancelled", said, str(run.id)), settings)
    return now


@contextmanager
def watching(studies: Sequence[str], settings: Settings, *, own: bool) -> Iterator[None]:
    """Free what is held as the block begins, and look again every minute while it lasts.

    own: nobody else runs anything on the Prefect server.
    """
    free_places(studies, settings, timedelta(0) if own else _ELSEWHERE)
    over = threading.Event()
    looking = threading.Thread(target=_look, args=(studies, settings, over), daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()


def _look(studies: Sequence[str], settings: Settings, over: threading.Event) -> None:
    since = datetime.now(UTC)
    while not over.wait(LOOK_S):
        try:
            free_places(studies, settings, _START)
            since = note_cancelled(studies, settings, since)
        except Exception as error:  # a watchman stays, whatever one look met
            LOGGER.log(logging.WARNING, "the schedule could not be looked at: %s", type(error).__name__)


def _free(
    client: SyncPrefectClient,
    deployment: DeploymentResponse,
    study: str,
    settings: Settings,
    began: Mapping[str, Mapping[str, Any]],
    patience: timedelta,
) -> int:
    from prefect.states import Cancelled

    held = list(_runs(client, deployment, ("PENDING", "RUNNING", "CANCELLING")))
    gone = [run for run in held if _is_gone(run, began.get(str(run.id)), patience)]
    for run in gone:
        known = began.get(str(run.id))
        said = NEVER_BEGAN if known is None else died_sentence(known)
        client.set_flow_run_state(run.id, Cancelled(message=said), force=True)
        settle(Ending(study, "cancelled" if known is None else "died", said, str(run.id)), settings)
    if len(gone) == len(held):
        _clear(client, deployment)
    return len(gone)


def _is_gone(run: FlowRun, known: Mapping[str, Any] | None, patience: timedelta) -> bool:
    """known: how it began, in the store."""
    if known is not None:
        return lives_here(known) is False
    since = run.state.timestamp if run.state is not None else run.created
    return since is None or datetime.now(UTC) - since >= patience


def _clear(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    """The count of places taken, where nobody is left who could hold one."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    limit = client.read_deployment(deployment.id).global_concurrency_limit
    if limit is not None and limit.active_slots:
        client.update_global_concurrency_limit(str(limit.id), GlobalConcurrencyLimitUpdate(active_slots=0))


def _deployments(
    client: SyncPrefectClient, studies: Sequence[str]
) -> Iterator[tuple[str, DeploymentResponse]]:
    from prefect.exceptions import ObjectNotFound

    for study in studies:
        for flow in ("scheduled", "rerun"):
            try:
                yield study, client.read_deployment_by_name(f"{flow}/{study}")
            except ObjectNotFound:
                continue


def _runs(
    client: SyncPrefectClient, deployment: DeploymentResponse, states: tuple[str, ...]
) -> Iterator[FlowRun]:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterDeploymentId,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    kinds = FlowRunFilterStateType(any_=[StateType(state) for state in states])
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]), state=FlowRunFilterState(type=kinds)
    )
    yield from client.read_flow_runs(
        flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=100
    )


def _open_runs(settings: Settings) -> dict[str, dict[str, Any]]:
    """The runs that began and never said how they ended, by Prefect's id."""
    from moored.storage.events import open_runs
    from moored.storage.warehouse import open_store

    if not settings.store.exists():
        return {}
    try:
        with open_store(settings.store) as store:
            return {run["flow_run"]: run for run in open_runs(store) if run["flow_run"]}
    except MooredError:
        return {}
