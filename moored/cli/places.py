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
from typing import TYPE_CHECKING

from moored.errors import MooredError
from moored.monitor.endings import Ending, settle
from moored.monitor.logs import LOGGER
from moored.monitor.overdue import died_sentence, lives_here
from moored.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

    from moored.storage.events import OpenRun

LOOK_S = 60.0
NEVER_BEGAN = "what was to run it was gone before it began; the place in the schedule is free again"
NO_PLACE = "not run: an earlier run still held the place in the schedule"
_START = timedelta(minutes=10)
"""A run that was claimed longer ago and has not begun never will."""
_ELSEWHERE = timedelta(minutes=1)
"""The same on a server that others use, too, as this process starts."""
_STATES = ("PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CANCELLING", "CRASHED")


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
    """Record the runs that found no place since then though no run was under way. Gives the time of this look.

    A schedule that is denser than its runs take is no fault: what it leaves out is in Prefect alone.
    """
    from prefect.client.orchestration import get_client

    now, began = datetime.now(UTC), _open_runs(settings)
    with get_client(sync_client=True) as client:
        for study, deployment in _deployments(client, studies):
            runs = list(_runs(client, deployment, _STATES))
            for run in runs:
                moment = _found_no_place(run)
                if moment is not None and moment >= since and not _under_way(runs, moment, began, settings):
                    settle(Ending(study, "cancelled", NO_PLACE, str(run.id)), settings)
    return now


def _found_no_place(run: FlowRun) -> datetime | None:
    """When a run was cancelled because the place was taken; None for any other."""
    state = run.state
    if state is None or not state.is_cancelled() or "limit reached" not in (state.message or ""):
        return None
    return state.timestamp


def _under_way(
    runs: Sequence[FlowRun], moment: datetime, began: Mapping[str, OpenRun], settings: Settings
) -> bool:
    """Whether one of a deployment's runs held the place at that moment by right: it ended by itself, or lives."""
    for run in runs:
        if run.state is None or (run.expected_start_time or moment) > moment:
            continue
        if run.state.is_completed() or run.state.is_failed():
            if run.end_time is not None and run.end_time >= moment:
                return True
        elif not run.state.is_final() and not _is_gone(run, began.get(str(run.id)), _START, settings):
            return True
    return False


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
    began: Mapping[str, OpenRun],
    patience: timedelta,
) -> int:
    from prefect.states import Cancelled

    held = list(_runs(client, deployment, ("PENDING", "RUNNING", "CANCELLING")))
    gone = [run for run in held if _is_gone(run, began.get(str(run.id)), patience, settings)]
    for run in gone:
        known = began.get(str(run.id))
        said = NEVER_BEGAN if known is None else died_sentence(known)
        client.set_flow_run_state(run.id, Cancelled(message=said), force=True)
        settle(Ending(study, "cancelled" if known is None else "died", said, str(run.id)), settings)
    if len(gone) == len(held):
        _clear(client, deployment)
    return len(gone)


def _is_gone(run: FlowRun, known: OpenRun | None, patience: timedelta, settings: Settings) -> bool:
    """known: how it began, in the store."""
    if known is not None:
        return lives_here(known, settings.run_lock(known.study)) is False
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


def _open_runs(settings: Settings) -> dict[str, OpenRun]:
    """The runs that began and never said how they ended, by Prefect's id."""
    from moored.storage.events import open_runs
    from moored.storage.warehouse import open_store

    if not settings.store.exists():
        return {}
    try:
        with open_store(settings.store) as store:
            return {run.flow_run: run for run in open_runs(store) if run.flow_run}
    except MooredError:
        return {}
