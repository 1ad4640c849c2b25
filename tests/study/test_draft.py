"""Drafting a study from columns: which column is what, what labels are worth, which rows are shown."""

from __future__ import annotations

import tomllib
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from moored.errors import AnswersUnclear, ColumnMissing, NoLabels, TableUnclear, Unidentified
from moored.study import parse_study
from moored.study.draft import Given, draft_study, look_at, study_text
from moored.study.draft.names import noun_of, study_name, variable_name
from moored.study.study import OWN_NAMES

N = 200
RNG = np.random.default_rng(11)
WHO = ["the mayor", "my aunt", "a driver", "the new teacher", "one of us", "nobody here", "the whole team"]
WHAT = [
    "wrote a letter",
    "closed the road",
    "asked for help",
    "lost the keys",
    "was very kind",
    "never came back",
]
WHEN = ["on Monday", "last week", "in the rain", "before the vote", "without a word", "for no reason at all"]


def texts(rows: int = N) -> list[str]:
    return [f"{WHO[k % 7]} {WHAT[k // 7 % 6]} {WHEN[k // 42 % 6]}, number {k}" for k in range(rows)]


def partly(values, share: float = 0.5, seed: int = 1):
    """The values of some rows, drawn at random; None elsewhere."""
    rng = np.random.default_rng(seed)
    return [value if rng.random() < share else None for value in values]


def base(rows: int = N, **columns) -> dict:
    rng = np.random.default_rng(3)
    return {
        "id": [f"{k:05d}" for k in range(rows)],
        "text": texts(rows),
        "region": rng.choice(["north", "south", "east"], rows).tolist(),
        "age": rng.integers(18, 90, rows).tolist(),
    } | columns


def looked(table: dict, delimiter: str = ","):
    frame = pd.DataFrame(table).astype(object)
    return [
        look_at(
            name,
            place,
            np.array([None if pd.isna(cell) else str(cell) for cell in frame[name]], dtype=object),
            delimiter=delimiter,
        )
        for place, name in enumerate(frame.columns)
    ]


def drafted(table: dict, given: Given | None = None, delimiter: str = ","):
    draft = draft_study(looked(table, delimiter), "t.csv", "t", given or Given())
    return draft, parse_study(tomllib.loads(study_text(draft, "moored init t.csv")))


def some(words, seed=2):
    return np.random.default_rng(seed).choice(words, N).tolist()


def test_a_plain_table_is_read_as_a_person_would():
    draft, study = drafted(base(tone=partly(some(["polite", "impolite"]))))
    assert (study.data.id, study.data.text, study.outcome.human) == ("id", "text", "tone")
    assert dict(study.outcome.answers) == {"polite": 1.0, "impolite": 0.0}
    assert study.estimate.formula == "polite ~ C(region) + age"
    assert study.estimate.family == "logit"
    assert study.labels.design == "undeclared"
    assert draft.doubts == ()


@pytest.mark.parametrize(
    ("words", "answers", "family"),
    [
        (["yes", "no"], {"yes": 1, "no": 0}, "logit"),
        (["Ja", "Nein"], {"Ja": 1, "Nein": 0}, "logit"),
        (["sì", "no"], {"sì": 1, "no": 0}, "logit"),
        (["Nao", "Sim"], {"Sim": 1, "Nao": 0}, "logit"),
        (["HAUFIG", "nie", "selten"], {"nie": 1, "selten": 2, "HAUFIG": 3}, "ols"),
        (["0", "1"], {"yes": 1, "no": 0}, "logit"),
        (["TRUE", "FALSE"], {"TRUE": 1, "FALSE": 0}, "logit"),
        (["not relevant", "relevant"], {"relevant": 1, "not relevant": 0}, "logit"),
        (["1", "2", "3", "4", "5"], {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}, "ols"),
        (["-2", "-1", "0", "1", "2"], {"-2": -2, "-1": -1, "0": 0, "1": 1, "2": 2}, "ols"),
        (["1", "3", "7"], {str(k): k for k in range(1, 8)}, "ols"),
        (["agree", "disagree", "strongly agree", "neutral"],
         {"disagree": 1, "neutral": 2, "agree": 3, "strongly agree": 4}, "ols"),
        (["hoch", "mittel", "niedrig"], {"niedrig": 1, "mittel": 2, "hoch": 3}, "ols"),
        (["1 - bad", "2 - fair", "3 - good"], {"1 - bad": 1, "2 - fair": 2, "3 - good": 3}, "ols"),
        (["negative", "neutral", "positive"], {"negative": 1, "neutral": 2, "positive": 3}, "ols"),
    ],
)  # fmt: skip
def test_what_labels_are_worth(words, answers, family):
    draft, study = drafted(base(judgement=partly(some(words))))
    assert study.outcome.human == "judgement"
    assert dict(study.outcome.answers) == answers
    assert study.estimate.family == family
    assert draft.labels.answers.sure


def test_a_score_is_answered_in_round_steps_that_reach_all_labels():
    values = np.round(np.random.default_rng(4).uniform(3.2, 96.1, N), 1)
    _, study = drafted(base(score=partly(values.tolist())))
    worth = list(study.outcome.answers.values())
    assert min(worth) <= values.min()
    assert max(worth) >= values.max()
    assert worth == [0, 20, 40, 60, 80, 100]
    assert all(answer in study.outcome.answers for _, answer in study.outcome.examples)


def test_classes_without_an_order_are_refused_with_both_ways_out():
    table = base(topic=partly(some(["health", "economy", "sports"])))
    with pytest.raises(AnswersUnclear, match=r"--one .*--answers"):
        drafted(table)
    _, study = drafted(table, Given(one="health"))
    assert study.outcome.name == "health"
    assert "THEN 'yes'" in study.outcome.human
    _, study = drafted(table, Given(answers={"health": 3.0, "economy": 2.0, "sports": 1.0}))
    assert study.estimate.family == "ols"


def test_two_words_of_unknown_meaning_are_a_doubt():
    draft, _ = drafted(base(stance=partly(some(["sun", "moon"]))))
    (doubt,) = draft.doubts
    assert (doubt.flag, {doubt.taken, *doubt.others}) == ("--one", {"sun", "moon"})
    settled, _ = drafted(base(stance=partly(some(["sun", "moon"]))), draft.given.with_answer(doubt, "sun"))
    assert settled.doubts == ()
    assert settled.labels.answers.values["sun"] == 1


def test_one_label_for_all_is_refused():
    with pytest.raises(AnswersUnclear, match="every label in 'tone' is 'polite'"):
        drafted(base(tone=partly(["polite"] * N)))


@pytest.mark.parametrize("words", [["-99"], ["99", "98"], ["keine Angabe"], ["n/a", "-"]])
def test_words_for_no_label_are_told_and_left_out(words):
    values = [words[k // 2 % len(words)] if k % 2 else str(k % 5 + 1) for k in range(N)]
    draft, study = drafted(base(rating=values))
    assert draft.labels.labelled == N / 2
    assert set(draft.labels.missing) == set(words)
    assert list(study.outcome.answers) == ["1", "2", "3", "4", "5"]


def test_nobody_has_labelled():
    for table in (base(), base(label=[None] * N), {"text": texts()}):
        with pytest.raises(NoLabels, match="at random"):
            drafted(table)


def test_too_few_labels_are_refused():
    with pytest.raises(Unidentified, match="3 rows"):
        drafted(base(tone=[*["polite", "impolite", "polite"], *[None] * (N - 3)]))


def test_without_texts_there_is_no_study():
    with pytest.raises(TableUnclear, match="no column of texts among id, age"):
        drafted({"id": list(range(50)), "age": list(range(50))})


def test_rows_are_numbered_where_nothing_tells_them_apart():
    table = base(tone=partly(some(["polite", "impolite"])))
    del table["id"]
    draft, study = drafted(table | {"row_number": [1] * N})
    assert draft.table.id_column is None
    assert study.data.id == "row_number_"
    assert 'row_number() OVER () AS "row_number_"' in study.data.query


def test_ids_of_people_who_wrote_several_texts_are_clusters():
    table = base(tone=partly(some(["polite", "impolite"]))) | {"user_id": [f"u{k // 4}" for k in range(N)]}
    del table["id"]
    _, study = drafted(table)
    assert study.data.cluster == "user_id"


def test_rows_without_a_text_are_left_out_and_told():
    table = base(tone=partly(some(["polite", "impolite"])))
    table["text"] = [None if k % 10 == 0 else text for k, text in enumerate(table["text"])]
    draft, study = drafted(table)
    assert draft.table.without_text == N / 10
    assert "regexp_matches" in study.data.query


def test_the_longest_texts_are_read_and_a_rival_is_a_doubt():
    table = base(tone=partly(some(["polite", "impolite"])), remark=[f"{text}!" for text in texts()])
    draft, _ = drafted(table)
    assert draft.table.text == "text"
    assert [doubt.flag for doubt in draft.doubts] == ["--text"]


def test_what_a_model_said_is_no_human_label():
    said = some(["polite", "impolite"])
    _, study = drafted(base(gpt_tone=said, tone=partly(said)))
    assert study.outcome.human == "tone"


@pytest.mark.parametrize(
    "name", ["gpt_label", "prediction", "llm-4", "label by model", "coder 2", "annotated"]
)
def test_another_labelling_explains_no_label(name):
    said = some(["polite", "impolite"])
    _, study = drafted(base(**{name: said, "tone": partly(said)}), Given(label="tone"))
    assert name not in {covariate.column for covariate in study.covariates}


@pytest.mark.parametrize("name", ["married", "autor", "predator", "class size"])
def test_a_column_that_only_looks_a_little_like_a_labelling_stays_a_covariate(name):
    said = some(["yes", "no"])
    other = some(["yes", "no"], seed=5) if name == "married" else some(["small", "big"], seed=5)
    table = base(**{name: other, "tone": partly(said)})
    del table["region"]
    _, study = drafted(table, Given(label="tone"))
    assert name in {covariate.column for covariate in study.covariates}


def test_two_numbers_of_unknown_meaning_are_told_as_a_guess():
    draft, _ = drafted(base(label=partly(some(["1", "2"]))))
    assert draft.labels.answers.why == "a guess: 2, the larger number, counts as 1"
    assert "--one" in [doubt.flag for doubt in draft.doubts]


def test_labels_of_the_first_rows_are_no_random_draw():
    said = some(["polite", "impolite"])
    draft, study = drafted(base(tone=[word if k < 80 else None for k, word in enumerate(said)]))
    assert "first 80 of the table" in draft.labels.design_why
    assert study.labels.design == "undeclared"


def test_where_all_is_labelled_a_trial_uses_some():
    _, study = drafted(base(tone=some(["polite", "impolite"])))
    assert (study.labels.design, study.labels.sample) == ("simple-random", 66)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
def test_examples_are_labelled_rows_in_proportion(share):
    said = ["polite" if k < share * N else "impolite" for k in range(N)]
    np.random.default_rng(5).shuffle(said)
    table = base(tone=partly(said, 0.6))
    _, study = drafted(table)
    label_of = dict(zip(table["text"], table["tone"], strict=True))
    assert all(label_of[text] == answer for text, answer in study.outcome.examples)
    shown = Counter(answer for _, answer in study.outcome.examples)
    labelled = Counter(word for word in table["tone"] if word)
    expected = labelled["polite"] / labelled.total() * shown.total()
    assert abs(shown["polite"] - expected) < 1
    assert len(shown) == 2


def test_drawing_examples_leaves_the_mean_of_the_labels_where_it_was():
    """Over many tables the rest's mean differs from the whole's by less than its standard error of chance."""
    from moored.study.draft.answers import answers_of
    from moored.study.draft.examples import draw_examples

    (text,) = looked({"text": texts()})
    gaps = []
    for seed in range(150):
        words = (np.random.default_rng(seed).random(N) < 0.3).astype(int).astype(str).tolist()
        (label,) = looked({"y": words})
        answers = answers_of(label, ["0", "1"])
        names = ["yes" if word == "1" else "no" for word in words]
        shown = {text for text, _ in draw_examples(text, names, answers.values, seed)}
        rest = [float(word) for word, said in zip(words, text.texts, strict=True) if said not in shown]
        gaps.append(np.mean(rest) - np.mean([float(word) for word in words]))
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(len(gaps))
    assert np.abs(gaps).max() < 0.01


def test_few_labels_and_copies_still_give_examples():
    """The embedded model needs some: two of fourteen labels, and of texts that all stand twice each once."""
    said = some(["polite", "impolite"])
    _, study = drafted(base(tone=[word if k < 14 else None for k, word in enumerate(said)]))
    assert len(study.outcome.examples) == 2
    twice = base(tone=partly(said))
    twice["text"] = [text.replace(str(k), str(k // 2)) for k, text in enumerate(texts())]
    twice["text"] = [twice["text"][k - k % 2] for k in range(N)]
    _, study = drafted(twice)
    shown = [text for text, _ in study.outcome.examples]
    assert len(shown) == len(set(shown)) == 6


def test_long_texts_are_cut_for_a_small_model_and_not_for_another():
    table = base(tone=partly(some(["polite", "impolite"])))
    table["text"] = [f"{text}. " * 200 for text in table["text"]]
    _, study = drafted(table)
    assert 'left("text", 600)' in study.data.query
    assert len(study.outcome.examples) >= 2
    assert all(len(text) <= 600 for text, _ in study.outcome.examples)
    _, study = drafted(table, Given(model="gpt-4.1-mini"))
    assert (study.data.query, study.outcome.examples, study.model.name) == (None, (), "gpt-4.1-mini")


def test_the_labels_decide_how_many_covariates():
    wide = base(
        tone=partly(some(["polite", "impolite"])),
        party=some(["a", "b", "c", "d", "e"], 7),
        income=list(RNG.normal(size=N)),
        female=some(["0", "1"], 8),
        day=[f"2024-05-{k % 28 + 1:02d}" for k in range(N)],
        holed=partly(list(range(N)), 0.9),
        same=["x"] * N,
    )
    draft, study = drafted(wide)
    assert study.estimate.formula == "polite ~ C(region) + age"
    assert {covariate.column for covariate in draft.others} == {"party", "income", "female"}
    _, study = drafted(wide, Given(covariates=("holed", "female")))
    assert study.estimate.formula == "polite ~ holed + female"
    assert study.estimate.missing == "drop"
    _, study = drafted(wide, Given(covariates=()))
    assert (study.estimate.formula, study.estimate.family) == ("polite ~ 1", "mean")
    with pytest.raises(TableUnclear, match="'day', a column of dates"):
        drafted(wide, Given(covariates=("day",)))


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ColumnMissing, match=r"`--label` names the column 'mood', the table has id, text"):
        drafted(base(), Given(label="mood"))


HEADERS = [
    "Höflich?",
    "Ist der Text höflich?",
    "a b",
    "a.b",
    "2nd",
    "αβ",
    "文章",
    'say "x"',
    "o'clock",
    "x\ty",
    "text",
]


@pytest.mark.parametrize("name", HEADERS)
def test_any_header_gives_a_study_that_reads(name):
    table = base(**{f"{name} ": partly(some(["yes", "no"])), f"{name}2": some(["0", "1"], 9)})
    _, study = drafted(table, Given(label=f"{name} "))
    assert study.outcome.human == f"{name} "
    assert study.covariates[-1].column in table


@pytest.mark.parametrize("column", [*sorted(OWN_NAMES), "C", "log", "123", "", "ß", "ä" * 90])
def test_variable_names_are_allowed_and_differ(column):
    first = variable_name(column, (), "outcome")
    second = variable_name(column, (first,), "outcome")
    assert first.casefold() != second.casefold()
    for name in (first, second):
        assert name.isascii()
        assert name[0].isalpha()
        assert name.replace("_", "").isalnum()
        assert name.casefold() not in OWN_NAMES
        assert len(name) <= 60


@pytest.mark.parametrize(
    ("column", "noun"),
    [
        ("human_polite", "polite"),
        ("label.tone", "tone"),
        ("Höflich?", "Höflich"),
        ("coder1_stance", "stance"),
    ],
)
def test_what_a_label_is_about(column, noun):
    assert noun_of(column) == noun


@pytest.mark.parametrize(
    ("stem", "name"), [("Meine Umfrage (2024)", "meine-umfrage-2024"), ("数据", "study"), ("--x", "x")]
)
def test_study_names(stem, name):
    assert study_name(stem) == name


def test_a_comment_holds_no_control_character():
    table = base(tone=partly(some(["polite", "im\x07polite"])))
    _, study = drafted(table, Given(one="polite"))
    assert set(study.outcome.answers) == {"polite", "im\x07polite"}
