"""Labelled units without a value: refused with their rows, or left out by a rule that says what is then estimated.

A covariate that is known beyond the labelled units describes the population: a unit that lacks it leaves on both
sides, and the estimates are about the units that have it. Anything else that a labelled unit lacks is a label
that was not given: the unit counts as not labelled. That is right where whether a label is missing has nothing to
do with what it would have said, and no computation can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from moored.errors import DataInvalid, NonFinite
from moored.inference.data import Mask
from moored.inference.formulas.cells import named_rows
from moored.plaintext import counted

Missing = Literal["refuse", "drop"]
RULES = ("refuse", "drop")


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Which units stay, and as what.

    Attributes
    ----------
    units : (T,) the units that stay in the population.
    labelled : (T,) those that count as labelled.
    share : the share of the labelled units that stay labelled: their labelling probabilities are so many times as
        large.
    notes : what was left out, and what the estimates then are about.
    """

    units: Mask
    labelled: Mask
    share: float = 1.0
    notes: tuple[str, ...] = field(default=())


def keep(
    rule: str,
    labelled: Mask,
    labels: Mapping[str, Mask],
    known: Mapping[str, Mask],
    names: Sequence[Any],
    *,
    what: str,
    way_out: str,
) -> Kept:
    """Apply the rule.

    Parameters
    ----------
    rule : "refuse" or "drop".
    labelled : (T,).
    labels, known : column -> (T,) where it is missing, of what people said of the labelled units alone, and of what
        is known beyond them.
    names : (T,) what a message calls each unit.
    what, way_out : what needs the values, and how a user says "drop", for the refusal.

    Raises
    ------
    NonFinite : with "refuse", where a labelled unit lacks a value. DataInvalid : a rule of another name.
    """
    if rule not in RULES:
        raise DataInvalid(f"missing is {rule!r}; use 'refuse', or 'drop' to leave such units out.")
    everything = {**labels, **known}
    lacking = _any(everything, len(labelled)) & labelled
    if rule == "refuse":
        if lacking.any():
            them = "it" if lacking.sum() == 1 else "them"
            raise NonFinite(
                "The human data: "
                f"{counted(int(lacking.sum()), 'labelled unit lacks', 'labelled units lack')} a value "
                f"that {what} needs: "
                f"{_listed(everything, labelled, names)}; fill {them} in, or leave {them} out with {way_out}.",
                rows=[int(row) for row in np.flatnonzero(lacking)[:3]],
            )
        return Kept(np.ones(len(labelled), dtype=bool), labelled)
    units = ~_any(known, len(labelled))
    within = labelled & units
    complete = within & ~lacking
    share = float(complete.sum() / within.sum()) if within.any() else 1.0
    notes = (*_left(known, units, labelled), *_unlabelled(labels, within, complete, names))
    return Kept(units, complete, share, notes)


def _any(masks: Mapping[str, Mask], size: int) -> Mask:
    found = np.zeros(size, dtype=bool)
    for mask in masks.values():
        found |= mask
    return found


def _listed(masks: Mapping[str, Mask], where: Mask, names: Sequence[Any]) -> str:
    ids = np.asarray(names, dtype=object)
    parts = [
        f"{name!r} of {named_rows(ids[mask & where])}" for name, mask in masks.items() if (mask & where).any()
    ]
    return "; ".join(parts)


def _left(known: Mapping[str, Mask], units: Mask, labelled: Mask) -> tuple[str, ...]:
    gone = ~units
    if not gone.any():
        return ()
    lacked = ", ".join(repr(name) for name, mask in known.items() if mask.any())
    is_left = "is left out: it lacks" if gone.sum() == 1 else "are left out: they lack"
    note = (
        f"{counted(int(gone.sum()), 'unit')}, {int((gone & labelled).sum())} of them labelled, {is_left} "
        f"{lacked}. The estimates are about the units that have it"
    )
    return (note,)


def _unlabelled(
    others: Mapping[str, Mask], within: Mask, complete: Mask, names: Sequence[Any]
) -> tuple[str, ...]:
    gone = within & ~complete
    if not gone.any():
        return ()
    counts = "counts" if gone.sum() == 1 else "count"
    note = (
        f"{counted(int(gone.sum()), 'labelled unit lacks', 'labelled units lack')} a value "
        f"({_listed(others, gone, names)}) and {counts} as not "
        "labelled. The estimates hold where that has nothing to do with the values themselves"
    )
    return (note,)
