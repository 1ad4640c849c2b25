"""A model server that is no bottleneck: HTTP/1.1 by hand, one answer for all, in processes of its own.

It reads no JSON: the answer is positive or negative by the body's length. Connections stay open, as a real
endpoint's do. Each process listens on the same port (SO_REUSEPORT), so that connections are shared out.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def _reply(said: str) -> bytes:
    usage = {"prompt_tokens": 90, "completion_tokens": 3, "total_tokens": 93}
    message = {"role": "assistant", "content": said}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    made = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    body = json.dumps(made | {"choices": [choice], "usage": usage}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


REPLIES = (_reply("negative"), _reply("positive"))


class _Connection(asyncio.Protocol):
    """Requests of one connection, one after the other."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._held) < end + 4 + length:
                return
            self._held = self._held[end + 4 + length :]
            self._loop.call_later(self._latency_s, self._answer, length)

    def _answer(self, length: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(REPLIES[length % 2])


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _serve(port: int, latency_s: float, over: Any, cpu: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(latency_s), sock=_listen(port), backlog=1024)
        await asyncio.to_thread(over.wait)
        server.close()

    asyncio.run(main())
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu.put(used.ru_utime + used.ru_stime)


@contextmanager
def light_server(latency_s: float, processes: int = 1) -> Iterator[tuple[str, list[float]]]:
    """The server's address, and a list that holds the CPU seconds of each process once the block has ended."""
    context = multiprocessing.get_context("spawn")
    over, cpu = context.Event(), context.Queue()
    held = _listen(0)  # not listening: it keeps the port
    port = held.getsockname()[1]
    serving = [
        context.Process(target=_serve, args=(port, latency_s, over, cpu), daemon=True)
        for _ in range(processes)
    ]
    for process in serving:
        process.start()
    used: list[float] = []
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}/v1", used
    finally:
        over.set()
        used += [cpu.get(timeout=30) for _ in serving]
        for process in serving:
            process.join()
        held.close()


def _wait(port: int) -> None:
    import time

    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
