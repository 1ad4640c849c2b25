"""A benchmark task: a corpus in which every unit has a human label, and a regression. TOML in, frozen task out."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from moored.errors import StudyInvalid

BUILT_IN = Path(__file__).parent / "tasks"
Family = Literal["mean", "ols", "logit", "poisson"]


def _listed(value: object) -> object:
    """One name as a list of one."""
    return (value,) if isinstance(value, str) else value


class Task(BaseModel):
    """What to estimate from what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
    about: str = ""
    data: str
    """`recorded:NAME`, or a CSV or Parquet file: beside the task's file, or in the benchmark's data folder."""
    id: str = "id"
    """The file's column of unit ids; needed where `recorded` is given."""
    recorded: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """What is recorded of some of the file's units, one name or several; joined by id, and the others leave."""
    formula: str
    """Over the human columns; every row of the corpus has them."""
    sources: Annotated[dict[str, str], Field(min_length=1)]
    """Name -> formula over the source's columns. Named `syn...` or `...:synthetic`: synthetic; else a proxy.

    A name begins with the model that it comes from, up to a slash: `qwen2.5-1.5b/restate:synthetic`.
    """
    families: Annotated[tuple[Family, ...], Field(min_length=1)] = ("logit", "ols")
    term: str | None = None
    """The coefficient that the task is about; by default the formula's last."""
    sha256: str | None = None
    """Of the file; another file is refused."""
    origin: str = ""
    """Where the file comes from."""
    paper: bool = False
    """One of the paper's own tasks."""
    redraw: Annotated[int, Field(gt=0)] | None = None
    """Units of a trial's corpus in the design "redrawn"; by default as many as the task has. It is for a task that
    has a sample of its corpus only, and so too few labels at small label fractions; it is in no other design."""


class Located(BaseModel):
    """A task and the folder of its file."""

    model_config = ConfigDict(frozen=True)

    task: Task
    folder: Path


def load_task(path: Path) -> Located:
    """Read a task's file. Errors: `StudyInvalid`, naming the key."""
    try:
        task = Task.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise StudyInvalid(f"cannot read the task {path}: {error.strerror}; name a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise StudyInvalid(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        said = "; ".join(f"`{'.'.join(map(str, one['loc']))}`: {one['msg']}" for one in error.errors())
        raise StudyInvalid(f"{path}: {said}; allowed keys are {', '.join(Task.model_fields)}") from error
    return Located(task=task, folder=path.absolute().parent)


def built_in() -> dict[str, Located]:
    """The tasks that come along, by name: the paper's first."""
    found = [load_task(path) for path in sorted(BUILT_IN.glob("*.toml"))]
    found.sort(key=lambda located: (not located.task.paper, located.task.name))
    return {located.task.name: located for located in found}


def find_tasks(wanted: Sequence[str]) -> list[Located]:
    """Tasks by name or file; none named: all that come along. Errors: `StudyInvalid`."""
    known = built_in()
    found = []
    for name in wanted or known:
        if name.endswith(".toml"):
            found.append(load_task(Path(name)))
        elif name in known:
            found.append(known[name])
        else:
            raise StudyInvalid(
                f"there is no task {name!r}; there are {', '.join(known)}, or name a TOML file"
            )
    names = [located.task.name for located in found]
    if len(set(names)) < len(names):
        raise StudyInvalid(f"two tasks share a name: {', '.join(names)}; name each once")
    return found
