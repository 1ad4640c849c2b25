"""A raw reply as data: bounded before it is parsed, cleaned as it leaves JSON.

Whatever an endpoint sends, nothing here raises anything but `Unreadable`.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from moored.llm.endings import broken_off, cut_off, ending_of, filter_of
from moored.llm.safety import storable

MOST_CHARACTERS = 16_000_000
"""Longer replies are not parsed: a thousand long answers with their log-probabilities are shorter."""
MOST_DEPTH = 64
"""Deeper JSON is not parsed: Python's own limit depends on the caller's stack, this one on the reply alone."""
MOST_TOKENS = 10**9
"""More tokens than this in one reply's usage are taken for nonsense."""

_BRACKET = re.compile(r"[\[\]{}]")


class Unreadable(ValueError):
    """A reply, or the JSON in one, that cannot be read; its text says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token as the endpoint spells it, with its log-probability if it is usable as a number."""

    text: str
    spelled: list[int] | None
    logprob: Any


@dataclass(frozen=True, slots=True)
class Position:
    """One place of the reply: the token that stands there and the likely ones."""

    token: Token
    tops: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one reply holds."""

    said: str
    """Its text, thoughts included; every character can be stored."""
    refusal: str
    """Why the model or a filter declined, else empty."""
    cut: bool
    """It ended because its tokens were used up."""
    thought: bool
    """The model's thoughts came beside the text."""
    positions: tuple[Position, ...]
    """Its tokens with their probabilities, where the endpoint gave them."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counts them."""

    prompt: int = 0
    completion: int = 0

    def or_expected(self, prompt: int, completion: int) -> Usage:
        """The same; of a reply that counts nothing what was expected, else no cap would ever be reached."""
        return self if self.prompt or self.completion else Usage(prompt, completion)


NO_USAGE = Usage()


def load(text: str, pairs: Any = None) -> Any:
    """Parse JSON; `pairs` as json's `object_pairs_hook`. NaN and infinities become None. Errors: `Unreadable`."""
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"{len(text):,} characters are too long to read (at most {MOST_CHARACTERS:,})")
    if depth_of(text) > MOST_DEPTH:
        raise Unreadable(f"its JSON is nested deeper than {MOST_DEPTH} levels")
    if pairs is None:
        import orjson  # not at the top: a light installation drafts studies without it

        with suppress(
            ValueError
        ):  # what it does not take, such as NaN or half a surrogate, the other one may
            return orjson.loads(text)
    try:
        return json.loads(text, parse_int=_whole, parse_constant=lambda _: None, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is not JSON") from error


def depth_of(text: str) -> int:
    """How deep JSON is nested, at most one more than allowed; where it has few brackets, their number."""
    if (most := text.count("{") + text.count("[")) <= MOST_DEPTH:
        return most
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    depth = deepest = 0
    for mark in _BRACKET.finditer(outside):
        depth += 1 if mark[0] in "{[" else -1
        deepest = max(deepest, depth)
        if deepest > MOST_DEPTH:
            break
    return deepest


def open_reply(raw: str) -> Reply:
    """A whole reply's parts. Errors: `Unreadable`."""
    body = load(raw)
    choice = _choice(body)
    if choice is None:
        raise Unreadable("it holds no choice of a model")
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else choice.get("text")
    message = message if isinstance(message, dict) else {}
    said, refusal = _text_of(content), _text_of(message.get("refusal"))
    if isinstance(content, list):
        refusal = refusal or "".join(_text_of(p.get("refusal")) for p in content if isinstance(p, dict))
    ended = ending_of(choice)
    refusal = refusal or filter_of(ended)
    if broken := broken_off(ended):
        raise Unreadable(broken)
    return Reply(
        said=said,
        refusal=refusal,
        cut=cut_off(ended),
        thought=_thought_beside(body, message, content),
        positions=_positions(choice.get("logprobs")),
    )


def whole_reply(raw: str) -> bool:
    """A reply worth keeping: JSON with a choice that a model ended. Anything else is sent again."""
    try:
        return _is_whole(load(raw))
    except Unreadable:
        return False


def _is_whole(body: Any) -> bool:
    choice = _choice(body)
    return (
        choice is not None and ("message" in choice or "text" in choice) and not broken_off(ending_of(choice))
    )


def why_none(raw: str) -> str:
    """Why a body is no reply worth keeping."""
    if raw.lstrip().startswith(("data:", "event:")):
        return "the reply came as a stream, which was not asked for"
    try:
        body = load(raw)
    except Unreadable:
        return "the reply is not a whole one"
    if (choice := _choice(body)) is not None and (broken := broken_off(ending_of(choice))):
        return broken
    if isinstance(body, dict) and body and "choices" not in body:
        return (
            f"the reply has no `choices`, it has {', '.join(list(body)[:5])}; is OPENAI_BASE_URL the address of an "
            "API in OpenAI's protocol (most end in /v1)?"
        )
    return "the reply is not a whole one"


def usage_of_whole(raw: str) -> Usage | None:
    """The tokens of a reply worth keeping (`whole_reply`); None of any other."""
    try:
        body = load(raw)
    except Unreadable:
        return None
    return _usage(body) if _is_whole(body) else None


def usage_of(raw: str) -> Usage:
    """Tokens that a reply says were used; zeros where it says nothing or nonsense."""
    try:
        body = load(raw)
    except Unreadable:
        return Usage()
    return _usage(body)


def _usage(body: Any) -> Usage:
    used = body.get("usage") if isinstance(body, dict) else None
    used = used if isinstance(used, dict) else {}
    return Usage(_count(used.get("prompt_tokens")), _count(used.get("completion_tokens")))


def _whole(digits: str) -> int | float:
    """Python refuses to read integers of thousands of digits."""
    return int(digits) if len(digits) <= 18 else float(digits)


def _count(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        return 0
    return int(value)


def _choice(body: Any) -> dict[str, Any] | None:
    choices = body.get("choices") if isinstance(body, dict) else None
    listed = choices if isinstance(choices, list) else []
    first = next((c for c in listed if isinstance(c, dict) and c.get("index") == 0), next(iter(listed), None))
    return first if isinstance(first, dict) else None


def _text_of(content: Any) -> str:
    """Text that comes as a string, as a list of parts, or as a part; thoughts among the parts are left out."""
    if isinstance(content, str):
        return storable(content)
    if isinstance(content, list):
        return "".join(_text_of(part) for part in content if isinstance(part, str) or _is_text(part))
    if isinstance(content, dict):
        inside = content.get("text", content.get("value"))
        return _text_of(inside) if isinstance(inside, str | dict) else ""
    return ""


def _is_text(part: Any) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    return isinstance(part, dict) and (kind is None or (isinstance(kind, str) and "text" in kind))


def _thought_beside(body: Any, message: dict[str, Any], content: Any) -> bool:
    if any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking")):
        return True
    usage = body.get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    if isinstance(details, dict) and _count(details.get("reasoning_tokens")):
        return True
    kinds = (
        [part.get("type") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    return any(kind in ("thinking", "reasoning") for kind in kinds)


def _positions(logprobs: Any) -> tuple[Position, ...]:
    """Chat's `content` form, or the older lists of completions."""
    if not isinstance(logprobs, dict):
        return ()
    content = logprobs.get("content")
    if isinstance(content, list) and content:
        entries = [entry for entry in content if isinstance(entry, dict)]
        return tuple(Position(_token(entry), _tops(entry.get("top_logprobs"))) for entry in entries)
    tops = logprobs.get("top_logprobs")
    if not isinstance(tops, list):
        return ()
    tokens, own = logprobs.get("tokens"), logprobs.get("token_logprobs")
    tokens = tokens if isinstance(tokens, list) else []
    own = own if isinstance(own, list) else []
    return tuple(
        Position(
            _token(
                {
                    "token": tokens[at] if at < len(tokens) else None,
                    "logprob": own[at] if at < len(own) else None,
                }
            ),
            _tops(likely),
        )
        for at, likely in enumerate(tops)
    )


def _tops(likely: Any) -> tuple[Token, ...]:
    if isinstance(likely, dict):
        return tuple(_token({"token": text, "logprob": logprob}) for text, logprob in likely.items())
    if isinstance(likely, list):
        return tuple(_token(entry) for entry in likely if isinstance(entry, dict))
    return ()


def _token(entry: dict[str, Any]) -> Token:
    text, spelled = entry.get("token"), entry.get("bytes")
    is_bytes = isinstance(spelled, list) and all(type(b) is int and 0 <= b <= 255 for b in spelled)
    return Token(text if isinstance(text, str) else "", spelled if is_bytes else None, entry.get("logprob"))
