"""What is wrong with a study, as sentences: the key as the user wrote it, what came, what is right, an example."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from moored.plaintext import counted

MOST_PROBLEMS = 5
DEEPEST = 20
LARGEST = 2**63 - 1  # the largest whole number of TOML, SQLite and DuckDB

_EXAMPLES = {
    "name": 'name = "politeness"',
    "data": '[data] with source = "requests.csv"',
    "data.source": 'source = "requests.csv"',
    "data.query": 'query = "SELECT * FROM data WHERE year = 2024"',
    "data.rows": "rows = 400",
    "data.cluster": 'cluster = "person"',
    "data.missing": 'missing = ["-99"]',
    "data.codes": 'codes = ["q7"]',
    "outcome": "[outcome] with name, human, ask and answers",
    "outcome.name": 'name = "polite"',
    "outcome.human": 'human = "human_polite"',
    "outcome.ask": 'ask = "Is this request polite or impolite?"',
    "outcome.answers": "answers = { polite = 1, impolite = 0 }",
    "outcome.examples": 'examples = [["Could you help me?", "polite"]]',
    "outcome.recode": 'recode = { "2" = "impolite" }',
    "covariates": '[[covariates]] with name = "hedge" and column = "hedge"',
    "covariates.name": 'name = "hedge"',
    "covariates.rule": "rule = \"contains(text, 'maybe')\"",
    "covariates.column": 'column = "hedge"',
    "covariates.human": 'human = "human_hedge"',
    "covariates.question": 'question = { ask = "Does it hedge?", answers = { yes = 1, no = 0 } }',
    "covariates.question.ask": 'ask = "Does it hedge?"',
    "covariates.question.answers": "answers = { yes = 1, no = 0 }",
    "covariates.question.recode": 'recode = { "J" = "yes" }',
    "covariates.question.examples": 'examples = [["Maybe you could help?", "yes"]]',
    "labels.sample": "sample = 150",
    "labels.column": 'column = "labelled"',
    "labels.probability": 'probability = "chance"',
    "model": '[model] with name = "embedded"',
    "model.name": 'name = "embedded"',
    "model.usd_per_million": "usd_per_million = [0.15, 0.60]",
    "sources": '[[sources]] with name = "proxy" and kind = "proxy"',
    "sources.name": 'name = "proxy"',
    "sources.kind": 'kind = "proxy"',
    "sources.model": 'model = { name = "embedded" }',
    "sources.model.name": 'name = "embedded"',
    "sources.model.usd_per_million": "usd_per_million = [0.15, 0.60]",
    "generation.requests_per_minute": "requests_per_minute = 500",
    "generation.tokens_per_minute": "tokens_per_minute = 100000",
    "generation.max_requests": "max_requests = 5000",
    "generation.max_tokens": "max_tokens = 1000000",
    "generation.max_usd": "max_usd = 5.0",
    "estimate": '[estimate] with formula = "polite ~ hedge"',
    "estimate.formula": 'formula = "polite ~ hedge"',
    "estimate.estimators": 'estimators = ["human", "gmm-small"]',
    "checks.severity": 'severity = { balance = "warning" }',
    "checks.expectations": 'expectations = "expectations.py"',
}
"""By key, for what has no default to show."""

_PATTERNS = {
    r"\S": "a text that is not empty",
    "^[A-Za-z][A-Za-z0-9_]*$": "a letter, then letters, digits and _",
    "^[a-z0-9][a-z0-9_-]*$": "small letters, digits, _ and -, the first a letter or a digit",
}
_KINDS = {
    "string": "a text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list in square brackets",
    "list": "a list in square brackets",
    "dict": "a table of keys and values",
    "model": "a table of keys and values",
    "finite": "a finite number, not nan or inf",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


def sentences(error: ValidationError, root: type[BaseModel], raw: Any) -> str:
    """The problems of `raw` as one line: the first few, the rest counted."""
    # A mistyped key explains what is missing, so it comes first.
    problems = sorted(_own(error.errors()), key=lambda problem: problem["type"] != "extra_forbidden")
    found = list(dict.fromkeys(_sentence(problem, root, raw) for problem in problems))
    more = len(found) - MOST_PROBLEMS
    return "; ".join(found[:MOST_PROBLEMS]) + (
        f"; and {counted(more, 'more problem like this', 'more problems like these')}" if more > 0 else ""
    )


def _own(problems: Sequence[Any]) -> list[Any]:
    """Those that are no echo of another: a list whose entries are broken is not too short, too."""
    inside = {tuple(problem["loc"][:end]) for problem in problems for end in range(len(problem["loc"]))}
    return [p for p in problems if not (p["type"] == "too_short" and tuple(p["loc"]) in inside)]


def impossible(raw: Any) -> str | None:
    """What no study may hold, wherever it stands: too deep, a number too large for a store, a NUL character."""
    level: list[tuple[str, Any]] = [("", raw)]
    for _ in range(DEEPEST):
        if not level:
            return None
        if found := next(filter(None, (_odd(where, value) for where, value in level)), None):
            return found
        level = [inner for where, value in level for inner in _inside(where, value)]
    return f"tables and lists are nested more than {DEEPEST} deep; no key of a study needs more than 5 levels"


def came(value: Any) -> str:
    """A value as TOML writes it, cut where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) <= 10**40 else "a number of more than 40 digits"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:57]}...")
    if isinstance(value, Mapping):
        return "a table with the keys " + _listed(list(value)) if value else "an empty table"
    if isinstance(value, Sequence):
        return f"a list of {len(value)}" if value else "an empty list"
    return "nothing" if value is None else str(value)


def _odd(where: str, value: Any) -> str | None:
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"`{where}`: got {came(value)}; whole numbers go up to {LARGEST}"
    if isinstance(value, str) and "\0" in value:
        return f"`{where}` holds the character NUL (code 0), which no text and no path may hold; take it out"
    if isinstance(value, Mapping) and any("\0" in str(key) for key in value):
        return f"`{where}` has a key that holds the character NUL (code 0); take it out"
    return None


def _inside(where: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(f"{where}.{key}" if where else str(key), item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{where}[{at + 1}]", item) for at, item in enumerate(value)]
    return []


def _sentence(problem: Any, root: type[BaseModel], raw: Any) -> str:
    loc, kind = problem["loc"], problem["type"]
    where, what, given = _where(loc, raw), _example(loc, root), problem["input"]
    if kind == "extra_forbidden":
        return f"unknown key {where}; {_known(loc, root)}"
    if kind == "missing" and loc and isinstance(loc[-1], int):
        return f"{_where(loc[:-1], raw)} has too few values{_example(loc[:-1], root)}"
    if kind == "missing":
        return f"{where} is missing; add it{what}"
    if kind == "value_error":
        said = str(problem["ctx"]["error"]) if "ctx" in problem else "this does not fit"
        return f"{where}: {said}" if loc else said
    if loc and loc[-1] == "[key]":
        allowed = _choices(problem)
        return f"unknown key {where}; allowed here are {_listed(allowed)}{_close(loc[-2], allowed)}"
    close = _close(given, _choices(problem)) if kind == "literal_error" else ""
    return f"{where}: {came_and_allowed(problem)}{what}{close}"


def came_and_allowed(problem: Any) -> str:
    """What came and what is allowed, of one of the errors of a `ValidationError`."""
    return f"got {came(problem['input'])}; allowed is {_right(problem)}"


def _choices(problem: Any) -> list[str]:
    return [word.strip("'") for word in problem["ctx"]["expected"].replace(" or ", ", ").split(", ")]


def _right(problem: Any) -> str:
    """What is allowed, from the kind of the problem."""
    kind, ctx = problem["type"], problem.get("ctx", {})
    if kind == "literal_error":
        return "one of " + _listed(_choices(problem))
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(ctx["pattern"], "a name of plain letters and digits")
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return (
            f"a number {words} {ctx[bound]:g}"
            if abs(ctx[bound]) < 10**6
            else f"a number {words} {ctx[bound]:,}"
        )
    if kind == "string_too_short":
        return "a text that is not empty"
    if kind == "string_too_long":
        return f"a text of at most {ctx['max_length']} characters"
    if kind == "too_short":
        return f"no fewer than {ctx['min_length']}"
    if kind == "too_long":
        return f"a list of {ctx['max_length']}"
    return _KINDS.get(kind.split("_")[0], "another value")


def _where(loc: Sequence[int | str], raw: Any) -> str:
    """The key as the file has it: lists count from 1, and an entry that has a name is named, too."""
    text, name, value = "", "", raw
    for step in loc:
        if isinstance(step, int):
            text += f"[{step + 1}]"
            value = value[step] if isinstance(value, list | tuple) and step < len(value) else None
            if isinstance(value, Mapping) and isinstance(value.get("name"), str):
                name = f" ({came(value['name'])})"
        elif step != "[key]":
            text += ("." if text else "") + _key(step)
            value = value.get(step) if isinstance(value, Mapping) else None
    return f"`{text}`" + ("" if text.endswith("name") else name) if text else "the study"


def _example(loc: Sequence[int | str], root: type[BaseModel]) -> str:
    """Such as `key = value`: the default, or one that is written here for the key."""
    keys = [step for step in loc if isinstance(step, str)]
    for end in range(len(keys), 0, -1):
        field = _field(keys[:end], root)
        example = _EXAMPLES.get(".".join(keys[:end])) or _default(keys[end - 1], field)
        if example:
            return f", such as {example}" if " with " in example else f", such as `{example}`"
    return ""


def _default(key: str, field: Any) -> str | None:
    default = None if field is None else field.default
    if isinstance(default, bool | int | float | str):
        return f"{key} = {json.dumps(default)}"
    if isinstance(default, tuple) and default and all(isinstance(item, int | float) for item in default):
        return f"{key} = {list(default)}"
    return None


def _known(loc: Sequence[int | str], root: type[BaseModel]) -> str:
    """The keys that are allowed there, the one that was meant, the table that has it."""
    keys = [step for step in loc if isinstance(step, str)]
    part = _part(keys[:-1], root)
    allowed = list(part.model_fields) if part else []
    close = _close(keys[-1], allowed)
    if not close:
        homes = [name for name in root.model_fields if keys[-1] in _fields(_part([name], root))]
        close = (
            f"; `{keys[-1]}` is a key of {' and of '.join(f'[{home}]' for home in homes)}" if homes else ""
        )
    return f"allowed here are {_listed(allowed)}{close}"


def _close(given: Any, allowed: Sequence[str]) -> str:
    if not isinstance(given, str):
        return ""
    found = difflib.get_close_matches(given.lower(), allowed, 1)
    return f'; did you mean "{found[0]}"?' if found else ""


def _listed(words: Sequence[Any]) -> str:
    shown = [str(word)[:60] for word in words[:40]]
    return ", ".join(shown) + (f" and {len(words) - 40} more" if len(words) > 40 else "")


def _fields(part: type[BaseModel] | None) -> Mapping[str, Any]:
    return part.model_fields if part else {}


def _field(keys: Sequence[str], root: type[BaseModel]) -> Any:
    return _fields(_part(keys[:-1], root)).get(keys[-1])


def _part(keys: Sequence[str], root: type[BaseModel]) -> type[BaseModel] | None:
    """The model that a path of keys leads to."""
    part: type[BaseModel] | None = root
    for key in keys:
        field = _fields(part).get(key)
        part = None if field is None else next(_models(field.annotation), None)
    return part


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _key(step: str) -> str:
    return step if step.replace("_", "a").replace("-", "a").isalnum() else came(step)
