"""Where a model answers, and what it can do there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from moored.errors import KeyRefused, StudyInvalid
from moored.study import Model, Study

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


def describe_endpoints(study: Study, cache: Path, base_url: str | None) -> dict[str, Endpoint]:
    """Each source's endpoint, by source name; nothing is started or sent (the embedded model is fetched)."""
    return {s.name: describe_endpoint(study.model_of(s), cache, base_url) for s in study.sources}


def describe_endpoint(model: Model, cache: Path, base_url: str | None) -> Endpoint:
    """A model's endpoint. The embedded one has no address until `open_endpoints` starts it."""
    if model.runs_here:
        from moored.llm.local import describe_embedded

        return describe_embedded(cache, gguf_of(model))
    return external_endpoint(base_url)


@contextmanager
def open_endpoints(
    study: Study, cache: Path, base_url: str | None, servers: int | None = None
) -> Iterator[dict[str, Endpoint]]:
    """Each source's endpoint, ready to answer; the embedded model's server runs inside the block."""
    described = describe_endpoints(study, cache, base_url)
    models = {source.name: study.model_of(source) for source in study.sources}
    with ExitStack() as stack:
        started: dict[str, Endpoint] = {}
        for source, model in models.items():
            if model.runs_here:
                if model.name not in started:
                    from moored.llm.local import embedded_model

                    here = embedded_model(cache, servers=servers, gguf=gguf_of(model))
                    started[model.name] = stack.enter_context(here)
                described[source] = started[model.name]
        yield described


def gguf_of(model: Model) -> Path | None:
    """The GGUF file that a model's name is the path of."""
    return Path(model.name).expanduser() if model.name.endswith(".gguf") else None


def probe_models(
    study: Study, cache: Path, base_url: str | None, journal: AbilityStore | None = None
) -> list[str]:
    """One cheap request to each model that the study names; what came of it, a line each.

    `journal` counts the requests, and remembers what an external model gives where it was not known.
    """
    from moored.llm.probe import probe, remember

    lines = []
    with open_endpoints(study, cache, base_url) as endpoints:
        seen = {(study.model_of(s).name, endpoints[s.name].identity): s for s in study.sources}
        for source in seen.values():
            model, endpoint = study.model_of(source), endpoints[source.name]
            found = probe(endpoint, model)
            lines.append(found.line)
            if journal is not None and not model.runs_here:
                remember(endpoint, model, found, journal)
    return lines


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
