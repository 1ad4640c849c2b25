"""A study with one question, its recipes, and units whose texts are their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moored.llm import bargain, limits
from moored.llm.endpoints import Endpoint, external_endpoint
from moored.llm.generations import Unit
from moored.llm.recipe import Recipe
from moored.llm.recipe_builder import build_recipe
from moored.storage.journal import Journal
from moored.study import Study, parse_study


def a_study(**changes: Any) -> Study:
    raw = {
        "name": "small",
        "data": {"source": "small.csv"},
        "outcome": {
            "name": "positive",
            "human": "label",
            "ask": "Is the mood of the text positive or negative?",
            "answers": {"positive": 1, "negative": 0},
            "examples": [("So happy today", "positive"), ("This is awful", "negative")],
        },
        "model": {"name": "m", "scoring": "label", "timeout_s": 5},
        "sources": [{"name": "proxy", "kind": "proxy"}, {"name": "synth", "kind": "synthetic"}],
        "estimate": {"formula": "positive ~ 1"},
    }
    return parse_study(raw | changes)


def a_recipe(study: Study, endpoint: Endpoint, source: str = "proxy", json_schema: bool = False) -> Recipe:
    """A recipe, without asking the endpoint what it gives."""
    part = next(s for s in study.sources if s.name == source)

    class Known:
        def abilities(self, _endpoint: str) -> dict[str, Any]:
            return {"logprobs": False, "json_schema": json_schema}

        def keep_abilities(self, *_: Any) -> None:
            raise AssertionError

    return build_recipe(study, part, endpoint, Path(), Known())


def some_units(count: int) -> list[Unit]:
    return [
        Unit(f"u{number}", f"text number {number} says something", f"h{number}") for number in range(count)
    ]


def endpoint_at(url: str) -> Endpoint:
    return external_endpoint(url)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "j.sqlite", "small")


@pytest.fixture(autouse=True)
def _fast_and_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are short, and nothing learned about an endpoint outlives a test."""
    monkeypatch.setattr(limits, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(limits, "LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(bargain, "LONGEST_WAIT_S", 0.05)
    limits._LEARNED.clear()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
