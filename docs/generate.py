"""Write docs/reference from the code: commands, study keys, exit codes, tables of the store.

    uv run python docs/generate.py

A test compares the pages with what this would write.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import griffe
import typer
from pydantic import TypeAdapter
from typer.cli import get_docs_for_click

from moored import errors
from moored.cli import app
from moored.storage.published import EstimateRow, FitRow
from moored.storage.warehouse import open_store
from moored.study import Study

FOLDER = Path(__file__).parent / "reference"
COLUMNS = (
    "SELECT table_name, column_name, data_type FROM duckdb_columns() "
    "WHERE NOT internal ORDER BY table_name, column_index"
)
NOTE = "<!-- Written by `uv run python docs/generate.py`; change the code instead. -->\n\n"
PURPOSE = {
    "studies": "Each study that was run, whole.",
    "texts": "The raw texts, one row per content.",
    "data_versions": "One row per state of a study's table.",
    "units": "View: which texts each data version has, and how each was labelled.",
    "unit_values": "View: numbers known for each unit of a data version: labels and covariates.",
    "unit_words": "View: categories known for each unit of a data version.",
    "unit_rows": "What `units` is made of: a row holds from its version `since` on, until it has an end.",
    "value_rows": "What `unit_values` and `unit_words` are made of, likewise.",
    "row_ends": "Where a row of these two ended: the first data version without it.",
    "generations": "One row per unit, source, step and draw: what the model said, or why it failed.",
    "recipes": "Model, prompts and settings that made a generation.",
    "plans": "What a run set out to generate.",
    "runs": "One row per published version: its inputs, its headline, what it took.",
    "run_events": "Begin and end of every run, published or not.",
    "estimates": "One row per version, estimator and term.",
    "fits": "One row per version and estimator: warnings, tests, the covariance of its terms.",
    "checks": "One row per check of a run.",
    "moves": "Which version is the latest, after a rollback.",
    "alerts": "What somebody was told.",
    "latest": "View: the estimates of each study's latest version.",
    "latest_runs": "View: the run of each study's latest version.",
    "benchmarks": "One row per run of `moored benchmark`.",
    "benchmark_results": "One row per task, estimator, term and label fraction of a benchmark.",
    "benchmark_sources": "What each source of a task knows of the task's coefficient.",
    "benchmark_tasks": "What each task of a benchmark is, and its truth.",
    "benchmark_timings": "CPU seconds per estimator.",
    "benchmark_worlds": "Worlds with a known truth, and how often a run on them would have been stopped.",
    "schema_migrations": "Which migrations the file has had.",
}


def main() -> None:
    """Write every page; with `--check`, say which are not what the code says."""
    written = pages()
    if "--check" in sys.argv:
        old = [name for name, text in written.items() if (FOLDER / name).read_text() != text]
        sys.exit(f"{', '.join(old)}: run `uv run python docs/generate.py`" if old else 0)
    FOLDER.mkdir(exist_ok=True)
    for name, text in written.items():
        (FOLDER / name).write_text(text)


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {
        "commands.md": NOTE + commands(),
        "study.md": NOTE + study_keys(),
        "exit-codes.md": NOTE + exit_codes(),
        "store.md": NOTE + store_tables(),
        "results.schema.json": json.dumps(results_schema(), indent=2) + "\n",
    }


def commands() -> str:
    """Every command with its options, from typer."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="moored")
    text = text.replace("# `moored`", "# Commands", 1).replace(" []...\n", "\n")  # an argument that is hidden
    whole = dict(re.findall(r"^#{2,3} `(moored [\w ]+)`\n\n(.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL))
    for name, says in whole.items():  # typer cuts what the list says of each
        line = f"* [`{name.split()[-1]}`](#{name.replace(' ', '-')}): {_cell(says)}"
        text = re.sub(
            rf"^\* `{name.split()[-1]}`: .*(?:\.\.\.|\.)$",
            lambda _, line=line: line,
            text,
            count=1,
            flags=re.MULTILINE,
        )
    return text


def study_keys() -> str:
    """Every key of a study file with type, default and meaning, from the pydantic models."""
    lines = [
        "# The study file",
        "",
        "A study is one TOML file. Keys that it does not know are refused. `moored init TABLE` writes one, and",
        "`moored validate FILE` says whether it can run.",
        "",
    ]
    schema = Study.model_json_schema()
    for title, model in _tables(schema):
        lines += [f"## {title}", "", *_model(model, schema)]
    return "\n".join(lines)


def _tables(schema: dict[str, object]) -> Iterator[tuple[str, str]]:
    yield "Top level", "Study"
    properties: dict[str, dict[str, object]] = schema["properties"]  # type: ignore[assignment]
    for key, value in properties.items():
        for model in re.findall(r"#/\$defs/(\w+)", str(value)):
            yield (f"`[[{key}]]`" if value.get("type") == "array" else f"`[{key}]`"), model
    yield "A covariate's `question`", "Question"


def _model(name: str, schema: dict[str, object]) -> list[str]:
    entry = schema if name == "Study" else schema["$defs"][name]  # type: ignore[index]
    says = _docstrings(name)
    lines = [says.get("", ""), "", "| key | type | default | meaning |", "|---|---|---|---|"]
    for key, value in entry["properties"].items():  # type: ignore[index]
        if name == "Study" and re.search(r"\$ref", str(value)):
            continue
        default = _default(value, required=key in entry.get("required", ()))  # type: ignore[attr-defined]
        lines.append(f"| `{key}` | {_kind(value)} | {default} | {_cell(says.get(key, ''))} |")
    return [*lines, ""]


@functools.cache
def _study_modules() -> tuple[griffe.Module, ...]:
    """Each module read alone: the package is large."""
    folder = FOLDER.parents[1] / "moored" / "study"
    return tuple(
        griffe.visit(name, folder / f"{name}.py", (folder / f"{name}.py").read_text())
        for name in ("study", "parts", "thresholds")
    )


def _docstrings(name: str) -> dict[str, str]:
    """The docstring of a model under "", and of each of its fields, inherited ones too."""
    for module in _study_modules():
        model = module.members.get(name)
        if model is not None and not model.is_alias and model.is_class:
            break
    else:
        raise LookupError(f"no study module defines {name}")
    found = {"": model.docstring.value if model.docstring else ""}
    for base in (*(str(base) for base in model.bases if str(base) not in ("Part", "BaseModel")),):
        found |= {key: text for key, text in _docstrings(base).items() if key}
    for key, attribute in model.attributes.items():
        if attribute.docstring:
            found[key] = attribute.docstring.value
    return found


def _default(value: dict[str, object], *, required: bool) -> str:
    if required:
        return "required"
    default = value.get("default")
    if default is None or default == []:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else repr(default)}`".replace("'", '"')


def _kind(value: dict[str, object]) -> str:
    options = value.get("anyOf")
    if isinstance(options, list):
        return " or ".join(_kind(option) for option in options if option.get("type") != "null")
    if "enum" in value:
        words = value["enum"]
        assert isinstance(words, list)
        return " or ".join(f'`"{word}"`' for word in words) if len(words) < 8 else "a name of the list"
    if "$ref" in value:
        return "table"
    kind = str(value.get("type", "text"))
    kind = {"string": "text", "array": "list", "object": "table", "boolean": "true or false"}.get(kind, kind)
    return kind + _bounds(value)


def _bounds(value: dict[str, object]) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    said = [f"{word} {value[key]:,}" for key, word in words.items() if key in value]
    return f", {' and '.join(said)}" if said else ""


def exit_codes() -> str:
    """Every error with its exit code, from `moored.errors`."""
    lines = [
        "# Exit codes",
        "",
        "0: all went well. 1: an error that moored did not foresee. 2: the command line was not understood.",
        "130: stopped by Ctrl-C. Every other code is one kind of refusal; its sentence says what to do.",
        "",
        "| code | name | what happened | again? |",
        "|---|---|---|---|",
    ]
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.MooredError)]
    roots = (errors.MooredError, errors.Terminal, errors.Transient)
    for error in sorted((c for c in classes if c not in roots), key=lambda c: c.exit_code):
        again = "the same call may go through later" if issubclass(error, errors.Transient) else ""
        says = _cell(inspect.getdoc(error) or "")
        lines.append(f"| {error.exit_code} | `{error.__name__}` | {says} | {again} |")
    return "\n".join(lines) + "\n"


def store_tables() -> str:
    """Tables and views of a store, as a new store has them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.duckdb"
        with open_store(path, create=True):
            pass
        with duckdb.connect(path, read_only=True) as connection:
            columns = connection.execute(COLUMNS).fetchall()
    lines = [
        "# The store",
        "",
        "One DuckDB file, `moored.duckdb` where you are (`MOORED_STORE` names another). Rows are appended, never",
        "edited, and a run's own row is written last, in the transaction of its results.",
        "",
    ]
    for table in dict.fromkeys(table for table, _, _ in columns):
        lines += [f"## `{table}`", "", PURPOSE[table], "", "| column | type |", "|---|---|"]
        lines += [*(f"| `{column}` | `{kind}` |" for of, column, kind in columns if of == table), ""]
    return "\n".join(lines)


def results_schema() -> dict[str, object]:
    """JSON Schema of the object that `moored results --json` prints, from the records that it prints."""
    rows = {}
    for name, row in (("estimates", EstimateRow), ("fits", FitRow)):
        schema = TypeAdapter(row).json_schema()
        schema["properties"]["role"] = {"type": "string", "enum": ["headline", "comparison", "biased"]}
        schema["required"] = [*schema["required"], "role"]
        rows[name] = {"type": "array", "items": schema}
    text, lines = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    keys = {
        **dict.fromkeys(("study", "run_id", "data_version", "code_version", "headline"), text),
        "version": {"type": "integer", "minimum": 1},
        "marks": lines,
        "override_reason": {"type": ["string", "null"]},
        "counts": {"type": "object", "additionalProperties": {"type": "number"}},
        **rows,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "moored results --json",
        "type": "object",
        "properties": keys,
        "required": list(keys),
    }


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
