"""What a reply shows of the model that gave it."""

from __future__ import annotations

import json
import re
from typing import Any

_THOUGHT = re.compile(r"^\s*(<think|<thought|<reasoning|<\|channel\|>|\[think\])", re.IGNORECASE)


def gave_logprobs(choice: dict[str, Any]) -> bool:
    """Are the likely first tokens there, in one of the two forms?"""
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        return False
    content = logprobs.get("content")
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return bool(content[0].get("top_logprobs"))
    return bool(logprobs.get("top_logprobs"))


def thinks(raw: str, choice: dict[str, Any]) -> bool:
    """Does a reply show thoughts, or nothing but a used-up budget?"""
    found = choice.get("message")
    message: dict[str, Any] = found if isinstance(found, dict) else {}
    usage = json.loads(raw).get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    counted = details.get("reasoning_tokens") if isinstance(details, dict) else 0
    said = text_of(choice)
    return bool(
        counted
        or message.get("reasoning_content")
        or message.get("reasoning")
        or _THOUGHT.match(said)
        or (message and not said.strip() and choice.get("finish_reason") == "length")
    )


def text_of(choice: dict[str, Any]) -> str:
    """What the model said."""
    message = choice.get("message")
    said = message.get("content") if isinstance(message, dict) else choice.get("text")
    if isinstance(said, list):
        said = "".join(str(part.get("text") or "") for part in said if isinstance(part, dict))
    return said if isinstance(said, str) else ""
