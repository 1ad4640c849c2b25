"""`etable`: fits side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

from moored.errors import DataInvalid
from moored.numbers import RATIOS, decimals, exponential, model_of, number, p_equals, p_value, scale_of
from moored.reader.frames import Labelled
from moored.reader.table import Table
from moored.reader.text import ONE_SIDED, rows_of
from moored.row_role import BIASED_WORDS, is_biased

BELOW = ("interval", "se", "p")
_MOST_DIGITS = 15
"""More decimals than these are none of the number's own."""
BIASED_MARK = " (biased)"
_WORDS = {"interval": "intervals in brackets", "se": "standard errors in parentheses", "p": "p-values below"}


def etable(
    fits: Labelled | Iterable[Labelled] | Mapping[str, Labelled],
    *,
    below: str | Sequence[str] = "interval",
    labels: Mapping[str, str] | None = None,
    keep: Sequence[str] | None = None,
    digits: int | None = None,
    exp: bool = False,
    caption: str | None = None,
    label: str | None = None,
    notes: str | None = None,
) -> Table:
    """Fits side by side, one column each, one line per term.

    Parameters
    ----------
    fits
        A fit, several, or a dict whose keys are the columns' heads.
    below
        What stands below each estimate: "interval", "se" or "p", or several of them.
    labels
        Other names for terms and outcomes, such as {"hedge": "Hedging word"}.
    keep
        The terms to show, in this order; None: all, the constant last.
    digits
        Decimals of estimates; None: as many as the standard errors of each term are worth, and so also for a
        term with a standard error that these decimals would show as zero.
    exp
        Odds or rate ratios in the place of their logarithms, with the standard errors of the ratios.
    caption, label
        Of the table; `label` is for references in LaTeX. notes : a line of your own below the table.

    Returns
    -------
    Table
        With `to_latex`, `to_markdown`, `to_html`, `to_docx` and `to_csv`. There are no stars: the interval
        says it. Naive fits are marked as biased, and what the other fits warn of stands among the notes.

    Raises
    ------
    DataInvalid
        No fit, something that is no fit, a term that no fit has, another word for `below`, or `exp` for a
        family that has no ratio.
    """
    names, chosen = _fits(fits)
    lines = _lines(below)
    terms = _terms(chosen, keep)
    named = _named(labels)
    frames = [_frame(fit, exp) for fit in chosen]
    rows: list[tuple[str, ...]] = []
    for term in terms:
        present = [frame.get(term) for frame in frames]
        shown = _digits([row for row in present if row is not None], digits)
        for k, line in enumerate(("estimate", *lines)):
            cells = ("" if row is None else _cell(line, row, shown) for row in present)
            rows.append((named.get(term, term) if k == 0 else "", *cells))
    split = len(rows)
    rows += _facts(chosen)
    own = [] if notes is None else [notes]
    return Table(
        heads=tuple(_heads(names, chosen, named)),
        rows=tuple(rows),
        split=split,
        notes=(*own, *_notes(chosen, lines, exp)),
        caption=caption,
        label=label,
        values=tuple(_values(names, chosen, frames, terms)),
    )


def _fits(given: Any) -> tuple[list[str | None], list[Labelled]]:
    names: list[str | None]
    if isinstance(given, Mapping):
        names, fits = [str(name) for name in given], list(given.values())
    else:
        fits = [given] if isinstance(given, Labelled) or not isinstance(given, Iterable) else list(given)
        names = [None for _ in fits]
    wrong = [type(fit).__name__ for fit in fits if not isinstance(fit, Labelled)]
    if wrong or not fits:
        came = wrong[0] if wrong else "nothing"
        raise DataInvalid(
            f"A table is made of fits, and {came} came; give a fit, a list of fits, or a dict of them."
        )
    return names, fits


def _frame(fit: Labelled, exp: bool) -> dict[str, dict[str, Any]]:
    if exp and fit.family not in RATIOS:
        raise DataInvalid(
            f"exp=True turns log odds and log rates into ratios, and the family of {fit.estimator} is "
            f"{fit.family!r}; leave it out."
        )
    return {term: exponential(row) if exp else row for term, row in rows_of(fit.tidy())}


def _lines(below: str | Sequence[str]) -> tuple[str, ...]:
    lines = (below,) if isinstance(below, str) else tuple(below)
    unknown = [line for line in lines if line not in BELOW]
    if unknown:
        raise DataInvalid(f"below came as {unknown[0]!r}; choose from {', '.join(BELOW)}, one or several.")
    return lines


def _terms(fits: Sequence[Labelled], keep: Sequence[str] | None) -> list[str]:
    known = list(dict.fromkeys(term for fit in fits for term in fit.terms))
    if keep is None:
        return sorted(known, key=lambda term: term.rpartition(":")[2] == "Intercept")
    wanted = [keep] if isinstance(keep, str) else list(keep)
    unknown = [term for term in wanted if term not in known]
    if unknown or not wanted:
        came = repr(unknown[0]) if unknown else "no term"
        raise DataInvalid(f"keep names {came}; the fits have the terms {', '.join(known)}.")
    return wanted


def _named(labels: Any) -> dict[str, str]:
    if labels is not None and not isinstance(labels, Mapping):
        raise DataInvalid(
            f"labels came as {type(labels).__name__}; give a dict of terms and their names, such as "
            '{"x": "Age"}.'
        )
    return {} if labels is None else {term: str(name) for term, name in labels.items()}


def _digits(rows: Sequence[Mapping[str, Any]], digits: int | None) -> Callable[[float], str]:
    """How the numbers of a term are shown: with the decimals that are asked for, or that their errors are worth."""
    given: object = digits
    if digits is not None and not (isinstance(given, Integral) and 0 <= digits <= _MOST_DIGITS):
        raise DataInvalid(f"digits came as {digits!r}; give a whole number from 0 to {_MOST_DIGITS}.")
    if digits is None or any(row["se"] and not round(row["se"], digits) for row in rows):
        places = decimals(rows)
        return lambda value: number(value, places)
    return lambda value: f"{value:z.{digits}f}" if math.isfinite(value) else number(value)


def _cell(line: str, row: Mapping[str, Any], shown: Callable[[float], str]) -> str:
    if line == "interval":
        return f"[{shown(row['lower'])}, {shown(row['upper'])}]"
    if line == "se":
        return f"({shown(row['se'])})"
    return f"{p_equals(row['p_value'])}" if line == "p" else shown(row["estimate"])


def _heads(
    names: Sequence[str | None], fits: Sequence[Labelled], labels: Mapping[str, str]
) -> Iterable[tuple[str, ...]]:
    outcomes = [fit.formula.partition("~")[0].strip() for fit in fits]
    for place, (name, fit, outcome) in enumerate(zip(names, fits, outcomes, strict=True), 1):
        biased = BIASED_MARK if is_biased(fit.estimator) else ""
        above = (labels.get(outcome, outcome),) if any(outcomes) else ()
        own = (name,) if any(names) else ()
        yield (*above, *map(str, own), f"{fit.estimator}{biased}", f"({place})")


def _facts(fits: Sequence[Labelled]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("Labelled units", *(f"{fit.n_labelled:,}" for fit in fits)),
        ("Units", *(f"{fit.n_total:,}" for fit in fits)),
    ]
    if any(fit.j is not None for fit in fits):
        rows.append(("Agreement test, p", *("" if f.j is None else p_value(f.j_p_value) for f in fits)))
    return rows


def _notes(fits: Sequence[Labelled], lines: Sequence[str], exp: bool) -> Iterable[str]:
    joined = "; ".join(
        f"{model}{_in(places)}" for model, places in _apart(fits, lambda f: _model(f.family, exp))
    )
    yield f"{joined[0].upper()}{joined[1:]}."
    levels = " and ".join(
        f"{100 * level:.6g}%{_in(places)}" for level, places in _apart(fits, lambda fit: fit.level)
    )
    said = [_WORDS[line] for line in lines]
    said = [f"{levels} {text}" if text.startswith("intervals") else text for text in said]
    if said:
        yield f"Below each estimate: {'; '.join(said)}."
    for alternative, places in _apart(fits, lambda fit: fit.alternative):
        if alternative in ONE_SIDED:
            yield f"One-sided{_in(places)}: {ONE_SIDED[alternative]}."
    for target, places in _apart(fits, lambda fit: fit.target):
        if target == "corpus":
            yield f"Target{_in(places)}: what all labels of these very units would have given."
    if any(is_biased(fit.estimator) for fit in fits):
        yield f"Naive: {BIASED_WORDS}."
    for mark, places in _marks(fits):
        yield f"{places[0].upper()}{places[1:]}: {mark}" if places else mark


def _marks(fits: Sequence[Labelled]) -> Iterable[tuple[str, str]]:
    """What is to be said of the fits beside their numbers, each with its columns."""
    said = [(*fit.marks, *(() if is_biased(fit.estimator) else fit.warnings)) for fit in fits]
    for mark in dict.fromkeys(mark for own in said for mark in own):
        yield mark, _columns([mark in own for own in said])


def _apart(fits: Sequence[Labelled], of: Callable[[Labelled], Any]) -> list[tuple[Any, str]]:
    """What holds for the fits, each with the columns where it does."""
    values = list(map(of, fits))
    return [(value, _columns([value == own for own in values])) for value in dict.fromkeys(values)]


def _columns(chosen: Sequence[bool]) -> str:
    """`columns 1, 3`; nothing where all are chosen."""
    places = [str(place) for place, own in enumerate(chosen, 1) if own]
    return "" if all(chosen) else f"column{'s' * (len(places) > 1)} {', '.join(places)}"


def _in(places: str) -> str:
    return f" ({places})" if places else ""


def _model(family: str, exp: bool) -> str:
    scale = f"{RATIOS[family]}s" if exp else scale_of(family)
    return f"{model_of(family)} ({scale})" if scale else model_of(family)


def _values(
    names: Sequence[str | None],
    fits: Sequence[Labelled],
    frames: Sequence[Mapping[str, Mapping[str, Any]]],
    terms: Sequence[str],
) -> Iterable[dict[str, Any]]:
    for place, (name, fit, frame) in enumerate(zip(names, fits, frames, strict=True), 1):
        for term in (term for term in terms if term in frame):
            own = {"fit": name or place, "estimator": fit.estimator, "term": term}
            yield {**own, **frame[term], "level": fit.level, "alternative": fit.alternative}
