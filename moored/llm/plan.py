"""What a run will ask, counted on the actual prompts, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moored.llm.endpoints import AbilityStore, Endpoint
from moored.llm.generations import Unit
from moored.llm.journal import Journal
from moored.llm.prices import Price, expected_tokens, price_of
from moored.llm.recipe import Recipe
from moored.llm.replies import parse_written
from moored.llm.requests import Request, read_request, write_request
from moored.llm.safety import redacted

COSTLIEST = {"logprobs": False, "json_schema": True}
"""The abilities that lead to the most requests: no soft labels, so draws."""


@dataclass(frozen=True, slots=True)
class PlannedCalls:
    """One step of one source: how many requests, and what they cost at most. Tokens are estimates."""

    source: str
    step: str
    requests: int
    """To be sent."""
    stored: int
    """Already answered, free."""
    prompt_tokens: int
    completion_tokens: int
    """At most: every reply as long as allowed."""
    usd: float
    prices: str
    priced: bool
    """False where no price is known."""


@dataclass(slots=True)
class NeverAsks:
    """What endpoints are known to give; of one that was never asked the costliest is assumed, and noted."""

    known: AbilityStore | None
    assumed: list[str] = field(default_factory=list)
    may_ask: bool = False

    def abilities(self, endpoint: str) -> dict[str, Any]:
        """As remembered, else `COSTLIEST`."""
        found = self.known.abilities(endpoint) if self.known is not None else None
        if found is None:
            self.assumed.append(endpoint)
        return found or dict(COSTLIEST)

    def keep_abilities(self, endpoint: str, abilities: Mapping[str, Any], requests: int) -> None:
        """Nothing is found out, nothing is kept."""


def plan_calls(
    units: Sequence[Unit],
    recipe: Recipe,
    endpoint: Endpoint,
    journal: Journal | None = None,
    ended: int = 0,
    *,
    batch: bool = False,
) -> list[PlannedCalls]:
    """Requests, tokens and cost of a source for these units, one row per step; nothing is sent.

    Reads of a text that is not written yet are counted as if it were as long as allowed. Repair rounds and
    repeated attempts are not in it. `ended`: how many further units need nothing more. `batch`: by the Batch API.
    """
    texts: Iterator[tuple[str, Journal | None]] = (
        (redacted(unit.text) if recipe.redact else unit.text, journal) for unit in units
    )
    tallies = []
    if recipe.kind == "synthetic":
        write = _Tally("write", stored=ended)
        tallies.append(write)
        texts = _written(write, [text for text, _ in texts], recipe, journal)
    reads = [_Tally(f"read.{variable}", stored=ended * recipe.draws) for variable in recipe.questions]
    for text, known in texts:
        for variable, tally in zip(recipe.questions, reads, strict=True):
            for draw in range(recipe.draws):
                tally.count(read_request(recipe, variable, text, draw), known)
    price = price_of(recipe, endpoint, batch=batch)
    return [tally.priced(recipe.source, price) for tally in (*tallies, *reads)]


def _written(
    tally: _Tally, texts: Sequence[str], recipe: Recipe, journal: Journal | None
) -> Iterator[tuple[str, Journal | None]]:
    """The texts to be read: those that were written before, else one as long as allowed."""
    longest = "word " * recipe.max_tokens
    for text in texts:
        raw = tally.count(write_request(recipe, text), journal)
        if raw is None:
            yield longest, None
            continue
        if (written := parse_written(raw).text) is not None:
            yield written, journal


@dataclass(slots=True)
class _Tally:
    """The count of one step."""

    step: str
    stored: int
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def count(self, request: Request, journal: Journal | None) -> str | None:
        """Count a request; the stored reply if there is one."""
        found = journal.reply(request.key) if journal is not None else None
        if found is not None:
            self.stored += 1
            return found.reply
        prompt, completion = expected_tokens(request.body)
        self.requests += 1
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        return None

    def priced(self, source: str, price: Price) -> PlannedCalls:
        """With the price of the source's model."""
        usd = price.usd(self.prompt_tokens, self.completion_tokens)
        return PlannedCalls(
            source,
            self.step,
            self.requests,
            self.stored,
            self.prompt_tokens,
            self.completion_tokens,
            usd,
            price.table,
            price.known,
        )
