"""What a plain installation leaves out, by the one line that adds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moored.errors import ExtraMissing


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
            f"{what} needs the package {package!r}, which is not installed; type: pip install 'moored[{extra}]'"
        ) from error
