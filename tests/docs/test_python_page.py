"""docs/python.md: every block runs, and prints what stands below it."""

from __future__ import annotations

import ast
import os
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from tests.endpoint import KEY, serve
from tests.studies import reads_well

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"```python\n(.*?)```\n\n(?:```text\n(.*?)```)?", re.DOTALL)


def printed(code: str, names: dict[str, object]) -> str:
    """What a notebook's cell prints: its output, then its last expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    out = StringIO()
    with redirect_stdout(out):
        exec(compile(tree, str(PAGE), "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), str(PAGE), "eval"), names)
            if value is not None:
                out.write(repr(value))
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


@pytest.mark.prefect
def test_every_block_prints_what_stands_below_it(tmp_path, monkeypatch, prefect_server):
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "MOORED_STORE": str(tmp_path / "moored.duckdb"),
        "MOORED_WORKERS": "0",
        "OPENAI_API_KEY": KEY,
        "PREFECT_API_URL": prefect_server,
    }.items():
        monkeypatch.setenv(name, value)
    names: dict[str, object] = {}
    page = PAGE.read_text(encoding="utf-8")
    seen = []
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        for code, expected in BLOCK.findall(page):
            said = printed(code, names)
            seen.append((code, expected, said))
    if os.environ.get("MOORED_WRITE_DOCS"):
        for code, expected, said in seen:
            page = page.replace(f"{code}```\n\n```text\n{expected}```", f"{code}```\n\n```text\n{said}\n```")
        PAGE.write_text(page, encoding="utf-8")
        return
    plt.close("all")
    assert len(seen) >= 12
    for code, expected, said in seen:
        assert said == expected.rstrip(), code
