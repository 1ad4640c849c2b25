"""`moored model`: the open models that moored knows by name; `fetch` brings one onto this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moored.cli.render import print_json, print_table, say
from moored.cli.studies import JsonOption
from moored.settings import read_settings

if TYPE_CHECKING:
    from moored.fetch.models import KnownModel
    from moored.fetch.obtain import Tell

COLUMNS = {"name": "=", "model": "", "size": "=", "licence": "=", "made by": ""}
model_app = typer.Typer()


def complete_model(incomplete: str) -> list[str]:
    """The names that begin so."""
    from moored.fetch.models import known_models

    return [name for name in known_models() if name.startswith(incomplete)]


@model_app.callback(invoke_without_command=True)
def model_command(context: typer.Context) -> None:
    """Open models for this machine: list, fetch."""
    if context.invoked_subcommand is None:
        list_command()


@model_app.command("list", epilog="Example: moored model list")
def list_command(json: JsonOption = False) -> None:
    """The models that a study can name, and which of them are here."""
    from moored.fetch.models import known_models
    from moored.fetch.space import in_words

    cache = read_settings().cache
    models = list(known_models().values())
    if json:
        print_json({"models": [_record(model, cache) for model in models]})
        return
    rows = [
        {
            "name": model.name,
            "model": model.title,
            "size": in_words(model.size),
            "licence": model.licence,
            "made by": model.maker,
        }
        for model in models
    ]
    print_table(rows, COLUMNS)
    for model in models:
        say(f"{model.name}: {model.about}")
    for model in models:
        say(f"{model.name}: {_where(model, cache)}")


def _record(model: KnownModel, cache: Path) -> dict[str, object]:
    """What `--json` says of a model."""
    from moored.fetch.obtain import has_size

    return {
        "name": model.name,
        "title": model.title,
        "maker": model.maker,
        "licence": model.licence,
        "about": model.about,
        "bytes": model.size,
        "sha256": model.sha256,
        "hub": model.hub,
        "packages": [part.package.requirement for part in model.parts],
        "path": str(model.place(cache)),
        "here": has_size(model, cache),
    }


def _where(model: KnownModel, cache: Path) -> str:
    from moored.fetch.models import EMBEDDED
    from moored.fetch.obtain import has_size

    if has_size(model, cache):
        return f"here, {model.place(cache)}"
    command = f"`moored model fetch {model.name}`"
    return (
        f"the first run that needs it fetches it, or {command}"
        if model.name == EMBEDDED
        else f"type {command}"
    )


@model_app.command("fetch", epilog="Example: moored model fetch qwen2.5-1.5b")
def fetch_command(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name of `moored model list`.", autocompletion=complete_model),
    ],
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH_OR_URL",
            help="A file or an http address that has the model; `hub`: where its makers publish it. "
            "Default: your package index.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fetch a model, once, into the cache folder. What was interrupted goes on; the sum is always checked."""
    from moored.fetch.models import known_model
    from moored.fetch.obtain import fetch_model
    from moored.fetch.space import in_words

    model = known_model(name)
    if not json:
        say(f"{model.name}: {model.title}, {in_words(model.size)}, {model.licence}, made by {model.maker}")
    with _bar(model.size) as tell:
        place = fetch_model(model, read_settings().cache, origin, tell)
    if json:
        print_json({"name": model.name, "path": str(place), "bytes": model.size, "sha256": model.sha256})
    else:
        say(f"here: {place} (sha256 as pinned)")
        say(f'next: name = "{model.name}" under [model] in a study')


@contextmanager
def _bar(size: int) -> Iterator[Tell]:
    """A bar on stderr: bytes, speed, time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("looking", total=size)
        stages = {"looking"}

        def tell(doing: str, done: int) -> None:
            if doing not in stages:  # speed and time left are each stage's own
                stages.add(doing)
                progress.reset(bar, total=size, completed=done, description=doing)
            progress.update(bar, completed=done)

        yield tell
