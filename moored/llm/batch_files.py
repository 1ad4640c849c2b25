"""The files of the Batch API: requests on the way out, answers on the way back, one JSON line each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moored.llm.prices import expected_tokens
from moored.llm.raw import Unreadable, load
from moored.llm.requests import Request

MOST_REQUESTS = 50_000
MOST_BYTES = 100_000_000
"""Half of what OpenAI takes: a file goes through memory on its way."""
NOT_TRIED = {"batch_expired", "batch_cancelled"}


@dataclass(frozen=True, slots=True)
class RequestFile:
    """One file of requests."""

    path: Path
    url: str
    tokens: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Expected prompt and completion tokens, by the request's key."""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One line that came back."""

    key: str
    status: int | None
    """HTTP status; None where there was no response."""
    raw: str
    """The response's body."""
    tried: bool
    """False where the batch ended before it came to this request."""


def write_request_files(
    requests: Iterable[Request],
    folder: Path,
    most_requests: int = MOST_REQUESTS,
    most_bytes: int = MOST_BYTES,
) -> list[RequestFile]:
    """Requests as files in `folder`, each within the Batch API's limits; one request is one line."""
    files: list[RequestFile] = []
    size = 0
    for request in requests:
        line = _line(request)
        if not files or len(files[-1].tokens) >= most_requests or size + len(line) > most_bytes:
            files.append(RequestFile(folder / f"{len(files)}.jsonl", f"/v1{request.path}"))
            size = 0
        with files[-1].path.open("ab") as file:
            file.write(line)
        size += len(line)
        files[-1].tokens[request.key] = expected_tokens(request.body)
    return files


def read_answers(path: Path) -> Iterator[BatchAnswer]:
    """The answers in a file that came back, in its own order; lines that cannot be read are left out."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in filter(str.strip, lines):
            try:
                entry = _object(load(line))
            except Unreadable:
                continue  # its request counts as not answered
            response, error = _object(entry.get("response")), _object(entry.get("error"))
            status = response.get("status_code")
            yield BatchAnswer(
                key=str(entry.get("custom_id")),
                status=status if isinstance(status, int) else None,
                raw=json.dumps(response.get("body") or {}),
                tried=str(error.get("code")) not in NOT_TRIED,
            )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _line(request: Request) -> bytes:
    entry = {"custom_id": request.key, "method": "POST", "url": f"/v1{request.path}", "body": request.body}
    return json.dumps(entry).encode() + b"\n"
