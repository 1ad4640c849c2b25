"""Generate for a chunk of units: every (unit, step, draw) ends as exactly one row, keyed by the unit's id."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from moored.llm.endpoints import Endpoint, require_key
from moored.llm.ledger import Journal
from moored.llm.recipe import Recipe
from moored.llm.safety import instructs, redacted
from moored.study import Generation as Limits

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Unit:
    """One text to generate for."""

    id: str
    text: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Generation:
    """The terminal row of one (unit, source, step, draw)."""

    unit_id: str
    source: str
    step: str
    """`write`, or `read.<variable>`."""
    draw: int
    recipe: str
    """The recipe's fingerprint."""
    content_hash: str
    status: str
    """ok, failed, refused or over-budget."""
    value: float | None
    text: str | None
    """The written text, or the answer."""
    reply: str | None
    """As it came."""
    error: str | None
    error_kind: str | None
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    latency_s: float
    cached: bool
    request_key: str | None
    flag: str | None
    """`instructs` where the unit's text looks as if it spoke to the model."""
    prices: str
    """The price table behind `usd`."""


def generate(
    units: Sequence[Unit],
    recipe: Recipe,
    endpoint: Endpoint,
    journal: Journal,
    generation: Limits,
    *,
    again: bool = False,
) -> list[Generation]:
    """Every step of one source for these units, concurrently; replies already in the journal cost nothing.

    `again` asks anew where the stored reply could not be used. Errors: `KeyRefused`, `RequestRefused`,
    `EndpointUnreachable`, those of the journal: what ended before is in the journal.
    """
    require_key(endpoint)
    return asyncio.run(_generate(units, recipe, endpoint, journal, generation, again=again))


async def _generate(
    units: Sequence[Unit],
    recipe: Recipe,
    endpoint: Endpoint,
    journal: Journal,
    limits: Limits,
    *,
    again: bool,
) -> list[Generation]:
    from moored.llm.client import Client
    from moored.llm.ledger import Writer
    from moored.llm.limits import Gate
    from moored.llm.prices import price_of, require_price
    from moored.llm.sender import Sender
    from moored.llm.steps import Steps

    price = price_of(recipe, endpoint)
    require_price(price, recipe, limits)
    most = min(limits.concurrency, endpoint.concurrency or limits.concurrency)
    gate = Gate((endpoint.identity, recipe.model), most, limits.max_attempts)
    async with Writer(journal) as writer, Client(endpoint, recipe.timeout_s, most) as client:
        sender = Sender(recipe.source, client, gate, writer, journal, price, limits)
        steps = Steps(recipe, sender, again=again)
        if recipe.redact:
            units = [Unit(unit.id, redacted(unit.text), unit.content_hash) for unit in units]
        # Step by step, not unit by unit: requests with the same head follow each other, which a local
        # server's prefix cache rewards.
        rows: list[Generation] = []
        texts = [(unit, unit.text) for unit in units]
        if recipe.kind == "synthetic":
            written = await _in_parallel(units, steps.write, most)
            rows += written
            texts = [(u, row.text) for u, row in zip(units, written, strict=True) if row.text is not None]
            failed = [(u, row) for u, row in zip(units, written, strict=True) if row.text is None]
            rows += [lost for u, row in failed for lost in steps.unreadable(u, row)]
        for step, draw in recipe.steps:
            if step != "write":
                read = partial(steps.read, step.removeprefix("read."), draw)
                rows += await _in_parallel(texts, read, most)
    return rows


async def _in_parallel(
    items: Sequence[Item], work: Callable[[Item], Awaitable[Generation]], most: int
) -> list[Generation]:
    """Results in the order of the items. The first error ends the work once everything in flight has ended."""
    results: dict[int, Generation] = {}
    queue = deque(enumerate(items))

    async def worker() -> None:
        while queue:
            place, item = queue.popleft()
            try:
                results[place] = await work(item)
            except BaseException:
                queue.clear()
                raise

    ended = await asyncio.gather(*(worker() for _ in range(min(most, len(items)))), return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error
    return [results[place] for place in range(len(items))]


def flag_of(text: str) -> str | None:
    """The flag column's value for a unit's text."""
    return "instructs" if instructs(text) else None
