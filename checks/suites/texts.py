"""Raw texts: ids, emptiness, length, duplicates, language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from checks.check import Check, Measure, all_true, at_most
from checks.textprints import nearly_repeated, repeated
from checks.view import View

LANGUAGE_SAMPLE = 5_000
"""Texts whose language is looked at; drawn by the study's seed where there are more."""

CHECKS = (
    all_true("ids-present", "units", "has_id", "units without an id", "give each row of the data an id"),
    Check(
        "ids-unique",
        "critical",
        "units",
        "ExpectColumnValuesToBeUnique",
        {"column": "unit_id"},
        "units that share their id with another",
        "none",
        "make the id column of the data unique",
    ),
    Check(
        "text-present",
        "critical",
        "units",
        "ExpectColumnValuesToBeBetween",
        {"column": "length", "min_value": 1},
        "units without text",
        "none",
        "remove them from the data, or give them their text",
    ),
    Check(
        "text-length",
        "warning",
        "units",
        "ExpectColumnValuesToBeBetween",
        {"column": "written_length", "min_value": "$text_length[0]", "max_value": "$text_length[1]"},
        "texts of unusual length",
        "{text_length[0]} to {text_length[1]} characters",
        "look whether they are texts of the study, or widen checks.text_length",
    ),
    at_most(
        "exact-duplicates",
        "max_duplicate_share",
        "the share of texts that equal another",
        "one text under two ids counts twice: remove copies, or name a cluster column",
    ),
    at_most(
        "near-duplicates",
        "max_near_duplicate_share",
        "the share of texts that equal or nearly equal another",
        "remove copies and forwarded texts, or name a cluster column",
    ),
    at_most(
        "text-language",
        "max_other_language_share",
        "the share of texts outside the main language",
        "the prompts are written for one language: split the study, or raise checks.max_other_language_share",
    ),
)


def measures(view: View) -> Iterator[Measure]:
    """Duplicates and languages of the raw texts."""
    equal = repeated(view.raw_texts)
    near = nearly_repeated(view.raw_texts)
    yield Measure("exact-duplicates", "texts", float(np.mean(equal)), view.ids(equal))
    yield Measure("near-duplicates", "texts", float(np.mean(near)), view.ids(near))
    rows = some(view, view.T)
    spoken = {int(t): view.spoken(int(t)) for t in rows}
    told = {t: name for t, name in spoken.items() if name is not None}
    if not told:
        yield Measure(
            "text-language", "texts", float("nan"), note="no text is long enough to tell its language"
        )
        return
    main = Counter(told.values()).most_common(1)[0][0]
    others = np.array([t for t, name in told.items() if name != main], np.int64)
    note = f"the main language is {main}, told of {len(told)} texts"
    yield Measure("text-language", "texts", len(others) / len(told), view.ids(others), note)


def some(view: View, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows whose language is looked at."""
    if count <= LANGUAGE_SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng(view.study.seed).choice(count, LANGUAGE_SAMPLE, replace=False))
