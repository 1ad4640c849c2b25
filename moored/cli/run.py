"""Commands that run the pipeline: run, rerun, reparse."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.beginning import settings_of_run
from moored.cli.studies import JsonOption, StudyArgument, open_study
from moored.errors import MooredError, StudyInvalid
from moored.settings import Settings

if TYPE_CHECKING:
    from moored.run.record import Report
    from moored.storage.ingest import Units
    from moored.storage.published import PublishedRun
    from moored.study import Study
    from moored.study.scope import Scope

PublishAnyway = Annotated[
    str | None,
    typer.Option(metavar="REASON", help="Publish although a critical check fails; the reason is stored."),
]


def run_command(study: StudyArgument, publish_anyway: PublishAnyway = None, json: JsonOption = False) -> None:
    """Run a study: generate what is missing, check, estimate, publish a new version."""
    from moored.storage.studies import find_study
    from moored.study.scope import Scope

    with settings_of_run(study) as settings:
        loaded, folder = find_study(study, settings.store)
        _run(settings, loaded, folder, Scope(), publish_anyway, json)


def rerun_command(
    study: StudyArgument,
    failed: Annotated[
        bool, typer.Option("--failed", help="Generate again what failed or is missing.")
    ] = False,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be repeated.")] = None,
    units: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only these units, whatever their state: one id per line."),
    ] = None,
    publish_anyway: PublishAnyway = None,
    json: JsonOption = False,
) -> None:
    """Generate again what failed, then check, estimate and publish a new version."""
    from moored.storage.studies import find_study
    from moored.study.scope import rerun_scope

    with settings_of_run(study) as settings:
        loaded, folder = find_study(study, settings.store)
        scope = rerun_scope(loaded, failed=failed, sources=tuple(source or ()), units=_listed(units))
        _run(settings, loaded, folder, scope, publish_anyway, json)


def reparse_command(
    study: StudyArgument, publish_anyway: PublishAnyway = None, json: JsonOption = False
) -> None:
    """Read the stored replies again with this version's parser, at no cost, then publish a new version."""
    from moored.cli.render import print_json, say
    from moored.run.reparse import reread
    from moored.storage.studies import find_study
    from moored.study.scope import Scope

    with settings_of_run(study) as settings:
        loaded, folder = find_study(study, settings.store)
        seen = reread(loaded, folder, settings)
        if not json:
            say(seen.line)
        if seen.publishable:
            _run(settings, loaded, folder, Scope(), publish_anyway, json)
        elif json:
            print_json({"study": loaded.name} | asdict(seen))


def _listed(units: Path | None) -> tuple[str, ...]:
    if units is None:
        return ()
    try:
        return tuple(line.strip() for line in units.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StudyInvalid(
            f"cannot read {units}: {why}; name a text file with one unit id per line"
        ) from error


def _run(
    settings: Settings, study: Study, folder: Path, scope: Scope, publish_anyway: str | None, json: bool
) -> None:
    from moored.cli.inspect import results_object
    from moored.cli.render import print_json
    from moored.llm.serving import refuse_absent_models
    from moored.monitor.logs import set_up_logs
    from moored.storage.place import refuse_unwritable
    from moored.storage.results import find_run
    from moored.storage.run_lock import refuse_busy
    from moored.storage.studies import told_of_run

    set_up_logs(settings.log)  # a setting that is none is said now, not when Prefect has started
    lock = settings.run_lock(study.name)
    refuse_unwritable(settings.store, settings.journal, lock)
    refuse_busy(lock, study.name)
    refuse_absent_models(study, settings.cache)
    report = _report(settings, study, folder, scope, publish_anyway, json)
    with open_study(study.name, settings) as (store, name):
        published = find_run(store, name, report.latest)
        told = told_of_run(store, published)
    if json:
        print_json(results_object(published) | {"changed": report.changed})
        return
    _print_end(settings, study, report, published, told)


def _report(
    settings: Settings, study: Study, folder: Path, scope: Scope, publish_anyway: str | None, json: bool
) -> Report:
    """How the run ended: by the store alone where nothing has changed, else by the flow."""
    from moored.cli.pipeline import early_server, run_flow
    from moored.cli.progress import show_progress
    from moored.cli.unchanged import may_be_unchanged, unchanged_run

    quick = may_be_unchanged(study, folder, scope, settings)
    with nullcontext() if quick else early_server(settings) as server:
        units = _read(study, folder, settings) if quick or not json else None
        if units is not None and not json:
            _tell_reading(units)
        if (
            quick
            and units is not None
            and (done := unchanged_run(study, folder, settings, units)) is not None
        ):
            return done
        parameters = {"study": study, "folder": str(folder), "scope": scope, "publish_anyway": publish_anyway}
        with show_progress(study, scope, settings):
            report: Report = run_flow(settings, "flows/survey.py:survey", parameters, server)
        return report


def _read(study: Study, folder: Path, settings: Settings) -> Units | None:
    """The data; where something is wrong with them None: the run says what, and remembers it."""
    from moored.run.plan import units_of

    with suppress(MooredError):
        return units_of(study, folder, settings)
    return None


def _tell_reading(units: Units) -> None:
    """Print what is read of the table."""
    from moored.cli.render import say

    for line in units.reading.lines:
        say(f"read: {line}")


def _print_end(
    settings: Settings,
    study: Study,
    report: Report,
    published: PublishedRun,
    told: Mapping[str, Any] | None,
) -> None:
    from moored.cli.answer import print_results
    from moored.cli.render import say
    from moored.report.files import page_name

    print_results(published, told)
    say()
    if not report.changed:
        say(report.sentence)
    if report.latest != report.version:
        say(
            f"latest stays at version {report.latest}, where `moored rollback` put it; "
            f"`moored rollback {study.name} {report.version}` moves it on"
        )
    if settings.reports is not None:
        page = settings.reports / page_name(study.name, report.latest or report.version)
        say(f"report: {page}" if page.is_file() else f"report: `moored report {study.name}` writes it")
    say(f"store: {settings.store}    model replies: {settings.journal}")
    say(f"again: moored results {study.name}    moored history {study.name}    moored status {study.name}")
