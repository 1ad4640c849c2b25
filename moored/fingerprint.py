"""Content keys: sha256 over canonical JSON, with a scheme tag."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare space: equal content gives equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(scheme: str, value: Any) -> str:
    """`scheme:<sha256 of canonical JSON>`; a changed scheme changes every key."""
    return f"{scheme}:{hashlib.sha256(canonical(value).encode()).hexdigest()}"
