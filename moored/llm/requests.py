"""From a recipe and a text to the request that is sent, and the key under which its reply is kept."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from moored.fingerprint import canonical
from moored.llm.dialect import TOP_LOGPROBS
from moored.llm.prompts import fill
from moored.llm.recipe import Recipe, tokens_of
from moored.study import Question

SCHEME = "reply-1"
_TEXTS = frozenset({"messages", "prompt"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request: where to, what, and its key."""

    path: str
    body: dict[str, Any]
    key: str
    content: str
    """Path and body as they are stored."""


def write_request(recipe: Recipe, text: str, draw: int = 0) -> Request:
    """Ask for a synthetic text, conditioned on one unit's text."""
    prompt = recipe.write
    assert prompt is not None
    common = {"temperature": recipe.temperature, "max_tokens": recipe.max_tokens + recipe.thinking_tokens}
    common["seed"] = _seed(recipe.seed, text, draw)
    if recipe.api == "chat":
        return _request(recipe, _chat(recipe, prompt.chat.system, prompt.chat.user, {}, text) | common, draw)
    parts = [prompt.completion.head]
    parts += [fill(prompt.completion.example, {"text": a, "written": b}) for a, b in prompt.examples]
    parts.append(fill(prompt.completion.tail, {"text": _one_line(text)}))
    body = {"model": recipe.model, "prompt": "".join(parts), "stop": list(prompt.completion.stop)} | common
    return _request(recipe, body, draw)


def read_request(recipe: Recipe, variable: str, text: str, draw: int = 0) -> Request:
    """Ask one question about a text."""
    question = recipe.questions[variable]
    sampled = recipe.scoring == "draws"
    common: dict[str, Any] = {"temperature": max(recipe.temperature, 0.1) if sampled else 0}
    if sampled:
        common["seed"] = _seed(recipe.seed, text, draw)
    if recipe.api == "completion":
        common |= {"max_tokens": (1 if recipe.scoring == "logprobs" else 12) + recipe.thinking_tokens}
        if recipe.scoring == "logprobs":
            common["logprobs"] = TOP_LOGPROBS
        body = {"model": recipe.model, "prompt": _completion_prompt(recipe, question, text)}
        return _request(recipe, body | {"stop": list(recipe.read.completion.stop)} | common, draw)
    values = {
        "ask": _ask(recipe, question),
        "answers": ", ".join(tokens_of(question, recipe.scoring).values()),
    }
    body = _chat(recipe, recipe.read.chat.system, recipe.read.chat.user, values, text, question)
    if recipe.scoring == "logprobs":
        common |= {"max_tokens": 8 + recipe.thinking_tokens, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
    else:
        common["max_tokens"] = 40 + recipe.thinking_tokens
        if recipe.json_schema:
            common["response_format"] = answer_schema(list(tokens_of(question, recipe.scoring).values()))
    return _request(recipe, body | common, draw)


def repair_request(recipe: Recipe, variable: str, request: Request, reply: str) -> Request:
    """The one repair round: show the model its own reply and the allowed answers."""
    allowed = ", ".join(tokens_of(recipe.questions[variable], recipe.scoring).values())
    again = f"That is not one of the allowed answers ({allowed}). Reply with one of them alone."
    messages = [
        *request.body["messages"],
        {"role": "assistant", "content": reply or "(empty)"},
        {"role": "user", "content": again},
    ]
    return _keyed(recipe, request.body | {"messages": messages}, 0)


def answer_schema(answers: list[str]) -> dict[str, Any]:
    """A JSON schema that holds a reply to one of the answers."""
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": answers}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _ask(recipe: Recipe, question: Question) -> str:
    """The question, with a legend where the answers stand as letters."""
    tokens = tokens_of(question, recipe.scoring)
    if all(answer == token for answer, token in tokens.items()):
        return question.ask.strip()
    legend = "; ".join(f"{token} = {answer}" for answer, token in tokens.items())
    return f"{question.ask.strip()} ({legend})"


def _completion_prompt(recipe: Recipe, question: Question, text: str) -> str:
    prompt, tokens = recipe.read.completion, tokens_of(question, recipe.scoring)
    values = {"ask": _ask(recipe, question), "answers": ", ".join(tokens.values())}
    parts = [fill(prompt.head, values)]
    for example, answer in question.examples:
        parts.append(fill(prompt.example, values | {"text": _one_line(example), "answer": tokens[answer]}))
    parts.append(fill(prompt.tail, values | {"text": _one_line(text)}))
    return "".join(parts)


def _chat(
    recipe: Recipe,
    system: str,
    user: str,
    values: dict[str, str],
    text: str,
    question: Question | None = None,
) -> dict[str, Any]:
    shown: Sequence[tuple[str, str]] = recipe.write.examples if recipe.write else ()
    if question is not None:
        tokens = tokens_of(question, recipe.scoring)
        shown = [(example, _answer_text(recipe, tokens[answer])) for example, answer in question.examples]
    before = _before(system, user, tuple(values.items()), tuple(map(tuple, shown)))
    asked = {"role": "user", "content": fill(user, values | {"text": _fenced(text)})}
    return {"model": recipe.model, "messages": [*before, asked]}


@functools.lru_cache(maxsize=64)
def _before(
    system: str, user: str, values: tuple[tuple[str, str], ...], shown: tuple[tuple[str, str], ...]
) -> tuple[dict[str, str], ...]:
    """The messages before the last one, which all rows share: they are not to be changed."""
    messages = [{"role": "system", "content": fill(system.strip(), dict(values))}]
    for text, reply in shown:
        messages.append({"role": "user", "content": fill(user, {**dict(values), "text": _fenced(text)})})
        messages.append({"role": "assistant", "content": reply})
    return tuple(messages)


def _answer_text(recipe: Recipe, token: str) -> str:
    return canonical({"answer": token}) if recipe.json_schema else token


def _one_line(text: str) -> str:
    """A text cannot forge the prompt's line structure: it is one line."""
    return " ".join(text.split())


def _fenced(text: str) -> str:
    """A text cannot close its own fence."""
    return text.replace("</text", "<\\/text").replace("<text>", "<\\text>")


def _seed(seed: int, text: str, draw: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{draw}\0{text}".encode()).digest()[:4]) >> 1


def _request(recipe: Recipe, body: dict[str, Any], draw: int) -> Request:
    return _keyed(recipe, recipe.dialect.speak(body), draw)


def _keyed(recipe: Recipe, body: dict[str, Any], draw: int) -> Request:
    path = "/chat/completions" if recipe.api == "chat" else "/completions"
    spelled = spell(body)
    content = f'{{"body":{spelled},"endpoint":{canonical(recipe.endpoint)},"path":"{path}","sample":{draw}}}'
    key = f"{SCHEME}:{hashlib.sha256(content.encode()).hexdigest()}"
    return Request(path, body, key, f'{{"body":{spelled},"path":"{path}"}}')


def spell(body: dict[str, Any]) -> str:
    """`canonical(body)`, by orjson where that spells the same, in a tenth of the time."""
    import orjson  # not at the top: a light installation drafts studies without it

    if all(name in _TEXTS or _spelled_alike(value) for name, value in body.items()):
        with suppress(TypeError):  # half a surrogate
            return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
    return canonical(body)


def _spelled_alike(value: Any) -> bool:
    """Whether Python and orjson spell a value alike: numbers with an exponent they do not."""
    if isinstance(value, dict):
        return all(map(_spelled_alike, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_spelled_alike, value))
    if isinstance(value, float):
        return value == 0 or 1e-4 <= abs(value) < 1e16
    return value is None or isinstance(value, str) or abs(value) < 2**53
