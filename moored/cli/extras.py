"""What a plain installation leaves out, by the one line that adds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moored.errors import ExtraMissing
from moored.extras import line_that_adds

OURS = ("moored", "flows", "tasks", "checks")


@contextmanager
def extras_named() -> Iterator[None]:
    """Errors: `ExtraMissing` where an import fails for want of a package of others."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package in OURS:
            raise
        raise ExtraMissing(
            f"this command needs the package {package!r}, which is not installed; "
            f"type: {line_that_adds('pipeline')}"
        ) from error
