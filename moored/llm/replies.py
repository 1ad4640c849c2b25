"""From a raw reply to a value. Parsing is apart from sending: it can be done again for nothing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from moored.llm.recipe import Recipe, tokens_of
from moored.study import Question


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply says: a value and the answer, or a written text, or why it says nothing."""

    status: Literal["ok", "failed", "refused"]
    value: float | None = None
    text: str | None = None
    error: str | None = None
    error_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counts them."""

    prompt: int = 0
    completion: int = 0


def usage_of(raw: str) -> Usage:
    """Tokens that a reply says were used; zeros where it says nothing."""
    try:
        used = json.loads(raw).get("usage") or {}
        return Usage(int(used.get("prompt_tokens") or 0), int(used.get("completion_tokens") or 0))
    except (ValueError, AttributeError, TypeError):
        return Usage()


def whole_reply(raw: str) -> bool:
    """A reply worth keeping: JSON with a choice that a model ended. Anything else is sent again."""
    try:
        choice = json.loads(raw)["choices"][0]
        return isinstance(choice, dict) and ("message" in choice or "text" in choice)
    except (ValueError, LookupError, TypeError):
        return False


def said_in(raw: str) -> str:
    """What the model said in a whole reply."""
    return _said(json.loads(raw)["choices"][0])


def parse_written(raw: str) -> Parsed:
    """The synthetic text of a writing step."""
    choice = json.loads(raw)["choices"][0]
    if refusal := _refusal(choice):
        return refusal
    text = _said(choice).strip().strip('"').strip()
    text = re.sub(r"^<text>\s*|\s*</text>$", "", text)
    if not text:
        return Parsed("failed", error="the model wrote nothing", error_kind="empty")
    return Parsed("ok", text=text)


def parse_read(raw: str, recipe: Recipe, variable: str) -> Parsed:
    """The value of a reading step: soft by logprobs where the recipe scores so, else the answer's own."""
    choice = json.loads(raw)["choices"][0]
    if refusal := _refusal(choice):
        return refusal
    question = recipe.questions[variable]
    if recipe.scoring == "logprobs":
        return _soft(choice, question)
    said = _said(choice)
    answer = _answer(said, question)
    if answer is None:
        return _nonsense(said, question)
    return Parsed("ok", value=question.answers[answer], text=answer)


def _soft(choice: dict[str, Any], question: Question) -> Parsed:
    """Sum over answers of p_k * value_k, the p_k normalised over the allowed answers."""
    tokens = tokens_of(question)
    weights = dict.fromkeys(tokens, 0.0)
    for token, logprob in _first_tokens(choice):
        stem = token.strip().casefold().lstrip('"*')
        matching = [answer for answer, said in tokens.items() if stem and said.casefold().startswith(stem)]
        # A piece that begins several answers ("ne" of negative and neutral) tells them apart for nobody.
        if len(matching) == 1:
            weights[matching[0]] += math.exp(logprob)
    total = sum(weights.values())
    if total <= 0:
        return _nonsense(_said(choice), question)
    value = sum(weight * question.answers[answer] for answer, weight in weights.items()) / total
    return Parsed("ok", value=value, text=max(weights, key=lambda answer: weights[answer]))


def _first_tokens(choice: dict[str, Any]) -> list[tuple[str, float]]:
    """The likely first tokens: chat's `content` form, or the older `top_logprobs` of completions.

    Leading tokens of blank space are skipped, as are pieces of a thought.
    """
    logprobs = choice.get("logprobs") or {}
    content = logprobs.get("content")
    if content:
        at = next((entry for entry in content if str(entry.get("token", "")).strip()), content[0])
        return [(top["token"], float(top["logprob"])) for top in at.get("top_logprobs") or []]
    tops = logprobs.get("top_logprobs")
    return [(token, float(value)) for token, value in (tops[0] or {}).items()] if tops else []


def _answer(said: str, question: Question) -> str | None:
    """The allowed answer that a reply gives: JSON, fenced JSON, or the bare word."""
    spoken = said.strip()
    found = re.search(r"\{.*\}", spoken, re.DOTALL)
    if found:
        try:
            inside = json.loads(found[0])
            spoken = str(inside.get("answer", "")) if isinstance(inside, dict) else spoken
        except ValueError:
            pass
    bare = spoken.strip(" \t\r\n.\"'`*!").casefold()
    tokens = tokens_of(question)
    exact = [a for a, token in tokens.items() if bare in (token.casefold(), a.casefold())]
    if exact:
        return exact[0]
    named = [a for a, token in tokens.items() if re.search(rf"\b{re.escape(token.casefold())}\b", bare)]
    return named[0] if len(named) == 1 and len(bare) <= 80 else None


def _said(choice: dict[str, Any]) -> str:
    message = choice.get("message")
    said = message.get("content") if isinstance(message, dict) else choice.get("text")
    return said if isinstance(said, str) else ""


def _refusal(choice: dict[str, Any]) -> Parsed | None:
    message = choice.get("message")
    said = message.get("refusal") if isinstance(message, dict) else None
    if said or choice.get("finish_reason") == "content_filter":
        return Parsed("refused", error=_short(str(said or "content filter")), error_kind="refusal")
    return None


def _nonsense(said: str, question: Question) -> Parsed:
    allowed = ", ".join(question.answers)
    return Parsed(
        "failed", error=f"answered {_short(said)!r}, allowed are {allowed}", error_kind="wrong-answer"
    )


def _short(said: str) -> str:
    return said if len(said) <= 80 else said[:77] + "..."
