"""Written texts: copies, repeats, refusals, length, language, variety."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.check import Check, Measure, all_true, at_least, at_most
from checks.language import language
from checks.statistics import entropy
from checks.suites.texts import LANGUAGE_SAMPLE, some
from checks.textprints import alike, nearly_repeated
from checks.view import View, Written
from moored.plaintext import counted

BOILERPLATE = (
    "as an ai",
    "as a language model",
    "as an artificial intelligence",
    "i'm an ai",
    "i am an ai",
    "i cannot fulfill",
    "i can't fulfill",
    "i cannot assist",
    "i can't assist",
    "i can't help with",
    "i cannot help with",
    "i'm unable to",
    "i am unable to",
    "i cannot provide",
    "i can't provide",
    "i cannot generate",
    "i cannot create",
    "i'm sorry, but i",
    "i am sorry, but i",
    "here is a rewritten",
    "here's a rewritten",
    "here is the rewritten",
    "here is another version",
    "sure, here is",
    "sure, here's",
    "sure! here",
    "certainly! here",
)
"""What a model says of itself or of its task, lower case."""

CHECKS: tuple[Check, ...] = (
    all_true(
        "synthetic-present",
        "written",
        "has_text",
        "written texts that are empty though their generation is marked ok",
        "regenerate them: an empty text has nothing to read",
    ),
    at_most(
        "synthetic-copies",
        "max_copied_share",
        "the share of written texts that equal or nearly equal their parent",
        "a copy says no more than the proxy does: ask for other words, or raise the temperature",
    ),
    at_most(
        "synthetic-repeats",
        "max_repeated_share",
        "the share of written texts that equal or nearly equal another written text",
        "raise the temperature or give the prompt more of the parent",
    ),
    at_most(
        "boilerplate",
        "max_boilerplate_share",
        'the share of written texts with phrases such as "as an AI"',
        "such texts are about the model, not the unit: change the writing prompt or the model",
    ),
    Check(
        "synthetic-length",
        "warning",
        "measures",
        "ExpectColumnValuesToBeBetween",
        {"column": "synthetic-length", "min_value": "$length_ratio[0]", "max_value": "$length_ratio[1]"},
        "the median length of written texts over their parents'",
        "{length_ratio[0]} to {length_ratio[1]}",
        "change model.max_tokens or the writing prompt",
    ),
    at_most(
        "synthetic-language",
        "max_other_language_share",
        "the share of written texts in another language than their parent",
        "name the language in the writing prompt",
    ),
    at_least(
        "synthetic-distinct",
        "min_distinct_share",
        "the share of distinct texts among the written",
        "the model has collapsed to a few texts: raise the temperature or use a stronger model",
    ),
    at_least(
        "synthetic-entropy",
        "min_entropy_ratio",
        "the entropy of the written texts' words over their parents'",
        "the model has collapsed to a few words: raise the temperature or use a stronger model",
    ),
)


def measures(view: View) -> Iterator[Measure]:
    """What each synthetic source's texts look like."""
    for source in view.study.sources:
        if source.kind != "synthetic":
            continue
        written = view.written(source.name)
        if len(written.texts):
            yield from _copies(view, source.name, written)
            yield from _wording(view, source.name, written)
            yield from _variety(view, source.name, written)


def _copies(view: View, source: str, written: Written) -> Iterator[Measure]:
    parents = written.parents
    copied = alike(written.texts.prints, view.raw_texts.prints[parents]) & (written.texts.lengths > 0)
    yield Measure("synthetic-copies", source, float(copied.mean()), view.ids(parents[copied]))
    repeats = nearly_repeated(written.texts)
    yield Measure("synthetic-repeats", source, float(repeats.mean()), view.ids(parents[repeats]))
    distinct = len(np.unique(written.texts.keys)) / len(written.texts)
    yield Measure("synthetic-distinct", source, distinct)


def _wording(view: View, source: str, written: Written) -> Iterator[Measure]:
    own = np.array([any(phrase in text for phrase in BOILERPLATE) for text in written.texts], np.bool_)
    parents = written.parents
    # A parent may itself speak of an AI.
    for row in np.flatnonzero(own):
        own[row] = not any(phrase in view.raw_texts[parents[row]] for phrase in BOILERPLATE)
    yield Measure("boilerplate", source, float(own.mean()), view.ids(parents[own]))
    of_parents = float(np.median(view.raw_texts.lengths[parents]))
    ratio = float(np.median(written.texts.lengths) / max(1.0, of_parents))
    yield Measure("synthetic-length", source, ratio)


def _variety(view: View, source: str, written: Written) -> Iterator[Measure]:
    rows = some(view, len(written.texts))
    parents = written.parents[rows]
    pairs = [
        (language(written.texts[row]), view.spoken(int(t))) for row, t in zip(rows, parents, strict=True)
    ]
    told = np.array([None not in pair for pair in pairs], np.bool_)
    other = np.array([None not in pair and pair[0] != pair[1] for pair in pairs], np.bool_)
    share = float(other.sum() / told.sum()) if told.any() else float("nan")
    note = "" if told.any() else "no text is long enough to tell its language"
    yield Measure("synthetic-language", source, share, view.ids(parents[other]), note)
    words = [word for row in rows for word in written.texts[row].split()]
    theirs = [word for t in parents for word in view.raw_texts[t].split()]
    fewest = min(len(words), len(theirs))
    if fewest < 200:
        note = f"{counted(fewest, 'word is', 'words are')} too few to compare"
        yield Measure("synthetic-entropy", source, float("nan"), note=note)
        return
    ratio = entropy(words[:fewest]) / max(entropy(theirs[:fewest]), 1e-12)
    yield Measure(
        "synthetic-entropy", source, ratio, note=f"on {counted(min(LANGUAGE_SAMPLE, len(rows)), 'text')}"
    )
