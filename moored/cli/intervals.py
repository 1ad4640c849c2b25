"""Intervals drawn with characters, on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from moored.plaintext import plain

LEAST_WIDTH = 24
_NAME = 18


class Interval(NamedTuple):
    """One line: `naive` ones are drawn apart, `[=x=]` in the place of `(-o-)`."""

    name: str
    lower: float | None
    estimate: float
    upper: float | None
    naive: bool = False


def interval_lines(intervals: Sequence[Interval], width: int, zero: float = 0.0) -> list[str]:
    """The intervals on one scale, with a colon at `zero` where that is within it.

    An open end goes to the edge. Empty where there is no room, or nothing finite to draw.
    """
    room = width - _NAME - 4
    values = [
        value
        for found in intervals
        for value in (found.lower, found.estimate, found.upper)
        if value is not None and math.isfinite(value)
    ]
    if room < LEAST_WIDTH or not values or max(values) == min(values):
        return []
    low, high = min(values), max(values)
    at = round((zero - low) / (high - low) * (room - 1)) if low <= zero <= high else None
    return [
        f"  {plain(found.name)[:_NAME]:<{_NAME}}  {_drawn(found, low, high, room, at)}".rstrip()
        for found in intervals
    ]


def _drawn(found: Interval, low: float, high: float, room: int, zero: int | None) -> str:
    cells = [" "] * room
    if zero is not None:
        cells[zero] = ":"

    def place(value: float | None, edge: int) -> int:
        if value is None or not math.isfinite(value):
            return edge
        return round((value - low) / (high - low) * (room - 1))

    left, middle, right = place(found.lower, 0), place(found.estimate, 0), place(found.upper, room - 1)
    line, begin, end, point = ("=", "[", "]", "x") if found.naive else ("-", "(", ")", "o")
    for cell in range(left, right + 1):
        cells[cell] = line
    cells[left], cells[right] = begin, end
    cells[middle] = point
    return "".join(cells)
