"""Words and numbers in a width: words wrap, numbers are never cut, hostile characters are shown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["words", "whole", "number"]
"""Of a column: words wrap; what is whole (an id, a time) and numbers do not. Numbers stand to the right."""

_GAP = 2
_LONGEST_WORD = 24


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """A line as lines of at most `width`, broken between words only; the later ones are indented by four more."""
    if width is None:
        return [indent + text]
    lines = textwrap.wrap(
        text,
        max(width, 10),
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]


@dataclass(frozen=True, slots=True)
class Block:
    """A table that fits: the lines of its header, and of each row."""

    header: list[str]
    rows: list[list[str]]

    def lines(self) -> list[str]:
        """All of them."""
        return [*self.header, *(line for row in self.rows for line in row)]


def blocks(
    headers: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[Kind], width: int | None
) -> list[Block]:
    """A table as one block of at most `width`, or several.

    Words wrap first. What then does not fit is a block of its own that repeats what names the rows.
    """
    columns = [[header, *(row[at] for row in rows)] for at, header in enumerate(headers)]
    least = [_least(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    most = [max([low, *map(_cells, column[1:])]) for column, low in zip(columns, least, strict=True)]
    return [
        _block(headers, rows, kinds, places, least, most, width) for places in _places(least, kinds, width)
    ]


def _block(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    kinds: Sequence[Kind],
    places: Sequence[int],
    least: Sequence[int],
    most: Sequence[int],
    width: int | None,
) -> Block:
    widths = _widths([least[at] for at in places], [most[at] for at in places], width)
    header, *body = (
        _row_lines([row[at] for at in places], [kinds[at] for at in places], widths)
        for row in (headers, *rows)
    )
    return Block(header, body)


def _places(least: Sequence[int], kinds: Sequence[Kind], width: int | None) -> Iterator[list[int]]:
    """The columns of each block: those that name the row, then as many others as there is room for."""
    keys = next((at for at, kind in enumerate(kinds) if kind == "number"), 1) or 1
    if width is not None and sum(least[at] + _GAP for at in range(keys)) > width / 2:
        keys = 1
    block = list(range(keys))
    for at in range(keys, len(least)):
        used = sum(least[i] + _GAP for i in block)
        if width is not None and len(block) > keys and used + least[at] > width:
            yield block
            block = list(range(keys))
        block.append(at)
    yield block


def _widths(least: Sequence[int], most: Sequence[int], width: int | None) -> list[int]:
    """What each column gets: what it needs, and of the rest what it can use, from the left."""
    if width is None:
        return list(most)
    free = width - sum(least) - _GAP * (len(least) - 1)
    widths = []
    for low, high in zip(least, most, strict=True):
        more = max(0, min(high - low, free))
        free -= more
        widths.append(low + more)
    return widths


def _row_lines(row: Sequence[str], kinds: Sequence[Kind], widths: Sequence[int]) -> list[str]:
    parts = [_wrap(text, width) for text, width in zip(row, widths, strict=True)]
    lines = []
    for at in range(max(map(len, parts))):
        cells = [part[at] if at < len(part) else "" for part in parts]
        padded = [_padded(*cell) for cell in zip(cells, kinds, widths, strict=True)]
        lines.append((" " * _GAP).join(padded).rstrip())
    return lines


def _padded(text: str, kind: Kind, width: int) -> str:
    space = " " * max(0, width - _cells(text))
    return space + text if kind == "number" else text + space


def _wrap(text: str, width: int) -> list[str]:
    if _cells(text) <= width:
        return [text]
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    return lines or [""]


def _least(column: Sequence[str], kind: Kind) -> int:
    """The fewest cells that a column needs: its longest word, or whole what does not wrap."""
    words = max((_cells(word) for word in column[0].split()), default=1)
    if kind != "words":
        return max([words, *map(_cells, column[1:])])
    longest = max((_cells(word) for text in column[1:] for word in text.split()), default=1)
    return max(words, min(longest, _LONGEST_WORD))


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
