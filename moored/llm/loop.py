"""One event loop per process for all that generates in it, and what its coroutines use together.

Chunks of one process run side by side there, over the same connections and with the same thread that writes to
the journal. With a loop for each chunk their threads took the interpreter's lock from each other, and each chunk
opened connections of its own: at an https endpoint a handshake every few rows.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from concurrent.futures import Future
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def on_shared_loop(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run on the loop of this process; from any thread but the loop's own.

    Where the caller is interrupted, `work` is cancelled.
    """
    with _OLD_LEFT_ALONE:
        running = _LOOP.submit(work)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise


class _OldLeftAlone:
    """The garbage collector leaves alone what was there before, while anything uses this as `with`.

    One walk through all that a run has imported takes .2 s, and a few thousand rows bring one about.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                gc.freeze()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                gc.unfreeze()


_OLD_LEFT_ALONE = _OldLeftAlone()


class _SharedLoop:
    """The loop of this process and its thread, from the first use on; a forked process has its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock, self._loop = threading.Lock(), None

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:  # threads that begin together must not begin a loop each
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="moored-loop", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)


_LOOP = _SharedLoop()


@dataclass(slots=True)
class _Held(Generic[T]):
    thing: T
    opened: AsyncExitStack
    users: int = 0
    lent: int = 0
    closing: asyncio.Task[None] | None = None


class Lending(Generic[T]):
    """Things that coroutines of the shared loop use together: opened for the first, closed after the last.

    keep_s: how long after the last, so that what comes next finds them open.
    """

    def __init__(self, keep_s: float = 0.0) -> None:
        self._keep_s = keep_s
        self._held: dict[Hashable, _Held[T]] = {}
        os.register_at_fork(after_in_child=self._held.clear)

    @asynccontextmanager
    async def lend(
        self, key: Hashable, open_one: Callable[[], AbstractAsyncContextManager[T]]
    ) -> AsyncIterator[T]:
        """The thing of this key, for the block's time. `open_one` must not wait for anything as it opens."""
        if (held := self._held.get(key)) is None:
            stack = AsyncExitStack()
            held = self._held[key] = _Held(await stack.enter_async_context(open_one()), stack)
        held.users += 1
        held.lent += 1
        try:
            yield held.thing
        finally:
            held.users -= 1
            if not held.users:
                closing = self._close_unused(key, held, held.lent)
                if self._keep_s:
                    held.closing = asyncio.create_task(closing)
                else:
                    await closing

    async def _close_unused(self, key: Hashable, held: _Held[T], lent: int) -> None:
        if self._keep_s:
            await asyncio.sleep(self._keep_s)
        if held.lent == lent:
            del self._held[key]
            await held.opened.aclose()
