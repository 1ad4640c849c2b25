"""The Batch API's five calls, with its errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2
import openai

from moored.errors import EndpointUnreachable, KeyRefused, RequestRefused
from moored.llm.endpoints import Endpoint, api_key
from moored.llm.reasons import redirected, refusal_of, unreached
from moored.llm.safety import storable, without_key
from moored.llm.transport import open_client

TIMEOUT_S = 600.0
DONE = {"completed", "failed", "expired", "cancelled"}


@dataclass(frozen=True, slots=True)
class BatchState:
    """How one batch stands at the endpoint."""

    status: str
    files: tuple[str, ...]
    """Answers and errors, once it is done."""
    why: str
    """Why it failed."""

    @property
    def done(self) -> bool:
        """Nothing more will come of it."""
        return self.status in DONE


class BatchClient:
    """Few and large requests to one endpoint. Use as `async with`.

    Errors: `EndpointUnreachable` (batches stay open), `KeyRefused`, `RequestRefused`.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._client = open_client(endpoint.base_url, api_key(), timeout_s=TIMEOUT_S, retries=3, most=None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def upload(self, path: Path) -> str:
        """Send a file of requests; its id. Nothing is asked or paid by that."""
        with _plainly("a file of requests"), path.open("rb") as content:
            return (await self._client.files.create(file=("batch.jsonl", content), purpose="batch")).id

    async def create(self, file: str, url: str) -> str:
        """Hand a file in; the batch's id. Never tried twice: one whose answer was lost may have been taken."""
        once = self._client.with_options(max_retries=0)
        with _plainly("a batch"):
            batch = await once.batches.create(
                input_file_id=file,
                endpoint=url,  # type: ignore[arg-type]
                completion_window="24h",
            )
            return batch.id

    async def find(self, file: str) -> str | None:
        """The id of the batch that a file was handed in as, if it was."""
        with _plainly("its list of batches"):
            async for batch in self._client.batches.list(limit=100):
                if batch.input_file_id == file:
                    return batch.id
        return None

    async def look(self, batch: str) -> BatchState:
        """How a batch stands."""
        with _plainly(f"the batch {batch}"):
            seen = await self._client.batches.retrieve(batch)
        return BatchState(
            seen.status, tuple(filter(None, (seen.output_file_id, seen.error_file_id))), _why(seen)
        )

    async def download(self, file: str, path: Path) -> bool:
        """Write a file that came back to `path`; False where the endpoint has deleted it."""
        try:
            with _plainly(f"the file {file}"):
                async with self._client.files.with_streaming_response.content(file) as response:
                    await response.stream_to_file(path)
        except RequestRefused as error:
            if error.details["status"] == 404:
                return False
            raise
        return True


@contextmanager
def _plainly(what: str) -> Iterator[None]:
    try:
        yield
    except openai.APIStatusError as error:
        response = error.response
        kind = response.headers.get("content-type", "")
        said = refusal_of(response.status_code, response.text, kind, response.reason_phrase)
        words = without_key(f"HTTP {response.status_code}: {said.words}", api_key())[:300]
        if said.outcome == "elsewhere":
            raise RequestRefused(redirected(words), status=response.status_code) from error
        if said.outcome == "refused-key":
            raise KeyRefused(
                f"the endpoint refuses the API key ({words}); set OPENAI_API_KEY to a valid one"
            ) from error
        if said.outcome in ("transient", "rate-limited"):
            raise _unreachable(words) from error
        raise RequestRefused(
            f"the endpoint refuses {what} ({words}); a batch needs the key of the account that "
            'handed it in, and where there is no Batch API set `generation.send = "direct"`',
            status=response.status_code,
        ) from error
    except (openai.APIConnectionError, httpx2.HTTPError, OSError) as error:
        request = getattr(error, "request", None)
        why = unreached(error, str(request.url) if request is not None else "", TIMEOUT_S)
        raise _unreachable(without_key(why.reason, api_key())[:300]) from error


def _unreachable(why: str) -> EndpointUnreachable:
    return EndpointUnreachable(
        f"the endpoint does not answer about batches ({why}); they stay open: run again to fetch them"
    )


def _why(batch: Any) -> str:
    problems = batch.errors.data if batch.errors and batch.errors.data else []
    said = "; ".join(str(problem.message) for problem in problems[:3]) or "it gives no reason"
    return without_key(storable(said), api_key())
