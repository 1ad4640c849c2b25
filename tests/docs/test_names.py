"""Every name that a user can write has its place in the documentation.

Each kind of name is read from the code in a second way, not as docs/generate.py does it. So a key, an option or a
column that its pages lose is found here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, get_args, get_origin

import click
import duckdb
import pytest
import typer
from pydantic import BaseModel, Field, create_model

import moored
import moored.inference
from checks.suites import BEFORE, results
from moored import errors
from moored.cli import app
from moored.inference import ESTIMATORS, FAMILIES
from moored.monitor.metrics import StoreCollector
from moored.storage.schema import migrate
from moored.study import Study

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text()


def below(name: str, heading: str) -> str:
    """What stands under a heading of a page, up to the next one."""
    found = re.split(r"^#{1,4} ", page(name), flags=re.MULTILINE)
    return next((part for part in found if part.startswith(f"{heading}\n")), "")


def python_names(module: Any = moored.inference) -> set[str]:
    return {name for name in (*moored.__all__, *module.__all__) if not name.startswith("__")}


def python_shown() -> set[str]:
    """Every object that reference/python.md shows in full, and every name that it explains in a table."""
    text = page("reference/python.md")
    shown = {path.rpartition(".")[2] for path in re.findall(r"^::: (\S+)", text, re.MULTILINE)}
    return shown | set(re.findall(r"^\| .*`(?:moored\.)?(\w+)` \| \S", text, re.MULTILINE))


def study_keys(model: type[BaseModel] = Study) -> set[str]:
    """`Part.key` of every key of a study file, from the models' fields."""
    found = set()
    for name, field in model.model_fields.items():
        inner = [
            kind for kind in flat(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        found |= {key for kind in inner for key in study_keys(kind)}
        if not inner or model.__name__ != "Study":
            found.add(f"{model.__name__}.{name}")
    return found


def flat(kind: Any) -> list[Any]:
    """The types inside of a type: `tuple[Source, ...] | None` holds Source."""
    if isinstance(kind, UnionType) or get_origin(kind) is not None:
        return [one for argument in get_args(kind) for one in flat(argument)]
    return [kind]


HEADINGS = {
    "Study": "Top level",
    "Data": "`[data]`",
    "OutcomeSpec": "`[outcome]`",
    "Covariate": "`[[covariates]]`",
    "Question": "A covariate's `question`",
    "Labels": "`[labels]`",
    "Model": "`[model]`",
    "Source": "`[[sources]]`",
    "GenerationSettings": "`[generation]`",
    "Estimate": "`[estimate]`",
    "Checks": "`[checks]`",
}
"""Where the keys of a part stand. A part without a line here is found as missing."""


def study_shown() -> set[str]:
    """Keys with a meaning beside them."""
    row = re.compile(r"^\| `(\w+)` \|.*\| *[^ |][^|]* \|$", re.MULTILINE)
    return {
        f"{part}.{key}"
        for part, heading in HEADINGS.items()
        for key in row.findall(below("reference/study.md", heading).replace("\\|", "/"))
    }


def commands(command: Any = None, path: str = "moored") -> set[str]:
    """`moored run --option` for every option of every command, and `moored run NAME` for arguments."""
    command = typer.main.get_command(app) if command is None else command
    found = {f"{path} {name}" for given in command.params if not given.hidden for name in names_of(given)}
    for name, inner in getattr(command, "commands", {}).items():
        found |= {f"{path} {name}", *commands(inner, f"{path} {name}")}
    return found


def names_of(given: Any) -> list[str]:
    """An option's long names, or an argument's as `--help` shows it."""
    if given.param_type_name == "option":
        return [name for name in (*given.opts, *given.secondary_opts) if name.startswith("--")]
    return [re.sub(r"\W", "", given.metavar or given.name).lower()]


def commands_shown() -> set[str]:
    """What has a heading, and below it a line that explains each argument and option."""
    found = set()
    for path in re.findall(r"^#{1,3} `?([\w ]+)`?$", page("reference/commands.md"), re.MULTILINE):
        name, heading = ("moored", path) if path == "Commands" else (path, f"`{path}`")
        lines = re.findall(r"^\* `([^`]+)`: \S", below("reference/commands.md", heading), re.MULTILINE)
        words = [word for line in lines for word in explained(line)]
        found |= {name, *(f"{name} {word}" for word in words)}
    return found


def explained(line: str) -> list[str]:
    """`--json / --no-json BOOL` or `[TASK...] <list[str]>`: the names in it."""
    return re.findall(r"--[\w-]+", line) or [re.sub(r"\W", "", line.split(maxsplit=1)[0]).lower()]


def error_codes(root: type[errors.MooredError] = errors.MooredError) -> set[str]:
    """`43 TooManyFailures` for every kind of refusal."""
    kinds = {
        f"{kind.exit_code} {kind.__name__}" for kind in root.__subclasses__() if not kind.__subclasses__()
    }
    return kinds.union(*(error_codes(kind) for kind in root.__subclasses__()))


def error_codes_shown() -> set[str]:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| \S", page("reference/exit-codes.md"), re.MULTILINE)
    return {f"{code} {name}" for code, name in rows}


def check_names() -> set[str]:
    return {check.name for checks in (*BEFORE.values(), results.CHECKS) for check in checks}


def check_names_shown() -> set[str]:
    return set(re.findall(r"^\| `([a-z-]+)` \| (?:critical|warning) \| \S", page("checks.md"), re.MULTILINE))


def metric_names(store: Path = Path("there-is-no-store.duckdb")) -> set[str]:
    return {f"{m.name}{'_total' * (m.type == 'counter')}" for m in StoreCollector(store).collect()}


def metric_names_shown() -> set[str]:
    return set(re.findall(r"`(moored_\w+)`", page("production.md")))


def store_columns() -> set[str]:
    """`table.column` of a store that all migrations have built."""
    with duckdb.connect(":memory:") as connection:
        migrate(connection, Path("new.duckdb"))
        rows = connection.execute("SELECT table_name, column_name FROM information_schema.columns").fetchall()
    return {f"{table}.{column}" for table, column in rows}


def store_columns_shown() -> set[str]:
    return {
        f"{table}.{column}"
        for table in re.findall(r"^## `(\w+)`\n\n\S", page("reference/store.md"), re.MULTILINE)
        for column in re.findall(r"^\| `(\w+)` \|", below("reference/store.md", f"`{table}`"), re.MULTILINE)
    }


def estimator_names() -> set[str]:
    return {*ESTIMATORS, *FAMILIES}


def estimator_names_shown() -> set[str]:
    return set(re.findall(r"`([\w+-]+)`", page("estimators.md")))


def prompt_names() -> set[str]:
    return {file.stem for file in (ROOT / "moored" / "llm" / "prompts").glob("*.toml")}


def prompt_names_shown() -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \| (?:read|write) \| \S", page("generation.md"), re.MULTILINE))


NAMES: dict[str, tuple[Callable[..., set[str]], Callable[[], set[str]]]] = {
    "public names of Python": (python_names, python_shown),
    "study keys": (study_keys, study_shown),
    "commands, arguments and options": (commands, commands_shown),
    "exit codes": (error_codes, error_codes_shown),
    "checks": (check_names, check_names_shown),
    "metrics": (metric_names, metric_names_shown),
    "columns of the store": (store_columns, store_columns_shown),
    "estimators and families": (estimator_names, estimator_names_shown),
    "prompts": (prompt_names, prompt_names_shown),
}
LEAST = {
    "public names of Python": 35,
    "study keys": 80,
    "commands, arguments and options": 180,
    "exit codes": 45,
}
"""How many of a kind there are at least: a reader of the code that finds nothing finds nothing missing."""


@pytest.mark.parametrize("kind", NAMES)
def test_every_name_has_its_place(kind, record_property):
    wanted, shown = (names() for names in NAMES[kind])
    assert len(wanted) >= LEAST.get(kind, 4)
    assert sorted(wanted - shown) == []
    record_property(kind, f"{len(wanted)} of {len(wanted)}")


def planted_module() -> set[str]:
    return python_names(SimpleNamespace(__all__=["planted"])) - python_names(SimpleNamespace(__all__=[]))


def planted_key() -> set[str]:
    class Planted(BaseModel):
        planted: str = Field(default="")

    return study_keys(create_model("Study", __base__=Study, planted=(Planted | None, None)))


def planted_command() -> set[str]:
    return commands(click.Group("moored", commands={"planted": click.Command("planted")}))


def planted_option() -> set[str]:
    run = click.Command("run", params=[click.Option(["--planted"])])
    return commands(click.Group("moored", commands={"run": run}))


def planted_error() -> set[str]:
    root = type("Root", (Exception,), {"exit_code": 0})
    type("Planted", (root,), {"exit_code": 250})
    return error_codes(root)


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("public names of Python", planted_module),
        ("study keys", planted_key),
        ("commands, arguments and options", planted_command),
        ("commands, arguments and options", planted_option),
        ("exit codes", planted_error),
    ],
)
def test_a_name_without_a_place_is_found(kind, planted):
    missing = planted() - NAMES[kind][1]()
    assert len(missing) == 1
    assert "lanted" in missing.pop()


@pytest.mark.parametrize("kind", NAMES)
def test_a_page_that_loses_its_lines_is_found(kind, monkeypatch):
    wanted, shown = NAMES[kind]
    monkeypatch.setitem(globals(), "page", lambda _: "# A page\n")
    assert wanted() - shown() == wanted()
