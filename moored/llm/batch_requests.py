"""What a batch asks: the requests that can go out now, by what the journal knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from moored.llm.generations import Unit
from moored.llm.journal import Journal
from moored.llm.recipe import Recipe
from moored.llm.replies import parse_written
from moored.llm.requests import Request, read_request, write_request
from moored.llm.safety import redacted


class BatchJournal(Journal, Protocol):
    """The journal, with its batches."""

    def expected(self, call: int) -> tuple[int, int]:
        """The tokens of the prompt and of the reply that a request was written down with."""

    def keep_batch(self, batch: str, *, source: str, endpoint: str, calls: Mapping[str, int]) -> None:
        """Write down a batch: its calls by key."""

    def name_batch(self, known: str, batch: str) -> None:
        """Give a batch that was written down under another name this one."""

    def close_batch(self, batch: str, status: str) -> None:
        """Mark it as fetched, failed or expired."""

    def open_batches(self, source: str, endpoint: str) -> list[tuple[str, dict[str, int]]]:
        """Batches that were written down and not fetched: name, calls by key."""

    def finish(
        self,
        call: int,
        *,
        outcome: str,
        http_status: int | None,
        prompt_tokens: int,
        completion_tokens: int,
        usd: float,
    ) -> None:
        """Write down how one request ended, whatever it began with."""

    def withdraw(self, call: int) -> None:
        """Take back a request that was written down and never sent."""

    def refused_in_batches(self, source: str) -> set[str]:
        """Keys of requests that a batch came to and could not answer."""


def missing_requests(units: Iterable[Unit], recipe: Recipe, journal: BatchJournal) -> Iterator[Request]:
    """The requests that can go out now and have no stored reply: of a synthetic source first the writes,
    once they are answered the reads. No two have one key, and none was refused in a batch before."""
    passed = journal.refused_in_batches(recipe.source)
    for unit in units:
        for request in _requests(redacted(unit.text) if recipe.redact else unit.text, recipe, journal):
            if request.key not in passed and journal.reply(request.key) is None:
                passed.add(request.key)
                yield request


def _requests(text: str, recipe: Recipe, journal: Journal) -> Iterator[Request]:
    """What can be asked of one text now."""
    read: str | None = text
    if recipe.kind == "synthetic":
        write = write_request(recipe, text)
        stored = journal.reply(write.key)
        if stored is None:
            yield write
            return
        read = parse_written(stored.reply).text
    if read is not None:
        for step, draw in recipe.steps:
            if step != "write":
                yield read_request(recipe, step.removeprefix("read."), read, draw)
