"""One cheap request that tells whether an endpoint answers, takes the key, knows the model, and what it gives."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Any

from moored.errors import EndpointUnreachable, RequestRefused
from moored.llm.endpoints import AbilityStore, Endpoint, require_key
from moored.llm.requests import answer_schema
from moored.study import EMBEDDED, Model

PROBE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an endpoint's model gives."""

    logprobs: bool
    json_schema: bool


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
        gives = (
            ", ".join(name for name, given in asdict(self.abilities).items() if given) or "plain text only"
        )
        return f"{self.model} answers at {self.endpoint} ({self.latency_s:.2f} s); gives {gives}"


def abilities(endpoint: Endpoint, model: Model, journal: AbilityStore | None) -> Abilities:
    """What the model gives: as remembered, or asked once and remembered."""
    known = _known_as(endpoint, model)
    if journal is not None and (remembered := journal.abilities(known)) is not None:
        return Abilities(**remembered)
    found = probe(endpoint, model)
    if journal is not None:
        journal.keep_abilities(known, asdict(found.abilities), found.requests)
    return found.abilities


def remember(endpoint: Endpoint, model: Model, found: Found, journal: AbilityStore) -> None:
    """Count a probe's requests, and keep what it found unless something is known: that decides recipes."""
    known = _known_as(endpoint, model)
    journal.keep_abilities(known, journal.abilities(known) or asdict(found.abilities), found.requests)


def probe(endpoint: Endpoint, model: Model) -> Found:
    """Ask for one token. Errors: `EndpointUnreachable`, `KeyRefused`, `RequestRefused`."""
    require_key(endpoint)
    return asyncio.run(_probe(endpoint, model))


async def _probe(endpoint: Endpoint, model: Model) -> Found:
    from moored.llm.client import Client

    async with Client(endpoint, min(PROBE_TIMEOUT_S, model.timeout_s), 1) as client:
        if _api(model) == "completion":
            body: dict[str, Any] = {"model": model.name, "prompt": "1 2 3", "max_tokens": 1, "logprobs": 2}
            raw, latency = await _ask(client, "/completions", body, model)
            given = Abilities(_gave_logprobs(raw), json_schema=False)
            return Found(endpoint.name, model.name, given, latency, 1)
        plain = {"model": model.name, "messages": [{"role": "user", "content": "Answer yes."}]}
        with_logprobs = plain | {"max_tokens": 4, "logprobs": True, "top_logprobs": 2}
        try:
            raw, latency = await _ask(client, "/chat/completions", with_logprobs, model)
            if _gave_logprobs(raw):
                return Found(
                    endpoint.name, model.name, Abilities(logprobs=True, json_schema=False), latency, 1
                )
        except RequestRefused:
            pass  # some models refuse the parameter; what follows tells whether they take anything
        return await _without_logprobs(client, endpoint, plain, model)


async def _without_logprobs(client: Any, endpoint: Endpoint, plain: dict[str, Any], model: Model) -> Found:
    requests = 2
    with_schema = plain | {"max_tokens": 40, "response_format": answer_schema(["yes", "no"])}
    try:
        raw, latency = await _ask(client, "/chat/completions", with_schema, model)
        content = json.loads(raw)["choices"][0]["message"].get("content") or ""
        schema = content.strip().startswith("{")
    except RequestRefused:
        raw, latency = await _ask(client, "/chat/completions", plain | {"max_tokens": 40}, model)
        schema, requests = False, 3
    return Found(endpoint.name, model.name, Abilities(logprobs=False, json_schema=schema), latency, requests)


async def _ask(client: Any, path: str, body: dict[str, Any], model: Model) -> tuple[str, float]:
    from moored.llm.client import Answer
    from moored.llm.limits import backoff_s
    from moored.llm.sender import stops_all

    for attempt in range(3):
        answer: Answer = await client.send(path, body)
        if answer.outcome == "ok":
            return answer.raw, answer.latency_s
        if (error := stops_all(answer, model.name)) is not None:
            raise error
        if answer.outcome not in ("transient", "rate-limited"):
            raise RequestRefused(f"the endpoint refuses a request to {model.name!r}: {answer.reason}")
        await asyncio.sleep(min(10.0, max(answer.retry_after_s or 0.0, backoff_s(attempt))))
    raise EndpointUnreachable(
        f"no usable answer from the endpoint: {answer.reason}; start it or correct OPENAI_BASE_URL"
    )


def _gave_logprobs(raw: str) -> bool:
    logprobs = json.loads(raw)["choices"][0].get("logprobs") or {}
    return bool(logprobs.get("content") or logprobs.get("top_logprobs"))


def _known_as(endpoint: Endpoint, model: Model) -> str:
    return f"{endpoint.identity} {model.name} {_api(model)}"


def _api(model: Model) -> str:
    return (
        "completion"
        if model.api == "completion" or (model.name == EMBEDDED and model.api == "auto")
        else "chat"
    )
