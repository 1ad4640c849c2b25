"""The one place that sends: the openai client on its aiohttp transport, one request, one outcome.

The client's own retries are off: `moored.llm.sender` decides about those.
"""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Self

import httpx2
import openai

from moored.llm.endpoints import Endpoint, api_key
from moored.llm.raw import body_text, whole_reply
from moored.llm.safety import storable, without_key

CONNECT_S = 10.0
KEPT = 100_000
"""Characters of a reply that is none: enough to see what came."""
Outcome = Literal[
    "ok", "rate-limited", "transient", "refused-key", "no-credit", "refused-request", "filtered"
]


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request ended."""

    outcome: Outcome
    raw: str = ""
    """The reply, verbatim."""
    status: int | None = None
    reason: str = ""
    retry_after_s: float | None = None
    latency_s: float = 0.0
    connected: bool = True


class Client:
    """An open connection pool to one endpoint. Use as `async with`."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, connections: int) -> None:
        self._timeout_s = timeout_s
        self._key = api_key()
        addresses = (endpoint.base_url, *endpoint.replicas)
        self._clients = [self._open(address, connections) for address in addresses]
        self._busy = [0] * len(addresses)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()

    async def send(self, path: str, body: dict[str, Any]) -> Answer:
        """Send one request and wait for all of its reply. Never raises for what an endpoint does."""
        started = time.monotonic()
        at = self._busy.index(min(self._busy))
        self._busy[at] += 1
        try:
            async with asyncio.timeout(self._timeout_s + CONNECT_S):
                response = await self._clients[at].post(path, body=body, cast_to=httpx2.Response)
                raw = without_key(body_text(response.content), self._key)
        except openai.APIStatusError as error:
            return self._refused(error, time.monotonic() - started)
        except (openai.APITimeoutError, TimeoutError):
            return Answer("transient", reason=f"no reply within {self._timeout_s:g} s", connected=False)
        except (openai.APIConnectionError, httpx2.HTTPError, OSError) as error:
            # What ends in the middle was answered: that is its own row's failure, however often.
            began = isinstance(error.__cause__, httpx2.ReadError | httpx2.DecodingError)
            return Answer("transient", reason=self._clean(_cause(error)), connected=began)
        except Exception as error:
            # Whatever a reply does to the libraries between here and the socket concerns its own row alone.
            return Answer("transient", reason=self._clean(f"the reply cannot be read: {_cause(error)}"))
        finally:
            self._busy[at] -= 1
        latency = time.monotonic() - started
        if not whole_reply(raw):
            return Answer(
                "transient", raw[:KEPT], response.status_code, "the reply is not a whole one", None, latency
            )
        return Answer("ok", raw=raw, status=response.status_code, latency_s=latency)

    def _open(self, base_url: str, connections: int) -> openai.AsyncOpenAI:
        timeout = httpx2.Timeout(self._timeout_s, connect=CONNECT_S)
        transport = openai.DefaultAioHttpClient(
            # Loading the system's certificates takes .1 s: once a process, and not for plain http.
            verify=_trust() if base_url.startswith("https:") else False,
            limits=httpx2.Limits(max_connections=connections + 8, max_keepalive_connections=connections + 8),
            timeout=timeout,
        )
        return openai.AsyncOpenAI(
            api_key=self._key, base_url=base_url, max_retries=0, timeout=timeout, http_client=transport
        )

    def _refused(self, error: openai.APIStatusError, latency_s: float) -> Answer:
        status, code = error.status_code, _code(error)
        reason = self._clean(f"HTTP {status}: {message_of(error)}")
        outcome: Outcome = "refused-request"
        if status in (401, 403):
            outcome = "refused-key"
        elif status == 402 or code == "insufficient_quota":
            outcome = "no-credit"
        elif status == 429:
            outcome = "rate-limited"
        elif status in (408, 409, 425) or status >= 500:
            outcome = "transient"
        elif code in ("content_filter", "content_policy_violation"):
            outcome = "filtered"
        return Answer(outcome, "", status, reason, _retry_after(error.response.headers), latency_s)

    def _clean(self, text: str) -> str:
        return without_key(storable(text), self._key)[:300]


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _cause(error: BaseException) -> str:
    """The innermost reason: `Connection error.` alone helps nobody."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


def _body(error: openai.APIStatusError) -> dict[str, Any]:
    try:
        body = json.loads(error.response.text)
    except (ValueError, httpx2.HTTPError):
        return {}
    inside = body.get("error", body) if isinstance(body, dict) else {}
    return inside if isinstance(inside, dict) else {"message": str(inside)}


def _code(error: openai.APIStatusError) -> str:
    return str(_body(error).get("code") or _body(error).get("type") or "")


def message_of(error: openai.APIStatusError) -> str:
    """What the endpoint says of a refusal."""
    return str(_body(error).get("message") or error.response.reason_phrase or "no reason given")


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Retry-After in seconds: the millisecond form, seconds, or a date; any length."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        if (value := headers.get("retry-after")) is None:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
