"""A local HTTP server that speaks the OpenAI protocol, with faults that can be switched on.

    with serve() as server:                       # every request is answered
        ...server.url, server.calls
    with serve(share({"error": 0.1, "reset": 0.1}, seed=1)) as server: ...
    with serve(first(2, "429")) as server: ...

A fault is a function from (number of the request, its body) to a fault's name or None. The answers are
decided by the prompt alone (`answer_to`), so that a test can tell a misaligned row.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Faults = Callable[[int, dict[str, Any]], str | None]
KEY = "sk-test-0123456789abcdef"


@dataclass
class Server:
    """What a test sees of the server."""

    url: str = ""
    calls: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    clients: set[Any] = field(default_factory=set)
    """Address of each connection."""
    in_flight: int = 0
    most_in_flight: int = 0
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """How the server behaves when nothing is wrong."""

    latency_s: float = 0.0
    logprobs: bool = True
    json_schema: bool = True
    key: str | None = None
    keep_bodies: bool = True
    answers: Callable[[dict[str, Any]], str] | None = None
    reply: Callable[[dict[str, Any], dict[str, Any]], bytes | None] | None = None
    """What is sent in place of a reply, from the request's body and the reply; None sends the reply."""
    retry_after: str | None = "0.05"
    batch_polls: int = 2
    """Looks at a batch until it is done."""
    batch_refused: str | None = None
    """Batches end as failed, for this reason."""
    in_place: Callable[[dict[str, Any]], tuple[int, Any, dict[str, str]] | None] | None = None
    """What is answered in place of a reply to a body: status, body (JSON, text or bytes), headers."""
    usage: bool = True
    """Replies say how many tokens they used."""
    thoughts: int = 0
    """Tokens that the model thinks before it answers."""
    hold: threading.Event | None = None
    """Fault `hang` waits for this, then drops the connection."""


def none(_number: int, _body: dict[str, Any]) -> str | None:
    """No fault."""
    return None


def first(count: int, fault: str) -> Faults:
    """The first requests meet a fault."""
    return lambda number, _: fault if number <= count else None


def always(fault: str) -> Faults:
    """Every request meets a fault."""
    return lambda _number, _body: fault


def share(shares: Mapping[str, float], seed: int = 0) -> Faults:
    """Each request meets a fault with a probability, the same in every run of one order."""
    rng = random.Random(seed)
    names = list(shares)
    weights = [*shares.values(), 1 - sum(shares.values())]
    return lambda _number, _body: rng.choices([*names, None], weights)[0]


def prompt_of(body: Mapping[str, Any]) -> str:
    """The prompt, or the last message that holds a text (a repair round adds messages after it)."""
    if "prompt" in body:
        return body["prompt"]
    said = [message["content"] for message in body["messages"]]
    return next((content for content in reversed(said) if "<text>" in content), said[-1])


def answer_to(body: Mapping[str, Any]) -> str:
    """positive or negative, by a hash of the text alone."""
    digest = hashlib.sha256(text_of(body).encode()).digest()
    return "positive" if digest[0] % 2 else "negative"


def text_of(body: Mapping[str, Any]) -> str:
    """The text that a prompt of the package asks about."""
    prompt = prompt_of(body)
    if "<text>" in prompt:
        return prompt.split("<text>\n", 1)[1].rsplit("\n</text>", 1)[0]
    return prompt.rsplit("Text: ", 1)[-1].rsplit("\n", 1)[0]


@contextmanager
def serve(faults: Faults = none, **options: Any) -> Iterator[Server]:
    """Serve on a free loopback port for the block's time."""
    server, ready, stop = Server(), threading.Event(), threading.Event()
    thread = threading.Thread(
        target=_run, args=(server, faults, Options(**options), ready, stop), daemon=True
    )
    thread.start()
    assert ready.wait(20)
    try:
        yield server
    finally:
        stop.set()
        thread.join(20)


def _run(
    server: Server, faults: Faults, options: Options, ready: threading.Event, stop: threading.Event
) -> None:
    asyncio.run(_serve(server, faults, options, ready, stop))


async def _serve(
    server: Server, faults: Faults, options: Options, ready: threading.Event, stop: threading.Event
) -> None:
    handler = Handler(server, faults, options)
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/v1/chat/completions", handler.generate)
    app.router.add_post("/v1/completions", handler.generate)
    app.router.add_post("/v1/files", handler.upload)
    app.router.add_get("/v1/files/{file}/content", handler.download)
    app.router.add_post("/v1/batches", handler.create_batch)
    app.router.add_get("/v1/batches", handler.list_batches)
    app.router.add_get("/v1/batches/{batch}", handler.poll_batch)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    ready.set()
    await asyncio.to_thread(stop.wait)
    await runner.cleanup()


class Handler:
    """One method a route."""

    def __init__(self, server: Server, faults: Faults, options: Options) -> None:
        self.server, self.faults, self.options = server, faults, options

    async def generate(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        server = self.server
        server.calls += 1
        server.clients.add(request.transport.get_extra_info("peername") if request.transport else None)
        if self.options.keep_bodies:
            server.bodies.append(body)
        fault = self.faults(server.calls, body)
        if fault is not None:
            server.faults[fault] = server.faults.get(fault, 0) + 1
        server.in_flight += 1
        server.most_in_flight = max(server.most_in_flight, server.in_flight)
        try:
            if self.options.latency_s:
                await asyncio.sleep(self.options.latency_s)
            if (refusal := self._key_refused(request)) is not None:
                return refusal
            if self.options.in_place is not None and (given := self.options.in_place(body)) is not None:
                return _given(*given)
            return await self._respond(request, body, fault)
        finally:
            server.in_flight -= 1

    def _key_refused(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.headers.append(dict(request.headers))
        if self.options.key in (None, given):
            return None
        return _error(401, f"Incorrect API key provided: {given}", "invalid_api_key")

    async def _respond(
        self, request: web.Request, body: dict[str, Any], fault: str | None
    ) -> web.StreamResponse:
        retry = {"Retry-After": self.options.retry_after} if self.options.retry_after else {}
        simple = {
            "429": lambda: _error(429, "slow down", "rate_limit_exceeded", retry),
            "429-silent": lambda: _error(429, "slow down", "rate_limit_exceeded"),
            "quota": lambda: _error(429, "You exceeded your current quota", "insufficient_quota"),
            "500": lambda: _error(500, "oops", "server_error"),
            "503": lambda: _error(503, "overloaded", "overloaded"),
            "401": lambda: _error(401, f"Incorrect API key provided: {KEY}", "invalid_api_key"),
            "403": lambda: _error(403, "not allowed", "forbidden"),
            "404": lambda: _error(404, "The model does not exist", "model_not_found"),
            "400": lambda: _error(400, "maximum context length is 8192 tokens", "context_length_exceeded"),
            "filter": lambda: _error(400, "content management policy", "content_filter"),
            "malformed": lambda: web.Response(text='{"choices": [{"mess', content_type="application/json"),
            "html": lambda: web.Response(text="<html>gateway</html>", content_type="text/html"),
            "empty-choices": lambda: web.json_response({"choices": [], "usage": {}}),
        }
        if fault in simple:
            return simple[fault]()
        if fault == "hang":
            if self.options.hold is not None:
                await asyncio.to_thread(self.options.hold.wait, 30)
            else:
                await asyncio.sleep(30)
            return _drop(request)
        reply = self._reply(body, fault)
        if self.options.reply is not None and (sent := self.options.reply(body, reply)) is not None:
            return web.Response(body=sent, content_type="application/json")
        text = json.dumps(reply)
        if fault == "drop":
            return _drop(request)
        if fault in ("reset", "truncated"):
            response = web.StreamResponse(
                headers={"Content-Length": str(len(text)), "Content-Type": "application/json"}
            )
            await response.prepare(request)
            await response.write(text[: len(text) // 2].encode())
            return _drop(request, response)
        return web.json_response(text=text)

    def _reply(self, body: dict[str, Any], fault: str | None) -> dict[str, Any]:
        said = (self.options.answers or self._said)(body)
        if fault == "nonsense":
            said = "I would rather talk about the weather"
        if fault == "wrong-schema":
            said = json.dumps({"label": 7})
        if fault == "empty":
            said = ""
        usage: dict[str, Any] = {
            "prompt_tokens": len(prompt_of(body)) // 4,
            "completion_tokens": 3,
            "total_tokens": 0,
        }
        if "prompt" in body:
            choice: dict[str, Any] = {"index": 0, "text": f" {said}", "finish_reason": "stop"}
            if body.get("logprobs") and self.options.logprobs:
                choice["logprobs"] = {"tokens": [f" {said}"], "top_logprobs": [_tops(f" {said}")]}
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            budget = body.get("max_completion_tokens") or body.get("max_tokens") or 10**6
            if self.options.thoughts:
                usage["completion_tokens_details"] = {"reasoning_tokens": min(budget, self.options.thoughts)}
            if budget <= self.options.thoughts:
                choice |= {"message": {"role": "assistant", "content": ""}, "finish_reason": "length"}
            if fault == "refusal":
                choice["message"] |= {"content": None, "refusal": "I cannot help with that"}
            if body.get("logprobs") and self.options.logprobs:
                tops = [{"token": token, "logprob": value} for token, value in _tops(said).items()]
                choice["logprobs"] = {"content": [{"token": said, "logprob": -0.1, "top_logprobs": tops}]}
        return {
            "id": f"r{self.server.calls}",
            "object": "x",
            "model": body["model"],
            "choices": [choice],
            **({"usage": usage} if self.options.usage else {}),
        }

    def _said(self, body: dict[str, Any]) -> str:
        writes = "rewrite" in str(body.get("messages", "")) or "In other words:" in str(
            body.get("prompt", "")
        )
        if writes:
            return f"In short: {text_of(body)}"
        answer = answer_to(body)
        return (
            json.dumps({"answer": answer})
            if "response_format" in body and self.options.json_schema
            else answer
        )

    async def upload(self, request: web.Request) -> web.Response:
        if (refusal := self._key_refused(request)) is not None:
            return refusal
        form = await request.post()
        name = self._new_file()
        self.server.files[name] = form["file"].file.read().decode()  # type: ignore[union-attr]
        return web.json_response(
            {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "b", "purpose": "batch"}
        )

    async def create_batch(self, request: web.Request) -> web.Response:
        body = await request.json()
        fault = self.faults(self.server.calls, {"batch": body})
        if fault == "503":
            return _error(503, "overloaded", "overloaded")
        name = f"batch-{uuid.uuid4().hex}"
        self.server.batches[name] = {"id": name, "status": "in_progress", "polls": 0, **body}
        if fault == "lost":  # taken, but the answer does not arrive
            return _drop(request)  # type: ignore[return-value]
        return web.json_response(self._batch(name))

    async def poll_batch(self, request: web.Request) -> web.Response:
        name = request.match_info["batch"]
        batch = self.server.batches[name]
        batch["polls"] += 1
        if batch["status"] == "in_progress" and batch["polls"] >= self.options.batch_polls:
            if self.options.batch_refused:
                batch["status"] = "failed"
                batch["errors"] = {"object": "list", "data": [{"message": self.options.batch_refused}]}
            else:
                self._complete(batch)
        return web.json_response(self._batch(name))

    async def list_batches(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"object": "list", "data": [self._batch(name) for name in self.server.batches]}
        )

    def _new_file(self) -> str:
        return f"file-{uuid.uuid4().hex}"

    def _batch(self, name: str) -> dict[str, Any]:
        batch = self.server.batches[name]
        known = {
            "id",
            "status",
            "endpoint",
            "input_file_id",
            "completion_window",
            "output_file_id",
            "error_file_id",
            "errors",
        }
        return {"object": "batch", "created_at": 1} | {k: v for k, v in batch.items() if k in known}

    def _complete(self, batch: dict[str, Any]) -> None:
        good, bad, ends = [], [], "completed"
        for line in self.server.files[batch["input_file_id"]].splitlines():
            entry = json.loads(line)
            self.server.calls += 1
            fault = self.faults(self.server.calls, entry["body"])
            if fault == "expired":
                self.server.calls -= 1  # the batch never came to it
                error = {"code": "batch_expired", "message": "not executed before its expiry"}
                bad.append(json.dumps({"custom_id": entry["custom_id"], "response": None, "error": error}))
                ends = "expired"
            elif fault is None:
                reply = {"status_code": 200, "body": self._reply(entry["body"], None)}
                good.append(json.dumps({"custom_id": entry["custom_id"], "response": reply, "error": None}))
            else:
                error = {"status_code": 400, "body": {"error": {"message": fault, "code": fault}}}
                bad.append(json.dumps({"custom_id": entry["custom_id"], "response": error, "error": None}))
        random.Random(0).shuffle(good)
        batch["status"] = ends
        for kind, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                batch[kind] = self._new_file()
                self.server.files[batch[kind]] = "\n".join(lines)

    async def download(self, request: web.Request) -> web.Response:
        return web.Response(text=self.server.files[request.match_info["file"]])


def _tops(said: str) -> dict[str, float]:
    other = "negative" if "positive" in said else "positive"
    lead = " " if said.startswith(" ") else ""
    return {said: -0.2231, f"{lead}{other}": -1.6094}


def _error(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    error = {"error": {"message": message, "type": code, "code": code}}
    return web.json_response(error, status=status, headers=headers or {})


def _given(status: int, body: Any, headers: Mapping[str, str]) -> web.Response:
    if isinstance(body, dict | list):
        return web.json_response(body, status=status, headers=headers)
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return web.Response(body=raw, status=status, headers={"Content-Type": "text/plain"} | dict(headers))


def _drop(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return response or web.Response()
