"""Commands that read: results, history, status."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.render import print_json, print_table, say
from moored.cli.studies import JsonOption, StudyArgument, open_study, study_name, tell_difference
from moored.cli.tables import FormatOption, OutOption, write_table
from moored.errors import StudyInvalid
from moored.settings import read_settings

if TYPE_CHECKING:
    from moored.storage.events import StoredEnding, StudyOutcome
    from moored.storage.published import PublishedRun

_HISTORY = {
    "version": "d",
    "status": "=",
    "stored_at": "=",
    "units": "d",
    "labelled": "d",
    "data": "=",
    "code_version": "=",
    "run_id": "=",
}
_HISTORY_KEYS = (
    "run_id",
    "version",
    "status",
    "data_version",
    "study_fingerprint",
    "code_version",
    "recipes",
    "headline",
    "marks",
    "override_reason",
    "counts",
    "timings",
    "started_at",
    "stored_at",
)
"""The keys of a run in `history --json`."""
OptionalStudy = Annotated[
    str | None, typer.Argument(metavar="[STUDY]", help="A study file or name; without one, every study.")
]
VersionOption = Annotated[
    int | None, typer.Option("--version", help="A published version; default: the latest.")
]


ExpOption = Annotated[bool, typer.Option("--exp", help="Odds or rate ratios in place of their logarithms.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="All numbers, too.")]


def results_command(
    study: StudyArgument,
    version: VersionOption = None,
    exp: ExpOption = False,
    verbose: VerboseOption = False,
    form: FormatOption = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Print the estimates of a published version."""
    if form is not None:
        write_table(study, version, form, out, exp=exp, json=json)
        return
    from moored.cli.answer import print_results
    from moored.storage.results import find_run
    from moored.storage.studies import told_of_run

    with open_study(study, read_settings()) as (store, name):
        run = find_run(store, name, version)
        told = told_of_run(store, run)
        tell_difference(study, store, run)
    if exp:
        _refuse_no_ratios(run)
    if json:
        print_json(results_object(run, exp=exp))
    else:
        print_results(run, told, exp=exp, verbose=verbose)


def _refuse_no_ratios(run: PublishedRun) -> None:
    """Errors: `StudyInvalid`, where the numbers of a version are no logarithms."""
    from moored.numbers import RATIOS

    family = run.fits[0].family if run.fits else ""
    if family not in RATIOS:
        raise StudyInvalid(
            f"`--exp` turns log odds and log rates into ratios, and the family of this version is {family!r}; "
            "leave it out, or set `estimate.family` to logit or poisson"
        )


def results_object(run: PublishedRun, *, exp: bool = False) -> dict[str, Any]:
    """A published version as the object that `results --json` prints; with `exp`, ratios in each row, too."""
    from moored.numbers import exponential
    from moored.row_role import role_of

    told = ("study", "version", "run_id", "data_version", "code_version", "headline", "marks")
    estimates, fits = (
        [asdict(row) | {"role": role_of(row.estimator, run.headline)} for row in rows]
        for rows in (run.estimates, run.fits)
    )
    if exp:
        keys = ("estimate", "lower", "upper")
        estimates = [row | {f"exp_{key}": exponential(row)[key] for key in keys} for row in estimates]
    return {key: getattr(run, key) for key in (*told, "override_reason", "counts")} | {
        "estimates": estimates,
        "fits": fits,
    }


def history_command(study: StudyArgument, json: JsonOption = False) -> None:
    """List every run of a study: what was published, how the others ended, which is the latest, and its moves."""
    from moored.cli.endings import print_endings
    from moored.storage.events import run_endings
    from moored.storage.results import history, latest_run, moves

    with open_study(study, read_settings()) as (store, name):
        runs, moved, latest = history(store, name), moves(store, name), latest_run(store, name)
        endings = run_endings(store, name)
        tell_difference(study, store, latest)
    version = None if latest is None else latest.version
    if json:
        listed = [{key: getattr(run, key) for key in _HISTORY_KEYS} for run in runs]
        print_json({"study": name, "latest": version, "runs": listed, "moves": [asdict(m) for m in moved]})
        return
    rows = [
        asdict(run)
        | dict(run.counts)
        | {"data": run.data_version.split(":")[1][:8]}
        | {"status": "latest" if version is not None and run.version == version else run.status}
        for run in runs
    ]
    print_table(rows, _HISTORY if runs else {"version": ""}, title=name)
    for move in moved:
        why = f": {move.reason}" if move.reason else ""
        say(f"{move.moved_at:%Y-%m-%d %H:%M:%S} latest moved to version {move.version}{why}")
    print_endings(endings)


def status_command(study: OptionalStudy = None, json: JsonOption = False) -> None:
    """Say how far each source is, and how the last runs ended; without a study, of every study how its last run
    ended.
    """
    from moored.storage.events import run_endings, study_outcomes
    from moored.storage.progress import study_status
    from moored.storage.studies import refuse_no_store, refuse_unknown
    from moored.storage.warehouse import open_store

    settings = read_settings()
    name = None if study is None else study_name(study, settings)
    refuse_no_store(study or "", settings.store)
    with open_store(settings.store) as store:
        endings, outcomes = run_endings(store, name), study_outcomes(store)
        if study is not None and name is not None:
            refuse_unknown(store, name)
            tell_difference(study, store)
    if name is None:
        _print_studies(outcomes, endings, json=json)
    else:
        status = study_status(settings.store, settings.journal, name)
        _print_status(status, endings, json=json)


def _print_studies(outcomes: list[StudyOutcome], endings: list[StoredEnding], *, json: bool) -> None:
    from moored.cli.endings import print_studies

    if json:
        print_json({"studies": list(map(asdict, outcomes)), "endings": list(map(asdict, endings))})
    else:
        print_studies(outcomes, endings)


def _print_status(status: dict[str, Any], endings: list[StoredEnding], *, json: bool) -> None:
    from moored.cli.endings import print_endings

    if json:
        print_json(status | {"endings": list(map(asdict, endings))})
        return
    counts = ("expected", "ok", "failed", "refused", "missing")
    print_table(status["sources"], {"source": "="} | dict.fromkeys(counts, "d"), title=status["study"])
    say(f"model calls ever sent: {status['model_calls']:,}")
    if status["open_batches"]:
        say(f"batches open: {status['open_batches']:,}; run again to fetch them")
    for failure in status["failures"]:
        say("{source} {step}: {rows} {status} ({kind}): {example}".format(**failure))
    print_endings(endings)
