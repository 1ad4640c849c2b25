"""The allowed answer that a reply's text gives: bare or clearly marked, else none.

A word in a sentence is no answer: it may be denied there. Whatever is in doubt is read as nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from moored.llm.raw import Unreadable, load
from moored.llm.spelling import DECORATION, ends_answer, ends_word, fold

LONGEST = 20_000
"""In a longer reply no answer is looked for."""
_NOUN = (
    r"(?:answer|label|class|classification|category|rating|score|sentiment|mood|tone|stance|result|output"
    r"|response|verdict|choice|option|prediction|decision|judge?ment|conclusion|value"
    r"|antwort|réponse|reponse|respuesta|risposta|resposta|ответ|答案|回答)"
)
_LEAD = re.compile(
    rf"(?:(?:the|my|a|an|final|correct|best|right|overall|predicted|chosen|text(?:'s)?|so|therefore,?|thus,?"
    rf"|hence,?|ok,?|okay,?|sure,?|sure!|die|la|le|il|el)\s{{1,9}}){{0,6}}{_NOUN}"
    r"(?:\s{1,9}(?:of|for)\s{1,9}(?:the|this|that)\s{1,9}\w{1,30})?"
    r"[*_\"'`]{0,4}\s{0,9}(?:\bis\b|\bwould be\b|\bist\b|\best\b|\bes\b|[:：=]|->|→){1,3}",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```(?:[a-z]{0,12}[ \t]{0,9}\r?\n|json\s)", re.IGNORECASE)
_LEADS, _DECORATED = 8, 200
"""So many fences, openings and lead-ins may stand before an answer, each behind so many blanks and quotes."""
_OPENING = re.compile(rf"\{{\s*[\"']?{_NOUN}[\"']?\s*:\s*", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:the|an?)\s{1,9}", re.IGNORECASE)
_KEY = re.compile(rf"(?:(?:final|the|my)[_ -]?)?{_NOUN}", re.IGNORECASE)
_FENCED = re.compile(r"```[a-zA-Z]{0,12}[ \t]*\r?\n([^`]*)```")
_BOXED = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]{1,200})\}")
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_DENIES = re.compile(
    r"\b(?:not|no|never|neither|nor|hardly|barely|without|cannot|nothing|none|un\w+|in\w*correct|wrong|false"
    r"|rather than|instead of|nicht|kein\w*|weder|nie|pas|ni|non|jamais|nunca|não|нет|не)\b|n['’]t\b|不|没",
    re.IGNORECASE,
)
_CORRECTS = re.compile(
    r"\b(?:wait|actually|correction|instead|rather|on second thought)\b|\A\s*(?:not|no|nope|nein)\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\s*(\w{1,3})[.)]\s+(\S.{0,100})")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def lead_of(said: str, *, articles: bool) -> int:
    """Where the answer begins: past fences, an opening of JSON, and words that announce it; 0 without these.

    Blanks, quotes and markdown alone announce nothing and are left in.
    """
    at = 0
    for _ in range(_LEADS):
        begins = at
        end = min(len(said), at + _DECORATED)
        while begins < end and said[begins] in DECORATION and not _opens_data(said, begins):
            begins += 1
        patterns = (_OPENING, _FENCE, _LEAD, _ARTICLE) if articles else (_OPENING, _FENCE, _LEAD)
        found = next((match for p in patterns if (match := p.match(said, begins)) is not None), None)
        if found is None:
            break
        at = found.end()
    return at


def _opens_data(said: str, at: int) -> bool:
    return said.startswith("```", at) or (said[at] == "{" and _OPENING.match(said, at) is not None)


def answer_in(said: str, names: Mapping[str, Iterable[str]]) -> str | None:
    """The answer that a text without thoughts gives. `names`: by answer, what it may be called."""
    if not said.strip() or len(said) > LONGEST:
        return None
    called = {fold(name.strip()): answer for answer, given in names.items() for name in given}
    for read in (_by_json, _by_box, _bare, _by_lead, _by_first_line, _by_bold):
        found = read(said, called)
        if len(found) == 1 and len(found | _first_line(said, called)) == 1:
            return found.pop()
        if found:
            return None
    return None


def _named(spoken: str, called: Mapping[str, str]) -> set[str]:
    """The answer that a few words are: its name, in decoration and with a full stop at most."""
    inside = spoken.strip().lstrip(DECORATION).rstrip(DECORATION + "]})”»」』】）.!。！").strip()
    for bare in (spoken.strip(), inside):
        if fold(bare) in called:
            return {called[fold(bare)]}
    if (option := re.fullmatch(r"(?:option|choice|answer)\s{1,3}(\w)", inside, re.IGNORECASE)) is not None:
        return {called[fold(option[1])]} if fold(option[1]) in called else set()
    letter = re.match(
        r"(?:option|answer)?\s{0,3}(\w)\s{0,3}[).:=–-]\s{0,3}(.{1,200})$", inside, re.IGNORECASE
    )
    number = _number(inside)  # "1.1" is no letter 1 that stands for 1
    if letter is not None and number in (None, _number(letter[1])):
        # "B = very bad": the letter and what it stands for, where both say the same
        both = {called.get(fold(letter[1])), called.get(fold(letter[2].strip(DECORATION + ".!)]}")))}
        return {answer for answer in both if answer is not None} if len(both) == 1 else set()
    return set()


def _bare(said: str, called: Mapping[str, str]) -> set[str]:
    return _named(said, called)


def _by_json(said: str, called: Mapping[str, str]) -> set[str]:
    """All answers in the reply's JSON: the whole of it, in a fence, or one object in a sentence."""
    spoken = said.strip()
    fenced = list(_FENCED.finditer(spoken))
    if fenced:
        found = set().union(*(_by_json(inside[1], called) or _named(inside[1], called) for inside in fenced))
        return _if_it_stays(found, spoken[fenced[-1].end() :], called)
    begins, ends = spoken.find("{"), spoken.rfind("}")
    if spoken[:1] == "[":
        begins, ends = 0, spoken.rfind("]")
    if begins < 0 or ends < begins or spoken[:begins].rstrip().endswith("\\boxed"):
        return set()
    try:
        found = _values(load(spoken[begins : ends + 1], pairs=list), called, 0)
    except Unreadable:
        return set()
    return _if_it_stays(found, spoken[ends + 1 :], called)


def _if_it_stays(found: set[str], after: str, called: Mapping[str, str]) -> set[str]:
    """The answers, unless what follows them takes one back: both are named then, and nothing can be told."""
    others = {answer for name, answer in called.items() if _names_any(after, [name])} - found
    return found | others if found and _CORRECTS.search(after) else found


def _values(inside: Any, called: Mapping[str, str], depth: int) -> set[str]:
    """The answers in parsed JSON, objects as lists of pairs: a key that stands twice says two things."""
    if depth > 4:
        return set()
    if isinstance(inside, list) and inside and all(isinstance(item, tuple) for item in inside):
        marked = [value for key, value in inside if key.strip().casefold() == "answer"]
        marked = marked or [value for key, value in inside if _KEY.fullmatch(key.strip())]
        said = [(value, _values(value, called, depth + 1)) for value in marked]
        if any(not found and not isinstance(value, int | float) for value, found in said):
            return set()
        return set().union(*(found for _, found in said))
    if isinstance(inside, list):
        return _values(inside[0], called, depth + 1) if len(inside) == 1 else set()
    return _value(inside, called)


def _value(value: Any, called: Mapping[str, str]) -> set[str]:
    if isinstance(value, bool):
        words = _TRUE if value else _FALSE
        return {called[word] for word in words if word in called}
    if isinstance(value, int | float):
        return {answer for name, answer in called.items() if _number(name) == value}
    if isinstance(value, str):
        number = _number(value)
        found = _named(value, called)
        if not found and number is not None:
            found = {answer for name, answer in called.items() if _number(name) == number}
        return found
    return set()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _by_box(said: str, called: Mapping[str, str]) -> set[str]:
    boxes = list(_BOXED.finditer(said))
    boxed = [_named(inside[1], called) for inside in boxes]
    if not boxed or not all(boxed):
        return set()
    return _if_it_stays(set().union(*boxed), said[boxes[-1].end() :], called)


def _by_lead(said: str, called: Mapping[str, str]) -> set[str]:
    """Lines that announce an answer and give it: "Answer: polite", "**The tone is** polite."."""
    at = lead_of(said, articles=False)
    if at and (whole := _named(said[at:], called)):
        return whole
    found: set[str] = set()
    below = ""
    for line in said.splitlines():
        if (at := lead_of(line, articles=False)) == 0:
            below = f"{below}\n{line}"
            continue
        rest = line[at:].lstrip(DECORATION + "\\")
        here, below = _named(rest, called) or _opens(rest, called), ""
        if not here:
            return set()
        found |= here
    return set() if _names_any(below, called) or _CORRECTS.search(below) else found


def _first_line(said: str, called: Mapping[str, str]) -> set[str]:
    """The answer that stands alone on the first of several lines."""
    first, _, rest = said.strip().partition("\n")
    return _named(first, called) if rest else set()


def _by_first_line(said: str, called: Mapping[str, str]) -> set[str]:
    """An answer alone on the first line, and below it no other one."""
    found, (_, _, rest) = _first_line(said, called), said.strip().partition("\n")
    others = [name for name, answer in called.items() if {answer} != found]
    alone = set().union(*(_named(line, called) for line in rest.splitlines()))
    return set() if alone - found or _names_any(rest, others) or _CORRECTS.search(rest) else found


def _by_bold(said: str, called: Mapping[str, str]) -> set[str]:
    """One answer in bold in a text that denies nothing and names no other answer."""
    bold = [named for inside in _BOLD.findall(said) if (named := _named(inside, called))]
    found = set().union(*bold)
    others = [name for name, answer in called.items() if {answer} != found]
    return set() if len(found) != 1 or _DENIES.search(said) or _names_any(said, others) else found


def _opens(rest: str, called: Mapping[str, str]) -> set[str]:
    """An answer at the beginning that a stop, a bracket or the line's end follows."""
    lower = fold(rest)
    for name in sorted(called, key=len, reverse=True):
        if lower.startswith(name) and ends_word(lower[len(name) :]):
            after = lower[len(name) :]
            return {called[name]} if ends_answer(after) and not _names_any(after, called) else set()
    return set()


def _names_any(text: str, names: Iterable[str]) -> bool:
    """Whether one of these words stands in a text."""
    lower = fold(text)
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", lower) for name in names if len(name) > 1)


def taken_back(said: str, names: Mapping[str, Iterable[str]]) -> bool:
    """Whether a reply begins with one answer and corrects itself to another: "No, wait: yes", "1. 4"."""
    called = {fold(name.strip()): answer for answer, given in names.items() for name in given}
    numbered = _NUMBERED.match(said)
    if numbered is not None and (first := called.get(fold(numbered[1]))) is not None:
        return bool(_named(numbered[2], called) - {first})
    corrects = next((found for found in _CORRECTS.finditer(said) if found.start()), None)
    if corrects is None:
        return False
    here, after = fold(said[: corrects.start()]), said[corrects.end() :]
    begins = {answer for name, answer in called.items() if _names_any(here, [name])}
    return len(begins) == 1 and any(
        answer not in begins and _names_any(after, [name]) for name, answer in called.items()
    )


def may_begin(said: str, answer: str, names: Mapping[str, Iterable[str]]) -> str:
    """The other answer that a reply may begin which breaks off at this one: 1 of 10, no of none.

    "" where there is none, or something closes the answer, such as a quote or a line break.
    """
    end = fold(said).rstrip(" \t")
    for short in (fold(name.strip()) for name in names[answer]):
        for other, called in names.items():
            longer = (fold(name.strip()) for name in called)
            if other != answer and end.endswith(short) and any(name.startswith(short) for name in longer):
                return other
    return ""
