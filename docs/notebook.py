"""The notebook of the tutorials: run it, and write it as a page.

`MOORED_WRITE_DOCS=1 uv run pytest tests/docs` does both; tests/docs/test_notebook.py holds what both show.
"""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
NOTEBOOK = FOLDER / "tutorials" / "data-frame.ipynb"
PAGE = NOTEBOOK.with_suffix(".md")
FIGURES = FOLDER / "figures"
NOTE = "<!-- Written from data-frame.ipynb by `MOORED_WRITE_DOCS=1 uv run pytest tests/docs`. -->"
DOWNLOAD = (
    "[Download this page as a notebook](data-frame.ipynb). A test runs it and compares every output below."
)


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook with the outputs of a run in `folder`, from the first cell to the last."""
    run = NotebookClient(
        notebook,
        timeout=240,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": folder}},
    )
    done = run.execute()
    for cell in done.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [_kept(output) for output in cell.outputs]
    return done


def _kept(output: NotebookNode) -> NotebookNode:
    """An output without what differs from run to run."""
    if "execution_count" in output:
        output.execution_count = None
    if "data" in output and "text/html" in output.data:
        del output.data["text/html"]
    return output


def shown(cell: NotebookNode) -> str:
    """What a cell prints, as text."""
    parts = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
        if "image/png" not in output.get("data", {})
    ]
    lines = "".join(parts).rstrip().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def pictures(notebook: NotebookNode) -> dict[str, bytes]:
    """The notebook's pictures by file name, in order."""
    found = [
        output.data["image/png"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    return {f"data-frame-{place}.png": base64.b64decode(png) for place, png in enumerate(found, 1)}


def page(notebook: NotebookNode) -> str:
    """The notebook as a page: text, code, and below it what the code prints."""
    first, *others = notebook.cells
    title, _, start = first.source.partition("\n\n")
    parts, names = [title, NOTE, start, DOWNLOAD], iter(pictures(notebook))
    for cell in others:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        if printed := shown(cell):
            parts.append(f"```text\n{printed}\n```")
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            parts.append(f"![{cell.metadata['alt']}](../figures/{next(names)})")
    return "\n\n".join(parts) + "\n"


def write(notebook: NotebookNode) -> None:
    """Write notebook, page and pictures."""
    nbformat.write(notebook, NOTEBOOK)
    PAGE.write_text(page(notebook))
    for name, png in pictures(notebook).items():
        (FIGURES / name).write_bytes(png)
