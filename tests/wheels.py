"""A model of a few hundred kilobytes in three wheels, a table that names it, and a package index that has them."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from moored.fetch import models
from moored.fetch.models import KnownModel

NAME = "small"
SIZES = (200_000, 200_000, 50_000)


@dataclass(frozen=True)
class Packed:
    """The model, its bytes, and where its wheels and its table are."""

    model: KnownModel
    content: bytes
    index: Path
    table: Path

    def piece(self, number: int) -> bytes:
        """What part `number`, from 1, holds."""
        begin = sum(SIZES[: number - 1])
        return self.content[begin : begin + SIZES[number - 1]]

    def wheel(self, number: int) -> Path:
        """The wheel of part `number`, from 1."""
        return self.index / f"small_part{number}-1.0-py3-none-any.whl"


def packed(folder: Path) -> Packed:
    """Write wheels and table below the folder."""
    index = folder / "index"
    index.mkdir(parents=True)
    content = b"GGUF" + random.Random(5).randbytes(sum(SIZES) - 4)
    parts, begin = [], 0
    for number, size in enumerate(SIZES, 1):
        piece = content[begin : begin + size]
        begin += size
        wheel = write_wheel(index, f"small-part{number}", {f"small_part{number}/data.bin": piece})
        parts.append([number, _sum(wheel.read_bytes()), size, _sum(piece)])
    table = folder / "models.toml"
    table.write_text(
        entry(
            content,
            requirement="small-part{part}==1.0",
            member="small_part{part}/data.bin",
            parts=parts,
            hub="http://127.0.0.1:9/small.gguf",
        )
    )
    return Packed(models.models_in(table)[NAME], content, index, table)


def entry(content: bytes, **more: object) -> str:
    """A model's entry in the table; what it says beside the usual is `more`."""
    said = {
        "name": NAME,
        "title": "Small, Q0",
        "maker": "the tests",
        "licence": "CC0-1.0",
        "file": "small.gguf",
        "bytes": len(content),
        "sha256": _sum(content),
        "about": "of no use",
    }
    return "[[models]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in (said | more).items())


def use_table(monkeypatch, table: Path) -> None:
    """Let the table stand beside moored's own, until the test ends."""
    both = table.with_name("both.toml")
    both.write_text(models.TABLE.read_text() + table.read_text())
    monkeypatch.setattr(models, "TABLE", both)


def write_wheel(index: Path, project: str, files: dict[str, bytes]) -> Path:
    """A wheel that pip takes."""
    name = project.replace("-", "_")
    path = index / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, content in files.items():
            wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def only_index(monkeypatch, folder: Path) -> None:
    """pip finds packages in this folder and nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


@dataclass
class Asked:
    """What a server was asked for, and its address."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def http(answer: Answer) -> Iterator[Asked]:
    """A server on loopback. answer: writes the whole response to a GET."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.paths.append(self.path)
            asked.ranges.append(self.headers.get("Range"))
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """A response with its length, unless a header says another."""
    handler.send_response(status)
    for name, value in ({"Content_Length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def simple_index(pack: Packed, before: Callable[[str], None]) -> Answer:
    """A package index over the wheels. before: called with each wheel's name before it is sent."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.rstrip("/").rpartition("/")[2]
        if handler.path.startswith("/files/"):
            before(name)
            send(handler, 200, (pack.index / name).read_bytes())
            return
        links = [
            f'<a href="/files/{file.name}#sha256={_sum(file.read_bytes())}">{file.name}</a>'
            for file in pack.index.glob(f"{name.replace('-', '_')}-*")
        ]
        send(handler, 200 if links else 404, "\n".join(links).encode(), Content_Type="text/html")

    return answer


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
