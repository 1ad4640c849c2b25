"""Servers that take less than the whole OpenAI protocol, as documentation and users' reports describe them.

Each is a function from a request body to what it answers in place of a reply, or None: what
`tests.endpoint.serve(in_place=...)` takes.
"""

from __future__ import annotations

from typing import Any

Given = tuple[int, Any, dict[str, str]] | None


def openai_error(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Given:
    """The error body of OpenAI."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return status, {"error": error}, {}


def reasoning(body: dict[str, Any]) -> Given:
    """OpenAI's reasoning models: their own name for the budget, temperature 1 alone, no log-probabilities."""
    if "max_tokens" in body:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use '{}' instead."
        message = message.format("max_completion_tokens")
        return openai_error(message, "max_tokens", "unsupported_parameter")
    if body.get("temperature", 1) != 1:
        message = (
            f"Unsupported value: 'temperature' does not support {body['temperature']:g} with this model. Only the "
            "default (1) value is supported."
        )
        return openai_error(message, "temperature", "unsupported_value")
    if body.get("logprobs"):
        message = "You are not allowed to request logprobs from this model"
        return openai_error(message, None, None, 403)
    return None


def first_reasoning(body: dict[str, Any]) -> Given:
    """The first of them: no system message either, nor one of a developer; and no schema."""
    if (refused := reasoning(body)) is not None:
        return refused
    if (role := body["messages"][0]["role"]) != "user":
        message = f"Unsupported value: 'messages[0].role' does not support '{role}' with this model."
        return openai_error(message, "messages[0].role", "unsupported_value")
    if "response_format" in body:
        message = (
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        )
        return openai_error(message, None, None)
    return None


def developer(body: dict[str, Any]) -> Given:
    """A model that takes its task from the developer alone."""
    if body["messages"][0]["role"] == "system":
        return openai_error(
            "Unsupported value: 'messages[0].role' does not support 'system'", "messages[0].role"
        )
    return None


def vllm(most: int) -> Any:
    """vLLM with `--max-logprobs`."""

    def refuse(body: dict[str, Any]) -> Given:
        asked = body.get("top_logprobs") or (body.get("logprobs") if "prompt" in body else 0) or 0
        if asked > most:
            message = f"Requested sample logprobs of {asked}, which is greater than max allowed: {most}"
            error = {
                "object": "error",
                "message": message,
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            }
            return 400, error, {}
        return None

    return refuse


def no_system_vllm(body: dict[str, Any]) -> Given:
    """vLLM with a model whose chat template knows no system message."""
    if body["messages"][0]["role"] in ("system", "developer"):
        return (
            400,
            {
                "object": "error",
                "message": "System role not supported",
                "type": "BadRequestError",
                "code": 400,
            },
            {},
        )
    return None


def litellm(body: dict[str, Any]) -> Given:
    """LiteLLM before a model without log-probabilities and seed."""
    if refused := [name for name in ("logprobs", "top_logprobs", "seed") if name in body]:
        message = (
            f"litellm.UnsupportedParamsError: bedrock does not support parameters: {refused}, for model=claude. "
            "To drop these, set `litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: 1`"
        )
        error = {"message": message, "type": "None", "param": None, "code": "400"}
        return 400, {"error": error}, {}
    return None


def inference_server(body: dict[str, Any]) -> Given:
    """text-generation-inference: a temperature above 0, at most 5 log-probabilities."""
    if body.get("temperature") == 0:
        message = "Input validation error: `temperature` must be strictly positive"
        return 422, {"error": message, "error_type": "validation"}, {}
    if (body.get("top_logprobs") or 0) > 5:
        message = "Input validation error: `top_n_tokens` must be >= 0 and <= 5. Given: 20 (`top_logprobs`)"
        return 422, {"error": message, "error_type": "validation"}, {}
    return None


def strict(body: dict[str, Any]) -> Given:
    """A server on FastAPI that forbids what it does not know."""
    if unknown := [name for name in ("seed", "logprobs", "top_logprobs") if name in body]:
        detail = [
            {
                "type": "extra_forbidden",
                "loc": ["body", name],
                "msg": "Extra inputs are not permitted",
                "input": 1,
            }
            for name in unknown
        ]
        return 422, {"detail": detail}, {}
    return None


def nested(body: dict[str, Any]) -> Given:
    """A gateway whose message is itself an error body."""
    if "seed" in body:
        inner = {
            "detail": [
                {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}
            ]
        }
        return 422, {"object": "error", "message": inner, "type": "invalid_request_error"}, {}
    return None


def gemini(body: dict[str, Any]) -> Given:
    """An error body in a list."""
    if "seed" in body or "logprobs" in body:
        name = "seed" if "seed" in body else "logprobs"
        error = {
            "code": 400,
            "message": f'Invalid JSON payload received. Unknown name "{name}"',
            "status": "INVALID_ARGUMENT",
        }
        return 400, [{"error": error}], {}
    return None


def breaks(name: str, status: int = 500, text: str = "Internal Server Error") -> Any:
    """A server that breaks at one parameter, and names it nowhere."""
    return lambda body: (status, text, {}) if name in body else None
