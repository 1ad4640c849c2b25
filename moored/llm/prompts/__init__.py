"""Prompts: files with a name and a version, and how a text is put into them."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from moored.errors import StudyInvalid
from moored.study import Study


class Completion(BaseModel):
    """A prompt for models that continue a text: head, one block an example, and the open end."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    head: str
    example: str
    tail: str
    stop: tuple[str, ...] = ("\n",)


class Chat(BaseModel):
    """A prompt for models that hold a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    system: str
    user: str


class Prompt(BaseModel):
    """One prompt file. `sha256` is that of the file, so that an edit without a new version is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    version: int
    step: Literal["read", "write"]
    completion: Completion
    chat: Chat
    examples: tuple[tuple[str, str], ...] = ()
    """(text, rewritten) pairs of a writing prompt; a reading prompt takes its question's examples."""
    sha256: str = ""


def load_prompt(name: str, folder: Path, step: Literal["read", "write"]) -> Prompt:
    """The prompt `name` of the package, or the TOML file `name` beside the study.

    Errors: `StudyInvalid`.
    """
    if name.endswith(".toml"):
        path = folder / name
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise StudyInvalid(f"cannot read the prompt {path}: {error.strerror or error}") from error
    else:
        packaged = {
            f.name.removesuffix(".toml"): f for f in files(__name__).iterdir() if f.name.endswith(".toml")
        }
        if name not in packaged:
            known = ", ".join(sorted(packaged))
            raise StudyInvalid(
                f"no prompt {name!r}; there are {known}, or name a .toml file beside the study"
            )
        raw = packaged[name].read_bytes()
    try:
        table = tomllib.loads(raw.decode("utf-8").replace("\r\n", "\n"))
        prompt = Prompt.model_validate(table | {"sha256": hashlib.sha256(raw).hexdigest()})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise StudyInvalid(f"prompt {name!r} cannot be read: {error}") from error
    if prompt.step != step:
        raise StudyInvalid(f"prompt {name!r} is for {prompt.step}, the study uses it to {step}")
    return prompt


def shown_texts(study: Study, folder: Path) -> set[str]:
    """What the writing prompts of a study show the model: their examples, both sides. Errors: `StudyInvalid`."""
    prompts = [load_prompt(s.write, folder, "write") for s in study.sources if s.kind == "synthetic"]
    return {text for prompt in prompts for example in prompt.examples for text in example}


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into `{name}` marks in one pass: braces inside a value stay what they are."""
    pieces = list(_pieces(template))
    for at in range(1, len(pieces), 2):
        pieces[at] = values.get(pieces[at], f"{{{pieces[at]}}}")
    return "".join(pieces)


@lru_cache(maxsize=256)
def _pieces(template: str) -> tuple[str, ...]:
    """Text and names of marks in turn."""
    return tuple(re.split(r"\{(\w+)\}", template))
