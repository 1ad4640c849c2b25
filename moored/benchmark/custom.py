"""Custom estimators: `file.py:function`, read where they are needed, worker processes included."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from moored.errors import StudyInvalid
from moored.inference.estimators import ESTIMATORS, Estimator


def load_estimator(named: str) -> tuple[str, Estimator]:
    """The function of a file, and its name with `_` as `-`. Errors: `StudyInvalid`."""
    file, _, name = named.rpartition(":")
    path = Path(file)
    if not path.is_file() or not name:
        raise StudyInvalid(
            f"there is no estimator {named!r}; name one of {', '.join(ESTIMATORS)}, or file.py:function"
        )
    spec = importlib.util.spec_from_file_location(f"moored_custom_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return name.replace("_", "-"), cast("Estimator", getattr(module, name))
    except Exception as error:  # whatever a file of the user's may raise
        raise StudyInvalid(
            f"the estimator {named!r} cannot be read: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def named_estimators(wanted: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Names of `ESTIMATORS`, to which custom estimators are added for the block. Errors: `StudyInvalid`."""
    table = cast("dict[str, Estimator]", ESTIMATORS)
    custom = dict(load_estimator(name) for name in wanted if name not in table)
    taken = sorted(set(custom) & set(table))
    if taken:
        raise StudyInvalid(f"there is an estimator {taken[0]!r} already; give the function another name")
    names = tuple(name if name in table else name.rpartition(":")[2].replace("_", "-") for name in wanted)
    table.update(custom)
    try:
        yield names
    finally:
        for name in custom:
            del table[name]


def absolute(wanted: Sequence[str]) -> tuple[str, ...]:
    """The same names, files by their absolute path: workers may run elsewhere. Errors: `StudyInvalid`."""
    out = []
    for named in wanted:
        if named not in ESTIMATORS:
            load_estimator(named)  # refuses here rather than in a worker
            file, _, name = named.rpartition(":")
            named = f"{Path(file).absolute()}:{name}"  # noqa: PLW2901
        out.append(named)
    return tuple(out)
