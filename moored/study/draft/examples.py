"""Examples for the model, drawn at random from the labelled rows in proportion to their labels.

What the model has seen cannot correct it, so those rows leave the data. Drawn in proportion, they leave the mean of
the labels that stay as it was (docs/method.md, rule 3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from moored.study.draft.answers import Answers
from moored.study.draft.columns import ColumnFacts

LEAST, MOST = 6, 12
LONGEST = (400, 1_200)
"""Characters of a text that is shown; up to the second where too few are so short."""
TOGETHER = 2_500
LEAST_LEFT = 20
"""Labelled rows that are left for the estimate, half of it where there are few; for each that is shown two more."""


def draw_examples(
    text: ColumnFacts,
    labels: Sequence[str | None],
    worth: Mapping[str, float],
    seed: int,
    barred: frozenset[str] = frozenset(),
) -> tuple[tuple[str, str], ...]:
    """(text, answer) pairs.

    labels: each row's answer, None where there is none. barred: texts that must not be shown.

    Rows are ordered by what their label is worth, by chance within a label, and one is drawn from each of so many
    equal parts: each row has the same chance, and labels stand in proportion. None where the labels are too few.
    """
    labelled = [row for row, answer in enumerate(labels) if answer is not None]
    shares = [count / len(labelled) for count in Counter(labels[row] for row in labelled).values()]
    wanted = int(np.clip(np.ceil(1 / min(shares)), LEAST, MOST)) if shares else 0
    fit = _fit(text, labelled, barred, wanted)
    if fit:
        middling = float(np.median([len(text.texts[row]) for row in fit]))
        wanted = min(wanted, max(2, int(TOGETHER // max(middling, 1.0))))
    spare = max((len(labelled) - LEAST_LEFT) // 2, 2 if len(labelled) >= LEAST_LEFT // 2 + 2 else 0)
    wanted = min(wanted, spare, len(fit))
    if wanted < 2:
        return ()
    rng = np.random.default_rng(seed)
    mixed = [fit[at] for at in rng.permutation(len(fit))]
    mixed.sort(key=lambda row: worth[str(labels[row])])
    step = len(mixed) / wanted
    taken = [mixed[int((at + rng.random()) * step)] for at in range(wanted)]
    order = rng.permutation(len(taken))
    return tuple((str(text.texts[taken[at]]), str(labels[taken[at]])) for at in order)


def answer_names(label: ColumnFacts, answers: Answers) -> list[str | None]:
    """The answer that each row's label stands for; for a number the one that is nearest; None without a label."""
    folded = {name.strip().casefold(): name for name in answers.values}
    if answers.kind == "class" and answers.word is not None:
        folded = {word.casefold(): "yes" if word == answers.word else "no" for word in label.counts}
    worth = np.array(list(answers.values.values()))
    names = list(answers.values)
    found: dict[str, str | None] = {}
    for word in label.counts:
        name = folded.get(word.casefold())
        if name is None:
            name = _nearest(word, names, worth)
        found[word] = name
    return [found[word] if known else None for word, known in zip(label.texts, label.known, strict=True)]


def _nearest(word: str, names: Sequence[str], worth: NDArray[np.float64]) -> str | None:
    try:
        number = float(word.replace(",", "."))
    except ValueError:
        return None
    return names[int(np.abs(worth - number).argmin())]


def _fit(text: ColumnFacts, rows: Sequence[int], barred: frozenset[str], wanted: int) -> list[int]:
    """The rows whose text is short and stands there once; where those are few, longer ones, then copies too."""
    copies = Counter(map(_folded, text.texts))
    fit: list[int] = []
    for longest, most in ((LONGEST[0], 1), (LONGEST[1], 1), (LONGEST[1], len(copies) + text.rows)):
        able = [row for row in rows if 0 < len(text.texts[row]) <= longest and text.texts[row] not in barred]
        fit = [row for row in able if copies[_folded(text.texts[row])] <= most]
        if len(fit) >= 2 * wanted:
            break
    first = dict.fromkeys(_folded(text.texts[row]) for row in fit)
    return [row for row in fit if first.pop(_folded(text.texts[row]), True) is None]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
