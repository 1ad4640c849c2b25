"""The STUDY argument: a study file, or the name of a study in the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moored.settings import Settings

if TYPE_CHECKING:
    from moored.storage.warehouse import Warehouse

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study file (TOML), or the name of a study in the store.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@contextmanager
def open_study(argument: str, settings: Settings) -> Iterator[tuple[Warehouse, str]]:
    """The store to read from and the study's name: while another process holds the store, its snapshot.

    Errors: `StudyInvalid`, `NotStored`, `StoreLocked` where there is no snapshot.
    """
    from moored.storage.snapshot import open_to_read
    from moored.storage.studies import is_study_file, refuse_no_store, refuse_unknown

    if is_study_file(argument):
        from moored.study import load_study

        name = load_study(Path(argument)).name
    else:
        name = argument
        refuse_no_store(argument, settings.store)
    with open_to_read(settings.store, settings.snapshot, _tell) as store:
        refuse_unknown(store, name)
        yield store, name


def study_name(argument: str, settings: Settings) -> str:
    """The name alone: a study that is in the store is found without its file."""
    from moored.storage.studies import find_study

    return find_study(argument, settings.store)[0].name


def _tell(text: str) -> None:
    typer.echo(f"moored: {text}", err=True)
