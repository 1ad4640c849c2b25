"""Connections to an endpoint: no proxy for this machine, no redirect followed, no reply without end."""

from __future__ import annotations

import functools
import os
import ssl
import zlib
from collections.abc import AsyncIterable, AsyncIterator
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import httpx2
import openai

from moored.errors import StudyInvalid
from moored.fetch.archive import UNUSABLE_PROXY
from moored.llm.endpoints import Endpoint, is_loopback

CONNECT_S = 10.0
MOST_BYTES = 8_000_000
"""Of one reply. The longest honest one (20 log-probabilities for each of 4,000 tokens) is about a quarter of it."""


def open_client(
    base_url: str,
    key: str,
    *,
    timeout_s: float,
    retries: int = 0,
    most: int | None = MOST_BYTES,
) -> openai.AsyncOpenAI:
    """A client of one address. Errors: `StudyInvalid` (a proxy that is none).

    Texts go to this address and nowhere else: a redirect is an answer of status 3xx. What listens on this
    machine is never asked through a proxy, whatever the environment says. most: bytes of a reply.
    """
    timeout = httpx2.Timeout(timeout_s, connect=CONNECT_S)
    parts = urlsplit(base_url)
    unusable = os.environ.get(UNUSABLE_PROXY)
    if unusable and not proxy_bypass(parts.hostname or ""):
        raise StudyInvalid(f"{unusable}; correct it, or name {parts.hostname} in NO_PROXY")
    try:
        transport = openai.DefaultAioHttpClient(
            # Loading the system's certificates takes .1 s: once a process, and not for plain http.
            verify=trust() if parts.scheme == "https" else False,
            timeout=timeout,
            follow_redirects=False,
            trust_env=not is_loopback(parts.hostname or ""),
            event_hooks={"response": [] if most is None else [functools.partial(_bounded, most=most)]},
        )
    except (ValueError, httpx2.InvalidURL) as error:
        raise StudyInvalid(
            f"HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is no address of a proxy ({error}); correct it, or name "
            f"{parts.hostname} in NO_PROXY"
        ) from error
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=base_url.partition("?")[0],
        default_query=dict(httpx2.QueryParams(parts.query)),
        default_headers={"Accept-Encoding": "identity"} | ({"api-key": key} if is_azure(base_url) else {}),
        max_retries=retries,
        timeout=timeout,
        http_client=transport,
    )


def addresses_of(endpoint: Endpoint) -> tuple[str, ...]:
    """All addresses at which the endpoint's model answers."""
    return (endpoint.base_url, *endpoint.replicas)


def is_azure(base_url: str) -> bool:
    """Azure takes the key in a header of its own, and `api-version` in the address."""
    parts = urlsplit(base_url)
    return (parts.hostname or "").endswith(".azure.com") or "api-version=" in parts.query


async def _bounded(response: httpx2.Response, *, most: int) -> None:
    """Before a reply is read: count its bytes, unpacked. No encoding was asked for; gzip comes all the same."""
    packed = response.headers.pop("content-encoding", "identity").strip().lower()
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _BoundedStream(response.stream, packed, most)


class Bounded:
    """A reply's bytes, unpacked, up to a number of them."""

    def __init__(self, stream: AsyncIterable[bytes], packed: str, most: int) -> None:
        self._stream, self._packed, self._left = stream, packed, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unpack = self._unpacker()
        try:
            async for chunk in self._stream:
                # One byte more than allowed is enough to know; a bomb of gigabytes is never unpacked.
                part = unpack.decompress(chunk, self._left + 1) if unpack else chunk
                self._left -= len(part)
                if self._left < 0:
                    raise httpx2.ReadError(f"the reply is longer than {MOST_BYTES / 1e6:g} MB")
                yield part
        except zlib.error as error:
            raise httpx2.ReadError(f"the reply says {self._packed} and is not ({error})") from error

    def _unpacker(self) -> zlib._Decompress | None:
        if self._packed in ("", "identity"):
            return None
        if self._packed in ("gzip", "x-gzip", "deflate"):
            return zlib.decompressobj(zlib.MAX_WBITS | 32)
        raise httpx2.ReadError(f"the reply is packed as {self._packed!r}, which was not asked for")


class _BoundedStream(httpx2.AsyncByteStream):
    """The same as a response's stream."""

    def __init__(self, stream: httpx2.AsyncByteStream, packed: str, most: int) -> None:
        self._stream, self._bounded = stream, Bounded(stream, packed, most)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._bounded)

    async def aclose(self) -> None:
        """Close the connection's side of it."""
        await self._stream.aclose()


@functools.cache
def trust() -> ssl.SSLContext:
    """The system's certificates, read once a process."""
    return ssl.create_default_context()
