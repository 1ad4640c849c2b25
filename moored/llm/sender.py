"""From a request to its settled end: reply store first, then budget, limits, sending, and all retrying.

This is the only place that retries. A row's attempts are used up by its own failures alone: neither a
429 nor an endpoint that is down for everybody counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from moored.llm.client import Client, HttpAnswer
from moored.llm.endpoints import api_key
from moored.llm.journal import CallBegun, CallEnded, Journal, ReplyKept
from moored.llm.limits import Limiter, backoff_s
from moored.llm.prices import Price, expected_tokens
from moored.llm.reasons import names_parameter
from moored.llm.refusals import stops_all, unreachable
from moored.llm.requests import Request
from moored.llm.safety import without_key
from moored.llm.useless import Start
from moored.llm.writer import Writer
from moored.study import GenerationSettings

TOLD_FROM_S = 5.0
"""Shorter waits are not worth a word."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a request was settled."""

    status: Literal["ok", "failed", "refused", "over-budget"]
    raw: str | None = None
    error: str | None = None
    error_kind: str | None = None
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    latency_s: float = 0.0
    cached: bool = False


@dataclass(slots=True)
class Sender:
    """Settles requests of one source. Equal requests at one time are sent once."""

    source: str
    client: Client
    limiter: Limiter
    writer: Writer
    journal: Journal
    price: Price
    limits: GenerationSettings
    start: Start | None = None
    """How the source begins; None where it need not be watched."""
    out_of_budget: bool = False
    _asking: dict[str, asyncio.Future[Asked]] = field(default_factory=dict)

    def stored(self, request: Request) -> Asked | None:
        """The answer that the journal already has."""
        found = self.journal.reply(request.key)
        if found is None:
            return None
        return Asked(
            "ok",
            without_key(found.reply, api_key()),
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            latency_s=found.latency_s,
            cached=True,
        )

    def ended(self, step: str, status: str, kind: str | None, error: str | None) -> None:
        """Count a terminal row; a source that begins with nothing usable is not asked any further."""
        if self.start is not None and (useless := self.start.ended(step, status, kind, error)) is not None:
            self.limiter.give_up(useless)

    async def ask(self, request: Request) -> Asked:
        """Send a request until it is settled. Errors: those that concern every row (`Gate.down`)."""
        if (running := self._asking.get(request.key)) is not None:
            twin = await asyncio.shield(running)
            return Asked(twin.status, twin.raw, twin.error, twin.error_kind, cached=twin.status == "ok")
        mine: asyncio.Future[Asked] = asyncio.get_running_loop().create_future()
        self._asking[request.key] = mine
        try:
            asked = await self._settle(request)
            mine.set_result(asked)
            return asked
        except Exception as error:
            mine.set_exception(error)
            mine.exception()  # this row raises it, whether or not a twin waits for it
            raise
        finally:
            del self._asking[request.key]
            mine.cancel()

    async def _settle(self, request: Request) -> Asked:
        sent = failures = slowed = 0
        since = time.monotonic()
        while True:
            await self._reserve(request)
            trial = await self.limiter.enter()
            try:
                begun = self._begun(request)
                call = None if self.out_of_budget else await self.writer.begin(begun)
                self.out_of_budget = call is None
                if call is None:
                    return Asked("over-budget", None, "the study's budget is used up", "budget", sent)
                answer = _counted(await self.client.send(request.path, request.body), begun)
                written = self._write_down(call, begun, request, answer)
                if answer.outcome != "ok":
                    await written  # what is no answer may change how many go on
            finally:
                self.limiter.leave()
            await written
            sent += 1
            if answer.outcome == "rate-limited":
                slowed += 1
                self.limiter.slowed(answer.retry_after_s, slowed)
                self._tell_wait()
                if time.monotonic() - since > self.limiter.max_wait_s:
                    return Asked("failed", None, answer.reason, "rate-limited", sent)
            elif answer.outcome == "transient":
                failures += self.limiter.failed(answer.reason, trial=trial)
                if failures >= self.limits.max_attempts:
                    return self._exhausted(answer, sent)
                if answer.retry_after_s:
                    self.limiter.hold(answer.retry_after_s)
                    self._tell_wait()
                await asyncio.sleep(backoff_s(failures))
            else:
                return self._settled(request, answer, sent)

    def _settled(self, request: Request, answer: HttpAnswer, sent: int) -> Asked:
        """An answer that sending again would not change."""
        self.limiter.succeeded()
        if answer.outcome == "ok":
            used = answer.usage
            usd = self.price.usd(used.prompt, used.completion)
            return Asked(
                "ok", answer.raw, None, None, sent, used.prompt, used.completion, usd, answer.latency_s
            )
        if answer.outcome == "filtered":
            return Asked("refused", None, answer.reason, "content-filter", sent)
        if answer.outcome == "too-long":
            return Asked("failed", None, answer.reason, "too-long", sent)
        if (everybody := stops_all(answer, str(request.body["model"]))) is not None:
            self.limiter.give_up(everybody)
            raise everybody
        if names_parameter(f"{answer.param} {answer.reason}"):
            # What the probe found does not hold any more: the next run asks again, for a recipe that does.
            api = "chat" if "messages" in request.body else "completion"
            known_as = f"{self.limiter.scope[0]} {request.body['model']} {api}"
            self.writer.note(lambda: self.journal.forget_abilities(known_as))
        return Asked("failed", None, answer.reason, "request", sent)

    def _exhausted(self, answer: HttpAnswer, sent: int) -> Asked:
        if not answer.connected and not self.limiter.answered:
            nobody = unreachable(answer)
            self.limiter.give_up(nobody)
            raise nobody
        kind = (
            "unreachable"
            if not answer.connected
            else "server"
            if answer.status and not answer.raw
            else "reply"
        )
        return Asked("failed", answer.raw or None, answer.reason, kind, sent)

    def _tell_wait(self) -> None:
        """Write down until when nobody sends, for whoever shows how far the run is."""
        wait = self.limiter.resume_at - time.monotonic()
        if wait >= TOLD_FROM_S and self.limiter.down is None:
            until = time.time() + wait
            self.writer.note(lambda: self.journal.wait_until(until))

    async def _reserve(self, request: Request) -> None:
        """Wait for the buckets that all workers share."""
        if not (self.limits.requests_per_minute or self.limits.tokens_per_minute):
            return
        until = 0.0
        for unit, per_minute, amount in self._rates(sum(expected_tokens(request.body))):
            burst = max(amount, per_minute / 60.0)
            until = max(until, await self.writer.write(self._reserving(unit, amount, per_minute, burst)))
        if (wait := until - time.time()) > 0:
            await asyncio.sleep(wait)

    def _rates(self, tokens: int) -> list[tuple[str, float, float]]:
        rates = [
            ("requests", self.limits.requests_per_minute, 1.0),
            ("tokens", self.limits.tokens_per_minute, float(tokens)),
        ]
        return [(unit, float(per_minute), amount) for unit, per_minute, amount in rates if per_minute]

    def _reserving(self, unit: str, amount: float, per_minute: float, burst: float) -> Callable[[], float]:
        scope = "/".join((*self.limiter.scope, unit))
        return lambda: self.journal.reserve(scope, amount, per_minute, burst)

    def _begun(self, request: Request) -> CallBegun:
        """The request as it is written down before it is sent."""
        prompt, completion = expected_tokens(request.body)
        usd = self.price.usd(prompt, completion)
        return CallBegun(self.source, request.key, prompt, completion, usd, self.price.table)

    def _write_down(
        self, call: int, begun: CallBegun, request: Request, answer: HttpAnswer
    ) -> asyncio.Future[None]:
        """Raw reply and outcome in one commit, before anybody parses anything.

        Whoever takes the place is written down in the same commit or in a later one: those that the journal takes
        for unfinished are never more than may be in flight.
        """
        prompt, completion = used = answer.usage.prompt, answer.usage.completion
        ended = CallEnded(call, answer.outcome, answer.status, *used, self.price.usd(prompt, completion))
        reply = (
            ReplyKept(request.key, request.content, answer.raw, *used, answer.latency_s)
            if answer.outcome == "ok"
            else None
        )
        written = self.writer.end(ended, begun, reply)
        if self.limits.tokens_per_minute:
            spare = begun.prompt_tokens + begun.completion_tokens - prompt - completion
            per_minute = float(self.limits.tokens_per_minute)
            self.writer.note(self._reserving("tokens", -float(spare), per_minute, 0.0))
        return written


def _counted(answer: HttpAnswer, begun: CallBegun) -> HttpAnswer:
    """A whole reply counts tokens, its own or the expected ones."""
    if answer.outcome != "ok" or answer.usage.prompt or answer.usage.completion:
        return answer
    return replace(answer, usage=answer.usage.or_expected(begun.prompt_tokens, begun.completion_tokens))
