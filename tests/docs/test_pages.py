"""The documentation: pages from the code are current, snippets run, links and anchors hold.

`MOORED_WRITE_DOCS=1 uv run pytest tests/docs` writes what the commands print into the pages.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from moored.study import Study
from tests.commands import said

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = DOCS / "reference"
PAGES = [ROOT / "README.md", *(page for page in sorted(DOCS.rglob("*.md")) if page.parent != WRITTEN)]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("pip ", "uv ", "moored run tweets.toml")
"""Commands that other tests run (tests/test_wheel.py, tests/flows/test_main_job.py)."""


SERVERS = DOCS / "how-to" / "servers.md"
"""Its commands need servers: test_servers_page.py."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def pages_with(block: re.Pattern[str]) -> list[Path]:
    return [page for page in PAGES if block.search(page.read_text())]


def test_pages_from_the_code_are_what_the_code_says() -> None:
    wanted = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert wanted.returncode == 0, wanted.stdout


@pytest.fixture(scope="session")
def published(tmp_path_factory, prefect_server):
    """A folder in which `politeness` was published, from recorded replies of the embedded model."""
    folder = tmp_path_factory.mktemp("docs")
    for file in [*(ROOT / "deployments" / "studies").glob("politeness.*")]:
        shutil.copy(file, folder)
    replies = gzip.decompress((ROOT / "tests" / "recorded" / "replies.sqlite.gz").read_bytes())
    (folder / "moored.replies.sqlite").write_bytes(replies)
    environment = os.environ | {
        "MOORED_STORE": str(folder / "moored.duckdb"),
        "MOORED_WORKERS": "0",
        "PREFECT_API_URL": prefect_server,
    }
    environment.pop("OPENAI_BASE_URL", None)
    said(folder, environment, "moored", "run", "politeness.toml")
    status = said(folder, environment, "moored", "status", "politeness")
    assert "591" in status or "197" in status
    return folder, environment


@pytest.mark.prefect
@pytest.mark.parametrize("page", [page for page in pages_with(CONSOLE) if page != SERVERS], ids=name_of)
def test_every_command_of_a_page_runs(page, published, tmp_path):
    folder, environment = published
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    environment = environment | {"MOORED_STORE": str(tmp_path / "moored.duckdb")}
    text = page.read_text()
    for block in CONSOLE.findall(text):
        new = block
        for command, shown in commands_of(block):
            if command.startswith(ELSEWHERE):
                continue
            printed = said(tmp_path, environment, *shlex.split(command))
            if CUT in shown.splitlines():
                assert in_order(shown, printed), printed
            elif shown:
                new = new.replace(shown, printed.rstrip() + "\n")
        text = text.replace(block, new)
    if os.environ.get("MOORED_WRITE_DOCS"):
        page.write_text(text)
    assert text == page.read_text()


CUT = "..."
"""A line that stands for any others: what takes long, or differs from machine to machine."""


def in_order(shown: str, printed: str) -> bool:
    lines = iter(printed.splitlines())
    return all(line in lines for line in shown.splitlines() if line != CUT)


def commands_of(block: str) -> list[tuple[str, str]]:
    """(command, what it prints) of a console block."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


@pytest.mark.parametrize("page", pages_with(TOML), ids=name_of)
def test_every_part_of_a_study_can_stand_in_a_study(page):
    base = tomllib.loads((ROOT / "deployments" / "studies" / "politeness.toml").read_text())
    base |= {"labels": {"design": "simple-random"}, "model": {"name": "gpt-4o-mini"}}
    for block in TOML.findall(page.read_text()):
        given = tomllib.loads(block)
        if not set(given) <= set(Study.model_fields):
            continue  # a prompt file, or a table of another program
        whole = base | {key: merged(base.get(key), value) for key, value in given.items()}
        Study.model_validate(whole)


def merged(before: object, now: object) -> object:
    return before | now if isinstance(before, dict) and isinstance(now, dict) else now


RUN_ELSEWHERE = ("python.md", "data-frame.md")
"""By test_python_page.py and test_notebook.py, which keep a page's names from block to block."""
PYTHON = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page", [page for page in pages_with(PYTHON) if page.name not in RUN_ELSEWHERE], ids=name_of
)
def test_python_runs_and_prints_what_the_page_shows(page, tmp_path, monkeypatch, capsys):
    for file in (ROOT / "deployments" / "studies").glob("*.csv"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    names = {"table": table_of_requests()}
    for block in PYTHON.finditer(text):
        if "duckdb" in block[1]:
            continue  # reads a store: docs/versions.md, tests/storage
        capsys.readouterr()
        exec(compile(block[1], str(page), "exec"), names)
        if block[2] is not None:
            text = text.replace(block[2], capsys.readouterr().out.rstrip() + "\n")
    if os.environ.get("MOORED_WRITE_DOCS"):
        page.write_text(text)
    assert text == page.read_text()


def table_of_requests():
    """What pages call `table`: requests with a few labels, a covariate and two models."""
    import pandas as pd

    table = pd.read_csv(ROOT / "deployments" / "studies" / "requests.csv")
    hedge = table["text"].str.contains("could|might|maybe", case=False).astype(int)
    return table.assign(hedge=hedge, gpt4o=table["model"].fillna(0.5), llama=table["rewritten"].fillna(0.5))


VARIABLES = re.compile(r"\bMOORED_[A-Z_]+")
INTERNAL = {"MOORED_PIPELINE", "MOORED_UNUSABLE_PROXY", "MOORED_BENCHMARK_DATA"}
"""For development, between our own processes, and of docs/benchmark.md."""


def test_every_variable_has_its_line():
    rooms = ("moored", "flows", "tasks", "checks")
    read = {
        name
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        for name in VARIABLES.findall(file.read_text())
    }
    assert sorted(read - INTERNAL - set(VARIABLES.findall((DOCS / "environment.md").read_text()))) == []


def test_the_site_builds_without_a_warning(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    asked = {found for page in pages for pair in LOADED.findall(page.read_text()) for found in pair}
    assert sorted(address for address in asked if "://" in address or address.startswith("//")) == []


LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]* src=\"?([^\" >]+)|<link[^>]*rel=\"?stylesheet[^>]*href=\"?([^\" >]+)"
)
