"""What a model thinks aloud, cut from what it says.

Every pattern takes time linear in the text: a reply may be a million characters of anything.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAMES = (
    r"(?:seed:)?(?:think(?:ing)?|thoughts?|thought_process|reason(?:ing)?|reflection|analysis|scratchpad"
    r"|inner_monologue|cot)"
)
_OPENING = re.compile(
    rf"<{_NAMES}>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|think(?:ing)?\|>"
    r"|(?:<\|start\|>assistant)?<\|channel\|?>(?:analysis|commentary|thought|thinking)\b"
    r"|Here is my thought process:",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    rf"</{_NAMES}>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<\|/think(?:ing)?\|>"
    r"|<channel\|>|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final(?:<\|message\|>)?"
    r"|Here is my response:",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"\s*")
_HARMONY = re.compile(r"\s*analysis(?=[A-Z])")
"""gpt-oss through a server that drops the marks: `analysisThe user wants…assistantfinalpositive`."""
_HARMONY_ENDS = "assistantfinal"
_TURN = re.compile(
    r"<\|(?:im_start|im_end|start|end|eot_id|begin_of_text|end_of_text|endoftext|return|message|assistant|eos"
    r"|begin_of_solution|end_of_solution|START_RESPONSE|END_RESPONSE)\|>(?:assistant\b)?"
    r"|<\|start_header_id\|>assistant<\|end_header_id\|>|<(?:start|end)_of_turn>(?:model\b)?|<eos>|<bos>"
    r"|\[/INST\]",
    re.IGNORECASE,
)


class Unthought(NamedTuple):
    """A reply without thoughts."""

    text: str
    at: int
    """Where `text` begins in the reply, as far as it is one piece."""
    open: bool
    """A thought was begun and not ended."""


def thinks_aloud(said: str) -> bool:
    """Does a reply hold the mark of a thought, opened or closed?"""
    return any(pattern.search(said) for pattern in (_OPENING, _CLOSING)) or _HARMONY.match(said) is not None


def without_thoughts(said: str) -> Unthought:
    """What a reply says once its thoughts and the marks of its turn are cut.

    A thought is what stands between its marks, what stands before a closing mark that nothing opened, and
    all that follows an opening mark that nothing closes.
    """
    if _HARMONY.match(said):
        ends = said.rfind(_HARMONY_ENDS)
        start = len(said) if ends < 0 else ends + len(_HARMONY_ENDS)
        return Unthought(*_without_turn(said, start, len(said)), open=ends < 0)
    pieces, inside = _pieces(said)
    pieces = [(start, end) for start, end in pieces if said[start:end].strip()]
    if not pieces:
        return Unthought("", len(said), inside)
    texts = [_without_turn(said, start, end) for start, end in pieces]
    return Unthought(" ".join(text for text, _ in texts if text), texts[0][1], inside)


def _pieces(said: str) -> tuple[list[tuple[int, int]], bool]:
    """What stands outside of thoughts, and whether the last thought is still open."""
    marks = [(found.start(), found.end(), True) for found in _OPENING.finditer(said)]
    marks += [(found.start(), found.end(), False) for found in _CLOSING.finditer(said)]
    pieces: list[tuple[int, int]] = []
    at, inside = 0, False
    for start, end, opens in sorted(marks):
        if opens and not inside:
            pieces.append((at, start))
        elif not opens and not inside:
            pieces = []
        inside, at = opens, end
    return pieces if inside else [*pieces, (at, len(said))], inside


def _without_turn(said: str, start: int, end: int) -> tuple[str, int]:
    """A piece without the marks of a turn around it, and where it begins."""
    while True:
        start = min(end, _BLANKS.match(said, start).end())  # type: ignore[union-attr]
        found = _TURN.match(said, start, end)
        if found is None and said.startswith("<s>", start, end):
            start += 3
        elif found is None:
            break
        else:
            start = found.end()
    later = _TURN.search(said, start, end)
    return said[start : later.start() if later else end].rstrip().removesuffix("</s>").rstrip(), start
