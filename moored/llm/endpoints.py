"""Where a model answers, and what it can do there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from moored.errors import KeyRefused, StudyInvalid

KEY_VARIABLE = "OPENAI_API_KEY"


OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that speaks the OpenAI protocol. The API key is never part of it."""

    name: str
    """For people: `embedded` or the host."""
    identity: str
    """What answers there, in keys and recipes: the weights' hash, or the address without secrets."""
    base_url: str
    """Where to send; empty while the embedded model is not started."""
    replicas: tuple[str, ...] = ()
    """Further addresses of the very same model; requests go to the least busy one."""
    local: bool = False
    """Runs on this machine, free of charge."""
    concurrency: int | None = None
    """Most requests it can work on at once."""


class AbilityStore(Protocol):
    """The part of the journal that remembers probes."""

    def abilities(self, endpoint: str) -> dict[str, Any] | None:
        """What a probe once found."""

    def keep_abilities(self, endpoint: str, abilities: Mapping[str, Any], requests: int) -> None:
        """Remember what a probe found, and that it cost so many requests."""


def external_endpoint(base_url: str | None) -> Endpoint:
    """The endpoint at OPENAI_BASE_URL, or OpenAI's own."""
    address = (base_url or OPENAI).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StudyInvalid("OPENAI_BASE_URL is not an http address; set it to e.g. http://localhost:8000/v1")
    if parts.username or parts.password or parts.query:
        raise StudyInvalid(
            "OPENAI_BASE_URL holds a user name, password or query; give the key in OPENAI_API_KEY"
        )
    host = parts.hostname
    netloc = f"{host}:{parts.port}" if parts.port else host
    identity = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
    return Endpoint(name=netloc, identity=identity, base_url=address, local=_is_local(host))


def api_key() -> str:
    """The key from the environment, read where a request is sent. A local server may need none."""
    return os.environ.get(KEY_VARIABLE) or "none"


def require_key(endpoint: Endpoint) -> None:
    """Refuse to go on without a key where one is certainly needed. Errors: `KeyRefused`."""
    if not os.environ.get(KEY_VARIABLE) and endpoint.identity.startswith(OPENAI):
        raise KeyRefused(f"no API key: set {KEY_VARIABLE}, or OPENAI_BASE_URL for another endpoint")


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
