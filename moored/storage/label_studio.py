"""Exports of Label Studio (JSON): one row per task, a column for each control of its labelling page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moored.errors import DataInvalid

Row = Mapping[str, Any]
_SHOWN = 5


def is_export(rows: Sequence[Row]) -> bool:
    """Are these tasks of Label Studio with their annotations?"""
    return all(isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list) for row in rows)


def annotated_rows(file: Path, tasks: Sequence[Row]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Each task's data and what its annotators said, and what a person should know of it.

    Skipped annotations do not count. Where one is marked as ground truth it alone counts.

    Errors: `DataInvalid` where annotators of a task differ: which label is right is not ours to choose.
    """
    rows: list[dict[str, Any]] = []
    differ: dict[str, list[Any]] = {}
    several = 0
    for task in tasks:
        said = [_said(annotation) for annotation in _counted(task["annotations"])]
        several += len(said) > 1
        found: dict[str, Any] = {}
        for name in dict.fromkeys(name for one in said for name in one):
            values = [one[name] for one in said if name in one]
            if any(value != values[0] for value in values):
                differ.setdefault(name, []).append(task.get("id"))
            found[name] = values[0]
        rows.append(_row(task, found))
    if differ:
        name, ids = next(iter(differ.items()))
        raise DataInvalid(
            f"{file}: annotators differ in {name!r} ({len(ids)} of {len(tasks)} tasks: "
            f"{', '.join(map(str, ids[:_SHOWN]))}{', ...' if len(ids) > _SHOWN else ''}); mark one annotation of "
            "each as ground truth, or settle them"
        )
    notes = ("an export of Label Studio",)
    return rows, (*notes, f"tasks with several annotations, which agree: {several}") if several else notes


def _counted(annotations: Sequence[Row]) -> list[Row]:
    there = [one for one in annotations if not one.get("was_cancelled")]
    return [one for one in there if one.get("ground_truth")] or there


def _said(annotation: Row) -> dict[str, Any]:
    """By control: the one value, or a list of several."""
    found: dict[str, list[Any]] = {}
    for result in annotation.get("result") or ():
        if "from_name" in result:
            found.setdefault(result["from_name"], []).append(_value(result))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _value(result: Row) -> Any:
    value, kind = result.get("value"), str(result.get("type"))
    if not isinstance(value, dict):
        return value
    given = value.get(kind, value.get("text") if kind == "textarea" else None)
    if given is None:
        given = next(iter(value.values())) if len(value) == 1 else value
    return given[0] if isinstance(given, list) and len(given) == 1 else given


def _row(task: Row, said: Mapping[str, Any]) -> dict[str, Any]:
    """The task's id stays "id", unless its data have one of their own."""
    data = dict(task["data"])
    ids = {"task" if "id" in data else "id": task.get("id")}
    return (
        ids | data | {f"label.{name}" if name in data or name in ids else name: v for name, v in said.items()}
    )
