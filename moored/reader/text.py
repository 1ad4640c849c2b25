"""A fit as text and as HTML, for a terminal and for a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from moored.numbers import decimals, model_of, number, p_equals, p_value, scale_of, share
from moored.plaintext import counted, plain
from moored.row_role import BIASED_WORDS, is_biased

if TYPE_CHECKING:
    import pandas as pd

    from moored.reader.frames import Labelled

USUAL = 0.95
"""The level of the intervals where a prompt need not say it."""
LONGEST = 60
"""Characters of a term's name in a table of text."""
ONE_SIDED = {
    "larger": "the alternative is a larger value, so p-values are one-sided and intervals have no upper end",
    "smaller": "the alternative is a smaller value, so p-values are one-sided and intervals have no lower end",
}
"""How a one-sided fit is to be read, by its alternative."""
_HEADS = {"effective_n": "worth", "p_value": "p"}


@dataclass(frozen=True, slots=True)
class Summary:
    """A fit in words and numbers: `print(fit.summary())`, or the last line of a notebook's cell.

    title : the estimator and the formula. lines : what was estimated, from what. rows : the table, the terms in its
    first column. notes : how to read it, then the warnings.
    """

    title: str
    lines: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((self.title, *self.lines, "", *aligned(self.head, self.rows), "", *self.notes))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(
            (
                f"<p><b>{escape(self.title)}</b><br>{'<br>'.join(map(escape, self.lines))}</p>",
                html_table(self.head, self.rows),
                f"<p>{'<br>'.join(map(escape, self.notes))}</p>",
            )
        )


def summary_of(fit: Labelled, frame: pd.DataFrame, level: float) -> Summary:
    """The whole of a fit. frame : its `tidy` at `level`."""
    head, rows = cells_of(frame)
    return Summary(title_of(fit), _lines(fit), head, rows, tuple(_notes(fit, level, head)))


def short_of(fit: Labelled) -> str:
    """What a prompt shows of a fit."""
    head, rows = cells_of(fit.tidy()[["estimate", "se", "lower", "upper", "p_value"]])
    unusual = f"; {_interval(fit, fit.level)}" if fit.level != USUAL or fit.alternative in ONE_SIDED else ""
    return "\n".join((f"{title_of(fit)} ({_counted(fit)}{unusual})", *aligned(head, rows), *_more(fit)))


def html_of(fit: Labelled) -> str:
    """What a notebook shows of a fit."""
    head, rows = cells_of(fit.tidy())
    below = "<br>".join(escape(line) for line in (*_interval_notes(fit, fit.level), *_more(fit)))
    top = f"<b>{escape(title_of(fit))}</b><br>{escape(_counted(fit))}"
    return f"<p>{top}</p>{html_table(head, rows)}<p>{below}</p>"


def title_of(fit: Labelled) -> str:
    """The estimator, and what is estimated."""
    what = f"{fit.estimator}: {fit.formula}" if fit.formula else f"{fit.estimator}, {fit.family}"
    return plain(f"{fit.origin}, {what}" if fit.origin else what, 200)


def cells_of(frame: pd.DataFrame) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The heads and rows of a `tidy` frame as text; a column without any number is left out."""
    kept = [name for name in frame.columns if frame[name].notna().any()]
    head = ("", *(_HEADS.get(name, name.replace("_", " ")) for name in kept))
    rows = tuple(
        (plain(term, LONGEST), *(_cell(name, row[name], decimals([row])) for name in kept))
        for term, row in rows_of(frame)
    )
    return head, rows


def rows_of(frame: pd.DataFrame) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each row's label, and its values by column."""
    for term, row in zip(frame.index, frame.to_dict("records"), strict=True):
        yield str(term), {str(name): value for name, value in row.items()}


def aligned(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines with the first column on the left and numbers on the right."""
    table = [head, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    return [
        "  ".join(
            (row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)))
        ).rstrip()
        for row in table
    ]


def html_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of texts; markup in them is text."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(c)}</td>" for c in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<table class="dataframe"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _cell(name: str, value: Any, places: int) -> str:
    if name == "p_value":
        return p_value(value)
    if name == "effective_n":
        return number(value, 0)
    if name == "labels_saved":
        return "" if np.isnan(value) else f"{value:z.0%}" if np.isfinite(value) else number(value)
    return share(value) if name == "r2" else number(value, places)


def _counted(fit: Labelled) -> str:
    return f"{fit.n_labelled:,} of {fit.n_total:,} units labelled"


def _lines(fit: Labelled) -> tuple[str, ...]:
    model = model_of(fit.family)
    scale = f"; the numbers are {scale_of(fit.family)}" if scale_of(fit.family) else ""
    return (f"{model[0].upper()}{model[1:]}, {_counted(fit)}{scale}.",)


def _interval(fit: Labelled, level: float) -> str:
    return f"{100 * level:.6g}% interval{', one-sided' if fit.alternative in ONE_SIDED else ''}"


def _interval_notes(fit: Labelled, level: float) -> Iterable[str]:
    yield f"lower, upper: {_interval(fit, level)}."
    if fit.alternative in ONE_SIDED:
        yield f"One-sided: {ONE_SIDED[fit.alternative]}."


def reading_of(fit: Labelled) -> Iterable[str]:
    """How a table of numbers is to be read, where its head does not say it: what is not the usual."""
    if scale := scale_of(fit.family):
        yield f"The numbers are {scale}."
    if fit.family.startswith("quantile:"):
        yield f"Estimated is the {model_of(fit.family)}."
    if fit.level != USUAL or fit.alternative in ONE_SIDED:
        yield from _interval_notes(fit, fit.level)


def _notes(fit: Labelled, level: float, head: tuple[str, ...]) -> Iterable[str]:
    yield from _interval_notes(fit, level)
    if fit.target == "corpus":
        yield "The intervals are for what all labels of these very units would have given (target: corpus)."
    if "worth" in head:
        yield "worth: how many human labels alone would be as precise; labels saved: the share of those."
    if "r2" in head:
        yield "r2: what the sources know of the human labels, from 0 to 1."
    if fit.j is not None:
        yield (
            f"Agreement test of human and model labels: J = {fit.j:.4g} on "
            f"{counted(fit.j_df or 0, 'degree of freedom', 'degrees of freedom')}, "
            f"{p_equals(fit.j_p_value)}."
        )
    yield from _more(fit)


def _more(fit: Labelled) -> list[str]:
    """Warnings, what a version must say, and that naive fits are biased."""
    biased = [BIASED_WORDS] if is_biased(fit.estimator) else []
    return [f"warning: {plain(text, 2000)}" for text in dict.fromkeys((*biased, *fit.marks, *fit.warnings))]
