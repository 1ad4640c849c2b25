"""Whatever stands in a study file, the refusal is a sentence about the file: no word of the reader's library."""

import copy
import datetime as dt
import math
import re
import tomllib
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from moored.errors import StudyInvalid
from moored.study import Study, load_study, parse_study
from tests.studies import study_table, write_study

FOREIGN = re.compile(
    r"Input should|Value error|valid (tuple|dictionary|string|list|integer|number|boolean)|type=|pattern '|"
    r"\^\[|pydantic|np\.|validation error|input_value|Traceback|<class|datetime\.|unable to parse|must be a"
)
WHOLE = study_table(
    covariates=[
        {"name": "question", "rule": "contains(text, '?')"},
        {"name": "hedge", "human": "hedge", "question": {"ask": "Hedged?", "answers": {"yes": 1, "no": 0}}},
    ],
    sources=[
        {"name": "proxy", "kind": "proxy"},
        {"name": "synthetic", "kind": "synthetic", "model": {"name": "other"}},
    ],
    checks={"severity": {"balance": "warning"}},
)
ODD: tuple[Any, ...] = (
    "",
    "A b/c",
    "x" * 300,
    "\0",
    -1,
    0,
    10**30,
    1.5,
    math.nan,
    math.inf,
    -math.inf,
    True,
    [],
    [1],
    ["a", "b", "c"],
    [[]],
    {},
    {"a": 1},
    {"a": {"b": []}},
    dt.date(2026, 1, 2),
    dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
)


def models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := models(inner))), None)


def places(model=Study, path=()):
    """Every key of a study, as a path into WHOLE: entries of a list by their place."""
    for name, field in model.model_fields.items():
        yield (*path, name)
        inner = models(field.annotation)
        if inner is None:
            continue
        is_list = "tuple" in str(field.annotation)
        yield from places(inner, (*path, name, 1) if is_list else (*path, name))


def changed(path, value):
    raw = copy.deepcopy(WHOLE)
    part: Any = raw
    for step in path[:-1]:
        part = part[step] if isinstance(part, list) else part.setdefault(step, {})
    if value is KeyError:
        part.pop(path[-1], None)
    else:
        part[path[-1]] = value
    return raw


def refusal(raw):
    """The sentence, None where the study is accepted."""
    try:
        parse_study(raw)
    except StudyInvalid as error:
        return error.message
    return None


def in_file(path):
    words = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path)
    return words.removeprefix(".")


def test_the_walk_reaches_every_part():
    reached = {in_file(path) for path in places()}
    assert {"seed", "covariates[2].question.ask", "sources[2].model.timeout_s", "checks.severity"} <= reached
    assert refusal(WHOLE) is None


@pytest.mark.parametrize("path", list(places()), ids=in_file)
def test_no_odd_value_is_answered_in_foreign_words(path):
    refused = 0
    for value in ODD:
        said = refusal(changed(path, value))
        if said is None:
            continue
        refused += 1
        assert not FOREIGN.search(said), said
        assert f"`{in_file(path)}" in said or str(path[-1]) in said, said
        assert "\n" not in said
        assert len(said) < 2_000
    assert refused >= 5


@pytest.mark.parametrize("path", list(places()), ids=in_file)
def test_a_key_that_is_left_out_is_named_or_has_a_default(path):
    said = refusal(changed(path, KeyError))
    assert said is None or str(path[-1]) in said
    assert said is None or not FOREIGN.search(said)


@pytest.mark.parametrize("path", [path for path in places() if isinstance(path[-1], str)], ids=in_file)
def test_a_mistyped_key_is_told_the_right_one(path):
    typo = path[-1] + "x" if path[-1] != "id" else "idd"
    said = refusal(changed((*path[:-1], typo), 1))
    assert f"unknown key `{in_file((*path[:-1], typo))}`" in said
    assert f'did you mean "{path[-1]}"?' in said


@pytest.mark.parametrize("key", ["family", "formula", "draws", "max_usd", "ask"])
def test_a_key_in_the_wrong_table_is_told_its_home(key):
    said = refusal(WHOLE | {key: 1})
    home = {
        "family": "estimate",
        "formula": "estimate",
        "draws": "model",
        "max_usd": "generation",
        "ask": "outcome",
    }
    assert f"`{key}` is a key of [{home[key]}]" in said


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            ("outcome", "answers", "positive"),
            math.nan,
            "`outcome.answers.positive`: got nan; allowed is a finite",
        ),
        (
            ("sources", 1, "kind"),
            "proxi",
            "`sources[2].kind` ('synthetic'): got 'proxi'; allowed is one of proxy",
        ),
        (("seed",), -1, "`seed`: got -1; allowed is a number at least 0, such as `seed = 0`"),
        (("name",), "Mine", "small letters, digits, _ and -"),
        (("model", "timeout_s"), 10**9, "at most 86400"),
        (("outcome", "examples"), [["a"]], "`outcome.examples[1]` has too few values"),
        (("checks",), {"text_length": [1, 2, 3]}, "a list of 3; allowed is a list of 2"),
        (("checks", "severity"), {"balanc": "warning"}, 'did you mean "balance"?'),
        (("data", "source"), "f" * 300 + ".csv", "has 304 bytes"),
        (("data", "source"), dt.date(2026, 1, 2), "got 2026-01-02; allowed is a text in quotes"),
        (("sources",), {"name": "proxy", "kind": "proxy"}, "allowed is a list"),
        (("data",), "requests.csv", "allowed is a table of keys and values, such as [data] with source"),
    ],
)
def test_says_what_came_what_is_right_and_an_example(path, value, words):
    assert words in refusal(changed(path, value))


def test_many_problems_are_counted_not_listed():
    said = refusal(WHOLE | {f"key{number}": 1 for number in range(50)})
    assert "and 45 more problems like these" in said


@pytest.mark.parametrize("depth", [30, 2_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a=", "}")])
def test_what_is_nested_deep_is_refused(tmp_path, depth, opening, closing):
    (tmp_path / "s.toml").write_text("a = " + opening * depth + "1" + closing * depth)
    with pytest.raises(StudyInvalid, match="nest"):
        load_study(tmp_path / "s.toml")


def test_numbers_of_thousands_of_digits_are_refused(tmp_path):
    (tmp_path / "s.toml").write_text(f"seed = 1{'0' * 5_000}")
    with pytest.raises(StudyInvalid, match="thousands of digits"):
        load_study(tmp_path / "s.toml")
    (tmp_path / "s.toml").write_text(f"seed = 1{'0' * 100}")
    with pytest.raises(StudyInvalid, match="more than 40 digits; whole numbers go up to"):
        load_study(tmp_path / "s.toml")


ENCODED = {
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "both": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("form", ENCODED)
def test_the_files_of_other_editors_are_the_same_study(tmp_path, form):
    path = write_study(tmp_path)
    whole = load_study(path)
    path.write_bytes(ENCODED[form](path.read_text()))
    assert load_study(path) == whole
    assert tomllib.loads(path.read_bytes().decode("utf-8-sig")) == study_table()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-32"])
def test_another_encoding_is_a_sentence(tmp_path, encoding):
    path = write_study(tmp_path)
    path.write_bytes(("# Würde das höflich sein?\n" + path.read_text()).encode(encoding))
    with pytest.raises(StudyInvalid, match=r"save it as UTF-8"):
        load_study(path)


def test_no_study_at_all_is_a_sentence():
    for raw in ({}, [], None, "x", 3):
        assert not FOREIGN.search(str(refusal(raw)))
