"""Commands that read: results, history, status, validate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.render import ESTIMATE_COLUMNS, print_json, print_table
from moored.cli.studies import JsonOption, StudyArgument, open_study, study_name
from moored.settings import read_settings

if TYPE_CHECKING:
    from moored.storage.warehouse import Warehouse

VersionOption = Annotated[
    int | None, typer.Option("--version", help="A published version; default: the latest.")
]


def results_command(study: StudyArgument, version: VersionOption = None, json: JsonOption = False) -> None:
    """Print the estimates of a published version."""
    with open_study(study, read_settings()) as (store, name):
        result = published_results(store, name, version)
    if json:
        print_json(result)
    else:
        print_results(result)


def published_results(store: Warehouse, study: str, version: int | None = None) -> dict[str, Any]:
    """A published version as the object that `results --json` prints."""
    from moored.storage.results import estimates_of, find_run, fits_of

    run = find_run(store, study, version)
    told = ("data_version", "code_version", "headline", "marks", "override_reason", "counts")
    return {
        "study": study,
        "version": run["version"],
        "run_id": run["run_id"],
        **{key: run[key] for key in told},
        "estimates": estimates_of(store, run["run_id"]),
        "fits": fits_of(store, run["run_id"]),
    }


def print_results(result: dict[str, Any]) -> None:
    """The table of `results`."""
    level = result["fits"][0]["level"] if result["fits"] else 0.95
    print_table(
        result["estimates"],
        ESTIMATE_COLUMNS,
        title=f"{result['study']}, version {result['version']}, {level:.0%} intervals",
    )
    for fit in result["fits"]:
        if fit["j"] is not None:
            typer.echo(
                f"{fit['estimator']}: J = {fit['j']:.2f} on {fit['j_df']} df, p = {fit['j_p_value']:.2g}"
            )
        for warning in fit["warnings"]:
            typer.echo(f"{fit['estimator']}: {warning}")
    typer.echo(f"headline: {_headline(result['headline'])}")
    for mark in result["marks"]:
        typer.echo(f"marked: {mark}")
    if result["override_reason"]:
        typer.echo(f"published against its checks: {result['override_reason']}")


def _headline(name: str) -> str:
    rule = "the rule on the numbers of labels, parameters and sources"
    if name == "human":  # a study has a source, and then the rule never names it
        return f"human, in the place of the estimator that {rule} names: it could not be fitted"
    return f"{name}, by {rule}"


def history_command(study: StudyArgument, json: JsonOption = False) -> None:
    """List every run of a study: what was published, what was stopped, which is the latest, and its moves."""
    from moored.storage.results import history, latest_run, moves

    with open_study(study, read_settings()) as (store, name):
        runs, moved, latest = history(store, name), moves(store, name), latest_run(store, name)
    version = None if latest is None else latest["version"]
    if json:
        print_json({"study": name, "latest": version, "runs": runs, "moves": moved})
        return
    rows = [
        run
        | run["counts"]
        | {"data": run["data_version"].split(":")[1][:8]}
        | {"status": "latest" if version is not None and run["version"] == version else run["status"]}
        for run in runs
    ]
    told = ("version", "status", "stored_at", "units", "labelled", "data", "code_version", "run_id")
    columns = {column: "d" if column in {"units", "labelled"} else "" for column in told}
    print_table(rows, columns if runs else {"version": ""}, title=name)
    for move in moved:
        why = f": {move['reason']}" if move["reason"] else ""
        typer.echo(f"{move['moved_at']:%Y-%m-%d %H:%M:%S} latest moved to version {move['version']}{why}")


def status_command(study: StudyArgument, json: JsonOption = False) -> None:
    """Say how far each source is: units ok, failed, refused, missing; and the model calls ever sent."""
    from moored.storage.progress import study_status

    settings = read_settings()
    name = study_name(study, settings)
    status = study_status(settings.store, settings.replies, name)
    if json:
        print_json(status)
        return
    counts = ("expected", "ok", "failed", "refused", "missing")
    print_table(status["sources"], {"source": ""} | dict.fromkeys(counts, "d"), title=name)
    typer.echo(f"model calls ever sent: {status['model_calls']}")
    if status["open_batches"]:
        typer.echo(f"batches open: {status['open_batches']}; run again to fetch them")
    for failure in status["failures"]:
        typer.echo("{source} {step}: {rows} {status} ({kind}): {example}".format(**failure))


def validate_command(study: StudyArgument) -> None:
    """Check the file, the data, the columns and the endpoint of a study before anything is spent."""
    from moored.cli.pipeline import run_flow
    from moored.llm.recipe_builder import refuse_too_many_answers
    from moored.llm.serving import probe_models
    from moored.run.plan import spent_line, units_of
    from moored.run.sample import formula_spec
    from moored.storage.journal import Journal
    from moored.storage.studies import find_study

    settings = read_settings()
    loaded, folder = find_study(study, settings.store)
    refuse_too_many_answers(loaded)
    typer.echo(f"study: {loaded.name} reads well ({loaded.fingerprint[:16]})")
    data = units_of(loaded, folder, settings)
    units = data.frame
    formula_spec(loaded, units)
    typer.echo(
        f"data: {len(units)} units, {int(units['labelled'].sum())} labelled, labels {loaded.labels.design}"
    )
    if data.spent:
        typer.echo(f"data: {spent_line(data.spent)}")
    if loaded.checks.expectations is not None:
        # Only the pipeline may load Great Expectations.
        run_flow(
            settings.pipeline,
            "flows/expectations.py:own_expectations",
            {"study": loaded, "folder": str(folder)},
        )
        typer.echo(f"expectations: {loaded.checks.expectations} reads well")
    with Journal(settings.replies, loaded.name) as journal:
        for line in probe_models(loaded, settings.cache, settings.base_url, journal):
            typer.echo(f"model: {line}")
    typer.echo("everything that a run needs is there")
