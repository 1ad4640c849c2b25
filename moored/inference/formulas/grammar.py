"""A formula, read: what the outcome and the terms are, and what a power or a minus would have dropped unseen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from moored.errors import DataInvalid
from moored.inference.formulas.expressions import Code, read_expression
from moored.inference.formulas.wording import refuse_misread

MOST_TERMS = 1000
_OPERATORS = {"~", "+", "-", ":", "*", "/", "^", "**"}
_NUMBER = re.compile(r"`\s*[-+.\d][-+.\deE]*\s*`")
_MARKS = re.compile("\x1b\\[[0-9;]*m|[⧛⧚]|\\[[0-9;]+m")


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One formula, read.

    Attributes
    ----------
    what, text : where it stands, and the formula.
    parsed : formulaic's own Formula.
    outcome, terms : the factors of the left side, and of each term on the right (none: the constant).
    codes : what each factor computes.
    """

    what: str
    text: str
    parsed: Any
    outcome: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]
    codes: dict[str, Code]

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of the right side."""
        factors = [factor for term in self.terms for factor in term]
        return tuple(dict.fromkeys(name for factor in factors for name in self.codes[factor].variables))

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of both sides, the outcome's first."""
        outcome = [name for factor in self.outcome for name in self.codes[factor].variables]
        return tuple(dict.fromkeys((*outcome, *self.covariates)))


_GROUPS = "random effects and fixed effects are not fitted, name their groups as clusters"
_SIGNS = {
    "|": _GROUPS,
    ".": "write the names of the columns",
    "in": "write x:g, which is what R makes of x %in% g, or g/x for the terms of g, too",
}
"""What to write in place of a sign that has no meaning here."""
_REASONS = (
    (
        "Numeric literals|numerical scaling",
        "a number is no term: write I(x * 2) to compute with one, and 0 + or - 1 to leave the constant out",
    ),
    ("Unknown operator '[<>=!]+'", "put I() around what is computed or compared, such as I(x > 0)"),
    (r"\|", f"there is no | in a formula; {_GROUPS}"),
    (r"Unknown operator '[$@]'", "write the name of the column alone"),
    ("and `in`", f"there is no in in a formula; {_SIGNS['in']}"),
    (r"`\.`", "'.' names no column: write the names"),
    (
        "String literals",
        "a word between quotes is no column: write its name, between backticks where it is no plain word",
    ),
    ("`~` is incorrectly used", "a formula has one ~, with something on both sides: outcome ~ covariates"),
    ("Expected: %", "put I() around what is computed, such as I(x % 2)"),
    ("quote context", "a backtick or a quotation mark opens and does not close"),
    ("context marker", "a parenthesis opens and does not close, or closes without one"),
    ("insuffi?c?i?ent arguments", "a sign such as + has nothing on one of its sides"),
    (
        "Missing operator",
        "between two names there is no sign such as +; a name with spaces stands between backticks",
    ),
    (
        "Unexpected character",
        "a quotation mark touches a name; a name that holds one stands between backticks",
    ),
    (
        r"\(<unknown>",
        "what stands between the parentheses of a function is no value, such as x + 1 in log(x + 1)",
    ),
)
"""What formulaic says of a formula that it cannot read -> what that means here."""


def read_formula(what: str, text: str) -> Reading:
    """Read "outcome ~ covariates". Errors: `DataInvalid`, which names `what` and the place."""
    tree = _tree(what, text)
    _refuse_operators(what, text, tree)
    _refuse_dropped(what, tree)
    if len(tree.args) != 2:
        raise DataInvalid(f"{what} is {text!r}; write it as outcome ~ covariates.")
    parsed = _formula(what, text)
    codes: dict[str, Code] = {}
    outcome = tuple(factor for term in _factors(what, parsed.lhs, codes) for factor in term)
    terms = tuple(_factors(what, parsed.rhs, codes))
    if len(outcome) != 1:
        named = ", ".join(outcome) or "none"
        raise DataInvalid(f"{what}: the outcome must be one numeric column, not {named}.")
    if not terms:
        raise DataInvalid(f"{what}: the formula has no term on its right side; '~ 1' is the mean.")
    if () in terms:
        _refuse_constants(what, codes)
    return Reading(what, text, parsed, outcome, terms, codes)


def _refuse_constants(what: str, codes: dict[str, Code]) -> None:
    """A cubic regression spline has the constant among its columns, unless it is centred."""
    for factor, code in codes.items():
        if re.match(r"f_(cr|cs|cc)\(", code.text) and "constraints" not in code.text:
            raise DataInvalid(
                f"{what}: {factor} holds the constant, which the formula has already; write "
                f"{factor[:-1]}, constraints='center'), or leave the constant out with 0 +."
            )


def _tree(what: str, text: str) -> Any:
    from formulaic.parser import DefaultFormulaParser

    if len(text) > 5000:
        raise DataInvalid(f"{what} has {len(text)} characters; a formula has 5000 at most.")
    quoted = re.findall(r"`[^`]*`", text)
    if number := next(filter(_NUMBER.fullmatch, quoted), None):
        raise DataInvalid(
            f"{what} is {text!r}: {number} would be read as a number and not as the column; rename the column."
        )
    refuse_misread(what, text)
    try:
        tree = DefaultFormulaParser().get_ast(text)
    except Exception as error:  # formulaic's own errors, and Python's: a formula may hold expressions
        raise _unreadable(what, text, error) from error
    if tree is None or not hasattr(tree, "operator") or tree.operator.symbol != "~":
        raise DataInvalid(f"{what} is {text!r}; write it as outcome ~ covariates.")
    return tree


def _formula(what: str, text: str) -> Any:
    from formulaic import Formula

    try:
        return Formula(text)
    except Exception as error:
        raise _unreadable(what, text, error) from error


def _unreadable(what: str, text: str, error: Exception) -> DataInvalid:
    reason = _MARKS.sub("", (str(error).splitlines() or [type(error).__name__])[0])
    if "~" not in text:
        said = "write ~ between the outcome and the covariates"
    else:
        said = next((ours for theirs, ours in _REASONS if re.search(theirs, reason)), _no_sign(reason))
    return DataInvalid(f"{what} is {text!r}, which cannot be read: {said}.")


def _no_sign(reason: str) -> str:
    """Of a sign that no formula has; of anything else, what a formula is made of."""
    if sign := re.search("Operator [`'](.+?)[`']", reason, re.IGNORECASE):
        shown = sign[1] if sign[1].isprintable() else ascii(sign[1])
        return (
            f"there is no {shown} in a formula; leave it out, or put the name that holds it between backticks"
        )
    return "a formula is an outcome, a ~, and covariates with a + between them"


def _refuse_operators(what: str, text: str, node: Any) -> int:
    """The number of terms that a part may give at most, so that nothing endless is begun."""
    if not hasattr(node, "operator"):
        return 1
    sign = str(node.operator.symbol)
    if sign not in _OPERATORS:
        raise DataInvalid(
            f"{what} is {text!r}: there is no {sign} in a formula; {_SIGNS.get(sign, 'leave it out')}."
        )
    sizes = [_refuse_operators(what, text, part) for part in node.args]
    size = sum(sizes)
    if sign in ("^", "**"):
        exponent = str(node.args[-1])
        size = sizes[0] ** min(int(exponent), MOST_TERMS) if exponent.isdigit() and sizes[0] > 1 else 1
    elif sign == ":":
        size = sizes[0] * sizes[-1]
    elif sign in ("*", "/"):
        size += sizes[0] * sizes[-1]
    if size > MOST_TERMS:
        raise DataInvalid(f"{what} has more than {MOST_TERMS} terms; write those that you need.")
    return size


def _refuse_dropped(what: str, node: Any) -> None:
    """Refuse what the language of formulas drops without a word: squares, and a minus without its term."""
    if not hasattr(node, "operator"):
        return
    for part in node.args:
        _refuse_dropped(what, part)
    sign, first, last = str(node.operator.symbol), node.args[0], node.args[-1]
    alone = not hasattr(first, "operator") or first.operator.symbol == ":"
    if sign in ("^", "**") and alone:
        raise DataInvalid(
            f"{what}: {_as_text(first)}{sign}{last} is {_as_text(first)} alone in a formula, where a power "
            f"means interactions; for a square write I({_as_text(first)}**2), or poly({_as_text(first)}, 2)."
        )
    if sign in (":", "*", "/") and alone and not hasattr(last, "operator") and str(first) == str(last):
        raise DataInvalid(
            f"{what}: {_as_text(first)}{sign}{_as_text(last)} is {_as_text(first)} alone in a formula; for a "
            f"square write I({_as_text(first)}**2), or poly({_as_text(first)}, 2)."
        )
    if sign == "-" and len(node.args) == 2:
        gone = [str(term) for term in last.to_terms() if str(term) not in {"0", "1"}]
        there = {str(term) for term in first.to_terms()}
        if unknown := [term for term in gone if term not in there]:
            raise DataInvalid(
                f"{what}: - {unknown[0]} takes away a term that is not there; write I(-x) for a covariate's "
                "negative, or leave it out."
            )


def _as_text(node: Any) -> str:
    if not hasattr(node, "operator"):
        token = str(getattr(node, "token", node))
        return token if getattr(getattr(node, "kind", None), "value", "") != "name" else _quoted(token)
    return ":".join(_as_text(part) for part in node.args)


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"


def _factors(what: str, terms: Any, codes: dict[str, Code]) -> list[tuple[str, ...]]:
    """The factors of each term; what each computes goes to `codes`."""
    found = []
    for term in terms:
        factors = []
        for factor in term.factors:
            if factor.eval_method.value == "literal":
                if factor.expr != "1":
                    raise DataInvalid(f"{what}: {factor.expr} is no term; write I(x * {factor.expr}).")
                continue
            factors.append(factor.expr)
            codes[factor.expr] = (
                Code("v0_", (factor.expr,))
                if factor.eval_method.value == "lookup"
                else read_expression(what, factor.expr)
            )
        found.append(tuple(factors))
    return found
