"""What the checks look at, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from moored.study import Study

if TYPE_CHECKING:
    from moored.inference.data import Sample
    from moored.storage.generations import ServedModel
    from moored.storage.published import EstimateRow

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Previous:
    """The last published version of the study."""

    version: int
    estimates: Sequence[EstimateRow]
    values: pd.DataFrame
    """unit_id, source, variable, value."""
    recipes: Mapping[str, str] = field(default_factory=dict)
    """source -> recipe."""
    data_version: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run has gathered before it estimates. The checks read it and change nothing in it."""

    study: Study
    units: pd.DataFrame
    """unit_id, text, content_hash, labelled, probability, cluster, then one float column a variable
    (outcome: the human label, NaN where not labelled)."""
    generations: pd.DataFrame
    """The terminal row of each (unit_id, source, step, draw): recipe, content_hash, status, value, text,
    error, attempts and, where recorded, conditioning (the names of the inputs of a written text)."""
    sample: Sample | None = None
    """What will be estimated from: the same units in the same order."""
    previous: Previous | None = None
    folder: Path = Path()
    """Where the study file lies: a file of own expectations is looked for here."""
    data_version: str = ""
    served: Sequence[ServedModel] = ()
    """Which models the replies of each source name, that of most units first; of models on this machine nothing."""
    tried: Mapping[str, int] = field(default_factory=dict)
    """source -> recipes that runs on this data version set out with; empty: nobody knows."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check said of one run."""

    suite: str
    check: str
    severity: Severity
    passed: bool
    observed: float | str | None
    """The worst that came; None where the check could not run."""
    threshold: float | str | None
    unit_ids: tuple[str, ...]
    """At most 20 of the units that fail."""
    message: str
    """What came, what is allowed, what would make it pass."""
