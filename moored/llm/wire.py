"""Requests on the wire: prepared bodies over one aiohttp session, with the openai client's own address and headers.

The openai client builds, checks and copies each request for 1 ms of CPU time, which is most of what a row costs;
here it says once how a request looks. A reply is read as `moored.llm.transport` bounds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
import openai
import orjson
from yarl import URL

from moored.llm.endpoints import is_loopback
from moored.llm.transport import CONNECT_S, MOST_BYTES, Bounded, trust

_CHUNK = 1 << 16
_KEEP_ALIVE_S = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """A response, whatever its status; its body is whole."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Connections to one address. To be made and closed in the running loop."""

    def __init__(self, client: openai.AsyncOpenAI, timeout_s: float) -> None:
        self._root = str(client.base_url).rstrip("/")
        query = str(httpx2.QueryParams({key: str(value) for key, value in client.default_query.items()}))
        self._query = f"?{query}" if query else ""
        given = {**client.default_headers, **client.auth_headers}
        headers = {name: value for name, value in given.items() if isinstance(value, str)} | {
            "x-stainless-retry-count": "0",
            "x-stainless-read-timeout": f"{timeout_s:g}",
        }
        self._urls: dict[str, URL] = {}
        self._proxy = proxy_of(self._root)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the limiter's
                keepalive_timeout=_KEEP_ALIVE_S,
                ssl=trust() if self._root.startswith("https:") else False,
            ),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S),  # the whole has its time from the caller
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def post(self, path: str, body: Mapping[str, Any]) -> Received:
        """Send a body and read all of the response. A redirect is a response of status 3xx.

        Errors: aiohttp's, httpx2's `ReadError` for a body that is too long or wrongly packed, `OSError`.
        """
        if (url := self._urls.get(path)) is None:
            url = self._urls[path] = URL(f"{self._root}{path}{self._query}", encoded=True)
        async with self._session.post(
            url,
            data=orjson.dumps(body),
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            packed = response.headers.get("content-encoding", "identity").strip().lower()
            if packed in ("", "identity") and (response.content_length or MOST_BYTES + 1) <= MOST_BYTES:
                content = await response.read()
            else:
                bounded = Bounded(response.content.iter_chunked(_CHUNK), packed, MOST_BYTES)
                content = b"".join([part async for part in bounded])
            return Received(response.status, response.reason or "", response.headers, content)


def proxy_of(address: str) -> str | None:
    """The proxy that the environment names for an address; none for what listens on this machine."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
