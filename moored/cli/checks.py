"""What the checks said of a run: on the screen, as JSON, as a page, as Great Expectations' Data Docs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.inspect import VersionOption
from moored.cli.render import print_json, print_table, say
from moored.cli.studies import JsonOption, StudyArgument, open_study, tell_difference
from moored.errors import StudyInvalid
from moored.settings import Settings, read_settings

if TYPE_CHECKING:
    from moored.storage.warehouse import Warehouse

HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write them as one page that loads nothing.")
]
DocsOption = Annotated[
    Path | None,
    typer.Option(
        "--data-docs",
        metavar="FOLDER",
        help="Also write Great Expectations' Data Docs; they load styles from the network.",
    ),
]


def checks_command(
    study: StudyArgument,
    version: VersionOption = None,
    html: HtmlOption = None,
    data_docs: DocsOption = None,
    json: JsonOption = False,
) -> None:
    """Print what the checks said of a version; without one, of the newest run, stopped or published."""
    settings = read_settings()
    from moored.storage.results import newest_run

    with open_study(study, settings) as (store, name):
        run = checked_run(store, name, version)
        tell_difference(study, store, newest_run(store, name, version))
    if html is not None:
        _write_page(html, run)
    index = None if data_docs is None else _write_data_docs(data_docs, name, version, settings)
    if json:
        print_json(run)
        return
    if html is None and index is None:
        print_checks(run)
    for written in (html, index):
        if written is not None:
            say(f"wrote {written}")


def checked_run(store: Warehouse, study: str, version: int | None = None) -> dict[str, Any]:
    """A run and its outcomes as the object that `checks --json` prints. Errors: `NotStored`."""
    from moored.storage.results import checks_of, newest_run

    run = newest_run(store, study, version)
    rows = checks_of(store, run["run_id"])
    told = ("study", "version", "run_id", "status", "override_reason", "stored_at")
    return {key: run[key] for key in told} | {"checks": rows}


def print_checks(run: dict[str, Any]) -> None:
    """The words of each failing check, then a table of all, failing ones first."""
    from moored.report.checks_page import WORDS, counts, shown, worst_first

    outcomes = [shown(row) for row in run["checks"]]
    say(f"{run['study']}, {_which(run)}")
    if run["override_reason"]:
        say(f"published against its checks: {run['override_reason']}")
    say(", ".join(f"{WORDS[state]}: {count}" for state, count in counts(outcomes).items()))
    ordered = worst_first(outcomes)
    for outcome in ordered:
        if not outcome["passed"]:
            say()
            say(f"{WORDS[outcome['state']]}: [{outcome['check']}] {outcome['message']}")
            if outcome["unit_ids"]:
                say(f"units: {', '.join(outcome['unit_ids'])}", indent="  ")
    say()
    rows = [
        outcome | {"outcome": WORDS[outcome["state"]], "allowed": outcome["threshold"]} for outcome in ordered
    ]
    print_table(rows, dict.fromkeys(("outcome", "check", "severity", "observed", "allowed"), ""))


def _which(run: dict[str, Any]) -> str:
    if run["version"] is None:
        return f"run {run['run_id']}, stopped: nothing was published"
    return f"version {run['version']}, published (run {run['run_id']})"


def _write_page(path: Path, run: dict[str, Any]) -> None:
    from moored.report.checks_page import checks_page

    told = ("study", "run_id", "version", "status", "override_reason")
    page = checks_page(run["checks"], **{key: run[key] for key in told})
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StudyInvalid(
            f"cannot write {path}: {error.strerror}; name a file in a folder of yours"
        ) from error


def _write_data_docs(folder: Path, study: str, version: int | None, settings: Settings) -> Path:
    from moored.cli.pipeline import run_flow

    parameters = {"study": study, "version": version, "folder": str(folder.absolute())}
    index: Path = run_flow(settings, "flows/data_docs.py:data_docs", parameters)
    return index
