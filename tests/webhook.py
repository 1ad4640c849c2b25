"""A real HTTP server that takes alerts, as a webhook does."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pytest_httpserver import HTTPServer

SECRET = "t0ps3cret-token"


@dataclass(frozen=True)
class Webhook:
    """What a test sees of it."""

    server: HTTPServer

    @property
    def url(self) -> str:
        """As apprise takes it; its path is the secret."""
        return f"json://127.0.0.1:{self.server.port}/{SECRET}"

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """What it was sent."""
        return [json.loads(request.data) for request, _ in self.server.log]

    @property
    def titles(self) -> list[str]:
        """Their first lines."""
        return [alert["title"] for alert in self.alerts]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Serve for the block's time."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it logs the secret, as servers do
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request(f"/{SECRET}").respond_with_data("")
        yield Webhook(server)
