"""Endpoints made ready: described, started, probed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from moored.llm.endpoints import AbilityStore, Endpoint, external_endpoint
from moored.llm.recipe_builder import build_recipe, need_of
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
    study: Study, folder: Path, endpoints: Mapping[str, Endpoint], journal: AbilityStore
) -> list[str]:
    """Ask each model that the study names what a run will ask it; what came of it, a line each.

    folder: where the study's prompts are. endpoints: by source, ready to answer. `journal` counts the requests, and
    remembers what an external model gives and takes. Errors: those of `probe`, and of `build_recipe`.
    """
    from moored.llm.probe import probe, remember

    lines: dict[str, str] = {}
    for source in study.sources:
        need = need_of(study, source, endpoints[source.name], folder)
        if not need.model.runs_here:
            lines[need.known_as] = remember(need, journal).line  # the last source knows most
            build_recipe(study, source, need.endpoint, folder, journal)
        elif need.known_as not in lines:
            lines[need.known_as] = probe(need).line
    return list(lines.values())
