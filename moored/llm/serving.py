"""Endpoints made ready: described, started, probed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from moored.errors import StudyInvalid
from moored.llm.endpoints import AbilityStore, Endpoint, external_endpoint
from moored.llm.recipe_builder import build_recipe, need_of
from moored.study import EMBEDDED, Model, Study


def describe_endpoints(study: Study, cache: Path, base_url: str | None) -> dict[str, Endpoint]:
    """Each source's endpoint, by source name; nothing is started or sent (the embedded model is fetched).

    Errors: those of `gguf_of`, `StudyInvalid`.
    """
    return {s.name: describe_endpoint(study.model_of(s), cache, base_url) for s in study.sources}


def describe_endpoint(model: Model, cache: Path, base_url: str | None) -> Endpoint:
    """A model's endpoint. One that runs here has no address until `open_endpoints` starts it."""
    if model.runs_here:
        from moored.llm.local import describe_local

        return describe_local(gguf_of(model, cache))
    return external_endpoint(base_url)


def refuse_absent_models(study: Study, cache: Path) -> None:
    """Find the files of the models that run here; the embedded one is fetched when it is needed.

    Errors: those of `gguf_of`.
    """
    for model in map(study.model_of, study.sources):
        if model.runs_here and model.name != EMBEDDED:
            gguf_of(model, cache)


@contextmanager
def open_endpoints(
    study: Study, cache: Path, base_url: str | None, servers: int | None = None
) -> Iterator[dict[str, Endpoint]]:
    """Each source's endpoint, ready to answer; servers of models that run here live inside the block."""
    described = describe_endpoints(study, cache, base_url)
    models = {source.name: study.model_of(source) for source in study.sources}
    with ExitStack() as stack:
        started: dict[str, Endpoint] = {}
        for source, model in models.items():
            if model.runs_here:
                if model.name not in started:
                    from moored.llm.local import local_model

                    here = local_model(gguf_of(model, cache), servers=servers)
                    started[model.name] = stack.enter_context(here)
                described[source] = started[model.name]
        yield described


def gguf_of(model: Model, cache: Path) -> Path:
    """The GGUF file of a model that runs here.

    Errors: `StudyInvalid` for a path that leads nowhere; those of `moored.fetch.obtain.weights_of` for a name.
    """
    if not model.name.endswith(".gguf"):
        from moored.fetch.obtain import weights_of

        return weights_of(model.name, cache)
    file = Path(model.name).expanduser()
    if not file.is_file():
        raise StudyInvalid(
            f"the model file {file} is not there; `model.name` takes a path from the working folder"
        )
    return file


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
