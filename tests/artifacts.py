"""What runs leave with their Prefect server."""

from __future__ import annotations

import json
from typing import Any


def artifacts(key: str) -> list[list[dict[str, Any]]]:
    """The tables of a key, the longest last."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return sorted((json.loads(artifact.data) for artifact in found), key=len)
