import csv
import pickle
import re
from pathlib import Path

import pytest

from moored.errors import StudyInvalid
from moored.study import Study, load_study, parse_stored, parse_study
from tests.studies import study, study_table

STUDIES = sorted((Path(__file__).parent.parent / "deployments" / "studies").glob("*.toml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_of_the_checkout_are_studies(path):
    assert load_study(path).name == path.stem


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_data_of_a_study_come_with_it(path):
    source = load_study(path).data.source
    assert source.startswith("example:") or (path.parent / source).is_file()


def test_the_requests_of_the_politeness_study_are_no_examples_of_it():
    path = next(path for path in STUDIES if path.stem == "politeness")
    one = load_study(path)
    with (path.parent / one.data.source).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    assert len(set(texts)) == len(texts) > 150
    assert not {text for text, _ in one.outcome.examples} & set(texts)
    hedged = [
        re.search(r"\b(maybe|perhaps|possibly|i think|i wonder|could|might)\b", text.lower())
        for text in texts
    ]
    polite = [row["human_polite"] == "1" for row in rows]
    cells = {(bool(hedge), answer) for hedge, answer in zip(hedged, polite, strict=True)}
    assert len(cells) == 4, "a hedge says something of the tone, not everything"


def test_the_fingerprint_follows_the_content_alone():
    table = study_table()
    reordered = dict(reversed(list(table.items())))
    assert parse_study(table).fingerprint == parse_study(reordered).fingerprint
    assert parse_study(table).fingerprint != study(seed=8).fingerprint


def test_a_study_is_frozen_and_survives_the_trip_to_a_worker():
    one = study()
    with pytest.raises(Exception, match="frozen"):
        one.seed = 9
    assert pickle.loads(pickle.dumps(one)) == one
    assert Study.model_validate(one.model_dump(mode="json")).fingerprint == one.fingerprint


def section(name, **changes):
    return {name: study_table()[name] | changes}


REFUSALS = {
    "unknown key": ({"colour": "red"}, "unknown key `colour`; allowed here are name, seed, data"),
    "unknown key inside": (
        section("data", sauce="x"),
        "unknown key `data.sauce`; allowed here are source, id",
    ),
    "unknown key in a list": (
        {"sources": [{"name": "proxy", "kind": "proxy", "prompt": "x"}]},
        "unknown key `sources[1].prompt` ('proxy'); allowed here are name, kind",
    ),
    "missing key": ({"estimate": {}}, "`estimate.formula` is missing"),
    "name with a slash": ({"name": "a/b"}, "`name`"),
    "no source": ({"sources": []}, "`sources`"),
    "one source name twice": (
        {"sources": [{"name": "a", "kind": "proxy"}, {"name": "a", "kind": "synthetic"}]},
        "source names must differ, got a, a",
    ),
    "unknown kind": ({"sources": [{"name": "a", "kind": "guess"}]}, "got 'guess'"),
    "one answer": (section("outcome", answers={"yes": 1.0}), "`outcome.answers`"),
    "example answers otherwise": (
        section("outcome", examples=[["text", "maybe"]]),
        "example answers 'maybe', allowed are positive, negative",
    ),
    "covariate of two origins": (
        {"covariates": [{"name": "x", "rule": "1", "column": "x"}]},
        "needs exactly one of rule, column, human",
    ),
    "predicted covariate without a question": (
        {"covariates": [{"name": "x", "human": "x"}]},
        "`human` and `question` go together",
    ),
    "one variable name twice": ({"covariates": [{"name": "polite", "rule": "1"}]}, "names must differ"),
    "sample without a design": ({"labels": {"sample": 3}}, 'set design = "simple-random"'),
    "probability without its design": ({"labels": {"probability": "pi"}}, "go together"),
    "level 95": (section("estimate", level=95), "`estimate.level`"),
    "unknown family": (section("estimate", family="probit"), "got 'probit'"),
    "negative budget": ({"generation": {"max_usd": -1}}, "`generation.max_usd`"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refuses(case):
    changes, words = REFUSALS[case]
    with pytest.raises(StudyInvalid) as refusal:
        study(**changes)
    assert words in refusal.value.message


def test_refuses_what_is_no_toml(tmp_path):
    (tmp_path / "s.toml").write_text("name = ")
    with pytest.raises(StudyInvalid, match="is not TOML"):
        load_study(tmp_path / "s.toml")


def test_refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StudyInvalid, match="cannot read the study"):
        load_study(tmp_path / "s.toml")


def test_names_the_file_in_a_refusal(tmp_path):
    (tmp_path / "s.toml").write_text('name = "x"\ncolour = "red"\n')
    with pytest.raises(StudyInvalid, match=r"s\.toml: .*unknown key `colour`"):
        load_study(tmp_path / "s.toml")


def test_the_order_of_the_answers_is_part_of_the_study(tmp_path):
    from moored.storage.studies import store_study, stored_study
    from moored.storage.warehouse import open_store

    outcome = study_table()["outcome"]
    turned = study(outcome=outcome | {"answers": dict(reversed(outcome["answers"].items()))})
    assert turned.fingerprint != study().fingerprint
    with open_store(tmp_path / "store.duckdb", create=True) as store:
        for one in (study(), turned):
            store_study(store, one, tmp_path)
            kept = stored_study(store, one.name)[0]
            assert list(kept.outcome.answers) == list(one.outcome.answers)
            assert kept.fingerprint == one.fingerprint


def test_more_answers_than_letters_are_refused_only_where_letters_stand_for_them():
    from moored.llm.recipe_builder import refuse_too_many_answers

    outcome = study_table()["outcome"] | {"examples": []}
    alike = {f"about {number}": float(number) for number in range(27)}
    with pytest.raises(StudyInvalid, match="27 answers"):
        refuse_too_many_answers(study(outcome=outcome | {"answers": alike}))
    refuse_too_many_answers(study(outcome=outcome | {"answers": {f"a{n}": float(n) for n in range(27)}}))


def test_a_stored_study_may_have_keys_that_are_gone_since():
    raw = study_table(colour="red")
    raw["data"]["sheet"] = 2
    raw["sources"][0]["mood"] = "good"
    raw["checks"] = {"severity": {"no-such-check": "warning", "balance": "warning"}, "gone": 1}
    kept = study_table(checks={"severity": {"balance": "warning"}})
    assert parse_stored(raw) == parse_study(kept)
    with pytest.raises(StudyInvalid, match="unknown key `colour`"):
        parse_study(raw)
    with pytest.raises(StudyInvalid, match="`outcome` is missing"):
        parse_stored({key: value for key, value in raw.items() if key != "outcome"})
