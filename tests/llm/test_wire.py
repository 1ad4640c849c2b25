"""What goes over the wire is what the openai client would send; Prefect does not look into a chunk."""

from __future__ import annotations

import asyncio

import pytest

from moored.llm.client import Client
from moored.llm.endpoints import external_endpoint
from moored.llm.transport import open_client
from moored.llm.wire import proxy_of
from moored.run.chunks import Generated
from moored.run.sealed import Sealed
from tests.endpoint import KEY, serve

BODY = {"model": "m", "messages": [{"role": "user", "content": "Grüße, 世界 \U0001f600"}], "max_tokens": 3}


def test_address_headers_and_body_are_the_openai_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    with serve(key=KEY) as server:

        async def both() -> None:
            theirs = open_client(server.url, KEY, timeout_s=30.0)
            async with theirs, Client(external_endpoint(server.url), 30.0) as ours:
                await theirs.chat.completions.create(**BODY)  # type: ignore[call-overload]
                assert (await ours.send("/chat/completions", BODY)).outcome == "ok"

        asyncio.run(both())
        theirs, ours = ({name.lower(): value for name, value in sent.items()} for sent in server.headers)
    assert server.bodies == [BODY, BODY]
    for sent in (theirs, ours):
        assert sent.pop("x-stainless-read-timeout") in ("30", "30.0")
        for name in ("content-length", "host", "connection"):
            sent.pop(name, None)
    assert ours == theirs
    assert ours["openai-organization"] == "org-1"


def test_the_proxy_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_of("https://models.invalid/v1") is None
    monkeypatch.setenv("ALL_PROXY", "proxy.invalid:3128")
    assert proxy_of("https://models.invalid/v1") == "http://proxy.invalid:3128"
    assert proxy_of("http://127.0.0.1:8000/v1") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://other.invalid:3128")
    assert proxy_of("https://models.invalid/v1") == "http://other.invalid:3128"
    monkeypatch.setenv("NO_PROXY", "models.invalid")
    assert proxy_of("https://models.invalid/v1") is None


def test_prefect_does_not_look_into_a_sealed_value() -> None:
    from prefect.utilities.collections import visit_collection

    seen: list[object] = []
    sealed = Sealed(Generated([]))
    visit_collection(
        [sealed, ["a text"]], visit_fn=lambda value: seen.append(value) or value, return_data=False
    )
    assert sealed in seen
    assert "a text" in seen
    assert not any(isinstance(value, Generated) for value in seen)
