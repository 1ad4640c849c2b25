"""Answers after which no request of a run can go through, each as one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moored.errors import EndpointUnreachable, KeyRefused, MooredError, RequestRefused
from moored.llm.reasons import redirected

if TYPE_CHECKING:
    from moored.llm.client import HttpAnswer


def stops_all(answer: HttpAnswer, model: str) -> MooredError | None:
    """The error, where no row's request can ever work."""
    why = answer.reason
    if answer.outcome == "refused-key":
        return KeyRefused(
            f"the endpoint refuses the API key or what it asks for ({why}); set OPENAI_API_KEY to one that may use "
            f"{model!r}"
        )
    if answer.outcome == "no-credit":
        return RequestRefused(f"the account has no credit left ({why}); top it up, then run again")
    if answer.outcome == "no-model":
        return RequestRefused(f"the endpoint does not know the model {model!r} ({why}); correct `model.name`")
    if answer.outcome == "no-path":
        return RequestRefused(
            f"OPENAI_BASE_URL is not the address of an API ({why}); most end in /v1: correct it"
        )
    if answer.outcome == "elsewhere":
        return RequestRefused(redirected(why))
    return None


def unreachable(answer: HttpAnswer) -> EndpointUnreachable:
    """The error where nothing usable came."""
    if answer.connected:
        return EndpointUnreachable(
            f"the endpoint gives no usable answer ({answer.reason}); look at its log or wait until it is ready, "
            "then run again"
        )
    return EndpointUnreachable(f"nothing answers at the endpoint: {answer.reason}; {answer.advice}")
