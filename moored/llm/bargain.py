"""Find out by asking how one endpoint's model wants to be asked: what it refuses is left out or renamed.

A refusal that names a parameter is believed and tried; where it names none, the barest request tells whether
a parameter is to blame at all, and then each is tried on its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from moored.errors import MooredError, RequestRefused
from moored.llm.dialect import PLAIN, Dialect
from moored.llm.limits import backoff_s
from moored.llm.raw import Reply, open_reply
from moored.llm.refusals import stops_all, unreachable
from moored.llm.requests import Request
from moored.llm.thoughts import thinks_aloud, without_thoughts

if TYPE_CHECKING:
    from moored.llm.client import Client, HttpAnswer

Shape = Literal["read.logprobs", "read.draws", "read.label", "write"]
LONGEST_WAIT_S = 10.0
TRIES = 3
MOST_ASKED = 25
THINKING = (0, 2048, 8192, 32_768)
"""Tokens for thoughts: a model that uses up one number is asked with the next."""
LEAST_TEMPERATURE = 0.01
_NAMED = {
    "budget": re.compile(r"max_(completion_|new_)?tokens", re.IGNORECASE),
    "logprobs": re.compile(r"log_?probs", re.IGNORECASE),
    "temperature": re.compile(r"temperature", re.IGNORECASE),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
    "json": re.compile(
        r"response_format|json_?schema|structured.?output|guided|grammar|\bjson\b", re.IGNORECASE
    ),
    "system": re.compile(
        r"messages?[.\[]+\d+\]?\.role|\b(system|developer)\b.{0,40}\b(role|message|prompt|instruction)"
        r"|\b(role|instruction)s?\b.{0,60}\b(system|developer|alternate)",
        re.IGNORECASE,
    ),
    "stop": re.compile(r"\bstop\b", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What an endpoint takes."""

    dialect: Dialect = PLAIN
    logprobs: bool = True
    json_schema: bool = True

    def without(self, name: str, words: str) -> Terms | None:
        """Without what is named, or with less of it; None where there is no less."""
        now = self.dialect
        if name == "budget" and now.budget == "max_tokens":
            return self._with(budget="max_completion_tokens")
        if name == "logprobs" and self.logprobs:
            fewer = _limit(words, now.top_logprobs)
            return replace(self, logprobs=False) if fewer is None else self._with(top_logprobs=fewer)
        if name == "temperature" and "temperature" not in now.left_out:
            if now.least_temperature == 0 and "(1)" not in words:
                return self._with(least_temperature=LEAST_TEMPERATURE)
            return self._with(left_out=_added(now, "temperature"), least_temperature=0.0)
        if name == "seed" and "seed" not in now.left_out:
            return self._with(left_out=_added(now, "seed"))
        if name == "json" and self.json_schema:
            return replace(self, json_schema=False)
        if name == "system" and now.system != "user":
            return self._with(system="developer" if now.system == "system" else "user")
        return None

    def _with(self, **changes: Any) -> Terms:
        return replace(self, dialect=self.dialect.model_copy(update=changes))


@dataclass(slots=True)
class Bargain:
    """One endpoint's model, asked until its terms are known. `draft` writes a shape's request under terms."""

    client: Client
    model: str
    draft: Callable[[Shape, Terms], Request]
    terms: Terms = Terms()
    thinking_tokens: int = 0
    """What the study gives the model to think with."""
    requests: int = 0
    refused: str = ""
    """Why there are no log-probabilities, in the endpoint's words."""
    latency_s: float = field(default=0.0)

    async def settle(self, shape: Shape) -> None:
        """Change the terms until a request of this shape goes through and is answered as asked.

        Errors: `EndpointUnreachable`, `KeyRefused`, `RequestRefused`.
        """
        while True:
            answer = await self._ask(shape, self.terms)
            if answer.outcome == "ok":
                if self._understood(shape, answer):
                    return
                continue
            named = self._named(shape, answer) or await self._by_trying(shape, answer)
            self.terms = named
            if shape == "read.logprobs" and not self.terms.logprobs:
                self.refused = self.refused or answer.reason
                return

    def _named(self, shape: Shape, answer: HttpAnswer) -> Terms | None:
        if answer.outcome not in ("refused-request", "transient"):
            return None
        said = f"{answer.param} {answer.reason}"
        asked = self._names_in(shape)
        for name in (name for name in asked if _NAMED[name].search(said)):
            if name == "stop":
                raise RequestRefused(
                    f"the endpoint does not take `stop` ({answer.reason}), without which a completion has no end; "
                    'set `model.api = "chat"`'
                )
            if name == "temperature":
                self._refuse_hot(shape, answer)
            if (less := self.terms.without(name, said)) is not None:
                return less
        return None

    async def _by_trying(self, shape: Shape, first: HttpAnswer) -> Terms:
        """Which parameters are to blame where the refusal names none: the barest request, and each on top of it."""
        names = self._names_in(shape)
        bare = _barest(self.terms, names)
        answer = await self._ask(shape, bare)
        if answer.outcome not in ("ok", "too-long"):
            bare = bare._with(budget="max_completion_tokens")
            if (await self._ask(shape, bare)).outcome != "ok":
                raise self._no_way(first)
        for name in names:
            for more in _restored(bare, self.terms, name):
                if more != bare and (await self._ask(shape, more)).outcome == "ok":
                    bare = more
                    break
        if bare == self.terms:
            raise self._no_way(first)
        if "temperature" in bare.dialect.left_out and "temperature" in self.draft(shape, Terms()).body:
            self._refuse_hot(shape, first)
        return bare

    def _refuse_hot(self, shape: Shape, answer: HttpAnswer) -> None:
        """A temperature above 1 is the study's own wish: to leave it out would be another study."""
        hot = self.draft(shape, Terms()).body["temperature"]
        if hot > 1:
            raise RequestRefused(
                f"the endpoint refuses `model.temperature` = {hot:g} ({answer.reason}); set it to what it allows"
            )

    def _no_way(self, answer: HttpAnswer) -> MooredError:
        if (stop := stops_all(answer, self.model)) is not None:
            return stop
        if answer.outcome in ("transient", "rate-limited"):
            return unreachable(answer)
        return RequestRefused(
            f"the endpoint refuses a request to {self.model!r} ({answer.reason}); correct the model or its settings"
        )

    def _names_in(self, shape: Shape) -> list[str]:
        body = self.draft(shape, Terms()).body
        sent = {
            "system": "messages" in body,
            "budget": True,
            "temperature": "temperature" in body,
            "seed": "seed" in body,
            "json": shape in ("read.draws", "read.label") and "messages" in body,
            "logprobs": "logprobs" in body,
            "stop": "stop" in body,
        }
        return [name for name, there in sent.items() if there]

    def _understood(self, shape: Shape, answer: HttpAnswer) -> bool:
        """Whether the reply is what was asked for; where it is not, the terms change and it is asked again."""
        self.latency_s = answer.latency_s
        reply = open_reply(answer.raw)
        thought = _thinks(shape, reply)
        if shape == "read.logprobs":
            given = any(position.tops for position in reply.positions[:1])
            if not given or thought:
                self.terms = replace(self.terms, logprobs=False)
                self.refused = "it thinks before it answers" if thought else "its replies carry none"
            return True
        if thought and self._cut(reply.cut):
            return False
        schema = without_thoughts(reply.said).text.lstrip().startswith("{")
        if shape != "write" and self.terms.json_schema and not schema:
            self.terms = replace(self.terms, json_schema=False)
        return True

    def _cut(self, cut: bool) -> bool:
        """Raise the budget of a model that thinks; True where its answer did not come before it ended."""
        now = self.terms.dialect.thinking
        more = next((tokens for tokens in THINKING if tokens > now), None)
        if cut and more is None:
            raise RequestRefused(
                f"{self.model!r} uses up {now} tokens with thoughts and does not come to an answer; use a model "
                "that thinks less"
            )
        if more is not None and (cut or now + self.thinking_tokens == 0):
            self.terms = self.terms._with(thinking=more)
        return cut

    async def _ask(self, shape: Shape, terms: Terms) -> HttpAnswer:
        """One answer; what may pass is waited for. Errors: those that no other request would change."""
        request = self.draft(shape, terms)
        for attempt in range(TRIES):
            if self.requests == MOST_ASKED:
                raise RequestRefused(
                    f"the endpoint refused {MOST_ASKED} requests to {self.model!r} in every form; use another model"
                )
            self.requests += 1
            answer = await self.client.send(request.path, request.body)
            if answer.outcome not in ("transient", "rate-limited"):
                break
            if answer.hopeless:
                raise unreachable(answer)
            if attempt < TRIES - 1:
                await asyncio.sleep(min(LONGEST_WAIT_S, max(answer.retry_after_s or 0.0, backoff_s(attempt))))
        if answer.outcome == "refused-key" and answer.status == 403:
            return answer  # some say so of one parameter
        if (stop := stops_all(answer, self.model)) is not None:
            raise stop
        if answer.outcome == "rate-limited" or not answer.connected:
            raise unreachable(answer)
        return answer


def _barest(terms: Terms, names: list[str]) -> Terms:
    """The terms without each of these parameters that can be missed."""
    left_out = {*terms.dialect.left_out, *({"seed", "temperature"} & set(names))}
    bare = terms._with(left_out=tuple(sorted(left_out)))
    if "system" in names:
        bare = bare._with(system="user")
    return replace(
        bare,
        logprobs=bare.logprobs and "logprobs" not in names,
        json_schema=bare.json_schema and "json" not in names,
    )


def _restored(bare: Terms, whole: Terms, name: str) -> Iterator[Terms]:
    """The barest terms with one parameter as it was, then with less of it."""
    now, was = bare.dialect, whole.dialect
    if name == "system":
        yield bare._with(system=was.system)
        yield bare._with(system="developer")
    elif name == "budget":
        yield bare._with(budget=was.budget)
    elif name in ("seed", "temperature") and name not in was.left_out:
        kept = tuple(each for each in now.left_out if each != name)
        yield bare._with(left_out=kept)
        if name == "temperature":
            yield bare._with(left_out=kept, least_temperature=LEAST_TEMPERATURE)
    elif name == "json":
        yield replace(bare, json_schema=whole.json_schema)
    elif name == "logprobs" and whole.logprobs:
        yield replace(bare, logprobs=True)
        yield replace(bare, logprobs=True)._with(top_logprobs=5)


def _limit(words: str, now: int) -> int | None:
    """The number of log-probabilities that a refusal allows."""
    allowed = [int(found) for found in re.findall(r"(?<![\w.-])\d{1,3}(?![\w-]|\.\d)", words)]
    return max((number for number in allowed if 1 < number < now), default=None)


def _added(dialect: Dialect, name: str) -> tuple[str, ...]:
    return tuple(sorted({*dialect.left_out, name}))


def _thinks(shape: Shape, reply: Reply) -> bool:
    """Does a reply show thoughts, or nothing but a used-up budget?"""
    silent = reply.cut and not reply.said.strip() and shape != "read.logprobs"
    return reply.thought or thinks_aloud(reply.said) or silent
