"""The one place that sends: one request, one outcome.

The client's own retries are off: `moored.llm.sender` decides about those.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import httpx2

from moored.llm.encoding import body_text
from moored.llm.endpoints import Endpoint, api_key
from moored.llm.loop import Lending
from moored.llm.raw import NO_USAGE, Usage, usage_of, usage_of_whole, why_none
from moored.llm.reasons import (
    Refusal,
    SendStatus,
    elsewhere,
    error_inside,
    refusal_of,
    retry_after_s,
    unreached,
)
from moored.llm.safety import storable, without_key
from moored.llm.transport import addresses_of, open_client
from moored.llm.wire import Received, Wire

KEPT = 100_000
"""Characters of a reply that is none: enough to see what came."""
START_IT = "start it or correct OPENAI_BASE_URL"
LINGER_S = 2.0
"""Connections stay open for so long after a chunk, for the next one: a worker has it in less."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """How one request ended."""

    outcome: SendStatus
    raw: str = ""
    """The reply, verbatim."""
    status: int | None = None
    reason: str = ""
    retry_after_s: float | None = None
    latency_s: float = 0.0
    connected: bool = True
    advice: str = START_IT
    """What to do where nothing was reached."""
    hopeless: bool = False
    """Nothing was reached, and asking again at once meets the same."""
    param: str = ""
    """The parameter that the endpoint names as refused."""
    usage: Usage = NO_USAGE
    """Tokens as the reply counts them."""


class Client:
    """Open connections to one endpoint, as many as are asked to send at one time. Use as `async with`.

    Errors: `KeyRefused`, `StudyInvalid`.
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._key = api_key(endpoint)
        self._addresses = addresses_of(endpoint)
        self._clients = [open_client(address, self._key, timeout_s=timeout_s) for address in self._addresses]
        self._wires: list[Wire] = []
        self._busy = [0] * len(self._addresses)

    async def __aenter__(self) -> Self:
        self._wires = [Wire(client, self._timeout_s) for client in self._clients]
        return self

    async def __aexit__(self, *_: object) -> None:
        for wire in self._wires:
            await wire.close()
        for client in self._clients:
            await client.close()

    async def send(self, path: str, body: dict[str, Any]) -> HttpAnswer:
        """Send one request and wait for all of its reply. Never raises for what an endpoint does."""
        at = self._busy.index(min(self._busy))
        self._busy[at] += 1
        try:
            return await self._exchange(at, path, body)
        except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            why = unreached(error, self._addresses[at], self._timeout_s)
            reason, advice = self._clean(why.reason), self._clean(why.advice)
            # What ends in the middle was answered: that is its own row's failure, however often.
            began = isinstance(error, httpx2.ReadError | httpx2.DecodingError | aiohttp.ClientPayloadError)
            return HttpAnswer(
                "transient", reason=reason, connected=began, advice=advice, hopeless=why.hopeless
            )
        # A reply can break the libraries in more ways than they name: each is this row's, not the run's.
        except Exception as error:
            said = self._clean(f"the reply cannot be read: {error!r}")
            return HttpAnswer("transient", reason=said)
        finally:
            self._busy[at] -= 1

    async def _exchange(self, at: int, path: str, body: dict[str, Any]) -> HttpAnswer:
        started = time.monotonic()
        async with asyncio.timeout(self._timeout_s):
            response = await self._wires[at].post(path, body)
        raw, latency_s = self._text(response), time.monotonic() - started
        if 200 <= response.status < 300:
            return self._read(raw, response, latency_s)
        return self._refused(at, raw, response, latency_s)

    def _read(self, raw: str, response: Received, latency_s: float) -> HttpAnswer:
        status = response.status
        if (used := usage_of_whole(raw)) is not None:
            return HttpAnswer("ok", raw=raw, status=status, latency_s=latency_s, usage=used)
        if (inside := error_inside(raw)) is not None:
            return self._answer(
                inside, status, f"HTTP {status}, and in it: {inside.words}", response, latency_s
            )
        seen = refusal_of(500, raw, response.headers.get("content-type", "")).words
        if "html" in response.headers.get("content-type", ""):
            reason = f"the reply is {seen}, not JSON; is OPENAI_BASE_URL the address of the API?"
        else:
            reason = why_none(raw)
        used = usage_of(raw)
        return HttpAnswer("transient", raw[:KEPT], status, self._clean(reason), None, latency_s, usage=used)

    def _refused(self, at: int, raw: str, response: Received, latency_s: float) -> HttpAnswer:
        status = response.status
        if 300 <= status < 400:
            there = elsewhere(response.headers.get("location", ""), self._addresses[at])
            reason = self._clean(f"HTTP {status}: it sends requests on to {there}")
            return HttpAnswer("elsewhere", "", status, reason, None, latency_s)
        said = refusal_of(status, raw, response.headers.get("content-type", ""), response.phrase)
        return self._answer(said, status, f"HTTP {status}: {said.words}", response, latency_s)

    def _answer(
        self, said: Refusal, status: int, reason: str, response: Received, latency_s: float
    ) -> HttpAnswer:
        wait = retry_after_s(response.headers)
        return HttpAnswer(
            said.outcome,
            "",
            status,
            self._clean(reason),
            wait,
            latency_s,
            param=f"{said.param} {said.code}".strip(),
        )

    def _text(self, response: Received) -> str:
        return without_key(body_text(response.body, response.headers.get("content-type", "")), self._key)

    def _clean(self, text: str) -> str:
        return without_key(storable(text), self._key)[:300]


_CLIENTS = Lending[Client](LINGER_S)


def lent_client(endpoint: Endpoint, timeout_s: float) -> AbstractAsyncContextManager[Client]:
    """The client of an endpoint that all coroutines of the shared loop use. Errors: those of `Client`."""
    return _CLIENTS.lend((endpoint, api_key(endpoint), timeout_s), lambda: Client(endpoint, timeout_s))
