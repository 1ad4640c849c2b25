"""A document as parts that every format has: headings, paragraphs, lists, tables, texts as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the document's."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of plain texts."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain texts."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A text as it is, such as a prompt."""

    text: str


Part = Heading | Paragraph | Listing | Table | Verbatim


@dataclass(frozen=True, slots=True)
class Document:
    """The parts in order, and the day that the document is of."""

    title: str
    day: str
    """YYYY-MM-DD."""
    parts: tuple[Part, ...]
