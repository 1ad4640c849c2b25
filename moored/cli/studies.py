"""The STUDY argument: a study file, or the name of a study in the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moored.errors import NotStored
from moored.settings import Settings
from moored.study import Study, load_study

if TYPE_CHECKING:
    from moored.storage.warehouse import Warehouse

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study file (TOML), or the name of a study in the store.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def find_study(argument: Study | str, settings: Settings) -> tuple[Study, Path]:
    """The study and the folder that its paths start at. Errors: `StudyInvalid`, `NotStored`."""
    if isinstance(argument, Study):
        return argument, Path.cwd()
    if _is_file(argument):
        path = Path(argument)
        return load_study(path), path.absolute().parent
    from moored.storage.studies import stored_study
    from moored.storage.warehouse import open_store

    _refuse_no_store(argument, settings)
    with open_store(settings.store) as store:
        return stored_study(store, argument)


@contextmanager
def open_study(argument: str, settings: Settings) -> Iterator[tuple[Warehouse, str]]:
    """The store to read from and the study's name: while another process holds the store, its snapshot.

    Errors: `StudyInvalid`, `NotStored`, `StoreLocked` where there is no snapshot.
    """
    from moored.storage.snapshot import open_to_read
    from moored.storage.studies import refuse_unknown

    if _is_file(argument):
        name = load_study(Path(argument)).name
    else:
        name = argument
        _refuse_no_store(argument, settings)
    with open_to_read(settings.store, settings.snapshot, _tell) as store:
        refuse_unknown(store, name)
        yield store, name


def study_name(argument: str, settings: Settings) -> str:
    """The name alone: a study that is in the store is found without its file."""
    return find_study(argument, settings)[0].name


def _is_file(argument: str) -> bool:
    return Path(argument).suffix == ".toml" or Path(argument).is_file()


def _refuse_no_store(argument: str, settings: Settings) -> None:
    if not settings.store.exists():
        raise NotStored(
            f"{argument!r} is no study file and there is no store at {settings.store}; "
            "name a .toml file, or set MOORED_STORE"
        )


def _tell(text: str) -> None:
    typer.echo(f"moored: {text}", err=True)
