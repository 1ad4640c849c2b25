"""Generate for a chunk of units: every (unit, step, draw) ends as exactly one row, keyed by the unit's id."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from moored.llm.endpoints import Endpoint, require_key
from moored.llm.generations import Generation, Unit
from moored.llm.journal import Journal
from moored.llm.limits import lent_limiter
from moored.llm.loop import Lending, on_shared_loop
from moored.llm.prices import price_of, require_price
from moored.llm.recipe import Recipe
from moored.llm.safety import redacted
from moored.llm.useless import Start
from moored.llm.writer import Writer
from moored.study import GenerationSettings

Item = TypeVar("Item")

_WRITERS = Lending[Writer]()


def generate(
    units: Sequence[Unit],
    recipe: Recipe,
    endpoint: Endpoint,
    journal: Journal,
    generation: GenerationSettings,
    *,
    again: bool = False,
    begun: bool = False,
    workers: int = 1,
) -> list[Generation]:
    """Every step of one source for these units, concurrently; replies already in the journal cost nothing.

    `again` asks anew where the stored reply could not be used. begun: the source has usable rows already, so
    that a bad start of this chunk says nothing. workers: how many this process stands for; so many times
    `generation.concurrency` may be in flight, over all chunks of the process.

    Errors: `KeyRefused`, `RequestRefused`, `EndpointUnreachable`, `EndpointBusy`, `TooManyFailures` (the first 20
    rows of a step failed for one reason, and none can be used), those of the journal: what ended before is in the
    journal.
    """
    require_key(endpoint)
    most = min(generation.concurrency, endpoint.concurrency or generation.concurrency) * workers
    work = _generate(units, recipe, endpoint, journal, generation, most, again=again, begun=begun)
    return on_shared_loop(work)


async def _generate(
    units: Sequence[Unit],
    recipe: Recipe,
    endpoint: Endpoint,
    journal: Journal,
    limits: GenerationSettings,
    most: int,
    *,
    again: bool,
    begun: bool,
) -> list[Generation]:
    from moored.llm.client import lent_client
    from moored.llm.sender import Sender
    from moored.llm.steps import Steps

    price = price_of(recipe, endpoint)
    require_price(price, recipe, limits)
    waits = (limits.max_attempts, limits.max_wait_minutes * 60)
    async with (
        lent_limiter((endpoint.identity, recipe.model), most, *waits) as limiter,
        _WRITERS.lend((journal, limits.caps), lambda: Writer(journal, limits.caps)) as writer,
        lent_client(endpoint, recipe.timeout_s) as client,
    ):
        watched = None if again or begun or limits.max_failed_share == 1 else Start(recipe.source)
        sender = Sender(recipe.source, client, limiter, writer, journal, price, limits, watched)
        steps = Steps(recipe, sender, again=again)
        if recipe.redact:
            units = [Unit(unit.id, redacted(unit.text), unit.content_hash) for unit in units]
        # Step by step, not unit by unit: requests with the same head follow each other, which a local
        # server's prefix cache rewards.
        rows: list[Generation] = []
        texts = [(unit, unit.text) for unit in units]
        if recipe.kind == "synthetic":
            written = await _in_parallel(units, steps.write, 2 * most)
            rows += written
            texts = [(u, row.text) for u, row in zip(units, written, strict=True) if row.text is not None]
            failed = [(u, row) for u, row in zip(units, written, strict=True) if row.text is None]
            rows += [lost for u, row in failed for lost in steps.unreadable(u, row)]
        for step, draw in recipe.steps:
            if step != "write":
                read = partial(steps.read, step.removeprefix("read."), draw)
                rows += await _in_parallel(texts, read, 2 * most)
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
