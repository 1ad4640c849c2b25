"""Combinations of terms in words: "x - age", "x = age", "2 * x + z = 0.5", "a = b = 0"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from moored.errors import TermUnknown

Array = NDArray[np.float64]
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SIGNS = "+-*/()=,"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """ "term", "number", or the sign itself."""
    text: str
    end: int


def read_words(said: str, terms: Sequence[str]) -> list[tuple[str, Array, float]]:
    """What words say: each combination's label, its coefficients (p,), and the number that it is held against.

    A comma stands between two combinations, and `a = b = 0` is two. Without a sign of equality a combination is
    held against zero. A term is written as the fit calls it, between backticks where it could be read otherwise.

    Errors: `TermUnknown`, which says what could not be read and which terms there are.
    """
    reader = _Reader(said, tuple(terms))
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            found = reader.read()
    except RecursionError:
        raise reader.unreadable("it is nested too deeply") from None
    return [(label, value[:-1], 0.0 - float(value[-1])) for label, value in found]


class _Reader:
    """One text, read from the left. A value is (p + 1,): the terms' coefficients, then the constant."""

    def __init__(self, text: str, terms: tuple[str, ...]) -> None:
        self.text, self.terms = text, terms
        self.tokens = self._tokens()
        self.at = 0

    def read(self) -> list[tuple[str, Array]]:
        found: list[tuple[str, Array]] = []
        while True:
            found += self._equation()
            if self._next() is None:
                return found
            self._take(",")

    def _equation(self) -> list[tuple[str, Array]]:
        sides = [self._side()]
        while self._is("="):
            self.at += 1
            sides.append(self._side())
        if len(sides) == 1:
            label, value = sides[0]  # a number beside the terms is what they are held against
            labels = [f"{label} = 0" if value[-1] else label]
            sides.append(("0", np.zeros(len(self.terms) + 1)))
        else:
            labels = [f"{left} = {right}" for (left, _), (right, _) in pairwise(sides)]
        values = [_apart(left, right) for (_, left), (_, right) in pairwise(sides)]
        for value in values:
            if not np.isfinite(value).all():
                raise self.unreadable("a number in it is too large")
            if not value[:-1].any():
                raise self.unreadable("it names no term, or takes each away again")
        return list(zip(labels, values, strict=True))

    def _side(self) -> tuple[str, Array]:
        first = self.tokens[self.at - 1].end if self.at else 0
        value = self._sum()
        return self.text[first : self.tokens[self.at - 1].end].strip(), value

    def _sum(self) -> Array:
        value = self._product()
        while self._is("+", "-"):
            sign = 1.0 if self.tokens[self.at].text == "+" else -1.0
            self.at += 1
            value = value + sign * self._product()
        return value

    def _product(self) -> Array:
        value = self._signed()
        while self._is("*", "/"):
            divides = self.tokens[self.at].text == "/"
            self.at += 1
            value = self._scaled(value, self._signed(), divides=divides)
        return value

    def _scaled(self, left: Array, right: Array, *, divides: bool) -> Array:
        if divides:
            if right[:-1].any() or right[-1] == 0:
                raise self.unreadable("it divides by a term or by zero, and a combination must be linear")
            return np.asarray(left / right[-1])
        if left[:-1].any() and right[:-1].any():
            raise self.unreadable("it multiplies two terms, and a combination must be linear")
        return np.asarray(left * right[-1] if left[:-1].any() else right * left[-1])

    def _signed(self) -> Array:
        if self._is("+", "-"):
            sign = 1.0 if self.tokens[self.at].text == "+" else -1.0
            self.at += 1
            return sign * self._signed()
        token = self._next()
        if token is None:
            raise self.unreadable("it ends where a term or a number should follow")
        self.at += 1
        value = np.zeros(len(self.terms) + 1)
        if token.kind == "term":
            value[self.terms.index(token.text)] = 1.0
        elif token.kind == "number":
            value[-1] = float(token.text)
        elif token.kind == "(":
            value = self._sum()
            self._take(")")
        else:
            raise self.unreadable(f"{token.text!r} stands where a term or a number should be")
        return value

    def _next(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _is(self, *kinds: str) -> bool:
        token = self._next()
        return token is not None and token.kind in kinds

    def _take(self, kind: str) -> None:
        token = self._next()
        if token is None or token.kind != kind:
            came = "the end" if token is None else repr(token.text)
            raise self.unreadable(f"{kind!r} should stand where {came} does")
        self.at += 1

    def _tokens(self) -> list[_Token]:
        found, at = [], 0
        while at < len(self.text):
            if self.text[at].isspace():
                at += 1
                continue
            token = self._token(at)
            found.append(token)
            at = token.end
        return found

    def _token(self, at: int) -> _Token:
        longest = sorted(self.terms, key=len, reverse=True)
        for term in longest:
            quoted = f"`{term}`"
            if self.text.startswith(quoted, at):
                return _Token("term", term, at + len(quoted))
        for term in longest:
            if term and self.text.startswith(term, at) and not self._goes_on(term, at + len(term)):
                return _Token("term", term, at + len(term))
        number = _NUMBER.match(self.text, at)
        if number and not self._goes_on(number[0], number.end()):
            return _Token("number", number[0], number.end())
        if self.text[at] in _SIGNS:
            end = at + 2 if self.text.startswith("==", at) else at + 1
            return _Token(self.text[at], self.text[at], end)
        word = re.match(r"`[^`]*`?|[^\s+\-*/()=,`]+", self.text[at:])
        raise self.unreadable(f"no term is called {word[0] if word else self.text[at]!r}")

    def _goes_on(self, name: str, end: int) -> bool:
        """Is a name only the beginning of a longer word?"""
        word = name[-1].isalnum() or name[-1] == "_"
        return word and end < len(self.text) and bool(re.match(r"[\w\[:.]", self.text[end]))

    def unreadable(self, why: str) -> TermUnknown:
        return TermUnknown(f"{self.text!r} cannot be read: {why}; {_ways(self.terms)}.")


def _apart(left: Array, right: Array) -> Array:
    """left - right; of `0.5 = x` it is x that is held against 0.5."""
    return left - right if left[:-1].any() else right - left


def _ways(terms: Sequence[str]) -> str:
    known = ", ".join(terms[:20]) + (", ..." if len(terms) > 20 else "")
    last, other = terms[-1], terms[-2] if len(terms) > 1 else "0.5"
    return f'write a combination such as "{last} - {other}" or "{last} = {other}" of the terms {known}'
