"""The STUDY argument: a study file, or the name of a study in the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.complete import complete_study
from moored.cli.render import say
from moored.plaintext import counted
from moored.settings import Settings

if TYPE_CHECKING:
    from moored.storage.published import StoredRun
    from moored.storage.warehouse import Warehouse

StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file (TOML), or the name of a study in the store.",
        autocompletion=complete_study,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


_MOST_KEYS = 4


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
    with open_to_read(settings.store, settings.snapshot, tell) as store:
        refuse_unknown(store, name)
        yield store, name


def study_name(argument: str, settings: Settings) -> str:
    """The name alone: a study that is in the store is found without its file."""
    from moored.storage.studies import find_study

    return find_study(argument, settings.store)[0].name


def tell_difference(argument: str, store: Warehouse, run: StoredRun | None = None) -> None:
    """Say on stderr where a study file is not what is stored: of a run, or the newest."""
    from moored.storage.studies import is_study_file, stored_study, study_of_run

    if not is_study_file(argument):
        return
    from moored.study import load_study
    from moored.versions.diff import study_changes

    given = load_study(Path(argument))
    stored = stored_study(store, given.name)[0] if run is None else study_of_run(store, run)
    changes = study_changes(stored, given)
    if not changes:
        return
    listed = [
        f"`{c.key}` is {_short(c.b)} there and {_short(c.a)} in the store" for c in changes[:_MOST_KEYS]
    ]
    more = len(changes) - _MOST_KEYS
    what = "the newest stored study" if run is None or run.version is None else f"version {run.version}"
    tell(
        f"{argument} differs from the study of {what}, and what is shown is of the stored study: "
        + "; ".join(listed)
        + (f"; and {counted(more, 'more key')}" if more > 0 else "")
        + f"; `moored run {argument}` makes a version of the file"
    )


def tell(text: str) -> None:
    """A sentence on stderr."""
    say(f"moored: {text}", err=True)


def _short(value: Any) -> str:
    text = "not set" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
