"""Feather and Arrow files."""

from __future__ import annotations

from pathlib import Path

from moored.errors import NotReadable
from moored.extras import needed
from moored.storage.objects import table_of_object
from moored.storage.tables import Table


def read_arrow(file: Path) -> Table:
    """A Feather file (versions 1 and 2), or an Arrow file or stream. Errors: `NotReadable`, `ExtraMissing`."""
    with needed("files", str(file)):
        import pyarrow as pa
        from pyarrow import feather, ipc
    try:
        with file.open("rb") as opened:
            start = opened.read(6)
        if start[:4] == b"FEA1" or start == b"ARROW1":
            return table_of_object(feather.read_table(str(file), memory_map=False))
        with ipc.open_stream(str(file)) as stream:
            return table_of_object(stream.read_all())
    except (pa.ArrowException, OSError) as error:
        raise NotReadable(
            f"{file} cannot be read as an Arrow or Feather file: {str(error).rstrip('.')}"
        ) from error
