"""What a run will ask, counted on the actual prompts, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from moored.llm.endpoints import Endpoint
from moored.llm.generate import Unit
from moored.llm.ledger import Journal
from moored.llm.prices import expected_tokens, price_of
from moored.llm.recipe import Recipe
from moored.llm.requests import Request, read_request, write_request
from moored.llm.safety import redacted


@dataclass(frozen=True, slots=True)
class PlannedCalls:
    """One step of one source: how many requests, and what they cost at most. Tokens are estimates."""

    source: str
    step: str
    requests: int
    """To be sent."""
    stored: int
    """Already answered in the journal, free."""
    prompt_tokens: int
    completion_tokens: int
    """At most: every reply as long as allowed."""
    usd: float
    prices: str
    priced: bool
    """False where no price is known."""


def plan_calls(
    units: Sequence[Unit], recipe: Recipe, endpoint: Endpoint, journal: Journal | None = None
) -> list[PlannedCalls]:
    """Requests, tokens and cost of a source for these units, one row a step; nothing is sent.

    Reads of a text that is not written yet are counted as if it were as long as allowed.
    """
    texts = [redacted(unit.text) if recipe.redact else unit.text for unit in units]
    rows = []
    if recipe.kind == "synthetic":
        rows.append(
            _count(recipe, endpoint, "write", (write_request(recipe, text) for text in texts), journal)
        )
        longest = "word " * recipe.max_tokens
        texts, journal = [longest] * len(texts), None
    for variable in recipe.questions:
        reads = (read_request(recipe, variable, text, draw) for text in texts for draw in range(recipe.draws))
        rows.append(_count(recipe, endpoint, f"read.{variable}", reads, journal))
    return rows


def preview_requests(unit: Unit, recipe: Recipe) -> Iterator[tuple[str, Request]]:
    """The requests that one unit's text leads to, as they would be sent (a read of the unit's own text)."""
    text = redacted(unit.text) if recipe.redact else unit.text
    if recipe.kind == "synthetic":
        yield "write", write_request(recipe, text)
        return
    for variable in recipe.questions:
        yield f"read.{variable}", read_request(recipe, variable, text)


def _count(
    recipe: Recipe, endpoint: Endpoint, step: str, requests: Iterable[Request], journal: Journal | None
) -> PlannedCalls:
    price = price_of(recipe, endpoint)
    to_send = stored = prompt_tokens = completion_tokens = 0
    for request in requests:
        if journal is not None and journal.reply(request.key) is not None:
            stored += 1
            continue
        prompt, completion = expected_tokens(request.body)
        to_send, prompt_tokens, completion_tokens = (
            to_send + 1,
            prompt_tokens + prompt,
            completion_tokens + completion,
        )
    usd = price.usd(prompt_tokens, completion_tokens)
    return PlannedCalls(
        recipe.source, step, to_send, stored, prompt_tokens, completion_tokens, usd, price.table, price.known
    )
