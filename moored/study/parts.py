"""The parts of a study, table by table of its TOML; the checks' are in `thresholds`."""

from __future__ import annotations

from operator import not_
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from moored.fetch.models import known_models

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
StudyName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Share = Annotated[float, Field(ge=0, le=1)]
Words = Annotated[str, Field(pattern=r"\S")]
Family = Literal["mean", "ols", "logit", "poisson"]

PATIENCE_S = 1800.0
"""How long a model on this machine has for a request at least."""
LONGEST_FILE_NAME = 255  # bytes; most file systems allow no more


def _is_a_path(text: str) -> str:
    for part in text.replace("::", "/").split("/"):
        if len(part.encode()) > LONGEST_FILE_NAME:
            raise ValueError(
                f"the file name {part[:30]}... has {len(part.encode())} bytes, and no file system takes more than "
                f"{LONGEST_FILE_NAME}; name a file that is there"
            )
    return text


PathText = Annotated[Words, AfterValidator(_is_a_path)]
"""A file that a study names, or a name that may stand for one."""


class Part(BaseModel):
    """Frozen, without unknown keys, and every number finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_is_a_number(cls, value: object, info: ValidationInfo) -> object:
        """`true` would be taken for 1."""
        field = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and not _takes(field, bool) and _takes(field, int, float):
            raise PydanticKnownError("int_type" if _takes(field, int) else "float_type")
        return value


def _takes(annotation: Any, *kinds: type) -> bool:
    return annotation in kinds or any(_takes(inner, *kinds) for inner in get_args(annotation))


def _as_written(word: object) -> object:
    """-99 in a study file is the word "-99"."""
    return f"{word:g}" if isinstance(word, int | float) and not isinstance(word, bool) else word


class Data(Part):
    """Where the raw texts are: a file, `book.xlsx::sheet`, `file.duckdb::table`, or `example:NAME`."""

    source: PathText
    """The table: a file beside the study, `file.duckdb::table`, or `example:NAME`."""
    id: Words = "id"
    """The column that identifies a unit. Ids stay text: leading zeros are kept."""
    text: Words = "text"
    """The column with the text that the model reads."""
    query: Words | None = None
    """A query whose rows are the units: over the tables of a DuckDB file, or over any other source as `data`."""
    rows: Annotated[int, Field(gt=0)] | None = None
    """Use only this many rows, a simple random sample drawn by the seed."""
    cluster: Words | None = None
    """A column that says which units belong together (texts of one person)."""
    missing: tuple[Annotated[str, BeforeValidator(_as_written)], ...] = ()
    """Words that mean "no value" in labels, numbers and categories, beside the usual ones: `["-99"]`."""
    encoding: str | None = None
    """Of a delimited file that is not in UTF-8, such as "cp1252"."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Of a delimited file, where its first rows do not tell."""
    skip_rows: Annotated[int, Field(ge=0)] = 0
    """Rows under the header that hold no data."""
    codes: Annotated[tuple[Words, ...], Field(exclude_if=not_)] = ()
    """Columns of SPSS, Stata or SAS to read by their codes, not by their value labels."""


class Question(Part):
    """What the model is asked of a text, the answers it may give, and what each is worth."""

    ask: Words
    """The question, in a sentence."""
    answers: dict[str, float] = Field(min_length=2)
    """Each answer that the model may give, and the number it stands for."""
    recode: Annotated[dict[str, str], Field(exclude_if=not_)] = {}
    """Answers by what the table says for them, where its words or codes are others: { "2" = "impolite" }."""
    examples: tuple[tuple[str, str], ...] = ()
    """(text, answer) pairs shown to the model. Units of the study among them leave its data (docs/method.md, rule
    3): draw those at random, since units picked by their answer leave the others biased."""

    @property
    def value_of(self) -> dict[str, float]:
        """What each answer, and each word of the table that stands for one, is worth."""
        return self.answers | {word: self.answers[answer] for word, answer in self.recode.items()}

    @model_validator(mode="after")
    def _recoded_to_answers(self) -> Self:
        for word, answer in self.recode.items():
            if answer not in self.answers:
                raise ValueError(
                    f"recode of {word!r} gives {answer!r}, allowed are {', '.join(self.answers)}"
                )
            if self.answers.get(word, self.answers[answer]) != self.answers[answer]:
                raise ValueError(
                    f"recode makes the answer {word!r} into {answer!r}; an answer stands for itself"
                )
        return self

    @model_validator(mode="after")
    def _examples_answer_the_question(self) -> Self:
        for _, answer in self.examples:
            if answer not in self.answers:
                raise ValueError(f"example answers {answer!r}, allowed are {', '.join(self.answers)}")
        return self


class OutcomeSpec(Question):
    """The outcome: a human label for some units, a question to the model for all."""

    name: Name
    """The outcome's name in the formula."""
    human: Words
    """A column, or an SQL expression over the data's columns; NULL where no human has labelled."""


class Covariate(Part):
    """A covariate: a rule over the text, a column known for every unit, or one that the model predicts."""

    name: Name
    """The covariate's name in the formula."""
    rule: Words | None = None
    """An SQL expression over `text`; computed for raw and synthetic texts alike."""
    column: Words | None = None
    """A column or SQL expression over the data, known for every unit."""
    human: Words | None = None
    """A column known for labelled units only; the model reads it elsewhere (needs `question`)."""
    question: Question | None = None
    """What the model is asked to predict this covariate: `ask`, `answers`, `examples`, as in `[outcome]`."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.rule, self.column, self.human)) != 1:
            raise ValueError(f"covariate {self.name!r} needs exactly one of rule, column, human")
        if (self.human is None) != (self.question is None):
            raise ValueError(f"covariate {self.name!r}: `human` and `question` go together")
        return self


class Labels(Part):
    """How units were chosen for labelling (docs/method.md, rule 7)."""

    design: Literal["simple-random", "known-probability", "undeclared"] = "undeclared"
    """`simple-random`: every unit could be labelled alike. `known-probability`: see `probability`. `undeclared`:
    nobody says, and a warning says so."""
    sample: Annotated[int, Field(gt=0)] | None = None
    """Use only this many labels, drawn at random by the seed; the other labels are held back."""
    column: Words | None = None
    """A column that is 1, true, yes or x where a human labelled; without it, where the label is not empty."""
    probability: Words | None = None
    """A column with each unit's known probability of being labelled."""

    @model_validator(mode="after")
    def _labelling_fits(self) -> Self:
        if (self.design == "known-probability") != (self.probability is not None):
            raise ValueError('design = "known-probability" and `probability` go together')
        if self.sample is not None and self.design != "simple-random":
            raise ValueError('`sample` draws a simple random sample: set design = "simple-random"')
        return self


class Model(Part):
    """The language model: one that runs here, or any name that the endpoint at OPENAI_BASE_URL knows."""

    name: PathText
    """`embedded`, another model of `moored model list`, the path of a GGUF file, or the name of a model as its
    endpoint knows it."""
    api: Literal["auto", "chat", "completion"] = "auto"
    """`auto`: completion for the embedded model, chat for any other."""
    scoring: Literal["auto", "logprobs", "draws", "label"] = "auto"
    """How an answer becomes a number; `auto` asks the endpoint once what it gives."""
    draws: Annotated[int, Field(ge=1, le=64)] = 5
    """Sampled answers per text where scoring = "draws"; they are averaged into one value."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """For written texts; reading is at temperature 0 unless scored by draws."""
    max_tokens: Annotated[int, Field(gt=0)] = 60
    """The longest synthetic text."""
    thinking_tokens: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Tokens that every request may use beyond its answer, for a model that thinks first."""
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 120.0
    """Seconds until a request without an answer is tried again; a model on this machine has at least 1,800."""
    usd_per_million: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    """Price of a million prompt and completion tokens, where the built-in table does not know the model."""

    @property
    def runs_here(self) -> bool:
        """Whether moored starts the model on this machine."""
        return runs_here(self.name)

    @property
    def patience_s(self) -> float:
        """Seconds that a request may take. A busy machine is slow; asking it again would add to its work."""
        return max(self.timeout_s, PATIENCE_S) if self.runs_here else self.timeout_s


def runs_here(model: str) -> bool:
    """Whether moored starts the model of this name on this machine: one that it knows, or a GGUF file."""
    return model in known_models() or model.endswith(".gguf")


class Source(Part):
    """One auxiliary source: a proxy reads each text; a synthetic source writes a new one and reads that."""

    name: StudyName
    """The source's name in the results."""
    kind: Literal["proxy", "synthetic"]
    """`proxy`: the model reads each text. `synthetic`: it writes a new text from each text, and reads that."""
    model: Model | None = None
    """Another model than the study's."""
    read: PathText = "read"
    """The reading prompt: a name in moored/llm/prompts or a file beside the study."""
    write: PathText = "restate"
    """The writing prompt of a synthetic source."""


Caps = tuple[int | None, int | None, float | None]
"""Requests, tokens, USD; None: as many as it takes."""


class GenerationSettings(Part):
    """How the model is called."""

    send: Literal["direct", "batch"] = "direct"
    """`batch`: through the Batch API of the endpoint, within a day and at half the price."""
    chunk_rows: Annotated[int, Field(gt=0)] = 50
    """Fewest units of a chunk; larger studies have larger chunks."""
    concurrency: Annotated[int, Field(gt=0, le=512)] = 32
    """Most requests in flight from one worker process; a run without workers stands for two of them."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """Tries of one request before it counts as failed."""
    max_wait_minutes: Annotated[float, Field(gt=0, le=100_000)] = 60.0
    """Longest wait for an endpoint that asks for one (Retry-After) before the run ends; it may go on later."""
    requests_per_minute: Annotated[int, Field(gt=0)] | None = None
    """Most requests per minute, over all workers."""
    tokens_per_minute: Annotated[int, Field(gt=0)] | None = None
    """Most tokens per minute, over all workers."""
    max_failed_share: Share = 0.1
    """Stop where more of a source's generations end without an answer."""
    max_requests: Annotated[int, Field(ge=0)] | None = None
    """The study's budget of requests. A run that would pass it stops, and keeps what it has."""
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    """The study's budget of tokens."""
    max_usd: Annotated[float, Field(ge=0)] | None = None
    """The study's budget of US dollars."""
    redact: bool = False
    """Replace e-mail addresses and phone numbers before a text is sent."""

    @property
    def caps(self) -> Caps:
        """What the whole study may use."""
        return self.max_requests, self.max_tokens, self.max_usd


class Estimate(Part):
    """The regression that the study is for."""

    formula: Words
    """The regression, such as `"polite ~ hedge + C(region)"` (docs/formulas.md); `"polite ~ 1"` for a mean."""
    family: Family = "ols"
    """`mean`, `ols` (linear), `logit` (0 or 1) or `poisson` (counts)."""
    missing: Literal["refuse", "drop"] = "refuse"
    """A labelled unit that lacks a value: `refuse` it, or `drop` it by the rule of docs/formulas.md."""
    level: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    """Coverage that the intervals aim at."""
    target: Literal["population", "corpus"] = "population"
    """What intervals are for: the law that the units come from, or what all labels of these units would give."""
    estimators: tuple[str, ...] | None = None
    """Names of `moored.inference.ESTIMATORS`; by default the human-only,
    naive and GMM ones and `gmm-small`, as the sources allow."""
