"""A formula's text before it is parsed: Python would read some names otherwise, and R's functions not at all."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator

from moored.errors import DataInvalid

INSTEAD = {
    "offset": "an offset is not fitted: put the term itself among the covariates, as + log(n), whose coefficient "
    "is then estimated; in family ols, subtract it from the outcome",
    "factor": "write C(...) for categories",
    "ordered": "write C(...) for categories",
    "as.factor": "write C(...) for categories",
    "as.ordered": "write C(...) for categories",
    "as.character": "write C(...) for categories",
    "as.numeric": "write the column's name alone; a comparison is I(x > 0), which is 1 or 0",
    "as.integer": "write the column's name alone; a comparison is I(x > 0), which is 1 or 0",
    "as.logical": "write I(x != 0)",
    "relevel": "write C(g, Treatment('b')) to make b the reference",
    "interaction": "write g:h",
    "ifelse": "write where(x > 0, 1, 0)",
    "if_else": "write where(x > 0, 1, 0)",
    "cut": "write I(x > 3) for each limit, or put the groups into a column",
    "pmin": "write minimum(x, z)",
    "pmax": "write maximum(x, z)",
    "power": "write I(x**2) for a square",
    "c": "write a list between brackets, as knots=[1, 2]",
    "cbind": "an outcome is one column: write the share of successes, or make a row of each trial",
    "ln": "write log(...), which is the natural one",
    "ns": "write cr(..., df=4, constraints='center') for a natural cubic spline",
    "s": "write bs(..., df=4) for a smooth curve",
    "pow": "write I(x**2) for a square",
    "lag": "rows of a table of units have no order; add the earlier value as a column",
    "hashed": "write C(...) for categories",
    "Q": "put a name that is no plain word between backticks, as `my column`",
}
"""What to write in place of functions of R and of other languages of formulas."""

_WORDS = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')|`(?P<quoted>[^`]*)`|"""
    r"""(?P<name>[^\W\d][\w.\u0300-\u036f]*)|(?P<sign>[(){}])"""
)
_OF_THE_LANGUAGE = {"True", "False", "None", "and", "or", "not", "in", "is", "if", "else", "lambda", "for"}


def refuse_misread(what: str, text: str) -> None:
    """Refuse names inside a function that Python has another reading of, and functions with a dot in their name.

    Python takes µ, ﬁ and a decomposed é for other letters that look alike: the column of that name would be
    computed with. Errors: `DataInvalid`.
    """
    for name, quoted, called in _names(text):
        said = f"{what} is {text!r}"
        base = name.partition(".")[0]
        if called and "." in name and base not in ("np", "numpy", "contr", "math"):
            instead = (
                INSTEAD.get(name) or INSTEAD.get(name.rpartition(".")[2]) or "docs/formulas.md lists them"
            )
            raise DataInvalid(f"{said}: {name}() is no function of a formula; {instead}.")
        letters = name if name.isidentifier() else re.sub(r"\W", "_", name)
        if unicodedata.normalize("NFKC", letters) != letters:
            raise DataInvalid(
                f"{said}: inside a function {name!r} would be read with other letters that look alike, and so as "
                "another column; rename the column."
            )
        if keyword.iskeyword(name) and (quoted or name not in _OF_THE_LANGUAGE):
            raise DataInvalid(
                f"{said}: {name!r} is a word of the language in which formulas compute, and no column inside a "
                "function; rename the column."
            )


def _names(text: str) -> Iterator[tuple[str, bool, bool]]:
    """(name, between backticks, called) of each name that is called, or stands inside a function."""
    inside: list[bool] = []
    before = ""
    for found in _WORDS.finditer(text):
        sign, name, quoted = found["sign"], found["name"], found["quoted"]
        if sign in ("(", "{"):
            called = sign == "{" or (before != "" and text[: found.start()].rstrip().endswith(before))
            inside.append(called or (bool(inside) and inside[-1]))
        elif sign and inside:
            inside.pop()
        elif name is not None and text[found.end() :].lstrip().startswith("("):
            yield name, False, True
        elif (name is not None or quoted is not None) and inside and inside[-1]:
            yield name if name is not None else quoted, quoted is not None, False
        before = name or ""
