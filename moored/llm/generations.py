"""What goes into generation and what comes out: units, and one row per unit, source, step and draw."""

from __future__ import annotations

from dataclasses import dataclass, fields

from moored.llm.safety import instructs


@dataclass(frozen=True, slots=True)
class Unit:
    """One text to generate for."""

    id: str
    text: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Generation:
    """The terminal row of one (unit, source, step, draw)."""

    unit_id: str
    source: str
    step: str
    """`write`, or `read.<variable>`."""
    draw: int
    recipe: str
    """The recipe's fingerprint."""
    content_hash: str
    status: str
    """ok, failed, refused or over-budget."""
    value: float | None
    text: str | None
    """The written text, or the answer."""
    reply: str | None
    """As it came."""
    error: str | None
    error_kind: str | None
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    latency_s: float
    cached: bool
    request_key: str | None
    flag: str | None
    """`instructs` where the unit's text looks as if it spoke to the model."""
    prices: str
    """The price table behind `usd`."""


_NAMES = tuple(field.name for field in fields(Generation))


def columns_of(row: Generation) -> dict[str, object]:
    """A row as a mapping from its columns; `asdict` would copy each value."""
    return {name: getattr(row, name) for name in _NAMES}


def flag_of(text: str) -> str | None:
    """The flag column's value for a unit's text."""
    return "instructs" if instructs(text) else None
