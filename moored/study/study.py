"""The study: its parts in one frozen value, known by its fingerprint."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from moored.fingerprint import fingerprint
from moored.study.parts import (
    Covariate,
    Data,
    Estimate,
    GenerationSettings,
    Labels,
    Model,
    OutcomeSpec,
    Part,
    Question,
    Source,
    StudyName,
)
from moored.study.thresholds import Checks

OWN_NAMES = frozenset(
    (
        *(
            "unit_id",
            "text",
            "content_hash",
            "fields",
            "labelled",
            "probability",
            "cluster",
            "held_back",
            "study",
        ),
        *(
            "data_version",
            "source",
            "step",
            "draw",
            "variable",
            "value",
            "word",
            "run_id",
            "status",
            "intercept",
        ),
    )
)
"""Columns that stand beside a study's variables in its tables: no variable may be called so, in any case."""


class Study(Part):
    """What to run. The same study has the same fingerprint, wherever it is read."""

    name: StudyName
    """Under which results are stored and asked for: small letters, digits, `_` and `-`."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides every random choice: which rows, which labels count. The same seed gives the same study."""
    data: Data
    outcome: OutcomeSpec
    covariates: tuple[Covariate, ...] = ()
    labels: Labels = Labels()
    model: Model
    sources: tuple[Source, ...] = Field(min_length=1)
    generation: GenerationSettings = GenerationSettings()
    estimate: Estimate
    checks: Checks = Checks()

    @field_validator("sources")
    @classmethod
    def _source_names_differ(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        names = [source.name for source in sources]
        if len(set(names)) < len(names):
            raise ValueError(f"source names must differ, got {', '.join(names)}")
        return sources

    @model_validator(mode="after")
    def _variable_names_differ(self) -> Self:
        names = [self.outcome.name, *(covariate.name for covariate in self.covariates)]
        if len(set(names)) < len(names):
            raise ValueError(f"outcome and covariate names must differ, got {', '.join(names)}")
        folded = [name.casefold() for name in names]
        for name in names:
            if name.casefold() in OWN_NAMES:
                raise ValueError(
                    f"the variable {name!r} has the name of a column of moored's own; call it otherwise, such as "
                    f"`{name}_1` (the table's column may keep its name: `human` or `column` says which it is)"
                )
            if folded.count(name.casefold()) > 1:
                raise ValueError(
                    f"outcome and covariate names must differ by more than case, got {', '.join(names)}"
                )
        return self

    @model_validator(mode="after")
    def _batches_go_somewhere(self) -> Self:
        if self.generation.send == "batch" and not any(map(self.in_batches, self.sources)):
            raise ValueError(
                'a model on this machine has no Batch API; leave `generation.send = "batch"` out'
            )
        return self

    @property
    def fingerprint(self) -> str:
        """What the study says, as `study-1:<sha256>`."""
        return fingerprint("study-1", in_order(self.model_dump(mode="json")))

    @property
    def questions(self) -> dict[str, Question]:
        """What the model is asked of each text, by variable: the outcome, then predicted covariates."""
        asked: dict[str, Question] = {self.outcome.name: self.outcome}
        return asked | {c.name: c.question for c in self.covariates if c.question is not None}

    def model_of(self, source: Source) -> Model:
        """The model that a source uses."""
        return source.model or self.model

    def in_batches(self, source: Source) -> bool:
        """Do this source's requests go through the Batch API?"""
        return self.generation.send == "batch" and not self.model_of(source).runs_here


def in_order(dumped: Any) -> Any:
    """The same JSON with each question's answers as pairs: their order is the prompt's, sorted keys lose it."""
    if isinstance(dumped, list):
        return [in_order(item) for item in dumped]
    if not isinstance(dumped, dict):
        return dumped
    return {
        key: list(value.items()) if key == "answers" and isinstance(value, dict) else in_order(value)
        for key, value in dumped.items()
    }
