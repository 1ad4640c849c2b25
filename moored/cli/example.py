"""`moored example`: a ready study in the current folder."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from moored.errors import NotStored, WouldOverwrite
from moored.settings import read_settings

STUDIES = "deployments/studies"


def example_command(
    name: Annotated[str, typer.Argument(help="Which example; without a name they are listed.")] = "",
    into: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to put it.")] = Path(),
) -> None:
    """Lay out a ready study, with its data, in the current folder."""
    studies = read_settings().pipeline / STUDIES
    known = sorted(file.stem for file in studies.glob("*.toml"))
    if not name:
        typer.echo("\n".join(f"moored example {known_name}" for known_name in known))
        return
    if name not in known:
        raise NotStored(f"there is no example {name!r}; there are {', '.join(known)}")
    files = [studies / f"{name}.toml", *sorted(studies.glob(f"{name}.csv"))]
    for file in files:
        if (into / file.name).exists():
            raise WouldOverwrite(
                f"{into / file.name} is there already; move it away, or choose another --into"
            )
    into.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, into / file.name)
        typer.echo(f"wrote {into / file.name}")
    study = shlex.quote(str(into / f"{name}.toml"))
    typer.echo(f"next: moored validate {study}    moored run {study}")
