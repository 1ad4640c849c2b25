"""What the checks said of a run: on the screen, as JSON, as a page, as Great Expectations' Data Docs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.inspect import VersionOption
from moored.cli.render import print_json, print_table, say
from moored.cli.studies import JsonOption, StudyArgument, open_study, tell_difference
from moored.errors import StudyInvalid
from moored.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moored.storage.published import CheckRow, StoredRun

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
    from moored.storage.results import checks_of, newest_run

    settings = read_settings()
    with open_study(study, settings) as (store, name):
        run = newest_run(store, name, version)
        checks = checks_of(store, run.run_id)
        tell_difference(study, store, run)
    if html is not None:
        _write_page(html, run, checks)
    index = None if data_docs is None else _write_data_docs(data_docs, name, version, settings)
    if json:
        print_json(checks_object(run, checks))
        return
    if html is None and index is None:
        print_checks(run, checks)
    for written in (html, index):
        if written is not None:
            say(f"wrote {written}")


def checks_object(run: StoredRun, checks: Sequence[CheckRow]) -> dict[str, Any]:
    """A run and what its checks said as the object that `checks --json` prints."""
    told = ("study", "version", "run_id", "status", "override_reason", "stored_at")
    return {key: getattr(run, key) for key in told} | {"checks": [asdict(check) for check in checks]}


def print_checks(run: StoredRun, checks: Sequence[CheckRow]) -> None:
    """Print the words of each failing check, then a table of all, failing ones first."""
    from moored.report.checks_page import WORDS, counts, shown, worst_first

    results = [shown(check) for check in checks]
    say(f"{run.study}, {_which(run)}")
    if run.override_reason:
        say(f"published against its checks: {run.override_reason}")
    say(", ".join(f"{WORDS[state]}: {count}" for state, count in counts(results).items()))
    ordered = worst_first(results)
    for result in ordered:
        if not result.passed:
            say()
            say(f"{WORDS[result.state]}: [{result.check}] {result.message}")
            if result.unit_ids:
                say(f"units: {', '.join(result.unit_ids)}", indent="  ")
    say()
    rows = [asdict(one) | {"outcome": WORDS[one.state], "allowed": one.threshold} for one in ordered]
    print_table(rows, dict.fromkeys(("outcome", "check", "severity", "observed", "allowed"), ""))


def _which(run: StoredRun) -> str:
    if run.version is None:
        return f"run {run.run_id}, stopped: nothing was published"
    return f"version {run.version}, published (run {run.run_id})"


def _write_page(path: Path, run: StoredRun, checks: Sequence[CheckRow]) -> None:
    from moored.report.checks_page import checks_page

    try:
        path.write_text(checks_page(checks, run), encoding="utf-8")
    except OSError as error:
        raise StudyInvalid(
            f"cannot write {path}: {error.strerror}; name a file in a folder of yours"
        ) from error


def _write_data_docs(folder: Path, study: str, version: int | None, settings: Settings) -> Path:
    from moored.cli.pipeline import run_flow

    parameters = {"study": study, "version": version, "folder": str(folder.absolute())}
    index: Path = run_flow(settings, "flows/data_docs.py:data_docs", parameters)
    return index
