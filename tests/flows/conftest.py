"""The model that the flows ask."""

import pytest

from tests.endpoint import serve
from tests.studies import reads_well


@pytest.fixture
def endpoint(monkeypatch):
    """A local server that speaks the OpenAI protocol, at OPENAI_BASE_URL."""
    with serve(answers=reads_well) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server
