"""`moored init`: a commented study file from the user's own table."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moored.cli.complete import complete_file
from moored.cli.init_steps import columns_of, estimable, settled
from moored.cli.render import print_json, say
from moored.cli.studies import JsonOption
from moored.errors import StudyInvalid, WouldOverwrite
from moored.plaintext import counted
from moored.settings import Settings, read_settings

if TYPE_CHECKING:
    from moored.study.draft import Draft

LISTED = "gpt-4.1-mini"
"""Proposed where there is a key and the endpoint is OpenAI's."""
KINDS = ("binary", "scale", "score", "class")
DESIGNS = ("simple-random", "undeclared", "known-probability")


def _option(metavar: str, words: str, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=words)


ColumnName = str | None
Table = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="Your table: CSV, Excel, SPSS, Stata, Parquet, FILE::SHEET ...",
        autocompletion=complete_file,
    ),
]
Out = Annotated[Path | None, _option("FILE", "The study file; default: TABLE.toml here.")]
Id = Annotated[ColumnName, _option("COLUMN", "What tells the rows apart.", "--id")]
Text = Annotated[ColumnName, _option("COLUMN", "The texts that the model reads.")]
Label = Annotated[ColumnName, _option("COLUMN", "What people said of some texts.")]
Covariates = Annotated[str | None, _option("A,B", "Columns to explain the label with; `none` for its mean.")]
Ask = Annotated[str | None, _option("TEXT", "What people were asked, and the model is.")]
Worth = Annotated[str | None, _option("A=1,B=0", "What each label is worth; default: told from the labels.")]
One = Annotated[str | None, _option("LABEL", "The label that counts as 1, all others as 0.")]
Kind = Annotated[str | None, _option("|".join(KINDS), "What the labels are.")]
Chosen = Annotated[str | None, _option("|".join(DESIGNS), "How the labelled rows were chosen.")]
Probability = Annotated[ColumnName, _option("COLUMN", "How likely each row was to be labelled.")]
Cluster = Annotated[ColumnName, _option("COLUMN", "Rows with the same value belong together.")]
ModelName = Annotated[
    str | None,
    _option("NAME", "`embedded`, another name of `moored model list`, or a model of your endpoint."),
]
Missing = Annotated[list[str] | None, _option("WORD", "Means no value; may be repeated.", "--na")]
Encoding = Annotated[str | None, _option("NAME", "Of a delimited file, such as cp1252.")]
Delimiter = Annotated[str | None, _option("SIGN", "Of a delimited file.")]
SkipRows = Annotated[int, typer.Option(min=0, help="Rows under the header that are no data.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take what is proposed.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a study file that is there.")]
Check = Annotated[bool, typer.Option("--check/--no-check", help="Ask the model, as `moored validate`.")]


def init_command(
    table: Table,
    out: Out = None,
    id_: Id = None,
    text: Text = None,
    label: Label = None,
    covariates: Covariates = None,
    question: Ask = None,
    answers: Worth = None,
    one: One = None,
    outcome_kind: Kind = None,
    design: Chosen = None,
    probability: Probability = None,
    cluster: Cluster = None,
    model: ModelName = None,
    na: Missing = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    skip_rows: SkipRows = 0,
    yes: Yes = False,
    force: Force = False,
    check: Check = True,
    json: JsonOption = False,
) -> None:
    """Write a study file for your own table, with a reason beside each choice."""
    columns = {"id": id_, "text": text, "label": label, "probability": probability, "cluster": cluster}
    outcome = _outcome_given(question, answers, one, outcome_kind, design)
    reading = {
        "missing": tuple(na or ()),
        "encoding": encoding,
        "delimiter": delimiter,
        "skip_rows": skip_rows,
    }
    given = columns | outcome | reading | {"covariates": _listed(covariates), "model": model}
    _init(table, out, given, yes=yes, force=force, check=check, json=json)


def _init(
    table: str, out: Path | None, flags: dict[str, Any], *, yes: bool, force: bool, check: bool, json: bool
) -> None:
    from moored.storage.delimited import Dialect
    from moored.study.draft import Given, draft_study
    from moored.study.draft.names import study_name

    file, sign, part = table.partition("::")
    stem = Path(file).name.partition(".")[0] or Path(file).name
    path = out or Path(f"{study_name(stem)}.toml")
    if path.exists() and not force:
        raise WouldOverwrite(f"{path} is there already; say --force to replace it, or --out for another name")
    settings = read_settings()
    model_given = flags["model"] is not None
    given = Given(**flags | {"model": flags["model"] or _default_model(settings)})
    columns = columns_of(table, Dialect(given.encoding, given.delimiter, given.skip_rows), given.missing)
    place = path.absolute().parent
    source = f"{_relative(Path(file), place)}{sign}{part}"

    def propose(given: Given) -> Draft:
        return draft_study(columns, source, study_name(path.stem), given)

    asks = not (yes or json) and sys.stdin.isatty() and sys.stdout.isatty()
    draft = settled(propose, given, asks=asks, yes=yes, model_given=model_given)
    place.mkdir(parents=True, exist_ok=True)
    draft, written = estimable(propose, draft, f"moored init {_shell(table)}", place, settings)
    path.write_text(written, encoding="utf-8")
    _report(path, draft, settings, check=check, json=json)


def _report(path: Path, draft: Draft, settings: Settings, *, check: bool, json: bool) -> None:
    """Say what was written, whether it works, and what to type next."""
    from moored.cli.validate import check_study
    from moored.study import load_study

    lines = list(_found(draft))
    if not json:
        for line in lines:
            say(line)
        say(f"wrote {path}")
    checked: list[str] = []

    def tell(line: str) -> None:
        checked.append(line)
        if not json:
            say(line)

    if check:
        check_study(load_study(path), path.absolute().parent, settings, tell)
    following = [f"moored plan {_shell(str(path))}", f"moored run {_shell(str(path))}"]
    if json:
        print_json(
            {"study": str(path), "name": draft.name, "found": lines, "lines": checked, "next": following}
        )
    else:
        say(f"next: {'    '.join(following)}")


def _found(draft: Draft) -> list[str]:
    """What was found, a line each."""
    labels = draft.labels
    id_ = draft.table.id_column or "the row numbers"
    explained = ", ".join(f"C({c.column})" if c.category else c.column for c in draft.covariates)
    worth = ", ".join(f"{name} = {value:g}" for name, value in labels.answers.values.items())
    lines = [
        f"id: {id_} ({draft.table.id_why})",
        f"text: {draft.table.text} ({draft.table.text_why})",
        f"label: {labels.column}, in {labels.labelled:,} of {draft.table.units:,} rows ({labels.words})",
        f"question: {labels.ask}",
        f"answers: {worth} ({labels.answers.why})",
        f"covariates: {explained or 'none, so the mean is estimated'}",
        f"labelling: {labels.design} ({labels.design_why})",
        f"model: {draft.model.name}"
        + (
            f", which is shown {counted(len(draft.model.examples), 'labelled row')}"
            if draft.model.examples
            else ""
        ),
    ]
    if draft.table.cluster:
        lines.append(f"cluster: {draft.table.cluster}, whose rows belong together")
    if draft.table.without_text:
        lines.append(f"left out: {counted(draft.table.without_text, 'row')} without a text")
    if labels.missing:
        lines.append(f"no value: {', '.join(map(repr, labels.missing))}")
    return lines


def _outcome_given(
    question: str | None, answers: str | None, one: str | None, kind: str | None, design: str | None
) -> dict[str, Any]:
    """What the user states of the outcome. Errors: `StudyInvalid`."""
    return {
        "question": question,
        "answers": _worth(answers),
        "one": one,
        "kind": _one_of("--outcome-kind", kind, KINDS),
        "design": _one_of("--design", design, DESIGNS),
    }


def _default_model(settings: Settings) -> str | None:
    """A model of the endpoint where there is a key or an address; None: the embedded one."""
    from moored.llm.endpoints import api_key

    if settings.base_url is None:
        return LISTED if api_key() != "none" else None
    from moored.llm.models import listed_models

    names = listed_models(settings.base_url)
    return names[0] if names else None


def _listed(covariates: str | None) -> tuple[str, ...] | None:
    if covariates is None:
        return None
    names = tuple(name.strip() for name in covariates.split(",") if name.strip())
    return () if names == ("none",) else names


def _worth(answers: str | None) -> dict[str, float] | None:
    """`A=1,B=0` as a mapping. Errors: `StudyInvalid`."""
    if answers is None:
        return None
    found = {}
    for part in answers.split(","):
        name, sign, value = part.rpartition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign or not name.strip():
            raise StudyInvalid(f"`--answers` has {part.strip()!r}; write it as `polite=1,impolite=0`")
    return found


def _one_of(flag: str, value: str | None, allowed: tuple[str, ...]) -> Any:
    if value is not None and value not in allowed:
        raise StudyInvalid(f"`{flag}` is {value!r}; allowed is {', '.join(allowed)}")
    return value


def _relative(file: Path, folder: Path) -> str:
    """The table's path as the study file names it."""
    return Path(os.path.relpath(file.expanduser().absolute(), folder)).as_posix()


def _shell(word: str) -> str:
    import shlex

    return shlex.quote(word)
