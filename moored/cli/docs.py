"""`moored docs`: the documentation, offline."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from moored.errors import NotStored

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "site", PACKAGE.parent / "site")
"""In what is installed, and in a checkout."""


def docs_command(
    page: Annotated[str, typer.Argument(help="A page, such as how-to/costs.")] = "index",
    path: Annotated[bool, typer.Option("--path", help="Print the file's path and open nothing.")] = False,
) -> None:
    """Open the documentation in the browser; it is read from this machine."""
    site = next((place for place in PLACES if (place / "index.html").is_file()), None)
    if site is None:
        raise NotStored(
            "this installation has no built pages; in a checkout `uv run mkdocs build` makes them, and docs/ "
            "has them as text"
        )
    file = site / f"{page.removesuffix('.html').removesuffix('.md')}.html"
    if site not in file.resolve().parents or not file.is_file():
        known = sorted(str(found.relative_to(site).with_suffix("")) for found in site.rglob("*.html"))
        raise NotStored(f"there is no page {page!r}; there are {', '.join(known)}")
    typer.echo(file)
    if not path:
        webbrowser.open(file.as_uri())
