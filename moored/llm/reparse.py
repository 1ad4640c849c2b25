"""Read stored replies again: after a change of the parser or of the answers' values, at no cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from moored.llm.generations import Generation
from moored.llm.recipe import Recipe
from moored.llm.replies import parse_read, parse_written


def reparse(rows: Iterable[Generation], recipe: Recipe) -> Iterator[Generation]:
    """Each row as this recipe reads its raw reply today, under this recipe's fingerprint.

    Rows without a reply come back as they were. A written text that now reads differently makes the
    reads of the old one stale: `stale_units` names them.
    """
    key = recipe.fingerprint
    for row in rows:
        yield replace(row, recipe=key) if row.reply is None else replace(_reread(row, recipe), recipe=key)


def stale_units(before: Iterable[Generation], after: Iterable[Generation]) -> set[str]:
    """Units whose synthetic text changed: their reads must be generated again."""
    was = {row.unit_id: row.text for row in before if row.step == "write"}
    return {row.unit_id for row in after if row.step == "write" and row.text != was.get(row.unit_id)}


def _reread(row: Generation, recipe: Recipe) -> Generation:
    if row.step == "write":
        said = parse_written(row.reply or "")
    else:
        said = parse_read(row.reply or "", recipe, row.step.removeprefix("read."))
    return replace(
        row,
        status=said.status,
        value=said.value,
        text=said.text,
        error=said.error,
        error_kind=said.error_kind,
    )
