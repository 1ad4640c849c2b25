"""The site as a server on this machine: every path begins with a token; without it nothing is shown or begun."""

from __future__ import annotations

import hmac
import os
import secrets
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moored.errors import MooredError, NotStored
from moored.settings import Settings
from moored.storage.studies import refuse_unknown
from moored.storage.warehouse import Warehouse, open_store
from moored.ui.live import progress_of
from moored.ui.site import Site

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

Guard = Callable[["Request", Callable[["Request"], Awaitable["Response"]]], Awaitable["Response"]]
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def application(settings: Settings, token: str, port: int) -> Starlette:
    """The site at `/TOKEN/`. It answers to its own address alone, and starts a run only for its own pages."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
    from starlette.routing import Route

    site = Site(settings, live=True)

    def page(request: Request) -> Response:
        return HTMLResponse(site.page(request.path_params["path"] or "index.html"))

    def progress(request: Request) -> Response:
        study = request.path_params["study"]
        with _study_in(settings, study) as store:
            return JSONResponse(progress_of(store, settings, study).as_json())

    def rerun(request: Request) -> Response:
        study = request.path_params["study"]
        with _study_in(settings, study):
            pass
        start_rerun(settings, study)
        return RedirectResponse("index.html?started", 303)

    def refusal(_: Request, error: Exception) -> Response:
        assert isinstance(error, MooredError)
        return PlainTextResponse(f"{error.message}\n", 404 if isinstance(error, NotStored) else 503)

    return Starlette(
        routes=[
            Route(f"/{token}/{{study}}/progress.json", progress),
            Route(f"/{token}/{{study}}/rerun", rerun, methods=["POST"]),
            Route(f"/{token}/{{path:path}}", page),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard_of(token, port))],
        exception_handlers={MooredError: refusal},
    )


def guard_of(token: str, port: int) -> Guard:
    """Who is answered: its own host (a page elsewhere may rename it), its token, and for a POST its own pages."""
    from starlette.responses import PlainTextResponse

    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}

    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.url.path.split("/")[1]
        if request.headers.get("host") not in hosts or not hmac.compare_digest(
            given.encode(), token.encode()
        ):
            return PlainTextResponse("moored ui: open the address that the command printed\n", 403, HEADERS)
        if request.method != "GET" and request.headers.get("origin") not in origins:
            return PlainTextResponse("moored ui: only its own pages may start a run\n", 403, HEADERS)
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    return guard


@contextmanager
def _study_in(settings: Settings, study: str) -> Iterator[Warehouse]:
    with open_store(settings.store) as store:
        refuse_unknown(store, study)
        yield store


def start_rerun(settings: Settings, study: str) -> None:
    """`moored rerun STUDY --failed` as a process of its own, which outlives the server."""
    subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "moored", "rerun", study, "--failed"],
        env={**os.environ, "MOORED_STORE": str(settings.store)},
        cwd=settings.store.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
