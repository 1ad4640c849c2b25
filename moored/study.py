"""A study: what to run. TOML in, frozen model out, known by its fingerprint.

Where to run (paths, addresses, keys) is `moored.settings`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from moored.errors import StudyInvalid
from moored.fingerprint import fingerprint

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
StudyName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Share = Annotated[float, Field(ge=0, le=1)]
Family = Literal["mean", "ols", "logit", "poisson"]

EMBEDDED = "embedded"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Part):
    """Where the raw texts are: a CSV or Parquet file, `file.duckdb::table`, or `example:NAME`."""

    source: str
    id: str = "id"
    text: str = "text"
    query: str | None = None
    """A query whose rows are the units: over the tables of a DuckDB file, or over any other source as `data`."""
    rows: Annotated[int, Field(gt=0)] | None = None
    """Use a seeded simple random sample of so many rows."""
    cluster: str | None = None
    """A column that says which units belong together (texts of one person)."""


class Question(_Part):
    """What the model is asked of a text, the answers it may give, and what each is worth."""

    ask: str
    answers: dict[str, float] = Field(min_length=2)
    examples: tuple[tuple[str, str], ...] = ()
    """(text, answer) pairs shown to the model. They must not be units of the study (METHOD rule 3)."""

    @model_validator(mode="after")
    def _examples_answer_the_question(self) -> Self:
        for _, answer in self.examples:
            if answer not in self.answers:
                raise ValueError(f"example answers {answer!r}, allowed are {', '.join(self.answers)}")
        return self


class Outcome(Question):
    """The outcome: a human label for some units, a question to the model for all."""

    name: Name
    human: str
    """A column, or an SQL expression over the data's columns; NULL where no human has labelled."""


class Covariate(_Part):
    """A covariate: a rule over the text, a column known for every unit, or one that the model predicts."""

    name: Name
    rule: str | None = None
    """An SQL expression over `text`; computed for raw and synthetic texts alike."""
    column: str | None = None
    """A column or SQL expression over the data, known for every unit."""
    human: str | None = None
    """A column known for labelled units only; the model reads it elsewhere (needs `question`)."""
    question: Question | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.rule, self.column, self.human)) != 1:
            raise ValueError(f"covariate {self.name!r} needs exactly one of rule, column, human")
        if (self.human is None) != (self.question is None):
            raise ValueError(f"covariate {self.name!r}: `human` and `question` go together")
        return self


class Labels(_Part):
    """How units were chosen for labelling (METHOD rule 7)."""

    design: Literal["simple-random", "known-probability", "undeclared"] = "undeclared"
    sample: Annotated[int, Field(gt=0)] | None = None
    """Count only so many units, drawn at random by the seed, as labelled; hold the other labels back."""
    column: str | None = None
    """A column that is 1 or true where a human labelled; without it, where the label is not NULL."""
    probability: str | None = None
    """A column with each unit's known probability of being labelled."""

    @model_validator(mode="after")
    def _design_fits(self) -> Self:
        if (self.design == "known-probability") != (self.probability is not None):
            raise ValueError('design = "known-probability" and `probability` go together')
        if self.sample is not None and self.design != "simple-random":
            raise ValueError('`sample` draws a simple random sample: set design = "simple-random"')
        return self


class Model(_Part):
    """The language model: `embedded`, or any name that the endpoint at OPENAI_BASE_URL knows."""

    name: str
    api: Literal["auto", "chat", "completion"] = "auto"
    """`auto`: completion for the embedded model, chat for any other."""
    scoring: Literal["auto", "logprobs", "draws", "label"] = "auto"
    """How an answer becomes a number; `auto` asks the endpoint once what it gives."""
    draws: Annotated[int, Field(ge=1, le=64)] = 5
    """Sampled answers a text where scoring = "draws"; they are averaged into one value."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """For written texts; reading is at temperature 0 unless scored by draws."""
    max_tokens: Annotated[int, Field(gt=0)] = 60
    """The longest synthetic text."""
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    usd_per_million: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    """Price of a million prompt and completion tokens, where the built-in table does not know the model."""

    @property
    def runs_here(self) -> bool:
        """The embedded model, or another GGUF file that the study names."""
        return self.name == EMBEDDED or self.name.endswith(".gguf")


class Source(_Part):
    """One auxiliary source: a proxy reads each text; a synthetic source writes a new one and reads that."""

    name: StudyName
    kind: Literal["proxy", "synthetic"]
    model: Model | None = None
    """Another model than the study's."""
    read: str = "read"
    """The reading prompt: a name in moored/llm/prompts or a file beside the study."""
    write: str = "restate"
    """The writing prompt of a synthetic source."""


class Generation(_Part):
    """How the model is called."""

    send: Literal["direct", "batch"] = "direct"
    """`batch`: through the Batch API of the endpoint, within a day and at half the price."""
    chunk_rows: Annotated[int, Field(gt=0)] = 50
    """Fewest units of a chunk; larger studies have larger chunks."""
    concurrency: Annotated[int, Field(gt=0, le=512)] = 32
    """Most requests in flight in one worker."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    requests_per_minute: Annotated[int, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[int, Field(gt=0)] | None = None
    max_failed_share: Share = 0.1
    """Stop where more of a source's generations end without an answer."""
    max_requests: Annotated[int, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    max_usd: Annotated[float, Field(ge=0)] | None = None
    redact: bool = False
    """Replace e-mail addresses and phone numbers before a text is sent."""


class Estimate(_Part):
    """The regression that the study is for."""

    formula: str
    family: Family = "ols"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    estimators: tuple[str, ...] | None = None
    """Names of `moored.inference.ESTIMATORS`; by default the human-only,
    naive and GMM ones and `gmm-small`, as the sources allow."""


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
    "same-conditioning",
    "same-law",
    "demonstrations-spent",
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


class Checks(_Part):
    """Thresholds of the checks, and which of them stop a run (docs/checks.md says what each check asks)."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.002
    """Most probability that chance alone stops a run: all tests of a run together (Bonferroni)."""
    text_length: tuple[int, int] = (1, 20_000)
    """Characters of a raw text: fewest, most."""
    max_duplicate_share: Share = 0.02
    max_near_duplicate_share: Share = 0.05
    max_other_language_share: Share = 0.1
    """Raw texts outside the main language; synthetic texts in another language than their parent."""
    min_labelled: Annotated[int, Field(ge=0)] = 30
    min_class_share: Share = 0.05
    min_agreement: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """Lower end of the interval of the correlation of a reading with the human labels."""
    max_balance_gap: Share = 0.3
    """Between the mean reading and the mean label, as a share of the scale."""
    max_same_source_share: Share = 0.99
    max_same_value_share: Share = 0.98
    max_copied_share: Share = 0.1
    """Synthetic texts that equal or nearly equal their parent."""
    max_repeated_share: Share = 0.1
    """Synthetic texts that equal or nearly equal another one."""
    max_boilerplate_share: Share = 0.05
    """Synthetic texts that speak of the model ("as an AI")."""
    length_ratio: tuple[float, float] = (0.25, 4.0)
    """Median length of synthetic texts over their parents': least, most."""
    min_distinct_share: Share = 0.5
    min_entropy_ratio: Annotated[float, Field(ge=0)] = 0.6
    """Entropy of the words of synthetic texts over their parents'."""
    max_missing_share: Share = 0.1
    """Units for which a source has no answer."""
    max_refused_share: Share = 0.1
    max_stability_index: Annotated[float, Field(gt=0)] = 0.25
    """Population stability index of a source's readings against the last version's."""
    max_human_gap: Annotated[float, Field(gt=0)] = 4.0
    """Of an estimate from the human-only one, in standard errors of their difference."""
    max_error_ratio: Annotated[float, Field(gt=0)] = 1.1
    """An estimate's standard error over the human-only one."""
    max_drift: Annotated[float, Field(gt=0)] = 3.0
    """Of an estimate from the last version's, in standard errors of their difference."""
    severity: dict[CheckName, Literal["critical", "warning"]] = {}
    """Another severity than the default: critical stops the run, warning publishes with a mark."""
    expectations: str | None = None
    """A Python file beside the study with own Great Expectations (docs/checks.md)."""

    @field_validator("text_length", "length_ratio")
    @classmethod
    def _least_then_most(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= bounds[0] <= bounds[1]:
            raise ValueError(
                f"give the least, then the most, both at least 0, got {bounds[0]} and {bounds[1]}"
            )
        return bounds


class Study(_Part):
    """What to run. The same study has the same fingerprint, wherever it is read."""

    name: StudyName
    seed: int = 0
    data: Data
    outcome: Outcome
    covariates: tuple[Covariate, ...] = ()
    labels: Labels = Labels()
    model: Model
    sources: tuple[Source, ...] = Field(min_length=1)
    generation: Generation = Generation()
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


def load_study(path: Path) -> Study:
    """Read a study file. Errors: `StudyInvalid`, naming the key, what came and what is allowed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyInvalid(f"cannot read the study {path}: {error}; name a TOML file") from error
    try:
        return parse_study(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise StudyInvalid(f"{path} is not TOML: {error}") from error
    except StudyInvalid as error:
        raise StudyInvalid(f"{path}: {error.message}", **error.details) from error


def parse_study(raw: dict[str, Any]) -> Study:
    """A study from its TOML table. Errors: `StudyInvalid`."""
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        raise StudyInvalid("; ".join(_plain(problem) for problem in error.errors())) from error


def parse_stored(raw: dict[str, Any]) -> Study:
    """A study from what the store kept of it, perhaps of an earlier moored: keys that are gone since are left out.

    Errors: `StudyInvalid`.
    """
    severity = raw.get("checks", {}).get("severity", {})
    known = {check: value for check, value in severity.items() if check in get_args(CheckName)}
    try:
        return Study.model_validate(
            raw | {"checks": raw.get("checks", {}) | {"severity": known}}, extra="ignore"
        )
    except ValidationError as error:
        raise StudyInvalid("; ".join(_plain(problem) for problem in error.errors())) from error


def _plain(problem: Any) -> str:
    """One pydantic problem as a sentence: where, what came, what is allowed."""
    where = ".".join(str(step) for step in problem["loc"]) or "the study"
    if problem["type"] == "extra_forbidden":
        allowed = _allowed_keys(problem["loc"][:-1])
        return f"unknown key `{where}`" + (f"; allowed here are {', '.join(allowed)}" if allowed else "")
    if problem["type"] == "missing":
        return f"`{where}` is missing"
    message = re.sub(r"^Value error, ", "", problem["msg"])
    given = problem["input"]
    return f"`{where}`: {message}" + ("" if isinstance(given, dict | list) else f", got {given!r}")


def _allowed_keys(loc: tuple[int | str, ...]) -> list[str]:
    part: Any = Study
    for step in loc:
        if isinstance(step, int):
            continue
        part = _part_of(part.model_fields[step].annotation)
    return list(part.model_fields)


def _part_of(annotation: Any) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(part for part in map(_part_or_none, annotation.__args__) if part is not None)


def _part_or_none(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
