"""Why a reply ended, in the words of several makers' endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FILTERS = (
    *(
        "content_filter",
        "content_filtered",
        "safety",
        "recitation",
        "prohibited_content",
        "blocklist",
        "spii",
    ),
    *("sensitive", "refusal", "guardrail_intervened"),
)
_CUTS = ("length", "max_tokens", "model_length", "max_length", "max_output_tokens")
_BREAKS = (
    "error",
    "abort",
    "aborted",
    "cancelled",
    "canceled",
    "network_error",
    "insufficient_system_resource",
)
"""What the model had said so far may be the beginning of anything."""


def ending_of(choice: Mapping[str, Any]) -> str:
    """A choice's finish_reason in small letters; "" without one."""
    reason = choice.get("finish_reason")
    return reason.casefold() if isinstance(reason, str) else ""


def filter_of(ending: str) -> str:
    """The content filter that ended a reply; else ""."""
    if ending not in _FILTERS:
        return ""
    return "content filter" if ending.startswith("content_") else f"content filter ({ending})"


def cut_off(ending: str) -> bool:
    """Whether a reply ended because its tokens were used up."""
    return ending in _CUTS


def broken_off(ending: str) -> str:
    """Why a reply is none, where the endpoint and not the model ended it; else ""."""
    return f"the model's answer broke off (finish_reason {ending!r})" if ending in _BREAKS else ""
