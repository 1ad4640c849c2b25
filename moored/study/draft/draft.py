"""A study that is drafted and not yet written; what the user gave for it, and what was a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from moored.study.draft.answers import Answers, OutcomeKind
from moored.study.draft.choose import Covariate
from moored.study.parts import Family

Labelling = Literal["simple-random", "known-probability", "undeclared"]
SEED = 1


@dataclass(frozen=True, slots=True)
class Given:
    """What the user states; None: to be found."""

    name: str | None = None
    id: str | None = None
    text: str | None = None
    label: str | None = None
    covariates: tuple[str, ...] | None = None
    question: str | None = None
    answers: Mapping[str, float] | None = None
    one: str | None = None
    kind: OutcomeKind | None = None
    design: Labelling | None = None
    probability: str | None = None
    cluster: str | None = None
    model: str | None = None
    missing: tuple[str, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int = 0
    barred: frozenset[str] = frozenset()
    """Texts that are not to be shown as examples."""
    dropped: frozenset[str] = frozenset()
    """Covariates that could not be estimated with."""

    def with_answer(self, doubt: Doubt, answer: str) -> Given:
        """The same with a doubt settled."""
        if doubt.key == "text":
            return replace(self, text=answer)
        return replace(self, label=answer) if doubt.key == "label" else replace(self, one=answer)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that was guessed: the flag that settles it, what was taken, and what else there is."""

    key: Literal["text", "label", "one"]
    flag: str
    question: str
    taken: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TablePart:
    """Where the texts are. id_column None: rows are numbered, as `row_name`."""

    source: str
    rows: int
    without_text: int
    id_column: str | None
    row_name: str
    id_why: str
    text: str
    text_why: str
    cluster: str | None

    @property
    def units(self) -> int:
        """Rows with a text."""
        return self.rows - self.without_text


@dataclass(frozen=True, slots=True)
class LabelPart:
    """What people said, of which rows, and what it is worth. missing: words that mean no value."""

    column: str
    counts: tuple[tuple[str, int], ...]
    labelled: int
    missing: tuple[str, ...]
    outcome: str
    answers: Answers
    ask: str
    design: Labelling
    design_why: str
    probability: str | None
    sample: int | None

    @property
    def words(self) -> str:
        """The labels, with counts."""
        if self.answers.kind == "score":
            values = list(self.answers.values.values())
            return f"numbers between {min(values):g} and {max(values):g}"
        return ", ".join(f"{word} {count}" for word, count in self.counts)


@dataclass(frozen=True, slots=True)
class ModelPart:
    """Which model reads the texts, and what it is shown.

    cut: so many characters of each text are read, where the model has no room for more.
    """

    name: str
    cut: int | None
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A study, not yet written. others: covariates that are possible, too. incomplete: some row lacks one."""

    name: str
    table: TablePart
    labels: LabelPart
    model: ModelPart
    covariates: tuple[Covariate, ...]
    others: tuple[Covariate, ...]
    incomplete: bool
    given: Given
    doubts: tuple[Doubt, ...] = field(default=())

    @property
    def formula(self) -> str:
        """The regression."""
        terms = [f"C({c.name})" if c.category else c.name for c in self.covariates]
        return f"{self.labels.outcome} ~ {' + '.join(terms) or '1'}"

    @property
    def family(self) -> Family:
        """A mean without covariates; with them by what the outcome is."""
        if not self.covariates:
            return "mean"
        return "logit" if self.labels.answers.kind in ("binary", "class") else "ols"
