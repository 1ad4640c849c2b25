"""From the values of a label column to answers, a question and a family; or a refusal that says what to state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from moored.errors import AnswersUnclear
from moored.study.draft.columns import ColumnFacts
from moored.study.draft.names import noun_of
from moored.study.draft.scales import on_scale, ordered_pair

OutcomeKind = Literal["binary", "scale", "score", "class"]

_NUMBERED = re.compile(r"([+-]?\d+)\s*[-–—=:.)]\s*\S.*")
_TRUTHS = ("true", "false")
_GERMAN = frozenset(("ja", "nein"))
_GENERIC = frozenset(
    ("label", "rating", "score", "value", "code", "class", "category", "answer", "likert", "y", "outcome")
)
MOST_ON_SCALE = 11
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """What may be answered and what it is worth.

    sure: nothing here was a guess. human: SQL, where the labels are not the column as it is. word: the answer
    that counts as 1, where it names the outcome.
    """

    kind: OutcomeKind
    values: Mapping[str, float]
    ask: str
    why: str
    sure: bool = True
    human: str | None = None
    word: str | None = None


def answers_of(
    column: ColumnFacts,
    words: Sequence[str],
    *,
    kind: OutcomeKind | None = None,
    one: str | None = None,
    stated: Mapping[str, float] | None = None,
) -> Answers:
    """The answers that the labels of a column stand for. words: its values, most frequent first.

    one: the value that counts as 1. stated: the answers as the user gives them. Errors: `AnswersUnclear`.
    """
    if stated is not None:
        return _stated(column, words, stated)
    if len(words) < 2:
        raise AnswersUnclear(
            f"every label in {column.name!r} is {words[0]!r}, and an estimate needs labels that differ; label more "
            "rows, or name another column (`--label`)"
        )
    if one is not None:
        return _against_rest(column, words, one)
    numeric = [_as_number(word) for word in words]
    if all(number is not None for number in numeric) and kind != "class":
        return _of_numbers(column, [n for n in numeric if n is not None], kind)
    numbered = [_NUMBERED.fullmatch(word) for word in words]
    if len(words) > 2 and all(numbered) and len({m[1] for m in numbered if m}) == len(words):
        worth = sorted((float(m[1]), word) for m, word in zip(numbered, words, strict=True) if m)
        return _scale(column, {word: number for number, word in worth}, "the numbers that they begin with")
    if len(words) == 2 and kind in (None, "binary"):
        return _pair(column, words)
    ladder = on_scale(words)
    if (ladder is not None or kind == "scale") and (coded := _by_codes(column, words)):
        return _scale(column, coded, "the codes of the file")
    if ladder is not None and kind in (None, "scale"):
        return _scale(column, {word: float(at) for at, word in enumerate(ladder, 1)}, "their usual order")
    raise _classes(column, words, kind)


def _by_codes(column: ColumnFacts, words: Sequence[str]) -> dict[str, float]:
    """The code of each label in a file that has codes, least first; empty where one has none."""
    codes = {label.strip(): _as_number(code) for code, label in column.value_labels.items()}
    found = {word: code for word in words if (code := codes.get(word)) is not None}
    return dict(sorted(found.items(), key=lambda item: item[1])) if len(found) == len(words) else {}


def _stated(column: ColumnFacts, words: Sequence[str], stated: Mapping[str, float]) -> Answers:
    known = {answer.strip().casefold() for answer in stated}
    left = [w for w in words if w.strip().casefold() not in known and _as_number(w) is None]
    if left:
        raise AnswersUnclear(
            f"{column.name!r} also holds {_listed(left)}, which `--answers` does not name; name every label, or "
            f"say which words mean no label (`--na {left[0]}`)"
        )
    worth = set(stated.values())
    kind: OutcomeKind = "binary" if worth == {0.0, 1.0} else "scale"
    ask = _ask_words(column, list(stated))
    word = next((name for name, value in stated.items() if value == 1), None) if kind == "binary" else None
    return Answers(kind, dict(stated), ask, "as you gave them", word=word if len(stated) == 2 else None)


def _as_number(word: str) -> float | None:
    try:
        number = float(word.replace(",", "."))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _of_numbers(column: ColumnFacts, numbers: Sequence[float], kind: OutcomeKind | None) -> Answers:
    values = sorted(set(numbers))
    if values == [0.0, 1.0] and kind in (None, "binary"):
        yes, no = ("ja", "nein") if _speaks_german(column) else ("yes", "no")
        return Answers("binary", {yes: 1.0, no: 0.0}, _ask_whether(column), "1 counts as yes, 0 as no")
    if len(values) == 2 and kind in (None, "binary"):
        low, high = (f"{value:g}" for value in values)
        return Answers(
            "binary",
            {high: 1.0, low: 0.0},
            _ask_words(column, [high, low]),
            f"a guess: {high}, the larger number, counts as 1",
            sure=False,
        )
    whole = all(value == round(value) for value in values)
    span = values[-1] - values[0]
    if kind == "scale" and not whole:
        raise AnswersUnclear(
            f"{column.name!r} holds numbers such as {values[0]:g}, which are no steps of a scale"
        )
    if whole and (kind == "scale" or (kind is None and span < MOST_ON_SCALE)):
        steps = range(int(values[0]), int(values[-1]) + 1)
        if len(steps) > 26:
            raise AnswersUnclear(
                f"{column.name!r} goes from {values[0]:g} to {values[-1]:g}, too many steps for one scale; say "
                "`--outcome-kind score`"
            )
        found = {str(step): float(step) for step in steps}
        return Answers("scale", found, _ask_scale(column, steps[0], steps[-1]), "the steps of the scale")
    ticks = _ticks(values[0], values[-1])
    found = {f"{tick:g}": tick for tick in ticks}
    return Answers("score", found, _ask_score(column, ticks), f"steps from {ticks[0]:g} to {ticks[-1]:g}")


def _ticks(low: float, high: float) -> list[float]:
    """A few round numbers that reach from `low` to `high`."""
    rough = (high - low) / _TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999))
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    return [float(f"{at * step:.10g}") for at in range(first, last + 1)]


def _pair(column: ColumnFacts, words: Sequence[str]) -> Answers:
    known = ordered_pair(words)
    rarer, commoner = words[1], words[0]
    one, zero = known or (rarer, commoner)
    why = f"{one!r} counts as 1" if known else f"a guess: {one!r}, the rarer one, counts as 1"
    truths = {one.casefold(), zero.casefold()}
    if truths in ({"yes", "no"}, {"y", "n"}, {"ja", "nein"}, {"j", "n"}, set(_TRUTHS), {"wahr", "falsch"}):
        return Answers("binary", {one: 1.0, zero: 0.0}, _ask_whether(column, one, zero), why)
    ask = _ask_words(column, [one, zero])
    return Answers("binary", {one: 1.0, zero: 0.0}, ask, why, sure=known is not None, word=one)


def _scale(column: ColumnFacts, worth: Mapping[str, float], by: str) -> Answers:
    least, most = min(worth.values()), max(worth.values())
    why = f"worth {least:g} to {most:g}, by {by}"
    return Answers("scale", dict(worth), _ask_words(column, list(worth)), why)


def _against_rest(column: ColumnFacts, words: Sequence[str], one: str) -> Answers:
    found = [word for word in words if word.casefold() == one.strip().casefold()]
    if not found:
        raise AnswersUnclear(
            f"no label in {column.name!r} is {one!r}; it holds {_listed(words)}: say one of these by `--one`"
        )
    if len(words) == 2:
        zero = next(word for word in words if word != found[0])
        values = {found[0]: 1.0, zero: 0.0}
        return Answers(
            "binary", values, _ask_words(column, list(values)), f"{found[0]!r} counts as 1", word=found[0]
        )
    cells, value = column.name.replace('"', '""'), found[0].replace("'", "''")
    gone = ", ".join("'" + word.replace("'", "''") + "'" for word in sorted(column.missing))
    cell = f'trim(CAST("{cells}" AS VARCHAR))'
    human = (
        f"CASE WHEN {cell} IN ({gone}) THEN NULL WHEN {cell} = '{value}' THEN 'yes' "
        f"WHEN {cell} IS NOT NULL THEN 'no' END"
    )
    ask = f"Is the {_noun(column)} of this text {found[0]}? Answer yes or no."
    why = f"{found[0]!r} against all other labels"
    return Answers("class", {"yes": 1.0, "no": 0.0}, ask, why, human=human, word=found[0])


def _classes(column: ColumnFacts, words: Sequence[str], kind: OutcomeKind | None) -> AnswersUnclear:
    if kind == "binary" or len(words) == 2:
        return AnswersUnclear(
            f"{column.name!r} holds {len(words)} different labels ({_listed(words)}), and a yes-or-no outcome has "
            f"two; say which one counts as 1 against all others, as `--one {as_typed(words[0])}`"
        )
    ladder = ",".join(f"{word}={at}" for at, word in enumerate(words[:3], 1))
    by_codes = "by `--outcome-kind scale` (the file has codes), or " if _by_codes(column, words) else ""
    return AnswersUnclear(
        f"{column.name!r} holds {len(words)} labels without a known order ({_listed(words)}); estimate the share "
        f"of one against all others by `--one {as_typed(words[0])}`, or give their values "
        f"{by_codes}by `--answers {as_typed(ladder + (',...' if len(words) > 3 else ''))}` if they have an order"
    )


def _listed(words: Sequence[str], most: int = 6) -> str:
    return ", ".join(repr(w) for w in words[:most]) + (", ..." if len(words) > most else "")


def as_typed(word: str) -> str:
    """A word as it is typed in a shell."""
    return word if re.fullmatch(r"[\w.,=-]+", word) else '"' + word.replace('"', '\\"') + '"'


def _noun(column: ColumnFacts) -> str:
    return noun_of(column.name)


def _speaks_german(column: ColumnFacts) -> bool:
    said = {word.casefold() for word in column.counts}
    return bool(said & _GERMAN) or bool(re.search(r"[äöüß]", column.name.casefold()))


def _wording(column: ColumnFacts) -> str | None:
    """What people were asked, where the file says it as a question."""
    said = " ".join(column.label.split())
    return said if said.endswith("?") else None


def _ask_whether(column: ColumnFacts, yes: str = "yes", no: str = "no") -> str:
    german = _speaks_german(column)
    if (asked := _wording(column)) is not None:
        return f"{asked} " + (f"Antworte {yes} oder {no}." if german else f"Answer {yes} or {no}.")
    if german:
        yes, no = ("ja", "nein") if (yes, no) == ("yes", "no") else (yes, no)
        return f'Trifft "{_noun(column)}" auf diesen Text zu? Antworte {yes} oder {no}.'
    noun = _noun(column)
    if {yes.casefold(), no.casefold()} == set(_TRUTHS):
        return f'True or false: "{noun}" holds for this text. Answer {yes} or {no}.'
    if noun.casefold().startswith("is "):
        return f"Is this text {noun[3:]}? Answer {yes} or {no}."
    return f'Does "{noun}" hold for this text? Answer {yes} or {no}.'


def _ask_words(column: ColumnFacts, words: Sequence[str]) -> str:
    said = f"{', '.join(words[:-1])} or {words[-1]}"
    if (asked := _wording(column)) is not None:
        return f"{asked} Answer {said}."
    noun = _noun(column)
    if any(word.casefold() == noun.casefold() for word in words) or noun.casefold() in _GENERIC:
        return f"Is this text {said}?" if len(words) == 2 else f"Which of these fits this text: {said}?"
    return f"What is the {noun} of this text: {said}?"


def _rate(column: ColumnFacts) -> str:
    noun = _noun(column)
    return "Rate this text." if noun.casefold() in _GENERIC else f"Rate the {noun} of this text."


def _ask_scale(column: ColumnFacts, low: int, high: int) -> str:
    asked = _wording(column) or _rate(column)
    return f"{asked} Answer with a whole number from {low} (lowest) to {high} (highest)."


def _ask_score(column: ColumnFacts, ticks: Sequence[float]) -> str:
    asked = _wording(column) or _rate(column)
    said = ", ".join(f"{tick:g}" for tick in ticks[:-1])
    return f"{asked} Answer with the nearest of {said} or {ticks[-1]:g}."
