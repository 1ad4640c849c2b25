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
    """Lay out a ready study with its data, or a table to try things on, in the current folder."""
    studies = read_settings().pipeline / STUDIES
    known = sorted({file.stem for kind in ("*.toml", "*.csv") for file in studies.glob(kind)})
    if not name:
        typer.echo("\n".join(f"moored example {known_name}" for known_name in known))
        return
    if name not in known:
        raise NotStored(f"there is no example {name!r}; there are {', '.join(known)}")
    files = [file for file in (studies / f"{name}.toml", studies / f"{name}.csv") if file.exists()]
    for file in files:
        if (into / file.name).exists():
            raise WouldOverwrite(
                f"{into / file.name} is there already; move it away, or choose another --into"
            )
    into.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, into / file.name)
        typer.echo(f"wrote {into / file.name}")
    first = shlex.quote(str(into / files[0].name))
    study, table = (
        f"moored validate {first}    moored run {first}",
        f"moored init {first}    moored estimate {first} --help",
    )
    typer.echo(f"next: {study if files[0].suffix == '.toml' else table}")
