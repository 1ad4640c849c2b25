"""What tokens cost. Models on this machine cost nothing."""

from __future__ import annotations

import functools
import math
import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from moored.errors import StudyInvalid
from moored.llm.endpoints import Endpoint
from moored.llm.recipe import Recipe
from moored.study import GenerationSettings

BYTES_A_TOKEN = 3.5
"""Of English text; counted on the cautious side."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million prompt and completion tokens, and which table says so."""

    prompt: float
    completion: float
    table: str
    known: bool = True

    def usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The cost of so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


def price_of(recipe: Recipe, endpoint: Endpoint, *, batch: bool = False) -> Price:
    """The price of a recipe's model at its endpoint: the study's own, none on this machine, or the table's.

    batch: the half of it.
    """
    price = _listed(recipe, endpoint)
    if not batch:
        return price
    return replace(price, prompt=price.prompt / 2, completion=price.completion / 2)


def _listed(recipe: Recipe, endpoint: Endpoint) -> Price:
    if recipe.usd_per_million is not None:
        prompt, completion = recipe.usd_per_million
        return Price(prompt, completion, table="study")
    if endpoint.local:
        return Price(0.0, 0.0, table="local")
    table = _table()
    listed = table["models"].get(recipe.model)
    if listed is None:
        return Price(0.0, 0.0, table=f"{table['version']} (no price)", known=False)
    return Price(listed[0], listed[1], table=table["version"])


def require_price(price: Price, recipe: Recipe, generation: GenerationSettings) -> None:
    """A cap in USD needs a price. Errors: `StudyInvalid`."""
    if generation.max_usd is not None and not price.known:
        raise StudyInvalid(
            f"`generation.max_usd` is set, but {recipe.model!r} has no known price; "
            "set `model.usd_per_million = [prompt, completion]`"
        )


@functools.lru_cache(maxsize=64)  # most of a prompt is the same for all rows
def count_tokens(text: str) -> int:
    """Tokens of a text, estimated from its bytes."""
    return math.ceil(len(text.encode()) / BYTES_A_TOKEN)


def expected_tokens(body: dict[str, Any]) -> tuple[int, int]:
    """Prompt tokens (estimated) and completion tokens (the most allowed) of a request body."""
    if "prompt" in body:
        prompt = count_tokens(body["prompt"])
    else:
        prompt = sum(count_tokens(message["content"]) + 4 for message in body["messages"])
    return prompt, int(body.get("max_tokens") or body.get("max_completion_tokens") or 0)


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("moored.llm").joinpath("prices.toml").read_text("utf-8"))
