"""The notebook runs from its first cell to its last, and it and its page show what that prints."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import nbformat
import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "notebook.py"
_spec = importlib.util.spec_from_file_location("docs_notebook", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
notebook = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(notebook)


@pytest.mark.prefect
def test_the_notebook_and_its_page_show_what_a_run_prints(tmp_path, monkeypatch, prefect_server):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    kept = nbformat.read(notebook.NOTEBOOK, as_version=4)
    done = notebook.executed(nbformat.read(notebook.NOTEBOOK, as_version=4), tmp_path)
    if os.environ.get("MOORED_WRITE_DOCS"):
        notebook.write(done)
        return
    cells = [(old, new) for old, new in zip(kept.cells, done.cells, strict=True) if new.cell_type == "code"]
    assert len(cells) >= 12
    for old, new in cells:
        assert notebook.shown(old) == notebook.shown(new), new.source
    assert notebook.PAGE.read_text() == notebook.page(done)
    for name, picture in notebook.pictures(done).items():
        assert (notebook.FIGURES / name).is_file()
        assert picture.startswith(b"\x89PNG")
