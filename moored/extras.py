"""What a plain installation leaves out, by the one line that adds it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moored.errors import ExtraMissing

UVX = ("archive-v", "environments-v")
"""Folders of uv's cache that `uvx` runs from begin so."""


@contextmanager
def needed(extra: str, what: str) -> Iterator[None]:
    """Errors: `ExtraMissing` where an import inside fails: `what` needs a package of `moored[extra]`."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package == "moored":
            raise
        raise ExtraMissing(
            f"{what} needs the package {package!r}, which is not installed; type: {line_that_adds(extra)}"
        ) from error


def line_that_adds(extra: str, prefix: Path | None = None) -> str:
    """What to type for `moored[extra]` where this Python is. prefix: of its environment."""
    place = prefix or Path(sys.prefix)
    if (place / "uv-receipt.toml").is_file():
        return f"uv tool install 'moored[{extra}]'"
    if any(part.startswith(UVX) for part in place.parts):
        return f"uvx --from 'moored[{extra}]' moored ..."
    return f"pip install 'moored[{extra}]'"
