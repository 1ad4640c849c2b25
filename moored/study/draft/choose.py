"""Which column is the id, the text, the label; which are covariates. A choice says why, and whether it is sure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moored.plaintext import counted
from moored.study.draft.columns import ColumnFacts, words_without_answer
from moored.study.draft.scales import on_scale, ordered_pair

_ID = re.compile(
    r"(?:^|[ _.\-])(?:id|ids|uid|uuid|key|nr|no|num|number|nummer|index|idx|row|case|caseid|lfdn|lfd|responseid)$"
    r"|^(?:id|nr|lfdn|caseid|responseid|respid|tweetid|docid)\b|Id$|ID$",
)
_WHO = re.compile(
    r"(?:^|[ _.\-])(?:person|user|author|speaker|respondent|participant|subject|vp|proband|student|household|school"
    r"|class|thread|conversation|cluster)(?:[ _.\-]?(?:id|nr|no|name|code))?$",
    re.IGNORECASE,
)
_TEXT = re.compile(
    r"text|tweet|comment|kommentar|body|message|nachricht|content|inhalt|answer|antwort|response|review|post|request"
    r"|sentence|satz|open|offen|quote|zitat|abstract|document",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"human|gold|label|annot|manual|coded|coder|kodier|codier|rating|rated|score|stance|sentiment|class|kategorie"
    r"|bewertung|einstufung|urteil|hand",
    re.IGNORECASE,
)
_MODEL = re.compile(r"gpt|llm|model|pred|proxy|claude|gemini|llama|machine|auto|bert", re.IGNORECASE)
_MODEL_WORD = re.compile(
    r"(?:^|[ _.\-])(?:(?:chat)?gpt|llm|claude|gemini|llama|bert|pred|predicted|prediction|proxy)(?:$|[ _.\-\d])",
    re.IGNORECASE,
)
_CATEGORY = re.compile(
    r"region|state|country|land|party|partei|group|gruppe|type|typ|category|kategorie|gender|sex|geschlecht|plz|zip"
    r"|code|class|cond|condition|arm|treat|source|quelle|platform|language|sprache|month|monat|weekday",
    re.IGNORECASE,
)
MOST_ANSWERS = 26
SURE = 3
MOST_LEVELS = 8
LEAST_IN_LEVEL = 5
PER_COEFFICIENT = 25
MOST_COVARIATES = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """A column for a role (None: none fits), why, and whether there is another that may be meant."""

    column: str | None
    why: str
    others: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Nothing else fits as well."""
        return not self.others


def choose_text(columns: Sequence[ColumnFacts]) -> Choice:
    """The longest free text; a name such as "comment" decides between two of nearly the same length."""
    free = [column for column in columns if column.free_text and not _MODEL.search(column.name)]
    free = free or [
        c
        for c in columns
        if c.kind in ("words", "mixed") and c.distinct > MOST_ANSWERS and " " in "".join(c.counts)
    ]
    if not free:
        return Choice(None, "no column holds texts")
    free.sort(key=lambda c: c.mean_length * (1 if _TEXT.search(c.name) else 0.6), reverse=True)
    first, rivals = free[0], [c.name for c in free[1:] if c.mean_length >= free[0].mean_length / 4]
    why = f"texts of {first.mean_length:.0f} characters on average"
    return Choice(first.name, why if rivals else f"{why}, the longest of the table", tuple(rivals))


def choose_id(columns: Sequence[ColumnFacts], text: str) -> Choice:
    """A column that tells every row apart and is named or written like an id; else none."""
    fit = [c for c in columns if c.name != text and c.rows and c.blank == 0 and len(set(c.cells)) == c.rows]
    named = [c for c in fit if _ID.search(c.name)]
    codes = [c for c in fit if c.kind in ("words", "mixed") and not any(" " in cell for cell in c.counts)]
    first = [c for c in fit if c.kind == "number" and c.whole and c.place == 0]
    for found in (named, first, codes):
        if found:
            return Choice(found[0].name, f"{found[0].rows:,} different values, none empty")
    return Choice(None, "no column tells every row apart")


def choose_cluster(columns: Sequence[ColumnFacts], taken: Sequence[str]) -> str | None:
    """A column of ids that repeat and are never empty: rows of one person, say."""
    for column in columns:
        repeats = column.empty == 0 and 1 < column.distinct < 0.9 * column.rows and column.distinct >= 20
        if repeats and column.name not in taken and _WHO.search(column.name):
            return column.name
    return None


def choose_label(columns: Sequence[ColumnFacts], taken: Sequence[str]) -> Choice:
    """A column of few values, better partly empty and named like a label."""
    scored = sorted(
        ((_label_score(column), -column.place, column) for column in columns if column.name not in taken),
        key=lambda item: item[:2],
        reverse=True,
    )
    fit = [(score, column) for score, _, column in scored if score > 0]
    unfilled = [c.name for c in columns if c.kind == "nothing" and _LABEL.search(c.name)]
    if not fit or fit[0][0] < SURE or (unfilled and fit[0][0] < 2 * SURE):
        return Choice(None, "no column looks like labels", tuple(unfilled))
    best, first = fit[0]
    rivals = tuple(column.name for score, column in fit[1:] if score > max(best - 2, SURE - 1))
    why = f"{counted(first.distinct, 'value', 'different values')}, empty in {first.empty:,} of {first.rows:,} rows"
    return Choice(first.name, why, rivals)


def _label_score(column: ColumnFacts) -> float:
    """How much a column looks like human labels; 0 and below: it does not."""
    gone = words_without_answer(column)
    filled = column.filled - sum(column.counts[word] for word in gone)
    values = len(column.spellings) - len(gone)
    partly = filled < column.rows
    if values < (1 if partly else 2) or column.kind in ("dates", "nested", "nothing") or column.free_text:
        return 0
    if column.kind in ("words", "mixed") and (values > MOST_ANSWERS or values > max(2, filled / 2)):
        return 0
    if column.kind == "number" and values > 11 and not partly and not _LABEL.search(column.name):
        return 0
    score = 1.0 + 3 * partly + 3 * bool(_LABEL.search(column.name))
    words = [word for word in column.spellings if word not in gone]
    known = (len(words) == 2 and ordered_pair(words) is not None) or (
        len(words) > 2 and on_scale(words) is not None
    )
    score += (
        2 * known
        + 1 * (values <= 11)
        - 3 * bool(_MODEL.search(column.name))
        - 2 * bool(_WHO.search(column.name))
    )
    return score + (1 if partly and filled < 0.8 * column.rows else 0)


@dataclass(frozen=True, slots=True)
class Covariate:
    """A column as a covariate: `category`, and how many coefficients it brings."""

    column: str
    category: bool
    why: str
    coefficients: int
    name: str = ""


def possible_covariates(
    columns: Sequence[ColumnFacts], taken: Sequence[str], labelled: NDArray[np.bool_]
) -> tuple[Covariate, ...]:
    """Columns that every row has and that vary among labelled rows: numbers, and categories of a few values."""
    found = (_covariate(c, labelled) for c in columns if c.name not in taken and c.empty == 0)
    return tuple(covariate for covariate in found if covariate is not None)


def is_another_labelling(column: ColumnFacts, label: ColumnFacts) -> bool:
    """What a model or another person said of the same texts: no covariate that explains the label."""
    named = _MODEL.search(column.name) or _LABEL.search(column.name)
    same = {word.casefold() for word in column.spellings} == {word.casefold() for word in label.spellings}
    return bool(_MODEL_WORD.search(column.name) or (named and same))


def _covariate(column: ColumnFacts, labelled: NDArray[np.bool_]) -> Covariate | None:
    if _ID.search(column.name) or column.free_text or column.kind not in ("number", "truth", "words"):
        return None
    if column.kind != "words":
        assert column.values is not None
        there = column.values[labelled]
        category = column.whole and 3 <= column.distinct <= MOST_LEVELS and _is_coded(column)
        if not category:
            if len(np.unique(there)) < 2 or (column.whole and column.distinct == column.rows):
                return None
            if column.distinct == 2 and min((there == v).sum() for v in np.unique(there)) < LEAST_IN_LEVEL:
                return None
            low, high = column.values.min(), column.values.max()
            return Covariate(column.name, False, f"numbers from {low:g} to {high:g}", 1)
    if not 2 <= column.distinct <= MOST_LEVELS:
        return None
    at_labels = [int((column.texts[labelled] == level).sum()) for level in column.counts]
    if min(at_labels) < LEAST_IN_LEVEL:
        return None
    shown = ", ".join(f"{word} {count}" for word, count in column.counts.most_common(6))
    more = ", ..." if column.distinct > 6 else ""
    return Covariate(column.name, True, f"{column.distinct} values: {shown}{more}", column.distinct - 1)


def _is_coded(column: ColumnFacts) -> bool:
    return bool(column.value_labels) or bool(_CATEGORY.search(column.name))


def affordable(possible: Sequence[Covariate], labelled: int) -> tuple[Covariate, ...]:
    """As many of them, in the table's order, as the labels can carry; at most a few."""
    most = max(2, labelled // PER_COEFFICIENT)
    taken: list[Covariate] = []
    for covariate in possible:
        if len(taken) < MOST_COVARIATES and 1 + sum(c.coefficients for c in [*taken, covariate]) <= most:
            taken.append(covariate)
    return tuple(taken)
