"""The packages of `moored[files]`, asked for where a file needs one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moored.errors import ExtraMissing


@contextmanager
def files_extra(what: str) -> Iterator[None]:
    """Errors: `ExtraMissing` where an import of the block fails, with the one line that adds the package."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{what} needs the package {error.name!r}, which is not installed; type: pip install 'moored[files]'"
        ) from error
