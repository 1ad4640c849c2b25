"""Care for the store: backup, snapshot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from moored.cli.render import print_json
from moored.cli.studies import JsonOption
from moored.settings import read_settings


def backup_command(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Default: beside the store, named by the time.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Copy the store and the model replies; the copy is itself a store. Replaces nothing."""
    from moored.storage.backup import back_up

    settings = read_settings()
    named = settings.store.with_suffix(f".{datetime.now(UTC):%Y%m%dT%H%M%S}.duckdb")
    copy = replace(settings, store=(file or named).absolute())
    files = back_up(settings.store, settings.journal, copy.store, copy.journal)
    if json:
        print_json({"store": settings.store, "files": files})
        return
    for written in files:
        typer.echo(f"wrote {written}")
    typer.echo(f"to use it: MOORED_STORE={copy.store}")


def snapshot_command(json: JsonOption = False) -> None:
    """Write the published tables anew to the file that can be read while a run writes."""
    from moored.storage.snapshot import write_snapshot
    from moored.storage.warehouse import open_store

    settings = read_settings()
    with open_store(settings.store) as store:
        write_snapshot(store, settings.snapshot)
    if json:
        print_json({"snapshot": settings.snapshot})
    else:
        typer.echo(f"wrote {settings.snapshot}")
