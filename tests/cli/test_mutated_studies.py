"""A good study, changed at random 500 ways: `validate` and `plan` end well, or with a sentence and a known code."""

import copy
import json
import math
import random
import re

import pytest

from moored.errors import MooredError
from tests.endpoint import serve
from tests.studies import study_table, write_requests

MUTANTS = 500
FOREIGN = re.compile(r"Traceback|Input should|Value error|pydantic|np\.\w+\(|valid (tuple|dictionary)|\^\[")
ODD = (
    "",
    " ",
    "x",
    "polite",
    "text",
    "id",
    "höflich?",
    "日本語",
    "\u202eabc",
    "a\nb",
    "\x1b[31m",
    "\0",
    "x" * 300,
    "x" * 5_000,
    "'; DROP TABLE runs; --",
    "[red]x[/red]",
    "../../etc/passwd",
    "/",
    ".",
    "requests.csv::t",
    "1",
    "nan",
    0,
    1,
    -1,
    2**31,
    2**63 - 1,
    2**63,
    10**60,
    0.5,
    1e-320,
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    True,
    False,
    [],
    [[]],
    [1, 2],
    ["a", "b"],
    {},
    {"x": 1},
    {"": ""},
)


def codes(cls=MooredError):
    yield cls.exit_code
    for one in cls.__subclasses__():
        yield from codes(one)


KNOWN = set(codes()) - {1} | {0}


def toml(value):
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def holders(value):
    """Every table and list in a study."""
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from holders(item)


def mutant(seed):
    """A study with one to three changes."""
    rng = random.Random(seed)
    raw = copy.deepcopy(
        study_table(
            checks={"alpha": 0.002, "text_length": [1, 20_000], "severity": {"balance": "warning"}},
            labels={"design": "simple-random", "sample": 30},
            estimate={
                "formula": "polite ~ question",
                "family": "ols",
                "level": 0.95,
                "estimators": ["human"],
            },
            model={"name": "stub", "draws": 5, "timeout_s": 20.0, "usd_per_million": [1.0, 2.0]},
            generation={"chunk_rows": 15, "max_usd": 5.0, "max_requests": 10_000, "max_attempts": 1},
        )
    )
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        holder = rng.choice([one for one in holders(raw) if one])
        place = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        change = rng.choice(("replace", "replace", "replace", "delete", "add", "rename"))
        if change == "replace":
            holder[place] = copy.deepcopy(rng.choice(ODD))
        elif change == "delete":
            del holder[place]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(rng.choice((holder[place], *ODD))))
        elif change == "rename":
            holder[rng.choice((f"{place}x", place.upper(), str(rng.choice(ODD))))] = holder.pop(place)
        else:
            holder[str(rng.choice(ODD))] = copy.deepcopy(rng.choice(ODD))
    return "".join(f"{toml(str(key))} = {toml(value)}\n" for key, value in raw.items())


@pytest.fixture(scope="module")
def endpoint():
    with serve() as server:
        yield server


@pytest.mark.parametrize(
    "part", [0, 1, *(pytest.param(part, marks=pytest.mark.slow) for part in range(2, 10))]
)
def test_a_mutant_is_a_sentence(moored, endpoint, monkeypatch, tmp_path, part):
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    write_requests(tmp_path)
    ended_well = 0
    for seed in range(part, MUTANTS, 10):
        text = mutant(seed)
        (tmp_path / "requests.toml").write_text(text, encoding="utf-8")
        for command in ("validate", "plan"):
            answer = moored(command, "requests.toml")
            said = f"{command} {seed}\n{text}\n{answer}"
            assert answer.code in KNOWN, said
            assert not FOREIGN.search(answer.out + answer.err), said
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", answer.out + answer.err), said
            if answer.code:
                assert answer.err.startswith("moored: "), said
                assert answer.err.count("\n") == 1, said
            ended_well += answer.code == 0
    assert ended_well >= 2
