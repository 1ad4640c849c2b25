"""The results of a version for a person: the answer in words, a table, then warnings, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from moored.cli.intervals import Interval, interval_lines
from moored.cli.layout import Block, Kind, blocks
from moored.cli.render import print_lines, print_table, say, width
from moored.numbers import (
    MODELS,
    RATIOS,
    decimals,
    exponential,
    number,
    p_equals,
    p_value,
    scale_of,
    share,
    worth,
)
from moored.plaintext import counted, plain
from moored.row_role import BIASED_WORDS, YARDSTICK, YARDSTICK_WORDS, is_biased
from moored.versions.warnings import DISAGREE, warnings_of

if TYPE_CHECKING:
    from moored.storage.published import EstimateRow, FitRow, PublishedRun

VERBOSE_COLUMNS = {
    "estimator": "=",
    "term": "",
    "estimate": ".6g",
    "se": ".6g",
    "lower": ".6g",
    "upper": ".6g",
    "p_value": ".3g",
    "effective_n": ".1f",
    "labels_saved": ".1%",
    "r2": ".3f",
}
_MOST_TERMS = 8
_MOST_DRAWN = 2
_HEADERS = ("", "estimate", "se", "lower", "upper", "p", "worth", "r2")
_KINDS: tuple[Kind, ...] = ("whole", *("number",) * 7)


def print_results(
    run: PublishedRun,
    study: Mapping[str, Any] | None = None,
    *,
    exp: bool = False,
    verbose: bool = False,
) -> None:
    """Print a version. study: what the study of that version says, as it is stored."""
    rows = [_ratio(row) if exp else row for row in run.estimates]
    head = run.fit_of(run.headline)
    if head is not None:
        _print_answer(run, study, head, rows, exp=exp)
    print_estimates(rows, run.headline, exp=exp)
    _print_warnings(run)
    _print_agreement(run.fits)
    if verbose:
        _print_all(run)


def _ratio(row: EstimateRow) -> EstimateRow:
    return replace(row, **exponential(asdict(row)))


def _places(rows: Sequence[EstimateRow]) -> int:
    return decimals(asdict(row) for row in rows)


def print_estimates(rows: Sequence[EstimateRow], headline: str | None, *, exp: bool = False) -> None:
    """Estimates by term: those to read, the headline first; naive ones apart."""
    if not rows:
        return
    sections: dict[str, list[EstimateRow]] = {"": [], BIASED_WORDS: [], YARDSTICK_WORDS: []}
    for row in sorted(rows, key=lambda row: row.estimator != headline):
        sections[_section(row.estimator)].append(row)
    ordered = [
        (section, row)
        for section, members in sections.items()
        for term in dict.fromkeys(row.term for row in rows)
        for row in members
        if row.term == term
    ]
    cells = [_cells([r for r in rows if r.term == row.term], row, headline, exp) for _, row in ordered]
    say()
    for block in blocks(_HEADERS, cells, _KINDS, width()):
        _print_block(block, ordered, headline)
    say(
        "worth: how many human labels alone would be as precise. r2: what the model knows of the human labels, "
        "from 0 to 1."
    )


def _print_block(block: Block, ordered: Sequence[tuple[str, EstimateRow]], headline: str | None) -> None:
    print_lines(block.header, bold=True)
    before: tuple[str, str | None] = ("", None)
    for (section, row), lines in zip(ordered, block.rows, strict=True):
        if section != before[0]:
            say(section)
        if (section, row.term) != before:
            say(row.term)
        before = (section, row.term)
        print_lines(lines, bold=row.estimator == headline)


def _cells(same_term: Sequence[EstimateRow], row: EstimateRow, headline: str | None, exp: bool) -> list[str]:
    places = _places(same_term)
    mark = "> " if row.estimator == headline else "  "
    return [
        mark + plain(row.estimator, 60),
        number(row.estimate, places),
        "" if exp else number(row.se, places),
        number(row.lower, places),
        number(row.upper, places),
        p_value(row.p_value),
        number(row.effective_n, 0),
        share(row.r2),
    ]


def _section(estimator: str) -> str:
    if is_biased(estimator):
        return BIASED_WORDS
    return YARDSTICK_WORDS if estimator == YARDSTICK else ""


def _print_answer(
    run: PublishedRun,
    study: Mapping[str, Any] | None,
    head: FitRow,
    rows: Sequence[EstimateRow],
    *,
    exp: bool,
) -> None:
    formula = "" if study is None else f": {study['estimate']['formula']}"
    say(f"{run.study}, version {run.version}{formula}", bold=True)
    unit = f"{RATIOS[head.family]}s" if exp else scale_of(head.family)
    say(
        f"{MODELS.get(head.family, head.family).capitalize()} over {head.n_total:,} units, {head.n_labelled:,} of "
        "them labelled by humans" + (f"; the numbers are {unit}." if unit else ".")
    )
    own = [row for row in rows if row.estimator == head.estimator]
    say(f"The estimate to read is {head.estimator}, {_chosen(run)}:")
    for row in own[:_MOST_TERMS]:
        say(_interval(row, head.level, _places([row]), exp=exp), indent="  ")
    if len(own) > _MOST_TERMS:
        say(f"and {counted(len(own) - _MOST_TERMS, 'more term')} in the table", indent="  ")
    if head.target == "corpus":
        say("The intervals are for what all labels of these very units would have given (target: corpus).")
    say(worth({row.term: row.effective_n for row in own}, head.n_labelled))
    say(_trust(run))
    _print_intervals(rows, run.headline, exp=exp)


def _print_intervals(rows: Sequence[EstimateRow], headline: str | None, *, exp: bool) -> None:
    """Headline, labels alone and naive estimates of two terms, drawn on a terminal; a constant comes last."""
    room = width()
    if room is None:
        return
    terms = sorted(dict.fromkeys(row.term for row in rows), key=lambda term: term == "Intercept")
    for term in terms[:_MOST_DRAWN]:
        shown = [row for row in rows if row.term == term and _drawn(row.estimator, headline)]
        shown.sort(key=lambda row: (row.estimator != headline, is_biased(row.estimator)))
        lines = interval_lines(
            [
                Interval(row.estimator, row.lower, row.estimate, row.upper, is_biased(row.estimator))
                for row in shown
            ],
            min(room, 100),
            1.0 if exp else 0.0,
        )
        if lines:
            say()
            say(f"{term}   (-o-) interval   [=x=] biased   : {'one' if exp else 'zero'}")
            print_lines(lines)


def _drawn(estimator: str, headline: str | None) -> bool:
    return estimator in (headline, "human") or is_biased(estimator)


def _chosen(run: PublishedRun) -> str:
    if run.headline == "human":  # a study has a source, and then the rule never names it
        return "in the place of the one that the rule names, which could not be fitted"
    return "by a rule that was fixed before any number was seen"


def _interval(row: EstimateRow, level: float, places: int, *, exp: bool) -> str:
    ends = f"{number(row.lower, places)} to {number(row.upper, places)}"
    zero, word = (1.0, "1") if exp else (0.0, "zero")
    text = f"{row.term}: {number(row.estimate, places)}, {100 * level:.6g}% interval {ends}"
    if row.term == "Intercept":
        return text
    if row.lower is not None and row.lower > zero:
        return f"{text}: above {word}"
    if row.upper is not None and row.upper < zero:
        return f"{text}: below {word}"
    return f"{text}: {word} is inside, so the direction is not known"


def _trust(run: PublishedRun) -> str:
    if run.override_reason:
        return "A critical check failed and was overridden: do not report this before the reason below holds."
    if run.marks:
        return "Read the warnings below before you report this."
    return "It can be reported: no check warned."


def _print_warnings(run: PublishedRun) -> None:
    found = list(dict.fromkeys(_ranked(run)))
    if not found:
        return
    say()
    say("Warnings, the gravest first:")
    for place, warning in enumerate(found, 1):
        say(f"{place}. {warning}")


def _ranked(run: PublishedRun) -> Iterator[str]:
    if run.override_reason:
        yield f"published against its checks: {run.override_reason}; `moored checks` says what failed"
    if run.headline == "human":
        yield (
            "the estimator that the rule names could not be fitted, so the human labels stand alone; "
            "label more units, or use fewer terms or sources"
        )
    yield from warnings_of(run)


def _print_agreement(fits: Sequence[FitRow]) -> None:
    calm = [fit for fit in fits if fit.j_p_value is not None and fit.j_p_value >= DISAGREE]
    if calm:
        said = ", ".join(f"{p_equals(fit.j_p_value)} ({fit.estimator})" for fit in calm)
        say(f"Agreement test of human and model labels: {said}: no sign of trouble.")


def _print_all(run: PublishedRun) -> None:
    say()
    print_table([asdict(row) for row in run.estimates], VERBOSE_COLUMNS, title="all numbers")
    for fit in run.fits:
        if fit.j is not None:
            say(
                f"{fit.estimator}: Hansen's test of the sources' moments: J = {fit.j:.4g} on "
                f"{counted(fit.j_df or 0, 'degree of freedom', 'degrees of freedom')}, {p_equals(fit.j_p_value)}"
            )
