"""`moored ui`: the store in a browser."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from moored.cli.render import print_json, say
from moored.cli.studies import JsonOption
from moored.plaintext import counted
from moored.settings import read_settings

PortOption = Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0: a free one.")]
StaticOption = Annotated[
    Path | None,
    typer.Option("--static", metavar="FOLDER", help="Write the pages as files instead, and stop."),
]


def ui_command(port: PortOption = 0, static: StaticOption = None, json: JsonOption = False) -> None:
    """Show studies, versions, reports, checks, units and differences in a browser, on this machine alone."""
    from moored.storage.studies import refuse_no_store
    from moored.ui.files import write_site
    from moored.ui.site import Site

    settings = read_settings()
    refuse_no_store("", settings.store)
    if static is not None:
        count = write_site(Site(settings), static)
        if json:
            print_json({"folder": str(static.absolute()), "pages": count})
        else:
            say(f"wrote {counted(count, 'page')} into {static.absolute()}: open index.html")
        return
    _serve(port, json=json)


def _serve(port: int, *, json: bool) -> None:
    import uvicorn

    from moored.ui.server import application, new_token

    settings, token = read_settings(), new_token()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listening, port)
        port = listening.getsockname()[1]
        address = f"http://127.0.0.1:{port}/{token}/index.html"
        if json:
            print_json({"address": address})
        else:
            say(f"open {address}")
            say("Whoever has this address can read the store and start a rerun. Ctrl-C ends it.")
        config = uvicorn.Config(application(settings, token, port), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


def _bind(listening: socket.socket, port: int) -> None:
    from moored.errors import PortTaken

    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        raise PortTaken(
            f"port {port} cannot be used ({error.strerror or error}); name another one, or 0 for a free one"
        ) from error
