"""The site as files: to put on a web server, or to open from a folder."""

from __future__ import annotations

from pathlib import Path

from moored.errors import PageNotWritten
from moored.report.files import write_page
from moored.storage.files import private
from moored.ui.site import Site


def write_site(site: Site, folder: Path) -> int:
    """Write every page into a folder; gives how many. Pages of moored are replaced. Errors: `PageNotWritten`."""
    folder = folder.absolute()
    count = 0
    for path in site.paths():
        target = folder / path
        try:
            with private:
                target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PageNotWritten(
                f"cannot make {target.parent}: {error.strerror or error}; name a folder of yours"
            ) from error
        write_page(target, site.page(path))
        count += 1
    return count
