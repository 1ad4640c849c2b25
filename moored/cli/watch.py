"""`moored watch`: say what is overdue and which runs died; one look, for cron."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from moored.cli.beginning import settings_of_watch
from moored.cli.render import print_json
from moored.cli.studies import JsonOption
from moored.errors import Overdue


def watch_command(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="[STUDY]...", help="Names in the store; default: all.")
    ] = None,
    expected_every: Annotated[
        str,
        typer.Option(metavar="DURATION", help="How often a run should end well: 90s, 30m, 26h, 7d."),
    ] = "26h",
    json: JsonOption = False,
) -> None:
    """Alert where no run ended well for longer than expected, or a run died; then the exit code is 62."""
    from moored.monitor.overdue import parse_duration, refuse_overdue, watch_store

    with settings_of_watch() as settings:
        alerts = watch_store(settings, parse_duration(expected_every), studies or ())
    if json:
        print_json({"alerts": [asdict(alert) for alert in alerts]})
        raise typer.Exit(Overdue.exit_code if alerts else 0)
    refuse_overdue(alerts)
    typer.echo("nothing is overdue")
