"""`moored results --format`: a published version as a table for a paper."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from moored.cli.render import print_json, print_lines, say
from moored.cli.studies import open_study
from moored.errors import WouldOverwrite
from moored.settings import read_settings


class Format(StrEnum):
    """What a version's table is written as."""

    latex = "latex"
    markdown = "markdown"
    html = "html"
    docx = "docx"
    csv = "csv"


FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="A table of all estimators, to publish; CSV has every digit."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "-o", "--out", metavar="FILE", help="Where --format writes; default: stdout, for docx a new file."
    ),
]


def write_table(
    study: str, version: int | None, form: Format, out: Path | None, *, exp: bool, json: bool
) -> None:
    """Write a version's estimators side by side. Errors: `WouldOverwrite`, `ExtraMissing`, those of `etable`."""
    from moored.reader.etable import etable
    from moored.versions.reader import published

    settings = read_settings()
    with open_study(study, settings) as (store, name):
        result = published(store, settings.store, name, version)
    file = out or (Path(f"{name}-version-{result.version}.docx") if form is Format.docx else None)
    if file is not None and file.exists():
        raise WouldOverwrite(
            f"{file} is there already; a table replaces nothing: name another file with --out"
        )
    table = etable(result.ordered, exp=exp, caption=f"{name}, version {result.version}", label=f"tab:{name}")
    text = getattr(table, f"to_{form}")(file)
    if file is not None:
        told = f"wrote {file}: version {result.version} of {name}"
        print_json({"file": file, "version": result.version}) if json else say(told)
    elif json:
        print_json({"text": text, "version": result.version})
    else:
        print_lines(text.splitlines())
