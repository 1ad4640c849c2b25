"""What a study may set of its checks: thresholds and severities."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from moored.study.parts import Part, PathText, Share

CheckName = Literal[
    "ids-present",
    "ids-unique",
    "text-present",
    "text-length",
    "exact-duplicates",
    "near-duplicates",
    "text-language",
    "labels-present",
    "labels-enough",
    "labels-complete",
    "covariates-complete",
    "label-domain",
    "label-scale",
    "class-balance",
    "covariates-vary",
    "levels-alike",
    "agreement",
    "balance",
    "sources-differ",
    "values-vary",
    "synthetic-present",
    "synthetic-copies",
    "synthetic-repeats",
    "boilerplate",
    "synthetic-length",
    "synthetic-language",
    "synthetic-distinct",
    "synthetic-entropy",
    "rows-unique",
    "rows-known",
    "rows-current",
    "rows-ended",
    "values-parsed",
    "values-in-range",
    "missing-share",
    "refused-share",
    "value-drift",
    "one-recipe",
    "one-model",
    "same-conditioning",
    "same-law",
    "demonstrations-spent",
    "recipes-tried",
    "failed-rows-kept",
    "failed-without-value",
    "population-kept",
    "missing-independent",
    "missing-independent-within",
    "j-source",
    "j-overall",
    "label-design",
    "label-probabilities",
    "labels-random",
    "readings-alike",
    "estimators-present",
    "headline-present",
    "estimates-finite",
    "errors-positive",
    "interval-holds-estimate",
    "fit-j",
    "near-human",
    "no-harm",
    "estimate-drift",
]
"""The checks of checks/suites: those whose severity a study may change."""


class Checks(Part):
    """Thresholds of the checks, and which of them stop a run (docs/checks.md says what each check asks)."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.002
    """The highest probability that chance alone stops a run, over all of its tests together (Bonferroni)."""
    text_length: tuple[int, int] = (1, 20_000)
    """Characters of a raw text: fewest, most."""
    max_duplicate_share: Share = 0.02
    """Raw texts that equal another one."""
    max_near_duplicate_share: Share = 0.05
    """Raw texts that nearly equal another one."""
    max_other_language_share: Share = 0.1
    """Raw texts outside the main language; synthetic texts in another language than their parent."""
    min_labelled: Annotated[int, Field(ge=0)] = 30
    """Units with a human label."""
    min_class_share: Share = 0.05
    """Labelled units of the rarest answer."""
    min_agreement: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """Lower end of the interval of the correlation of a reading with the human labels."""
    max_balance_gap: Share = 0.3
    """Between the mean reading and the mean label, as a share of the scale."""
    max_same_source_share: Share = 0.99
    """Units on which two sources say the same."""
    max_same_value_share: Share = 0.98
    """Units to which a source gives its most frequent value."""
    max_copied_share: Share = 0.1
    """Synthetic texts that equal or nearly equal their parent."""
    max_repeated_share: Share = 0.1
    """Synthetic texts that equal or nearly equal another one."""
    max_boilerplate_share: Share = 0.05
    """Synthetic texts that speak of the model ("as an AI")."""
    length_ratio: tuple[float, float] = (0.25, 4.0)
    """Median length of synthetic texts over their parents': least, most."""
    min_distinct_share: Share = 0.5
    """Distinct texts among the written ones."""
    min_entropy_ratio: Annotated[float, Field(ge=0)] = 0.6
    """Entropy of the words of synthetic texts over their parents'."""
    max_missing_share: Share = 0.1
    """Units for which a source has no answer."""
    max_refused_share: Share = 0.1
    """Units for which the model refuses to answer."""
    max_stability_index: Annotated[float, Field(gt=0)] = 0.25
    """Population stability index of a source's readings against the last version's."""
    max_human_gap: Annotated[float, Field(gt=0)] = 4.0
    """Of an estimate from the human-only one, in standard errors of their difference."""
    max_error_ratio: Annotated[float, Field(gt=0)] = 1.1
    """An estimate's standard error over the human-only one."""
    max_drift: Annotated[float, Field(gt=0)] = 3.0
    """Of an estimate from the last version's, in standard errors of their difference."""
    severity: dict[CheckName, Literal["critical", "warning"]] = Field(default_factory=dict)
    """Another severity than the default: critical stops the run, warning publishes with a mark."""
    expectations: PathText | None = None
    """A Python file beside the study with own Great Expectations (docs/checks.md)."""

    @field_validator("text_length", "length_ratio")
    @classmethod
    def _least_then_most(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= bounds[0] <= bounds[1]:
            raise ValueError(
                f"give the least, then the most, both at least 0, got {bounds[0]} and {bounds[1]}"
            )
        return bounds
