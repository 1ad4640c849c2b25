"""`moored report`: a version as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moored.cli.inspect import VersionOption
from moored.cli.render import print_json, say
from moored.cli.studies import JsonOption, StudyArgument, study_name
from moored.settings import read_settings

PageOption = Annotated[
    Path | None,
    typer.Option(
        "-o", "--out", metavar="FILE", help="The page; default: STUDY-version-N.html where you are."
    ),
]


def report_command(
    study: StudyArgument, version: VersionOption = None, out: PageOption = None, json: JsonOption = False
) -> None:
    """Write a published version as one HTML page that loads nothing: answer, figures, checks, units, provenance."""
    from moored.report.facts import facts_of, surroundings_of
    from moored.report.files import page_name, write_page
    from moored.report.page import report_page
    from moored.storage.warehouse import open_store

    settings = read_settings()
    name = study_name(study, settings)
    with open_store(settings.store) as store:
        facts = facts_of(store, name, version)
        around = surroundings_of(store, facts)
    written = write_page(out or Path(page_name(name, facts.run.version)), report_page(facts, around))
    if json:
        told = {"study": name, "version": facts.run.version, "file": str(written)}
        print_json(told | {"bytes": written.stat().st_size, "units": len(around.examples.units)})
    else:
        say(f"wrote {written}: open it in a browser; nothing in it is loaded from elsewhere")
