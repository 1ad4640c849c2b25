"""`moored methods`: what a paper must say of a version."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from moored.cli.inspect import VersionOption
from moored.cli.render import print_json, say
from moored.cli.studies import JsonOption, StudyArgument, study_name
from moored.settings import read_settings


class Format(StrEnum):
    """What a statement is written as."""

    markdown = "markdown"
    latex = "latex"
    docx = "docx"


FormatOption = Annotated[Format, typer.Option("--format", help="markdown, latex or docx (a Word file).")]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="A new file; a Word file's default: STUDY-version-N-methods.docx.",
    ),
]


def methods_command(
    study: StudyArgument,
    version: VersionOption = None,
    format: FormatOption = Format.markdown,  # noqa: A002
    out: FileOption = None,
    json: JsonOption = False,
) -> None:
    """Write the methods statement of a version from the store: data, labels, model, prompts, estimator, AI use."""
    from moored.report.facts import facts_of
    from moored.report.files import write_new
    from moored.report.statement import statement_of
    from moored.report.writers import WRITERS
    from moored.storage.warehouse import open_store

    settings = read_settings()
    name = study_name(study, settings)
    with open_store(settings.store) as store:
        facts = facts_of(store, name, version)
    written = WRITERS[format](statement_of(facts))
    number = facts.run.version
    if out is None and format is Format.docx:
        out = Path(f"{name}-version-{number}-methods.docx")
    if out is not None:
        out = write_new(out, written)
    if json:
        told = {"study": name, "version": number, "format": format.value}
        told["file"] = None if out is None else str(out)
        print_json(told | {"statement": written if isinstance(written, str) else None})
    elif out is not None:
        say(f"wrote {out}")
    else:
        typer.echo(written, nl=False)
