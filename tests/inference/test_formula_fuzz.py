"""Formulas that are none, in some hundred ways: each is refused in this project's words, without a traceback."""

import random
import re

import numpy as np
import pandas as pd
import pytest

import moored
from moored.errors import MooredError

SIGNS = """
y x z g `my col` ` `` ~ + - * / : ** ^ ( ) [ ] { } | || % %in% & ! = == < > , . .. ... " ' 1 0 -1 1e9 I( C( log(
np.log( Q("x") \\ # @ $ ? ; é µ lambda True None x.y x[0] x:=3 **x f"{x}" C(-g) C(g)[T.a] 1_000 ∼ ～ and not in
is yield x;z // -> <- hashed(x) lag(x) exp(800*x) log(x,z,g,1) poly(x) log()
"""
ODD = ["\n", "\t", "\u200b", "\ufeff", "\x00", "my col", "x if z else g", "[x for x in z]", "poly(x, 2)"]
PIECES = [*SIGNS.split(), *ODD]
WHOLE = ["y ~ x", "y ~ x + g", "y ~ C(g)", "y ~ log(z)", "y ~ poly(x, 2)", "y ~ `my col`", "y ~ x*g", "y ~ 1"]
FOREIGN = re.compile(
    r"formulaic|Formula|[Tt]oken|[Pp]arser|operand|[Oo]perator|NoneType|' object|syntax|EOF|<unknown>|unterminated|"
    r"positional|Error|cannot assign|ufunc|dtype|context"
)


def broken(rng):
    if rng.random() < 0.35:
        return " ".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
    if rng.random() < 0.3:
        return "y ~ " + " ".join(rng.choice(PIECES) for _ in range(rng.randint(1, 6)))
    text = rng.choice(WHOLE)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(PIECES) + text[at + (rng.random() < 0.3) :]
    return text


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(size=120) for name in ("y", "x", "my col", "a`b")}
    return pd.DataFrame({**numbers, "z": rng.uniform(1, 9, 120), "g": rng.choice(list("abc"), 120)}).assign(
        done=np.arange(120) < 80
    )


@pytest.mark.parametrize("seed", range(6))
def test_every_refusal_is_in_our_words(table, seed):
    rng = random.Random(seed)
    for _ in range(150):
        text = broken(rng)
        try:
            moored.fit(table, text, labelled="done", estimator="human")
        except MooredError as error:
            said = str(error).replace(repr(text), "").replace(text, "")
            assert not FOREIGN.search(said), (text, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y ~ x;z", "there is no ; in a formula"),
        ("y ~ x #", "there is no # in a formula"),
        ("y ~ \u200bx", r"there is no '\u200b' in a formula"),
        ('y ~ x"', "a quotation mark touches a name"),
        ("y ~ log(x,, 2)", "between the parentheses of a function is no value"),
        ("y ~ C(-g)", "words are computed with"),
    ],
)
def test_what_is_wrong_is_said(table, text, said):
    with pytest.raises(MooredError) as refused:
        moored.fit(table, text, labelled="done", estimator="human")
    assert said in str(refused.value)


def test_a_source_that_no_formula_can_name_is_refused_by_its_name(table):
    renamed = table.assign(**{"": table.x, "`": table.x})
    for name in ("a`b", "", "`"):
        with pytest.raises(MooredError, match="which no formula can name; rename the column") as refused:
            moored.fit(renamed, "y ~ x", labelled="done", sources=[name])
        assert repr(name) in str(refused.value)
