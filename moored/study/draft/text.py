"""A draft as the text of a study file, each choice with its reason."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from moored.fetch.models import EMBEDDED
from moored.plaintext import counted
from moored.study.draft.choose import Covariate
from moored.study.draft.draft import SEED, Draft
from moored.study.parts import runs_here

_DESIGNS = {
    "undeclared": (
        'Say "simple-random" only if chance alone chose which rows people labelled. Until then the results are',
        "marked, since nothing else makes the other rows comparable.",
    ),
    "simple-random": ("Chance alone chose which rows people labelled. If not, the intervals are wrong.",),
    "known-probability": ("Each row was labelled with a probability of its own, which the table holds.",),
}
_MOST_OTHERS = 6


def study_text(draft: Draft, command: str) -> str:
    """The TOML of a draft. command: what wrote it."""
    return "\n".join([*_head(draft, command), *_data(draft), *_outcome(draft), *_rest(draft)]) + "\n"


def _head(draft: Draft, command: str) -> Iterator[str]:
    yield from _comment(
        f"Written by `{command}`. Change what does not fit. `moored validate` says whether it works, `moored run` "
        "runs it."
    )
    yield f"name = {_quoted(draft.name)}"
    yield f"seed = {SEED}"


def _data(draft: Draft) -> Iterator[str]:
    given = draft.given
    yield from ("", "[data]")
    yield _line("source", draft.table.source, f"{draft.table.rows:,} rows; the path starts at this file")
    yield _line("id", draft.table.id_column or draft.table.row_name, draft.table.id_why)
    yield _line("text", draft.table.text, draft.table.text_why)
    yield from _query(draft)
    if draft.table.cluster is not None:
        yield _line(
            "cluster", draft.table.cluster, "rows with the same value are not independent of each other"
        )
    if draft.labels.missing:
        yield f"missing = {_list(draft.labels.missing)}  # words that mean: no value"
    for key, value in (("encoding", given.encoding), ("delimiter", given.delimiter)):
        if value is not None:
            yield f"{key} = {_quoted(value)}"
    if given.skip_rows:
        yield f"skip_rows = {given.skip_rows}"


def _query(draft: Draft) -> Iterator[str]:
    """Rows numbered where there is no id, and rows without a text left out."""
    if draft.table.id_column is None:
        yield from _comment(
            "The table has no id, so its rows are numbered from 1. Add rows at its end only: a row that moves gets "
            "another number, and is paid for again."
        )
    if draft.table.without_text:
        yield from _comment(
            f"{counted(draft.table.without_text, 'row is', 'rows are')} left out, without a text; the "
            "estimates are about rows with one."
        )
    if draft.model.cut is not None:
        yield from _comment(
            f"The model on this machine has room for the first {draft.model.cut} characters of a text. What it "
            "makes of them is corrected by the labels, so estimates stay valid; a model that reads all saves more."
        )
    if (query := query_of(draft)) is not None:
        yield f"query = {_quoted(query)}"


def query_of(draft: Draft) -> str | None:
    """The query that numbers rows and leaves out those without a text; None where neither is needed."""
    rows = "data_as_text"
    if draft.table.id_column is None:
        numbered = f'SELECT row_number() OVER () AS "{draft.table.row_name}", * FROM data_as_text'  # noqa: S608
        if not draft.table.without_text and draft.model.cut is None:
            return numbered
        rows = f"({numbered})"
    if not draft.table.without_text and draft.model.cut is None:
        return None
    column = '"' + draft.table.text.replace('"', '""') + '"'
    picked = "*" if draft.model.cut is None else f"* REPLACE (left({column}, {draft.model.cut}) AS {column})"
    where = f" WHERE regexp_matches({column}, '\\S')" if draft.table.without_text else ""
    return f"SELECT {picked} FROM {rows}{where}"  # noqa: S608


def _outcome(draft: Draft) -> Iterator[str]:
    answers = draft.labels.answers
    yield from ("", "[outcome]")
    yield f"name = {_quoted(draft.labels.outcome)}"
    yield from _comment(
        f"What people said, in {draft.labels.labelled:,} of {draft.table.units:,} rows ({draft.labels.words}); "
        "empty elsewhere."
    )
    yield f"human = {_quoted(answers.human or draft.labels.column)}"
    yield from _comment(
        "The question that people answered, and that the model is asked: use your codebook's words."
    )
    yield f"ask = {_quoted(draft.labels.ask)}"
    yield f"answers = {_table(answers.values)}  # {_one_line(answers.why)}"
    if draft.model.examples:
        yield from _comment(
            f"Shown to the model. {counted(len(draft.model.examples), 'labelled row')}, drawn at random "
            "in proportion to "
            "their labels; they leave the data, since what the model has seen cannot correct it."
        )
        yield "examples = ["
        yield from (f"    {_list(example)}," for example in draft.model.examples)
        yield "]"


def _rest(draft: Draft) -> Iterator[str]:
    if draft.covariates:
        yield from ("", *_comment("Known for every row; a written text keeps its parent's."))
        for place, covariate in enumerate(draft.covariates):
            yield from ("",) if place else ()
            yield from _covariate(covariate)
    if draft.others:
        yield from ("", *_comment("Also possible: take the signs away and add the name to the formula."))
        for covariate in draft.others[:_MOST_OTHERS]:
            yield from ("# " + line for line in _covariate(covariate))
    yield from _labels(draft)
    yield from ("", "[model]", *_model(draft))
    yield from (
        "",
        *_comment("A proxy reads each text; a synthetic source writes each text anew and reads that."),
    )
    yield from ("[[sources]]", 'name = "proxy"', 'kind = "proxy"')
    yield from ("", "[[sources]]", 'name = "synthetic"', 'kind = "synthetic"')
    yield from ("", "[estimate]", f"formula = {_quoted(draft.formula)}")
    yield f"family = {_quoted(draft.family)}  # {_family_words(draft)}"
    if draft.incomplete:
        yield 'missing = "drop"  # rows that lack a covariate leave the data; the estimates are about the others'


def _covariate(covariate: Covariate) -> Iterator[str]:
    yield "[[covariates]]"
    yield f"name = {_quoted(covariate.name)}"
    formula = f"; in the formula C({covariate.name})" if covariate.category else ""
    yield f"column = {_quoted(covariate.column)}  # {_one_line(covariate.why)}{formula}"


def _labels(draft: Draft) -> Iterator[str]:
    yield from ("", "[labels]")
    meaning = " ".join(_DESIGNS[draft.labels.design])
    yield from _comment(f"How were the labelled rows chosen? Here: {draft.labels.design_why}. {meaning}")
    yield f"design = {_quoted(draft.labels.design)}"
    if draft.labels.probability is not None:
        yield f"probability = {_quoted(draft.labels.probability)}"
    if draft.labels.sample is not None:
        yield from _comment(
            f"Every row is labelled, so the model is not needed. As a trial {draft.labels.sample} labels, drawn at "
            "random, are used; the others show in one line of the results what all of them would have said. "
            "Without this line all are used."
        )
        yield f"sample = {draft.labels.sample}"


def _model(draft: Draft) -> Iterator[str]:
    if runs_here(draft.model.name):
        size = "A small model" if draft.model.name == EMBEDDED else "A model"
        yield from _comment(
            f"{size} on this machine: no key, no cost (`moored model list` shows others). For a stronger one set "
            "OPENAI_API_KEY (and OPENAI_BASE_URL for another service than OpenAI) and write the model's name here."
        )
    else:
        yield from _comment("At OPENAI_BASE_URL, or at OpenAI; `moored plan` says what a run will cost.")
    yield f"name = {_quoted(draft.model.name)}"


def _family_words(draft: Draft) -> str:
    if draft.family == "mean":
        share = draft.labels.answers.kind in ("binary", "class")
        return f"the {'share' if share else 'mean'} of {draft.labels.outcome} among all rows"
    if draft.family == "logit":
        return "logistic regression, for an outcome of 0 and 1; `ols` gives differences of shares"
    return "linear regression"


def _line(key: str, value: str, why: str) -> str:
    return f"{key} = {_quoted(value)}  # {_one_line(why)}"


def _comment(text: str) -> Iterable[str]:
    return textwrap.wrap(
        _one_line(text),
        110,
        initial_indent="# ",
        subsequent_indent="# ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _one_line(text: str) -> str:
    """Text for a comment: control characters, which TOML allows in none, as escapes."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in " ".join(text.split()))


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(map(_quoted, items)) + "]"


def _table(values: Mapping[str, float]) -> str:
    return "{ " + ", ".join(f"{_key(name)} = {value:.10g}" for name, value in values.items()) + " }"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """A TOML string; in single quotes where that spares escapes."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
