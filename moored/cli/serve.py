"""`moored serve` and `moored deploy`: Prefect's own schedules, one deployment per study."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.errors import StudyInvalid
from moored.settings import Settings, read_settings

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.deployments.runner import RunnerDeployment

FLOW = "flows/scheduled.py:scheduled"
RERUN = "flows/rerun.py:rerun"
_ENVIRONMENT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "moored",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
_ONE_LINE = {"MOORED_LOG": "plain", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
"""A line of moored's own for each run; Prefect's tracebacks are in its log of the run."""

Studies = Annotated[
    list[str] | None,
    typer.Argument(metavar="STUDY...", help="Study files (TOML), or names of studies in the store."),
]
Cron = Annotated[str | None, typer.Option(help="When, as cron says it: '0 2 * * *'.")]
Interval = Annotated[
    str | None, typer.Option(metavar="DURATION", help="How often instead: 90s, 30m, 26h, 7d.")
]
Timezone = Annotated[str, typer.Option(help="Of --cron, such as Europe/Berlin.")]


def serve_command(
    studies: Studies = None,
    cron: Cron = None,
    interval: Interval = None,
    timezone: Timezone = "UTC",
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Answer Prometheus on this port.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
    server_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of the Prefect server started where none is configured.")
    ] = 4200,
) -> None:
    """Run studies on a schedule, in this process, until it is stopped; `rerun` waits in Prefect for a click."""
    from moored.cli.pipeline import load_flow, pipeline_environment
    from moored.monitor.logs import set_up_logs

    settings = read_settings()
    when = _schedule(cron, interval, timezone)
    wanted = _found(studies, settings)
    pipeline_environment(settings, quiet=False)
    for name, value in (_ENVIRONMENT | _ONE_LINE).items():
        os.environ.setdefault(name, value)
    # The processes that the runs get find the checkout by it.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(settings.pipeline), os.environ.get("PYTHONPATH")])
    )
    with _server(server_port) as own:
        from moored.cli.places import watching
        from moored.cli.schedule_runner import serve_deployments

        set_up_logs(os.environ["MOORED_LOG"])
        if metrics_port is not None:
            from moored.monitor.metrics import serve_metrics

            serve_metrics(metrics_port, settings.store, metrics_host)
        scheduled, rerun = load_flow(settings.pipeline, FLOW), load_flow(settings.pipeline, RERUN)
        with watching([name for name, _ in wanted], settings, own=own):
            serve_deployments(_deployments(scheduled, rerun, wanted, when))


def deploy_command(
    pool: Annotated[str, typer.Option(help="The work pool whose workers run them.")],
    studies: Studies = None,
    cron: Cron = None,
    interval: Interval = None,
    timezone: Timezone = "UTC",
) -> None:
    """Hand studies on a schedule to a work pool of the Prefect server at PREFECT_API_URL."""
    from moored.cli.pipeline import pipeline_environment

    settings = read_settings()
    when = _schedule(cron, interval, timezone)
    wanted = _found(studies, settings)
    if not os.environ.get("PREFECT_API_URL"):
        raise StudyInvalid("PREFECT_API_URL names no Prefect server; set it, or use `moored serve`")
    pipeline_environment(settings, quiet=False)
    from prefect import Flow, deploy

    source = str(settings.pipeline)
    scheduled: Any = Flow.from_source(source=source, entrypoint=FLOW)
    rerun: Any = Flow.from_source(source=source, entrypoint=RERUN)
    made = _deployments(scheduled, rerun, wanted, when)
    for deployment in made:
        deployment.job_variables = {"env": _ENVIRONMENT}
    deploy(*made, work_pool_name=pool, build=False, push=False)


def _deployments(
    scheduled: Flow[..., Any], rerun: Flow[..., Any], studies: Sequence[tuple[str, str]], when: dict[str, Any]
) -> list[RunnerDeployment]:
    """One on schedule and one on demand for each study (name, argument); two of one never run at once."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    made: list[Any] = []
    for name, argument in studies:
        made += [
            scheduled.to_deployment(name, parameters={"study": argument}, concurrency_limit=alone, **when),
            rerun.to_deployment(
                name, parameters={"study": argument, "failed": True}, concurrency_limit=alone
            ),
        ]
    return made


def _found(studies: Sequence[str] | None, settings: Settings) -> list[tuple[str, str]]:
    """Each study's name, and what finds it from anywhere. Errors: `StudyInvalid`, `NotStored`."""
    from moored.storage.studies import find_study

    if not studies:
        from moored.storage.events import study_outcomes
        from moored.storage.warehouse import open_store

        with open_store(settings.store) as store:
            studies = [known.study for known in study_outcomes(store)]
    return [
        (
            find_study(argument, settings.store)[0].name,
            str(Path(argument).absolute()) if Path(argument).is_file() else argument,
        )
        for argument in studies
    ]


def _schedule(cron: str | None, interval: str | None, timezone: str) -> dict[str, Any]:
    from prefect.client.schemas.schedules import CronSchedule

    from moored.monitor.overdue import parse_duration

    if (cron is None) == (interval is None):
        raise StudyInvalid("say when to run: either --cron '0 2 * * *' or --interval 26h")
    if interval is not None:
        span: timedelta = parse_duration(interval)
        return {"interval": span}
    try:
        return {"schedule": CronSchedule(cron=cron or "", timezone=timezone)}
    except ValueError as error:
        raise StudyInvalid(
            f"--cron {cron!r} with --timezone {timezone!r} is no schedule; give five fields such as "
            "'0 2 * * *', and a zone such as Europe/Berlin"
        ) from error


@contextmanager
def _server(port: int) -> Iterator[bool]:
    """The Prefect server that is configured, or one on loopback for as long as this process serves.

    Gives whether it is the latter.

    Errors: `PrefectUnusable`, `ServerNotStarted`, `ServerLost`.
    """
    from moored.cli.pipeline import configured_api
    from moored.cli.surroundings import configured_server

    if (configured := configured_server()) is not None:
        with configured_api(configured):
            yield False
        return
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from moored.cli.api_server import api_server

    with api_server(port) as server, temporary_settings({PREFECT_API_URL: server.address}):
        os.environ["PREFECT_API_URL"] = server.address  # for the processes that the runs get
        typer.echo(f"Prefect: {server.address.removesuffix('/api')}", err=True)
        yield True
