"""The steps of `moored init`: look at the table, settle what is unclear, see that an estimate comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moored.errors import AnswersUnclear, EstimationError, NoLabels, TableUnclear
from moored.settings import Settings

if TYPE_CHECKING:
    from moored.storage.delimited import Dialect
    from moored.study import Study
    from moored.study.draft import ColumnFacts, Draft, Given

MOST_ROUNDS = 3
"""How often examples are drawn anew since one was a near copy of another row."""


def columns_of(table: str, dialect: Dialect, stated: tuple[str, ...]) -> list[ColumnFacts]:
    """The table's columns. Errors: the `DataInvalid` family."""
    from moored.errors import EmptyTable
    from moored.storage.table_files import read_any
    from moored.study.draft import look_at

    read = read_any(table, dialect)
    if not len(read):
        raise EmptyTable(f"{table} has no rows; give one row per text")
    found = []
    for place, name in enumerate(read.names):
        column = read.column(name)
        facts = look_at(
            name,
            place,
            column.cells,
            stated=stated,
            delimiter=column.delimiter,
            dates=column.temporal,
            nested=column.nested,
            label=column.entry.wording,
            value_labels=column.entry.value_labels,
        )
        found.append(facts)
    return found


def settled(
    propose: Callable[[Given], Draft], given: Given, *, asks: bool, yes: bool, model_given: bool
) -> Draft:
    """A draft without doubts: asked for at a terminal, taken with `--yes`, else refused. Errors: `TableUnclear`."""
    from moored.cli.init_questions import ask_answers, ask_doubt, ask_label, ask_rest

    while True:
        try:
            draft = propose(given)
        except NoLabels as error:
            if not asks or given.label is not None:
                raise
            given = replace(given, label=ask_label(error.message))
            continue
        except AnswersUnclear as error:
            if not asks or given.one is not None or given.answers is not None:
                raise
            given = replace(given, one=ask_answers(error.message))
            continue
        doubt = next(iter(draft.doubts), None)
        if doubt is None or yes:
            break
        if not asks:
            from moored.study.draft.answers import as_typed

            raise TableUnclear(
                f"{doubt.question} It looks like {doubt.taken!r}, but {_named(doubt.others)} may be meant, too; "
                f"say `{doubt.flag} {as_typed(doubt.taken)}` or another, or `--yes` to take what is proposed"
            )
        given = given.with_answer(doubt, ask_doubt(doubt))
    return ask_rest(propose, draft, model_given=model_given) if asks else draft


def _named(names: tuple[str, ...], most: int = 4) -> str:
    return ", ".join(map(repr, names[:most])) + (", ..." if len(names) > most else "")


def estimable(
    propose: Callable[[Given], Draft], draft: Draft, command: str, place: Path, settings: Settings
) -> tuple[Draft, str]:
    """The draft whose human labels give an estimate, and its text: covariates that do not are dropped.

    Errors: those of `units_of`, where no covariate of ours is left to drop.
    """
    from moored.run.plan import units_of
    from moored.study.draft import study_text

    rounds = 0
    while True:
        written = study_text(draft, command)
        study = _parsed(written)
        try:
            units = units_of(study, place, settings)
        except EstimationError:
            if draft.given.covariates is not None or not draft.covariates:
                raise
            last = draft.covariates[-1].column
            draft = propose(replace(draft.given, dropped=draft.given.dropped | {last}))
            continue
        barred = _shown_elsewhere(study, units.frame, settings) if draft.model.examples else frozenset()
        if not barred:
            return draft, written
        rounds += 1
        if rounds > MOST_ROUNDS:  # nearly every text has a near copy
            barred = frozenset(units.frame["text"]) | {text for text, _ in draft.model.examples}
        draft = propose(replace(draft.given, barred=draft.given.barred | barred))


def _shown_elsewhere(study: Study, units: Any, settings: Settings) -> frozenset[str]:
    """Texts that must not be shown, where an example nearly equals a text that stays in the data."""
    from moored.cli.validate import data_checks

    checks = data_checks(settings)
    if not (shown := checks.nearly_shown(study, units)):
        return frozenset()
    texts = [*units["text"], *(text for text, _ in study.outcome.examples)]
    return frozenset(shown | checks.near_copies(texts))


def _parsed(written: str) -> Study:
    import tomllib

    from moored.study import parse_study

    return parse_study(tomllib.loads(written))
