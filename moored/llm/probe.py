"""What an endpoint's model takes and gives: asked once, with the requests that a run will send, and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from moored.errors import MooredError, RequestRefused
from moored.llm.bargain import Bargain, Shape, Terms
from moored.llm.dialect import PLAIN, TOP_LOGPROBS, Dialect
from moored.llm.endpoints import AbilityStore, Endpoint, require_key
from moored.llm.requests import Request
from moored.study import Model

if TYPE_CHECKING:
    from moored.llm.client import Client

PROBE_TIMEOUT_S = 60.0
Draft = Callable[[Shape, Terms], Request]


class Abilities(BaseModel):
    """What an endpoint's model gives and takes, as the journal remembers it."""

    model_config = ConfigDict(frozen=True)

    logprobs: bool
    json_schema: bool
    dialect: Dialect = PLAIN
    asked: tuple[str, ...] | None = None
    """What was asked; None where an earlier moored, which asked less, wrote this down."""
    refused: str = ""
    """Why there are no log-probabilities."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a source will ask of its model."""

    endpoint: Endpoint
    model: Model
    api: str
    kind: str
    answers: int
    """Most answers of a question."""
    draft: Draft
    soft: bool = True
    """Could a first token tell the answers apart?"""

    @property
    def known_as(self) -> str:
        """Under which name the journal remembers the model."""
        return f"{self.endpoint.identity} {self.model.name} {self.api}"

    def enough_logprobs(self, found: Abilities | Terms) -> bool:
        """Can soft labels be read: are there log-probabilities, and for as many tokens as there are answers?"""
        return self.soft and found.logprobs and found.dialect.top_logprobs >= min(self.answers, TOP_LOGPROBS)


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe found."""

    endpoint: str
    model: str
    abilities: Abilities
    latency_s: float
    requests: int
    """What finding out cost."""

    @property
    def line(self) -> str:
        """For people."""
        given = [name for name in ("logprobs", "json_schema") if getattr(self.abilities, name)]
        gives = ", ".join(given) or "plain text only"
        said = (f"{self.model} answers at {self.endpoint} ({self.latency_s:.2f} s); gives {gives}",)
        return "; ".join(said + self.abilities.dialect.lines)


def abilities(need: Need, journal: AbilityStore | None) -> Abilities:
    """What the model gives: as remembered; what was never asked is asked once and remembered.

    Errors: those of `probe`.
    """
    known = journal.abilities(need.known_as) if journal is not None else None
    remembered = Abilities.model_validate(known) if known is not None else None
    if journal is not None and remembered is not None:
        settled = remembered.asked is None or _next(need, _terms(remembered), remembered.asked) is None
        if settled or not journal.may_ask:
            return remembered
    found = probe(need, remembered, remembered.asked or () if remembered is not None else ())
    if journal is not None and found.requests:
        journal.keep_abilities(need.known_as, found.abilities.model_dump(mode="json"), found.requests)
    return found.abilities


def remember(need: Need, journal: AbilityStore) -> Found:
    """Ask anew, beginning with what is remembered, which changes only where the endpoint now refuses it: it decides
    recipes. Errors: those of `probe`."""
    known = journal.abilities(need.known_as)
    found = probe(need, Abilities.model_validate(known) if known is not None else None)
    journal.keep_abilities(need.known_as, found.abilities.model_dump(mode="json"), found.requests)
    return found


def probe(need: Need, known: Abilities | None = None, asked: tuple[str, ...] = ()) -> Found:
    """Send one request of each form that the source will send, leaving out the forms in `asked`.

    Errors: `EndpointUnreachable`, `KeyRefused`, `RequestRefused`.
    """
    require_key(need.endpoint)
    return asyncio.run(_probe(need, known, asked))


async def _probe(need: Need, known: Abilities | None, asked: tuple[str, ...]) -> Found:
    from moored.llm.client import Client

    terms = _terms(known)
    patience_s = need.model.patience_s if need.model.runs_here else min(PROBE_TIMEOUT_S, need.model.timeout_s)
    async with Client(need.endpoint, patience_s) as client:
        bargain = Bargain(client, need.model.name, need.draft, terms, need.model.thinking_tokens)
        bargain.refused = known.refused if known is not None else ""
        done = [*asked]
        try:
            while (step := _next(need, bargain.terms, done)) is not None:
                shape, name = step
                await bargain.settle(shape)
                done.append(name)
        except RequestRefused as error:
            raise await _right_address(client, need, error) from error
    found = Abilities(
        logprobs=bargain.terms.logprobs,
        json_schema=bargain.terms.json_schema,
        dialect=bargain.terms.dialect,
        asked=tuple(sorted({*done, *((known.asked or ()) if known is not None else ())})),
        refused=bargain.refused,
    )
    return Found(need.endpoint.name, need.model.name, found, bargain.latency_s, bargain.requests)


def _terms(known: Abilities | None) -> Terms:
    return Terms() if known is None else Terms(known.dialect, known.logprobs, known.json_schema)


def _next(need: Need, terms: Terms, asked: Sequence[str]) -> tuple[Shape, str] | None:
    """The first request that the source will send under these terms and that was not asked yet, with its name."""
    at, scoring = f"@{need.model.temperature:g}", need.model.scoring
    wanted: list[tuple[Shape, str]] = []
    if terms.logprobs and (scoring == "logprobs" or (scoring == "auto" and need.soft)):
        wanted.append(("read.logprobs", "read.logprobs"))
    if scoring == "draws" or (scoring == "auto" and not need.enough_logprobs(terms)):
        wanted.append(("read.draws", f"read.draws{at}"))
    if scoring == "label":
        wanted.append(("read.label", "read.label"))
    if need.kind == "synthetic":
        wanted.append(("write", f"write{at}"))
    return next((step for step in wanted if step[1] not in asked), None)


async def _right_address(client: Client, need: Need, error: RequestRefused) -> MooredError:
    """The same refusal, with the address that would be right where it is known."""
    if "is not the address of an API" not in error.message or need.endpoint.base_url.endswith("/v1"):
        return error
    request = need.draft("read.label", Terms())
    answer = await client.send(f"/v1{request.path}", request.body)
    if answer.outcome in ("no-path", "elsewhere") or not answer.connected:
        return error
    return RequestRefused(
        f"OPENAI_BASE_URL misses its /v1: the API answers at {need.endpoint.base_url}/v1; set it to that"
    )
