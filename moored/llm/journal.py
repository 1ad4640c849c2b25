"""What generation needs of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from moored.study import Caps


class CallBegun(NamedTuple):
    """A request before it is sent; tokens and cost are estimates."""

    source: str
    key: str
    prompt_tokens: int
    completion_tokens: int
    usd: float
    prices: str


class CallEnded(NamedTuple):
    """How a request ended, and what it used."""

    call: int
    outcome: str
    http_status: int | None
    prompt_tokens: int
    completion_tokens: int
    usd: float


class ReplyKept(NamedTuple):
    """A raw reply under its request's key."""

    key: str
    request: str
    reply: str
    prompt_tokens: int
    completion_tokens: int
    latency_s: float


class Reply(Protocol):
    """A stored reply."""

    @property
    def reply(self) -> str:
        """As it came."""

    @property
    def prompt_tokens(self) -> int:
        """Of the request."""

    @property
    def completion_tokens(self) -> int:
        """Of the reply."""

    @property
    def latency_s(self) -> float:
        """From sending to the last byte."""


class Journal(Protocol):
    """`moored.storage.journal.Journal`, as far as generation knows it."""

    @property
    def study(self) -> str:
        """Whose entries these are."""

    def transaction(self) -> AbstractContextManager[None]:
        """Several entries, one durable commit."""

    def reply(self, key: str) -> Reply | None:
        """The stored answer to a request."""

    def begin_all(self, calls: Sequence[CallBegun], caps: Caps) -> list[int | None]:
        """Write requests down before they are sent; their numbers, None for each that a cap forbids."""

    def end_all(self, calls: Sequence[CallEnded], estimates: Iterable[tuple[int, int, float]]) -> None:
        """Write down how requests ended. estimates: prompt tokens, completion tokens, USD that they began with."""

    def store_all(self, replies: Sequence[ReplyKept]) -> None:
        """Keep raw replies."""

    def count_all(self, rows: Mapping[str, int]) -> None:
        """Count terminal rows by status, and `cached` among them."""

    def reserve(self, scope: str, amount: float, per_minute: float, burst: float) -> float:
        """Take from a bucket that all workers share; the time from which it may be used."""

    def wait_until(self, when: float) -> None:
        """Write down that the endpoint is given a rest until then (seconds since 1970)."""

    def forget_abilities(self, endpoint: str) -> None:
        """What a probe found does not hold any more."""
