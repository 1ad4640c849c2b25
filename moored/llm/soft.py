"""A soft label: the probabilities of the allowed answers, where a reply's answer begins.

The tokens of a reply are walked until they tell the allowed answers apart. What stands before the answer
(blanks, quotes, markdown) passes its probability on to what follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from moored.llm.answers import lead_of
from moored.llm.raw import Position, Token
from moored.llm.spelling import ends_answer, ends_word, folded, spellings, undecorated
from moored.llm.thoughts import without_thoughts

FLOOR = 0.5
"""The share of the probability that allowed answers must hold together. Below it the model most likely says
something else, and what is left may be crumbs. The embedded model's rows on the example hold .62 at least."""
CLOSE = 0.01
"""How far probability that cannot be told apart may move a value (of answers worth 0 to 1)."""
SHORT = 3
"""Pieces of fewer bytes may be words of their own."""
ROUNDING = 1e-3
"""How far above 0 a log-probability may be by rounding."""


@dataclass(slots=True)
class Weights:
    """Probability by answer."""

    of: dict[str, float]
    shared: list[tuple[float, frozenset[str]]] = field(default_factory=list)
    """Of pieces that begin several answers."""
    listed: float = 1.0
    """The most that the probabilities at one place came to; above 1 they are none."""

    @property
    def total(self) -> float:
        """The share that the allowed answers hold."""
        return sum(self.of.values()) / self.listed

    def value(self, worth: Mapping[str, float]) -> float | None:
        """The mean worth, or None where shared pieces could move it."""
        total = math.fsum(self.of.values())
        if not total > 0:
            return None
        mean = math.fsum(p * worth[answer] for answer, p in self.of.items()) / total
        tolerance = CLOSE * min(1.0, max(worth.values()) - min(worth.values()))
        for pick in (min, max):
            moved, whole = mean * total, total
            for p, answers in self.shared:
                moved, whole = moved + p * pick(worth[answer] for answer in answers), whole + p
            if abs(moved / whole - mean) > tolerance:
                return None
        return mean if math.isfinite(mean) else None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What the letters so far come to."""

    is_: str | None = None
    """The answer that they are."""
    begins: frozenset[str] = frozenset()
    """The answers that they begin and are not."""
    rest: str = ""
    """What follows the answer's letters."""
    so_far: bytes = b""
    blank: bool = False
    """There are no letters yet."""


def weigh(positions: tuple[Position, ...], names: Mapping[str, frozenset[str]], *, cut: bool) -> Weights:
    """The probability of each answer. `names`: by answer, what it may be called. `cut`: the reply did not end."""
    spelled = [(folded(name.encode()), answer) for answer, given in names.items() for name in given]
    weights = Weights(dict.fromkeys(names, 0.0))
    texts = [spellings(position.token)[0] for position in positions]
    start, lead = _beginning(texts, articles=not {b"a", b"an", b"the"} & {name for name, _ in spelled})
    passed, so_far = 1.0, b""
    if start > 0:
        passed, _ = _others(positions[0], b"", b"", spelled, weights, 1.0)
    for at in range(start, len(positions)):
        own, known = _others(positions[at], so_far, lead, spelled, weights, passed)
        piece = _piece(positions[at].token, so_far, lead, spelled)
        after = b"".join(texts[at + 1 : at + 9])
        more, lead = bool(texts[at + 1 :]), b""
        if piece.blank or (piece.begins and more and (piece.is_ is not None or len(piece.begins) > 1)):
            passed, so_far = passed * own, piece.so_far
            continue
        if known:
            _settle(piece, passed * own, after, spelled, weights, cut=cut)
        break
    return weights


def _settle(
    piece: _Piece,
    p: float,
    after: bytes,
    spelled: list[tuple[bytes, str]],
    weights: Weights,
    *,
    cut: bool,
) -> None:
    """Give the probability of the token that was said to the answer that the reply goes on to spell."""
    if piece.is_ is not None and piece.begins and cut:
        weights.shared.append((p, piece.begins | {piece.is_}))
    elif piece.is_ is not None:
        if ends_answer(piece.rest + after.decode("utf-8", "replace")):
            weights.of[piece.is_] += p
    elif len(piece.begins) > 1:
        weights.shared.append((p, piece.begins))
    elif piece.begins:
        said = folded(piece.so_far + after)
        (answer,) = piece.begins
        whole = [name for name, named in spelled if named == answer]
        if any(name.startswith(said) or _goes_on(said, name) for name in whole):
            weights.of[answer] += p


def _goes_on(said: bytes, name: bytes) -> bool:
    return said.startswith(name) and ends_answer(said[len(name) :].decode("utf-8", "replace"))


def _others(
    position: Position,
    so_far: bytes,
    lead: bytes,
    spelled: list[tuple[bytes, str]],
    weights: Weights,
    passed: float,
) -> tuple[float, bool]:
    """Weigh the tokens that were not said; the probability of the one that was, and whether it was given."""
    own, listed = probability(position.token), 0.0
    said = False
    for top in position.tops:
        p = probability(top)
        if not said and _same(top, position.token):
            said, own = True, p if p is not None else own
            continue
        if p is None:
            continue
        listed += p
        piece = _piece(top, so_far, lead, spelled)
        if piece.is_ is not None:
            weights.of[piece.is_] += passed * p
        elif len(piece.begins) == 1 and not _is_short_word(piece.so_far):
            weights.of[next(iter(piece.begins))] += passed * p
        elif piece.begins:
            weights.shared.append((passed * p, piece.begins))
    known = own is not None
    own = own if own is not None else max(0.0, 1.0 - listed)
    weights.listed = max(weights.listed, listed + own)
    return own, known


def _same(top: Token, own: Token) -> bool:
    """Whether a likely token is the one that was said; some endpoints give the bytes of one of them alone."""
    return top.text == own.text and (None in (top.spelled, own.spelled) or top.spelled == own.spelled)


def _is_short_word(letters: bytes) -> bool:
    """`I` may begin "impolite" or "I think"; only what follows tells. Half a character is no word."""
    try:
        return len(letters) < SHORT and bool(letters.decode())
    except UnicodeDecodeError:
        return False


def probability(token: Token) -> float | None:
    """A token's probability; None where its log-probability is no number that one can be."""
    logprob = token.logprob
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or not logprob <= ROUNDING:
        return None
    return math.exp(min(0.0, max(-1e4, float(logprob))))


def _piece(token: Token, so_far: bytes, lead: bytes, spelled: list[tuple[bytes, str]]) -> _Piece:
    """What a token makes of the letters before it, by the first of its spellings that says something."""
    blank = None
    for given in spellings(token):
        letters = so_far + given if so_far else undecorated(given.removeprefix(lead))
        if not letters:
            blank = blank or _Piece(blank=True)
            continue
        whole = folded(letters)
        found = [
            (name, answer, whole[len(name) :].decode("utf-8", "replace"))
            for name, answer in spelled
            if whole.startswith(name)
        ]
        found = [hit for hit in found if ends_word(hit[2])]
        longest = max(found, key=lambda hit: len(hit[0]), default=None)
        is_ = longest[1] if longest else None
        begins = {answer for name, answer in spelled if name.startswith(whole) and name != whole} - {is_}
        if longest or begins:
            return _Piece(is_, frozenset(begins), longest[2] if longest else "", letters)
    return blank or _Piece()


def _beginning(texts: list[bytes], *, articles: bool) -> tuple[int, bytes]:
    """The token with which the answer begins, and what of that token stands before it."""
    said = b"".join(texts).decode("utf-8", "surrogateescape")
    unthought = without_thoughts(said)
    if unthought.open and not unthought.text:
        return len(texts), b""
    begins = unthought.at if unthought.at > len(said) - len(said.lstrip()) else 0
    begins += lead_of(said[begins:], articles=articles)
    left = len(said[:begins].encode("utf-8", "surrogateescape"))
    for at, text in enumerate(texts):
        if left < len(text) or (left == 0 and at == 0):
            return at, text[:left]
        left -= len(text)
    return len(texts), b""
