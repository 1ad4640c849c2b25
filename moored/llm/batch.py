"""The Batch API as a second way to send: one file of requests, fetched when it is done, half the price.

A batch fills the reply store; `generate` then finds every answer there and sends only what the batch
could not answer. So everything about rows, parsing and repair stays in one place. A batch that was
handed in is known by its id in the journal: after a crash it is fetched, never handed in twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from moored.errors import BudgetReached, RequestRefused
from moored.llm.endpoints import Endpoint, api_key, require_key
from moored.llm.generate import Unit
from moored.llm.ledger import Journal
from moored.llm.prices import expected_tokens, price_of, require_price
from moored.llm.recipe import Recipe
from moored.llm.replies import parse_written, usage_of, whole_reply
from moored.llm.requests import Request, read_request, write_request
from moored.llm.safety import redacted
from moored.study import Generation as Limits

MOST_REQUESTS = 50_000
FILE = "file:"
DONE = {"completed", "failed", "expired", "cancelled"}


class BatchJournal(Journal, Protocol):
    """The journal, with its batches."""

    def keep_batch(self, batch: str, *, source: str, endpoint: str, calls: Mapping[str, int]) -> None:
        """Remember a batch that was handed in."""

    def name_batch(self, known: str, batch: str) -> None:
        """Give a batch that was written down under its file's id its own."""

    def close_batch(self, batch: str, status: str) -> None:
        """Mark it as fetched, failed or expired."""

    def open_batches(self, source: str, endpoint: str) -> list[tuple[str, dict[str, int]]]:
        """Batches that were handed in and not fetched: id, calls by key."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """How one batch stands."""

    batch: str
    status: str
    answered: int
    failed: int


def batch_requests(units: Sequence[Unit], recipe: Recipe, journal: Journal) -> list[Request]:
    """The requests that can go out now and have no stored reply: of a synthetic source first the writes,
    once they are answered the reads. No two have one key."""
    wanted: dict[str, Request] = {}
    for unit in units:
        text: str | None = redacted(unit.text) if recipe.redact else unit.text
        if recipe.kind == "synthetic":
            request = write_request(recipe, unit.text if text is None else text)
            stored = journal.reply(request.key)
            if stored is None:
                wanted[request.key] = request
                continue
            text = parse_written(stored.reply).text
        if text is None:
            continue
        for step, draw in recipe.steps:
            if step != "write":
                request = read_request(recipe, step.removeprefix("read."), text, draw)
                if journal.reply(request.key) is None:
                    wanted[request.key] = request
    return list(wanted.values())


def submit_batches(
    requests: Sequence[Request], recipe: Recipe, endpoint: Endpoint, journal: BatchJournal, limits: Limits
) -> list[str]:
    """Hand requests in, at most 50,000 a batch; the batches' ids. Those in an open batch are left out.

    Errors: `BudgetReached` before anything is sent, `RequestRefused`.
    """
    require_key(endpoint)
    require_price(price_of(recipe, endpoint), recipe, limits)
    waiting = {key for _, calls in journal.open_batches(recipe.source, endpoint.identity) for key in calls}
    left = [request for request in requests if request.key not in waiting]
    parts = [left[at : at + MOST_REQUESTS] for at in range(0, len(left), MOST_REQUESTS)]
    return asyncio.run(_submit(parts, recipe, endpoint, journal, limits)) if parts else []


def fetch_batches(recipe: Recipe, endpoint: Endpoint, journal: BatchJournal) -> list[BatchState]:
    """Look at this source's open batches; replies of finished ones go into the journal."""
    require_key(endpoint)
    return asyncio.run(_fetch(recipe, endpoint, journal))


async def _submit(
    parts: Sequence[Sequence[Request]],
    recipe: Recipe,
    endpoint: Endpoint,
    journal: BatchJournal,
    limits: Limits,
) -> list[str]:
    ids = []
    async with _client(endpoint) as client:
        for part in parts:
            lines = "\n".join(_line(request) for request in part)
            calls = _begin(part, recipe, endpoint, journal, limits)
            file = await client.files.create(file=("batch.jsonl", lines.encode()), purpose="batch")
            # Known by its file until it has an id: should this process end here, `_named` finds it.
            known = FILE + file.id
            journal.keep_batch(known, source=recipe.source, endpoint=endpoint.identity, calls=calls)
            batch = await client.batches.create(
                input_file_id=file.id, endpoint=f"/v1{part[0].path}", completion_window="24h"
            )
            journal.name_batch(known, batch.id)
            ids.append(batch.id)
    return ids


async def _named(client: Any, known: str, journal: BatchJournal) -> str | None:
    """The id of a batch that was written down under its file; None where it was never handed in."""
    async for batch in client.batches.list(limit=100):
        if batch.input_file_id == known.removeprefix(FILE):
            journal.name_batch(known, batch.id)
            return str(batch.id)
    return None


def _begin(
    part: Sequence[Request], recipe: Recipe, endpoint: Endpoint, journal: BatchJournal, limits: Limits
) -> dict[str, int]:
    """Write every request down, or none where a cap forbids one of them."""
    price = price_of(recipe, endpoint)
    caps = (limits.max_requests, limits.max_tokens, limits.max_usd)
    calls = {}
    with journal.transaction():
        for request in part:
            prompt, completion = expected_tokens(request.body)
            call = journal.begin(
                source=recipe.source,
                key=request.key,
                prompt_tokens=prompt,
                completion_tokens=completion,
                usd=price.usd(prompt, completion),
                prices=price.table,
                caps=caps,
            )
            if call is None:
                raise BudgetReached(
                    f"a batch of {len(part)} requests exceeds the study's budget; raise its cap"
                )
            calls[request.key] = call
    return calls


async def _fetch(recipe: Recipe, endpoint: Endpoint, journal: BatchJournal) -> list[BatchState]:
    states = []
    async with _client(endpoint) as client:
        for known, calls in journal.open_batches(recipe.source, endpoint.identity):
            name = known
            if name.startswith(FILE):
                found = await _named(client, name, journal)
                if found is None:
                    states.append(_store(name, "never handed in", [], calls, recipe, endpoint, journal))
                    continue
                name = found
            batch = await client.batches.retrieve(name)
            if batch.status not in DONE:
                states.append(BatchState(name, batch.status, 0, 0))
                continue
            lines: list[str] = []
            for file in (batch.output_file_id, batch.error_file_id):
                if file:
                    lines += (await client.files.content(file)).text.splitlines()
            states.append(_store(name, batch.status, lines, calls, recipe, endpoint, journal))
    return states


def _store(
    name: str,
    status: str,
    lines: Sequence[str],
    calls: dict[str, int],
    recipe: Recipe,
    endpoint: Endpoint,
    journal: BatchJournal,
) -> BatchState:
    """All replies of one batch in one commit, matched by custom_id; what is missing ended without reply."""
    price = price_of(recipe, endpoint)
    answered = 0
    open_calls = dict(calls)
    with journal.transaction():
        for line in filter(None, lines):
            key, http_status, raw = _read_line(line)
            call = open_calls.pop(key, None)
            if call is None:
                continue
            used = usage_of(raw)
            good = http_status == 200 and whole_reply(raw)
            answered += good
            if good:
                journal.store(
                    key,
                    request="",
                    reply=raw,
                    prompt_tokens=used.prompt,
                    completion_tokens=used.completion,
                    latency_s=0.0,
                )
            journal.finish(
                call,
                outcome="ok" if good else "batch-error",
                http_status=http_status,
                prompt_tokens=used.prompt,
                completion_tokens=used.completion,
                usd=price.usd(used.prompt, used.completion) / 2,
            )
        for call in open_calls.values():
            journal.finish(
                call,
                outcome=f"batch-{status}",
                http_status=None,
                prompt_tokens=0,
                completion_tokens=0,
                usd=0.0,
            )
        journal.close_batch(name, status)
    return BatchState(name, status, answered, len(calls) - answered)


def _line(request: Request) -> str:
    entry = {"custom_id": request.key, "method": "POST", "url": f"/v1{request.path}", "body": request.body}
    return json.dumps(entry)


def _read_line(line: str) -> tuple[str, int | None, str]:
    entry: dict[str, Any] = json.loads(line)
    response = entry.get("response") or {}
    return str(entry.get("custom_id")), response.get("status_code"), json.dumps(response.get("body") or {})


def _client(endpoint: Endpoint) -> Any:
    import openai

    if endpoint.name == "embedded":
        raise RequestRefused("the embedded model has no Batch API; leave batches out")
    return openai.AsyncOpenAI(
        api_key=api_key(),
        base_url=endpoint.base_url,
        max_retries=3,
        timeout=120.0,
        http_client=openai.DefaultAioHttpClient(timeout=120.0),
    )
