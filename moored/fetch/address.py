"""A file from an http address, onto a file that grows: what is there already is not asked for again."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from moored.errors import ChecksumDiffers, FetchFailed
from moored.fetch.archive import UNUSABLE_PROXY
from moored.fetch.sums import BLOCK, Count

TRIES = 4
"""So often in a row nothing may come."""
PAUSE_S = 2.0
"""Before the second try; then twice as long each time."""
SILENCE_S = 60.0
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_BUSY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class _Cut(Exception):
    """The connection was not made or broke; asking again may help."""


def is_address(origin: str) -> bool:
    """Does it begin as an http address?"""
    return origin.lower().startswith(("http://", "https://"))


def from_address(address: str, size: int, growing: Path, count: Count) -> None:
    """Append what the file lacks of `size` bytes, in as many connections as it takes.

    Errors: `FetchFailed`; `ChecksumDiffers` where the address gives a file of another size.
    """
    if unusable := os.environ.get(UNUSABLE_PROXY):
        raise FetchFailed(f"{shown(address)} cannot be asked, since {unusable}; correct it and run again")
    idle = 0
    while (have := growing.stat().st_size) < size:
        why = "it ended too early"
        try:
            _go_on(address, have, size, growing, count)
        except _Cut as error:
            why = str(error)
        idle = 0 if growing.stat().st_size > have else idle + 1
        if idle == TRIES:
            raise FetchFailed(
                f"{shown(address)} does not deliver ({why}); what came is kept: run again to go on"
            )
        if idle:
            time.sleep(PAUSE_S * 2 ** (idle - 1))


def shown(address: str) -> str:
    """The address without what may be secret in it."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _go_on(address: str, have: int, size: int, growing: Path, count: Count) -> None:
    with _opened(address, have) as response:
        begins, total = _extent(response)
        if total not in (None, size):
            raise _another(address, f"{total:,} bytes", size)
        if begins not in (0, have):
            raise _Cut(f"it answered from byte {begins} on")
        with growing.open("r+b") as sink:
            sink.seek(begins)
            sink.truncate()
            for block in _blocks(response):
                sink.write(block[: size - begins])
                begins += len(block)
                count(min(begins, size))
                if begins > size:
                    sink.truncate(have)
                    raise _another(address, "more bytes", size)
            sink.flush()
            os.fsync(sink.fileno())


@contextmanager
def _opened(address: str, have: int) -> Iterator[HTTPResponse]:
    headers = {"User-Agent": "moored"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(Request(address, headers=headers), timeout=SILENCE_S)  # noqa: S310
    except HTTPError as error:
        if have and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise ChecksumDiffers(
                f"{shown(address)} has at most {have:,} bytes and is another file"
            ) from error
        if error.code in _BUSY or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _Cut(f"it answers {error.code} {error.reason}") from error
        raise FetchFailed(
            f"{shown(address)} answers {error.code} {error.reason}; look whether the address is right"
        ) from error
    except (OSError, HTTPException) as error:
        raise _Cut(_words(error)) from error
    except ValueError as error:
        raise FetchFailed(f"{shown(address)} is no http address: {error}") from error
    with response:
        yield response


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """(The first byte that comes, the size of the whole file where it is told)."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.match(response.headers.get("Content-Range", ""))
        return (int(found[1]), int(found[2])) if found else (-1, None)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = response.read(BLOCK)
        except (OSError, HTTPException) as error:
            raise _Cut(_words(error)) from error
        if not block:
            return
        yield block


def _words(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def _another(address: str, came: str, size: int) -> ChecksumDiffers:
    return ChecksumDiffers(f"{shown(address)} has {came}, the model {size:,}: it is another file")
