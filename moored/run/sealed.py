"""A value that Prefect passes on without looking inside.

It walks through a task's parameters, records and lists of records, text by text, for futures that they might hold:
a fifth of the CPU time of a generated row.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Sealed(Generic[T]):
    """Holds one value; no record, list or mapping itself."""

    __slots__ = ("inside",)

    def __init__(self, inside: T) -> None:
        self.inside = inside
