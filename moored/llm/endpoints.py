"""Where a model answers, and what it can do there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from moored.errors import KeyRefused, StudyInvalid

KEY_VARIABLE = "OPENAI_API_KEY"
OPENAI = "https://api.openai.com/v1"
_ADDED = ("/chat/completions", "/completions", "/responses")
_VERSION = re.compile(r"(api-version=[\w.-]+)?")


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

    @property
    def embedded(self) -> bool:
        """A server of our own, which needs no key and is given none."""
        return self.identity.startswith("gguf:")


class AbilityStore(Protocol):
    """The part of the journal that remembers probes."""

    @property
    def may_ask(self) -> bool:
        """May what is not known be asked?"""

    def abilities(self, endpoint: str) -> dict[str, Any] | None:
        """What a probe once found."""

    def keep_abilities(self, endpoint: str, abilities: Mapping[str, Any], requests: int) -> None:
        """Remember what a probe found, and that it cost so many requests."""


def external_endpoint(base_url: str | None) -> Endpoint:
    """The endpoint at OPENAI_BASE_URL, or OpenAI's own. Errors: `StudyInvalid`."""
    address, _, query = (base_url or OPENAI).strip().strip("\"'").partition("?")
    address = address.rstrip("/")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or not address.isprintable() or " " in address:
        raise StudyInvalid("OPENAI_BASE_URL is not an http address; set it to e.g. http://localhost:8000/v1")
    if parts.username or parts.password or not _VERSION.fullmatch(query):
        raise StudyInvalid(
            "OPENAI_BASE_URL holds a user name, password or query; give the key in OPENAI_API_KEY (of a query "
            "only Azure's `api-version` may stand there)"
        )
    for path in _ADDED:
        if address.endswith(path):
            raise StudyInvalid(
                f"OPENAI_BASE_URL ends in {path}, which each request adds by itself; set it to "
                f"{address.removesuffix(path)}"
            )
    netloc = f"{host}:{port}" if port else host
    identity = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), query, ""))
    sent = f"{address}?{query}" if query else address
    return Endpoint(name=netloc, identity=identity, base_url=sent, local=is_loopback(host))


def api_key(endpoint: Endpoint | None = None) -> str:
    """The key from the environment, read where a request is sent; `none` for a server of our own, or without one.

    Blank space and quotes around it are left out, since files and shells leave them there.
    Errors: `KeyRefused` for a key that no request can carry; it is not shown.
    """
    if endpoint is not None and endpoint.embedded:
        return "none"
    key = os.environ.get(KEY_VARIABLE, "").strip().strip("\"'\u2018\u2019\u201c\u201d").strip()
    for place, letter in enumerate(key, 1):
        if not "!" <= letter <= "~":
            what = "a blank or line break" if letter.isspace() else "a character outside of ASCII"
            raise KeyRefused(
                f"{KEY_VARIABLE} holds {what} (place {place} of {len(key)}), which no key has; copy the key again"
            )
    return key or "none"


def require_key(endpoint: Endpoint) -> None:
    """Refuse to go on without a key where one is certainly needed. Errors: `KeyRefused`."""
    if not endpoint.embedded and api_key() == "none" and endpoint.identity.startswith(OPENAI):
        raise KeyRefused(f"no API key: set {KEY_VARIABLE}, or OPENAI_BASE_URL for another endpoint")


def is_loopback(host: str) -> bool:
    """Is this host the machine itself?"""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
