"""Stores with published versions, made once: the page of each is what the tests look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from moored.report.facts import facts_of, surroundings_of
from moored.report.page import report_page
from moored.storage.warehouse import open_store
from tests.endpoint import Server, serve
from tests.published import publish_version
from tests.studies import reads_well, requests_frame

HOSTILE = (
    "<script>alert('x')</script> <img src=x onerror=alert(1)> \x1b[31mred\x1b[0m \u202eevil\u202c \x07 {{ 7*7 }} "
    "$\\frac{1}{2}$ </p></html> &amp;"
)
"""What a text may hold, in a text, an id, a written text, a reply, a reason."""


def page_of(store: Path, version: int | None = None) -> str:
    with open_store(store) as opened:
        facts = facts_of(opened, "requests", version)
        return report_page(facts, surroundings_of(opened, facts))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions: two failed units; a new model and more units; hostile texts and an override."""
    folder = tmp_path_factory.mktemp("published")
    path = folder / "store.duckdb"
    publish_version(path, folder, failed=("r003", "r007"), flagged=("r005",))
    publish_version(path, folder, requests_frame(90), model="stub-2", failed=("r003",))
    frame = requests_frame(120)
    frame.loc[5, "text"] = f"{HOSTILE} a request?"
    frame.loc[6, "text"] = "Please " + "x" * 1_000_000
    frame.loc[8, "id"] = "<b>id</b>\u202e"
    publish_version(
        path,
        folder,
        frame,
        model="stub-2",
        failed=("r005", "r006", "<b>id</b>\u202e"),
        flagged=("r005",),
        written={"r005": HOSTILE, "r006": "y" * 1_000_000},
        override=f"because {HOSTILE}",
    )
    return path


@pytest.fixture(scope="session")
def page(store: Path) -> str:
    """The page of version 1."""
    return page_of(store, 1)


@pytest.fixture(scope="session")
def hostile_page(store: Path) -> str:
    """The page of version 3."""
    return page_of(store, 3)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A local server that speaks the OpenAI protocol, at OPENAI_BASE_URL."""
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server
