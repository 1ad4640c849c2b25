"""The corpus of a task: read, held against its checksum, and laid out as a sample with everyone labelled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from moored.benchmark.recorded import PREFIX, read_recorded
from moored.benchmark.task import Located, Task
from moored.errors import ChecksumDiffers, DataInvalid, StudyInvalid
from moored.inference import Columns, Sample, sample_from_frame
from moored.inference.families import family_of
from moored.storage.frames import read_table


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """A task and its sample: T units, all labelled, with their sources. `term`: the task's own coefficient."""

    task: Task
    sample: Sample
    term: int


def read_corpus(located: Located, data: Path | None) -> Corpus:
    """Read a task's corpus; `data` is the folder of the benchmark's own files.

    Errors: `DataInvalid` (no such file, columns or labels missing), `ChecksumDiffers`, `StudyInvalid`.
    """
    task = located.task
    frame = _frame(located, data)
    if frame.empty:
        raise DataInvalid(f"the task {task.name!r} has no rows; change its data")
    everyone = frame.assign(everyone_=1)
    columns = Columns(task.formula, "everyone_", task.sources)
    sample = sample_from_frame(everyone, columns)
    for family in task.families:
        family_of(family).check(sample.y, f"the task {task.name!r}")
    return Corpus(task, sample, _place(task, sample))


def _place(task: Task, sample: Sample) -> int:
    if task.term is None:
        return len(sample.terms) - 1
    if task.term not in sample.terms:
        raise StudyInvalid(
            f"`term` of the task {task.name!r} is {task.term!r}; the formula has {', '.join(sample.terms)}"
        )
    return sample.terms.index(task.term)


def _frame(located: Located, data: Path | None) -> pd.DataFrame:
    task = located.task
    if task.data.startswith(PREFIX):
        return read_recorded(task.data.removeprefix(PREFIX))[0]
    path = _path(located, data)
    if task.sha256 is not None:
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if got != task.sha256:
            raise ChecksumDiffers(
                f"{path} has sha256 {got}, the task {task.name!r} was made for {task.sha256}; "
                f"it comes from: {task.origin or 'unknown'}"
            )
    frame = read_table(path)
    return _joined(frame, task) if task.recorded else frame


def _joined(frame: pd.DataFrame, task: Task) -> pd.DataFrame:
    """The units of which everything is recorded, with the file's columns beside what is recorded."""
    if task.id not in frame.columns:
        raise DataInvalid(f"{task.data} has no column {task.id!r}; set `id` of the task {task.name!r}")
    joined = frame.assign(unit_id=frame[task.id].astype(str))
    known = set(joined["unit_id"])
    for recorded in reversed(task.recorded):  # the first one's order of units is kept
        values, _ = read_recorded(recorded)
        lacking = len(set(values["unit_id"]) - known)
        if lacking:
            raise DataInvalid(
                f"{task.data} lacks {lacking} of the {len(values)} units recorded as {recorded!r}"
            )
        twice = sorted(set(map(str, values)) & set(map(str, joined)) - {"unit_id"})
        if twice:
            raise DataInvalid(
                f"the task {task.name!r} has two columns {twice[0]!r}; name its sources differently"
            )
        joined = values.merge(joined, on="unit_id", how="inner", validate="one_to_one")
    return joined


def _path(located: Located, data: Path | None) -> Path:
    folders = [folder for folder in (located.folder, data) if folder is not None]
    for folder in folders:
        if (folder / located.task.data).is_file():
            return folder / located.task.data
    said = f"; it comes from: {located.task.origin}" if located.task.origin else ""
    raise DataInvalid(
        f"the task {located.task.name!r} needs {located.task.data}; put it into a folder and name the folder "
        f"with --data or MOORED_BENCHMARK_DATA{said}"
    )


def available(located: Located, data: Path | None) -> bool:
    """Whether the task's data are there."""
    try:
        task = located.task
        own = (task.data.removeprefix(PREFIX),) if task.data.startswith(PREFIX) else ()
        for recorded in own or task.recorded:
            read_recorded(recorded)
        if not task.data.startswith(PREFIX):
            _path(located, data)
    except DataInvalid:
        return False
    return True


def drawn(sample: Sample, rows: np.ndarray, n: int) -> Sample:
    """The units at `rows`, the first n of them labelled."""
    labelled = np.arange(len(rows)) < n
    taken = sample.take(rows)
    return Sample(y=taken.y, X=taken.X, labelled=labelled, terms=taken.terms, sources=taken.sources)
