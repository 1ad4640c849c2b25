"""Endpoints made ready: described, started, probed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from moored.llm.endpoints import AbilityStore, Endpoint, external_endpoint
from moored.study import Model, Study


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
