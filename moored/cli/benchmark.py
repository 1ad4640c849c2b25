"""`moored benchmark`: replicate the paper's table; `record`, `show` and `tasks` beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from moored.cli.render import print_json, print_table, say
from moored.errors import StudyInvalid
from moored.plaintext import counted
from moored.settings import read_settings

DataOption = Annotated[
    Path | None,
    typer.Option(envvar="MOORED_BENCHMARK_DATA", metavar="FOLDER", help="Where the public data files are."),
]
VersionOption = Annotated[
    int | None, typer.Option("--version", help="A stored version; default: the newest.")
]
FiguresOption = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the figures there.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class RunByDefault(TyperGroup):
    """`moored benchmark [TASK...]` is `moored benchmark run [TASK...]`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` in front where no command is named."""
        if not args or args[0] not in {*self.commands, "--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


benchmark_app = typer.Typer(
    cls=RunByDefault,
    help="Does the method do what its paper claims? [TASK...] runs the replications.",
    no_args_is_help=False,
)


@benchmark_app.command("run")
def run_command(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK...]", help="Names or TOML files; default: all there are."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Replications of each task and family.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The root seed.")] = 2025,
    fractions: Annotated[str, typer.Option(help="Labelled shares.")] = "0.05,0.1,0.2,0.3,0.4,0.5",
    estimator: Annotated[
        list[str] | None, typer.Option(help="A name, or file.py:function; repeatable. Default: all.")
    ] = None,
    design: Annotated[
        list[str] | None, typer.Option(help="redrawn or fixed corpus; repeatable. Default: both.")
    ] = None,
    worlds: Annotated[int, typer.Option(min=0, help="Trials of each world with a known truth.")] = 0,
    onto: Annotated[
        int | None,
        typer.Option(metavar="VERSION", help="Take over the other tasks of a version of the same plan."),
    ] = None,
    data: DataOption = None,
    figures: FiguresOption = None,
    json: JsonOption = False,
) -> None:
    """Replicate: every method on the same draws; the tables become a new version in the store."""
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # many small products; Dask's workers have it by themselves
    from moored.benchmark.custom import absolute
    from moored.benchmark.trials import DESIGNS, TrialPlan
    from moored.benchmark.version import refuse_other_plan
    from moored.cli.pipeline import run_flow

    designs = tuple(design or DESIGNS)
    if unknown := set(designs) - set(DESIGNS):
        raise StudyInvalid(f"there is no design {unknown.pop()!r}; there are {', '.join(DESIGNS)}")
    plan = TrialPlan(
        trials=trials,
        seed=seed,
        fractions=_fractions(fractions),
        estimators=absolute(estimator or ()),
        designs=designs,
    )
    settings = read_settings()
    if onto is not None:
        refuse_other_plan(_stored(onto), plan)
    chosen = _chosen(tasks or [], data)
    parameters = {"tasks": chosen, "data": data, "plan": plan, "worlds": worlds, "onto": onto}
    version = run_flow(settings, "flows/benchmark.py:benchmark", parameters)
    show_command(version=version, figures=figures, json=json)


def _fractions(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share < 1 for share in shares):
        raise StudyInvalid(f"--fractions is {text!r}; give shares between 0 and 1, such as 0.05,0.1,0.5")
    return tuple(sorted(set(shares)))


def _chosen(tasks: list[str], data: Path | None) -> list[str]:
    """The named tasks; none named: all whose data are there, the others named on stderr."""
    from moored.benchmark.corpus import available
    from moored.benchmark.task import built_in

    if tasks:
        return [str(Path(name).absolute()) if name.endswith(".toml") else name for name in tasks]
    known = built_in()
    there = [name for name, located in known.items() if available(located, data)]
    for name in known:
        if name in there:
            continue
        say(f"left out, its data are not here: {name} ({known[name].task.data})", err=True)
    return there


@benchmark_app.command("show")
def show_command(
    version: VersionOption = None,
    figures: FiguresOption = None,
    docs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put the tables into their places in this page.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print a stored version; write its figures, or its tables into a page."""
    found = _stored(version)
    if figures is not None:
        _write_figures(found, figures)
    if docs is not None:
        _fill_page(found, docs)
    if json:
        print_json(found)
    elif docs is None:
        _print(found)


def _stored(version: int | None) -> dict[str, Any]:
    from moored.storage.benchmarks import find_benchmark
    from moored.storage.warehouse import open_store

    with open_store(read_settings().store) as store:
        return find_benchmark(store, version)


def _print(found: dict[str, Any]) -> None:
    from moored.benchmark.claims import by_setting, claims, focus

    say(f"benchmark, version {found['version']}: {counted(found['plan']['trials'], 'trial')}, corpus redrawn")
    if found["tasks"] and "redrawn" in found["plan"]["designs"]:
        frame = focus(found["results"], found["tasks"])
        for value, title in (("mse_ratio", "MSE / human-only"), ("coverage", "coverage")):
            table = by_setting(frame, value).reset_index()
            columns = {"setting": ""} | dict.fromkeys([str(name) for name in table.columns[1:]], ".2f")
            rows: list[Any] = table.to_dict("records")
            print_table(rows, columns, title=f"{title}, mean over label fractions")
        for claim in claims(frame):
            say(f"{claim.name}: {claim.held} of {claim.settings} (paper: {claim.paper})")
        failed = int(frame["failed"].sum())
        say(f"fits without an answer: {failed} of {int(frame['trials'].sum())}")
    if found["worlds"]:
        _print_worlds(found["worlds"])


def _print_worlds(rows: list[dict[str, Any]]) -> None:
    """One line per world, one column per estimator."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault((row["scenario"], row["world"]), {})
        line |= {"scenario": row["scenario"], "world": row["world"], row["estimator"]: row["coverage"]}
        line["checks stop"] = row["stopped"]
        if row["j_rejected"] is not None:
            line["J rejects"] = row["j_rejected"]
    names = dict.fromkeys((row["estimator"] for row in rows), ".2f")
    columns = {"scenario": "", "world": ""} | names | {"J rejects": ".0%", "checks stop": ".0%"}
    print_table(list(lines.values()), columns, title="coverage in worlds with a known truth")


def _write_figures(found: dict[str, Any], folder: Path) -> None:
    from moored.benchmark.claims import focus
    from moored.benchmark.figures import write_figures, write_saved_figure
    from moored.benchmark.models import points

    bounds = {f"{row['task']} {row['family']}": row["r2"] for row in found["tasks"]}
    frame = focus(found["results"], found["tasks"])
    saved = write_saved_figure(points(frame, found["tasks"], found["sources"]), folder)
    for path in [*write_figures(frame, folder, bounds), *filter(None, [saved])]:
        say(f"figure: {path}", err=True)


def _fill_page(found: dict[str, Any], path: Path) -> None:
    from moored.benchmark.page import filled, page_tables

    path.write_text(filled(path.read_text(encoding="utf-8"), page_tables(found)), encoding="utf-8")
    say(f"tables: {path}", err=True)


@benchmark_app.command("tasks")
def tasks_command(data: DataOption = None, json: JsonOption = False) -> None:
    """List the tasks that come along, and whether their data are here."""
    from moored.benchmark.corpus import available
    from moored.benchmark.task import built_in

    rows = [
        {
            "task": name,
            "formula": located.task.formula,
            "data": located.task.data,
            "here": "yes" if available(located, data) else "no",
            "origin": located.task.origin,
            "about": located.task.about,
        }
        for name, located in built_in().items()
    ]
    if json:
        print_json({"tasks": rows})
    else:
        print_table(rows, {"task": "", "formula": "", "data": "", "here": ""})


@benchmark_app.command("record")
def record_command(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="A store with a published study.")],
    study: Annotated[list[str] | None, typer.Option(help="Only this study; repeatable.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A numeric column of the study's own table to keep; repeatable.")
    ] = None,
    sources_only: Annotated[
        bool, typer.Option("--sources-only", help="Leave out labels and covariates: a task joins them by id.")
    ] = False,
    extend: Annotated[
        bool, typer.Option("--extend", help="Add these units to what is recorded of the study.")
    ] = False,
    origin: Annotated[str, typer.Option(help="Where texts and labels come from, for the provenance.")] = "",
    into: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Default: the package's own.")] = None,
) -> None:
    """Keep what a study's sources say of its units, as numbers without texts, so that no model is needed again."""
    from moored.benchmark.recorded import FOLDER, read_recorded, record
    from moored.storage.studies import published_studies
    from moored.storage.warehouse import open_store

    with open_store(store) as warehouse:
        for name in study or published_studies(warehouse):
            path = record(
                warehouse,
                name,
                columns=column or (),
                sources_only=sources_only,
                extend=extend,
                origin=origin,
                folder=into or FOLDER,
            )
            _, said = read_recorded(path.stem, path.parent)
            counts = ", ".join(f"{source} {number}" for source, number in said["observed"].items())
            say(f"{path}: {counted(said['units'], 'unit')} ({counts})")
