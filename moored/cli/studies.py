"""The STUDY argument: a study file, or the name of a study in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moored.errors import NotStored
from moored.settings import Settings
from moored.study import Study, load_study

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study file (TOML), or the name of a study in the store.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def find_study(argument: str, settings: Settings) -> tuple[Study, Path]:
    """The study and the folder that its paths start at. Errors: `StudyInvalid`, `NotStored`."""
    path = Path(argument)
    if path.suffix == ".toml" or path.is_file():
        return load_study(path), path.absolute().parent
    from moored.storage.studies import stored_study
    from moored.storage.warehouse import open_store

    if not settings.store.exists():
        raise NotStored(
            f"{argument!r} is no study file and there is no store at {settings.store}; "
            "name a .toml file, or set MOORED_STORE"
        )
    with open_store(settings.store) as store:
        return stored_study(store, argument)


def study_name(argument: str, settings: Settings) -> str:
    """The name alone: a study that is in the store is found without its file."""
    return find_study(argument, settings)[0].name
