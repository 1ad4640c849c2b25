"""What the model was asked, in full, as the recipes of a version say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moored.llm.prompts import Prompt
from moored.llm.recipe import Recipe
from moored.llm.requests import Request, read_request, write_request
from moored.report.facts import Facts

PLACE = "{the unit's text}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a source, its text left open."""

    source: str
    step: str
    name: str
    version: int
    sha256: str
    messages: tuple[tuple[str, str], ...]
    """(who says it, what): one of "prompt" for a completion."""
    decoding: str


def prompts_of(facts: Facts) -> list[Asked]:
    """Every request of every source, in the order of the study."""
    return [
        asked
        for source, recipe in facts.recipes.items()
        if recipe is not None
        for asked in _asked(source, recipe)
    ]


def _asked(source: str, recipe: Recipe) -> Iterator[Asked]:
    if recipe.write is not None:
        yield _one(source, "write", recipe.write, write_request(recipe, PLACE))
    for variable in recipe.questions:
        place = "{the written text}" if recipe.write is not None else PLACE
        yield _one(source, f"read {variable}", recipe.read, read_request(recipe, variable, place))


def _one(source: str, step: str, prompt: Prompt, request: Request) -> Asked:
    body = dict(request.body)
    if "messages" in body:
        messages = tuple((str(said["role"]), str(said["content"])) for said in body["messages"])
    else:
        messages = (("prompt", str(body["prompt"])),)
    kept = {key: value for key, value in body.items() if key not in {"messages", "prompt", "model", "seed"}}
    decoding = ", ".join(f"{key} {value}" for key, value in kept.items())
    return Asked(source, step, prompt.name, prompt.version, prompt.sha256, messages, decoding)
