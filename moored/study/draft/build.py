"""From a table's columns and what the user gives to a draft."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from moored.errors import ColumnMissing, NoLabels, TableUnclear, Unidentified
from moored.fetch.models import EMBEDDED
from moored.plaintext import counted, meant
from moored.study.draft.answers import Answers, answers_of
from moored.study.draft.choose import (
    Choice,
    Covariate,
    affordable,
    choose_cluster,
    choose_id,
    choose_label,
    choose_text,
    is_another_labelling,
    possible_covariates,
)
from moored.study.draft.columns import ColumnFacts, words_without_answer
from moored.study.draft.draft import SEED, Doubt, Draft, Given, Labelling, LabelPart, ModelPart, TablePart
from moored.study.draft.examples import answer_names, draw_examples
from moored.study.draft.names import noun_of, study_name, variable_name
from moored.study.parts import runs_here

_SAMPLE = (30, 120)
_LEAST_ROWS = 60
LEAST_LABELS = 10
ROOM, CUT = 3_000, 600
"""Characters of a text for which a model on this machine has room, and of what it is given of longer ones."""


def draft_study(columns: Sequence[ColumnFacts], source: str, stem: str, given: Given) -> Draft:
    """Propose a study. source: as the study file names it. stem: of the table's name.

    Errors: `TableUnclear` (no text), `NoLabels`, `Unidentified`, `AnswersUnclear`, `ColumnMissing`.
    """
    _refuse_unknown(columns, given)
    text = _or_given(given.text, lambda: choose_text(columns))
    if text.column is None:
        raise TableUnclear(
            f"{source} has no column of texts among {_names(columns)}; name the one that is to be read, by `--text`"
        )
    id_ = _or_given(given.id, lambda: choose_id(columns, str(text.column)))
    with_text = _rows_with_text(columns, text.column)
    taken = [name for name in (text.column, id_.column, given.probability) if name is not None]
    label, column, missing = _label(with_text, source, text.column, taken, given)
    cluster = given.cluster or choose_cluster(with_text, [*taken, column.name])
    words = column.spellings
    answers = answers_of(column, words, kind=given.kind, one=given.one, stated=given.answers)
    labels = _label_part(column, missing, answers, given)
    taken += [name for name in (column.name, cluster) if name is not None]
    covariates, others = _covariates(with_text, taken, column, labels.outcome, given)
    return Draft(
        name=given.name or study_name(stem),
        table=_table_part(columns, with_text, source, id_, text, cluster),
        labels=labels,
        model=_model_part(_named(with_text, text.column), column, answers, given),
        covariates=covariates,
        others=others,
        incomplete=any(_named(with_text, c.column).empty for c in covariates),
        given=given,
        doubts=tuple(_doubts(text, label, column, answers)),
    )


def _label(
    columns: Sequence[ColumnFacts], source: str, text: str, taken: Sequence[str], given: Given
) -> tuple[Choice, ColumnFacts, tuple[str, ...]]:
    """The column of labels, and the words in it that are none. Errors: `NoLabels`, `Unidentified`."""
    label = _or_given(given.label, lambda: choose_label(columns, taken))
    if label.column is None:
        raise NoLabels(_no_labels(source, columns, text, next(iter(label.others), None)))
    column = _named(columns, label.column)
    missing = tuple(dict.fromkeys((*given.missing, *words_without_answer(column))))
    column = replace(column, missing=column.missing | set(missing))
    if not column.filled:
        raise NoLabels(_no_labels(source, columns, text, column.name))
    if column.filled < LEAST_LABELS:
        raise Unidentified(_few_labels(source, column))
    return label, column, missing


def _table_part(
    columns: Sequence[ColumnFacts],
    with_text: Sequence[ColumnFacts],
    source: str,
    id_: Choice,
    text: Choice,
    cluster: str | None,
) -> TablePart:
    rows = columns[0].rows
    return TablePart(
        source=source,
        rows=rows,
        without_text=rows - with_text[0].rows,
        id_column=id_.column,
        row_name=_free_name("row_number", columns),
        id_why=id_.why,
        text=str(text.column),
        text_why=text.why,
        cluster=cluster,
    )


def _label_part(column: ColumnFacts, missing: tuple[str, ...], answers: Answers, given: Given) -> LabelPart:
    design, why = _labelling(column, given)
    return LabelPart(
        column=column.name,
        counts=tuple(column.counts.most_common(12)),
        labelled=column.filled,
        missing=missing,
        outcome=_outcome_name(column, answers),
        answers=answers,
        ask=given.question or answers.ask,
        design=design,
        design_why=why,
        probability=given.probability,
        sample=_sample(column, design, given),
    )


def _doubts(text: Choice, label: Choice, column: ColumnFacts, answers: Answers) -> list[Doubt]:
    doubts = []
    if not text.sure and text.column is not None:
        doubts.append(Doubt("text", "--text", "Which column holds the texts?", text.column, text.others))
    if not label.sure:
        asked = "Which column holds the human labels?"
        doubts.append(Doubt("label", "--label", asked, column.name, label.others))
    if not answers.sure:
        one = next(name for name, value in answers.values.items() if value == 1)
        rest = tuple(name for name in answers.values if name != one)
        doubts.append(Doubt("one", "--one", f"Which label of {column.name!r} counts as 1?", one, rest))
    return doubts


def _refuse_unknown(columns: Sequence[ColumnFacts], given: Given) -> None:
    named = {
        "--id": given.id,
        "--text": given.text,
        "--label": given.label,
        "--cluster": given.cluster,
        "--probability": given.probability,
    }
    known = [column.name for column in columns]
    wanted = [(flag, name) for flag, name in named.items() if name is not None]
    for flag, name in [*wanted, *(("--covariates", name) for name in given.covariates or ())]:
        if name not in known:
            raise ColumnMissing(
                f"`{flag}` names the column {name!r}{meant(name, known)}, the table has {_names(columns)}"
            )


def _names(columns: Sequence[ColumnFacts]) -> str:
    return ", ".join(column.name for column in columns)


def _named(columns: Sequence[ColumnFacts], name: str) -> ColumnFacts:
    return next(column for column in columns if column.name == name)


def _or_given(name: str | None, choose: Callable[[], Choice]) -> Choice:
    return choose() if name is None else Choice(name, "as you said")


def _rows_with_text(columns: Sequence[ColumnFacts], text: str) -> Sequence[ColumnFacts]:
    there = _named(columns, text).texts != ""
    return columns if there.all() else [column.at(there) for column in columns]


def _free_name(name: str, columns: Sequence[ColumnFacts]) -> str:
    taken = {column.name.casefold() for column in columns}
    while name in taken:
        name += "_"
    return name


def _no_labels(source: str, columns: Sequence[ColumnFacts], text: str, label: str | None = None) -> str:
    rows = columns[0].rows
    some = min(rows, max(30, min(120, rows // 4)))
    what = "has no column that looks like human labels (name it by `--label`)"
    if label is not None:
        what = f"has no label in {label!r}"
    drawn = sorted(int(row) + 1 for row in np.random.default_rng(SEED).choice(rows, some, replace=False))
    shown = ", ".join(map(str, drawn[:12])) + (", ..." if some > 12 else "")
    return (
        f"{source} {what}; if nobody has labelled yet, draw about {some} of its {rows:,} rows at random (such as "
        f"the rows {shown}), have people read {text!r} there and write what they find into a column that is empty "
        "elsewhere, then type this again"
    )


def _few_labels(source: str, label: ColumnFacts) -> str:
    rows = counted(label.filled, "row")
    return (
        f"{source} has labels in {rows} of {label.name!r}, too few for an estimate; label at least {LEAST_LABELS}, "
        "better 100, drawn at random"
    )


def _outcome_name(column: ColumnFacts, answers: Answers) -> str:
    noun = noun_of(column.name)
    word = answers.word
    if word is not None and word.isalpha() and 2 < len(word) <= 20:
        return variable_name(word, (), "outcome")
    return variable_name(noun, (), "outcome")


def _covariates(
    columns: Sequence[ColumnFacts], taken: Sequence[str], label: ColumnFacts, outcome: str, given: Given
) -> tuple[tuple[Covariate, ...], tuple[Covariate, ...]]:
    """Those of the study, and those that are possible, too. Errors: `TableUnclear`."""
    possible = possible_covariates(columns, taken, label.known)
    if given.covariates is None:
        own = [c.name for c in columns if not is_another_labelling(c, label)]
        able = [c for c in possible if c.column not in given.dropped and c.column in own]
        chosen = affordable(able, label.filled)
    else:
        known = {c.column: c for c in possible}
        chosen = tuple(known.get(name) or _as_given(_named(columns, name)) for name in given.covariates)
    names = [outcome]
    called = []
    for covariate in chosen:
        names.append(variable_name(covariate.column, names, f"x{len(names)}"))
        called.append(replace(covariate, name=names[-1]))
    listed = {c.column for c in chosen}
    others = []
    for covariate in possible:
        if covariate.column not in listed:
            names.append(variable_name(covariate.column, names, f"x{len(names)}"))
            others.append(replace(covariate, name=names[-1]))
    return tuple(called), tuple(others)


def _as_given(column: ColumnFacts) -> Covariate:
    """A column as a covariate since the user says so. Errors: `TableUnclear`."""
    if column.kind in ("dates", "nested", "nothing"):
        raise TableUnclear(
            f"`--covariates` names {column.name!r}, a column of {column.kind}: neither a number nor a category"
        )
    category = column.kind in ("words", "mixed")
    return Covariate(column.name, category, "as you said", max(1, column.distinct - 1) if category else 1)


def _model_part(text: ColumnFacts, label: ColumnFacts, answers: Answers, given: Given) -> ModelPart:
    """The model, how much of each text it reads, and its examples: both small, for a model on this machine."""
    name = given.model or EMBEDDED
    if not runs_here(name):
        return ModelPart(name, None, ())
    names = answer_names(label, answers)
    lengths = np.array([len(cell) for cell in text.texts])
    if np.quantile(lengths, 0.9) <= ROOM:
        examples = draw_examples(text, names, answers.values, SEED, given.barred)
        if examples or lengths.max() <= CUT:
            return ModelPart(name, None, examples)
    examples = draw_examples(text.shortened(CUT), names, answers.values, SEED, given.barred)
    return ModelPart(name, CUT, examples)


def _labelling(label: ColumnFacts, given: Given) -> tuple[Labelling, str]:
    if given.probability is not None:
        return "known-probability", "the column of probabilities says how likely each row was labelled"
    if given.design is not None:
        return given.design, "as you said"
    if label.filled == label.rows:
        return "simple-random", "every row is labelled"
    if label.in_front:
        return (
            "undeclared",
            f"the labelled rows are the first {label.filled} of the table, which is no random draw",
        )
    return "undeclared", "nobody has said"


def _sample(label: ColumnFacts, design: Labelling, given: Given) -> int | None:
    if label.filled < label.rows or label.rows < _LEAST_ROWS or design != "simple-random":
        return None
    return int(np.clip(label.rows // 3, *_SAMPLE)) if given.design is None else None
