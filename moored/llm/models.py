"""Which models an endpoint has, where it says so."""

from __future__ import annotations

from moored.llm.endpoints import api_key, external_endpoint

LOOK_S = 5.0


def listed_models(base_url: str | None) -> tuple[str, ...]:
    """The names that `GET /models` gives; none where it gives none, for whatever reason. Errors: `StudyInvalid`."""
    endpoint = external_endpoint(base_url)
    try:
        import httpx

        headers = {"Authorization": f"Bearer {api_key(endpoint)}"}
        reply = httpx.get(f"{endpoint.base_url.partition('?')[0]}/models", headers=headers, timeout=LOOK_S)
        return tuple(str(model["id"]) for model in reply.json()["data"])
    except Exception:  # a wish, not a need: whatever an address answers, the user names the model
        return ()
