"""How every flow ends: its state says what happened, its name says the version, and whoever must know is told."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import CrashedRun
from prefect.states import Completed

from moored.errors import MooredError, Overdue
from moored.monitor.alerts import Alert, send_alert
from moored.monitor.endings import STOPPED, Ending, ending_of, public_sentence, settle
from moored.monitor.logs import log, set_up_logs
from moored.run.record import Report
from moored.settings import read_settings
from moored.storage.studies import refuse_unknown
from moored.storage.warehouse import open_store
from moored.study import Study
from moored.study.file import name_in

_SIGNALS = re.compile(r"status code: (-15|-2|143|130)\b")
"""In what Prefect's runner says of a process that SIGTERM or SIGINT ended."""


def completed(report: Report) -> Report:
    """The report as a final state that says it in words; Prefect gives the caller the report alone."""
    return cast(Report, Completed(message=report.sentence, data=report))


def tell(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Settle how a flow run ended. A flow inside another says nothing: the outer one does.

    Prefect calls it with these names: from the run's process, or from the runner's where that one died.
    """
    if flow_run.parent_task_run_id is not None:
        return
    settings = read_settings()
    set_up_logs(settings.log)
    name, run = study_of(flow_run), str(flow_run.id)
    if state.is_cancelled() or state.is_cancelling():
        settle(Ending(name, "cancelled", state.message or "cancelled", run), settings)
        return
    result = state.result(raise_on_failure=False)
    if isinstance(result, Report):
        with suppress(Exception), get_client(sync_client=True) as client:  # a name is worth no alert
            client.update_flow_run(flow_run.id, name=f"{result.study}, version {result.version}")
    if isinstance(result, CrashedRun):  # said by Prefect's runner, which outlived the run
        if _SIGNALS.search(state.message or ""):
            settle(Ending(name, "cancelled", STOPPED, run), settings)
            return
        settle(Ending(name, "died", state.message or "the run's process is gone", run), settings)
        return
    settle(ending_of(name, run, result), settings)
    if isinstance(result, MooredError):
        result.told = True


def tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Say that a flow which is about no one study failed. What is overdue, the watch has said itself."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, Overdue):
        return
    set_up_logs(read_settings().log)
    said = public_sentence(error)
    log(f"{flow.name}: {said}", study=flow.name, level=logging.ERROR, outcome="failed")
    send_alert(Alert("failed", flow.name, said))


def study_of(flow_run: FlowRun) -> str:
    """The study that a flow run is about. Where its file cannot be read, the one that its deployment is named for:
    under the file's path nobody would find how the run ended, and no later run would recover from it."""
    given = flow_run.parameters.get("study")
    name = name_of(given)
    if name == given and name.endswith(".toml"):
        with suppress(Exception):
            with get_client(sync_client=True) as client:
                deployed = client.read_deployment(flow_run.deployment_id).name  # type: ignore[arg-type]
            with open_store(read_settings().store) as store:
                refuse_unknown(store, deployed)
            return deployed
    return name


def name_of(study: Study | Mapping[str, Any] | str | None) -> str:
    """The name of a study given as a parameter: itself, as JSON, by its file or by its name in the store."""
    if isinstance(study, Study):
        return study.name
    if isinstance(study, Mapping):
        return str(study.get("name", "study"))
    if study is None or not study.endswith(".toml"):
        return study or "study"
    return name_in(Path(study)) or study


TOLD: dict[str, Any] = {
    "on_completion": [tell],
    "on_failure": [tell],
    "on_crashed": [tell],
    "on_cancellation": [tell],
}
"""The hooks of every deployed flow that runs a study."""

TOLD_FAILURES: dict[str, Any] = {"on_failure": [tell_failure], "on_crashed": [tell_failure]}
"""The hooks of the other deployed flows."""
