"""What changed from one version to the next, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moored.plaintext import counted, listed
from moored.versions.diff import Change, Diff

MOST_KEYS = 6
_NOISE = {"fingerprint", "generation_row"}


def changes_of(diff: Diff) -> list[str]:
    """One sentence per kind of change: code, study, recipes, units; what moved the estimate is among them."""
    told = []
    if diff.keys:
        told.append(f"Study: {_named(diff.keys)}.")
    for source, changes in diff.recipes.items():
        told.append(f"Recipe of {source}: {_named(changes) or 'another one'}.")
    units = [f"{row['change']}: {row['units']:,}" for row in diff.units or ()]
    if units:
        told.append(f"Data: {'; '.join(units)}.")
    if diff.headline is not None:
        told.append(f"The estimate to read: {diff.headline.a} before, {diff.headline.b} now.")
    if diff.code_version is not None:
        told.append(f"Code: {diff.code_version.a} before, {diff.code_version.b} now.")
    again = any(change.key == "generation_row" for change in diff.counts)
    if again and not diff.recipes and not units:
        told.append("Some generations were made again.")
    return told or ["Nothing that the estimate rests on."]


def _named(changes: Iterable[Change]) -> str:
    kept = [change for change in changes if change.key not in _NOISE]
    said = [f"{change.key} {_short(change.a)} → {_short(change.b)}" for change in kept[:MOST_KEYS]]
    more = len(kept) - MOST_KEYS
    return listed([*said, counted(more, "more key")]) if more > 0 else listed(said)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
