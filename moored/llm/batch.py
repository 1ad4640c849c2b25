"""The Batch API as a second way to send: files of requests, answered within a day, at half the price.

Batches fill the reply store; `generate` then finds the answers there and sends only what no batch could
answer. So everything about rows, parsing and repair stays in one place. A batch is written down before
it is handed in, and known by its id afterwards: a process that ends at any moment, by Ctrl-C or by
kill -9, leaves its batches open, and the next run fetches them instead of handing in again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from moored.errors import BudgetReached, EndpointUnreachable, RequestRefused
from moored.llm.batch_client import BatchClient, BatchState
from moored.llm.batch_files import BatchAnswer, RequestFile, read_answers, write_request_files
from moored.llm.batch_requests import BatchJournal, missing_requests
from moored.llm.endpoints import Endpoint, api_key, require_key
from moored.llm.generations import Unit
from moored.llm.journal import CallBegun, ReplyKept
from moored.llm.prices import Price, price_of, require_price
from moored.llm.raw import usage_of, whole_reply
from moored.llm.recipe import Recipe
from moored.llm.safety import without_key
from moored.plaintext import counted
from moored.study import GenerationSettings

ROUNDS = 4
"""Batches after each other for one source: a synthetic one needs two, the others are for what expired."""
PATIENCE = 10
"""Looks in a row at an endpoint that does not answer before the run ends; its batches stay open."""
AT_ONCE = 1000
"""Answers stored in one commit."""
WRITTEN_DOWN, UPLOADED = "written-down:", "file:"
"""What a batch without an id is known by: nothing of it was sent; its file was."""


@dataclass(frozen=True, slots=True)
class BatchWork:
    """What one source needs."""

    recipe: Recipe
    endpoint: Endpoint
    units: Sequence[Unit]


def answer_by_batches(
    works: Sequence[BatchWork], journal: BatchJournal, limits: GenerationSettings, poll_s: float
) -> None:
    """Hand in and fetch until no batch is open and nothing is left to hand in; the replies are in the journal.

    Ctrl-C leaves batches open. Errors: `BudgetReached`, `EndpointUnreachable`, `KeyRefused`,
    `RequestRefused`, `StudyInvalid` (a cap in USD and no price).
    """
    for work in works:
        require_key(work.endpoint)
        require_price(price_of(work.recipe, work.endpoint), work.recipe, limits)
    asyncio.run(_answer(works, journal, limits, poll_s))


async def _answer(
    works: Sequence[BatchWork], journal: BatchJournal, limits: GenerationSettings, poll_s: float
) -> None:
    async with AsyncExitStack() as stack:
        sources = [
            SourceBatches(await stack.enter_async_context(BatchClient(work.endpoint)), work, journal, limits)
            for work in works
        ]
        unanswered, waiting = 0, 1
        while waiting:
            try:
                waiting = sum([await source.advance() for source in sources])
                unanswered = 0
            except EndpointUnreachable:
                unanswered += 1
                if unanswered == PATIENCE:
                    raise
            if waiting:
                await asyncio.sleep(poll_s)


@dataclass(slots=True)
class SourceBatches:
    """The batches of one source. Errors of its methods: those of `BatchClient`."""

    client: BatchClient
    work: BatchWork
    journal: BatchJournal
    limits: GenerationSettings
    rounds: int = field(default=0, init=False)

    async def advance(self) -> int:
        """Fetch what is done; once nothing is open, hand in what is missing. How many batches are open now."""
        waiting = await self.collect()
        if waiting or self.rounds == ROUNDS:
            return waiting
        waiting = await self.hand_in()
        self.rounds += 1
        return waiting

    async def hand_in(self) -> int:
        """Hand in all requests that can go out now, as many batches as it takes.

        Errors: `BudgetReached` before anything is sent where a cap forbids one of them.
        """
        with TemporaryDirectory(prefix="moored-batch-") as folder:
            wanted = missing_requests(self.work.units, self.work.recipe, self.journal)
            files = write_request_files(wanted, Path(folder))
            for known, file in zip(self._write_down(files), files, strict=True):
                await self._send(known, file)
        return len(files)

    async def collect(self) -> int:
        """Look at every open batch; answers of those that are done go into the journal. How many stay open."""
        waiting = 0
        source, endpoint = self.work.recipe.source, self.work.endpoint.identity
        for known, calls in self.journal.open_batches(source, endpoint):
            name = await self._named(known)
            if name is None:
                self._withdraw(known, calls)
                continue
            state = await self.client.look(name)
            if not state.done:
                waiting += 1
                continue
            await self._fetch(name, state, calls)
            if state.status == "failed":
                raise RequestRefused(
                    f"the endpoint refused a batch of {counted(len(calls), 'request')} ({state.why}); "
                    "nothing of it was "
                    'paid: correct that, or set `generation.send = "direct"`, and run again'
                )
        return waiting

    def _write_down(self, files: Sequence[RequestFile]) -> list[str]:
        """Every request of every file, and the batches themselves; or nothing where a cap forbids one."""
        price, source, names = self._price, self.work.recipe.source, []
        with self.journal.transaction():
            for file in files:
                begun = [
                    CallBegun(source, key, *tokens, price.usd(*tokens), price.table)
                    for key, tokens in file.tokens.items()
                ]
                numbers = self.journal.begin_all(begun, self.limits.caps)
                calls = {
                    call.key: number
                    for call, number in zip(begun, numbers, strict=True)
                    if number is not None
                }
                if len(calls) < len(begun):
                    raise _over_budget(source, files, price)
                names.append(WRITTEN_DOWN + uuid.uuid4().hex)
                self.journal.keep_batch(
                    names[-1], source=source, endpoint=self.work.endpoint.identity, calls=calls
                )
        return names

    async def _send(self, known: str, file: RequestFile) -> None:
        """Known by its file until it has an id: taken or not, where no answer came `_named` finds out."""
        sent = await self.client.upload(file.path)
        self.journal.name_batch(known, UPLOADED + sent)
        batch = await self.client.create(sent, file.url)
        self.journal.name_batch(UPLOADED + sent, batch)

    async def _named(self, known: str) -> str | None:
        """A batch's id; None where it was never handed in."""
        if known.startswith(WRITTEN_DOWN):
            return None
        if not known.startswith(UPLOADED):
            return known
        found = await self.client.find(known.removeprefix(UPLOADED))
        if found is not None:
            self.journal.name_batch(known, found)
        return found

    async def _fetch(self, name: str, state: BatchState, calls: Mapping[str, int]) -> None:
        with TemporaryDirectory(prefix="moored-batch-") as folder:
            paths = [Path(folder) / str(number) for number, _ in enumerate(state.files)]
            there = [await self.client.download(file, p) for file, p in zip(state.files, paths, strict=True)]
            answers = chain.from_iterable(read_answers(path) for path in paths if path.exists())
            self._close(name, state.status if all(there) else "lost", answers, calls)

    def _withdraw(self, known: str, calls: Mapping[str, int]) -> None:
        """A batch that was written down and never handed in: its requests were not sent."""
        with self.journal.transaction():
            for call in calls.values():
                self.journal.withdraw(call)
            self.journal.close_batch(known, "never handed in")

    def _close(
        self, name: str, status: str, answers: Iterable[BatchAnswer], calls: Mapping[str, int]
    ) -> None:
        """Store answers, matched by key; the batch counts as open until the last one is in."""
        left, coming = dict(calls), iter(answers)
        while some := list(islice(coming, AT_ONCE)):
            with self.journal.transaction():
                for answer in some:
                    if (call := left.pop(answer.key, None)) is not None:
                        self._keep(call, answer)
        with self.journal.transaction():
            # What a lost file said may have been paid: those calls keep their estimate.
            for call in left.values() if status != "lost" else ():
                self.journal.finish(
                    call,
                    outcome=f"batch-{status}",
                    http_status=None,
                    prompt_tokens=0,
                    completion_tokens=0,
                    usd=0.0,
                )
            self.journal.close_batch(name, status)

    def _keep(self, call: int, answer: BatchAnswer) -> None:
        raw = without_key(answer.raw, api_key())
        used = usage_of(raw)
        good = answer.status == 200 and whole_reply(raw)
        if good:
            used = used.or_expected(*self.journal.expected(call))
            self.journal.store_all([ReplyKept(answer.key, "", raw, used.prompt, used.completion, 0.0)])
        self.journal.finish(
            call,
            outcome="ok" if good else "batch-refused" if answer.tried else "batch-expired",
            http_status=answer.status,
            prompt_tokens=used.prompt,
            completion_tokens=used.completion,
            usd=self._price.usd(used.prompt, used.completion),
        )

    @property
    def _price(self) -> Price:
        return price_of(self.work.recipe, self.work.endpoint, batch=True)


def _over_budget(source: str, files: Sequence[RequestFile], price: Price) -> BudgetReached:
    tokens = [pair for file in files for pair in file.tokens.values()]
    prompt, completion = sum(pair[0] for pair in tokens), sum(pair[1] for pair in tokens)
    return BudgetReached(
        f"the study's caps do not allow the batches of {source!r}: {counted(len(tokens), 'request')}, at most "
        f"{prompt + completion:,} tokens and {price.usd(prompt, completion):.4f} USD; nothing of it was sent: "
        'raise the cap, or set `generation.send = "direct"` to go as far as it reaches'
    )
