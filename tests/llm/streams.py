"""Random replies with log-probabilities, made from a distribution over answers that is the truth to find.

The model is described by what it says: with some probability an answer, in some decoration, spelled in some
tokenizer's way; with the rest something else. The tokens along one path are written down as endpoints do.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import Any

from moored.llm.recipe import tokens_of
from moored.study import Question

MADE = ("clean", "decorated", "spelled", "lead", "thought", "pieces", "crumbs", "prose")
QUESTIONS: tuple[dict[str, float], ...] = (
    {"positive": 1.0, "negative": 0.0},
    {"polite": 1.0, "impolite": 0.0},
    {"yes": 1.0, "no": 0.0},
    {"positive": 1.0, "neutral": 0.5, "negative": 0.0},
    {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0, "5": 5.0},
    {str(number): float(number) for number in range(1, 11)},
    {"very good": 2.0, "very bad": -2.0},
    {"да": 1.0, "нет": 0.0},
    {"肯定": 1.0, "否定": 0.0},
)
JUNK = ("I", "The", "As", "maybe", "neither", "?", "\u0000", "As an AI", "mixed", "unclear")


@dataclass(frozen=True)
class Stream:
    """A reply and what is true of it."""

    kind: str
    raw: str
    answers: dict[str, float]
    value: float | None
    """The mean worth over the allowed answers; None where nothing may be read."""


def stream(rng: random.Random) -> Stream:
    """One random reply."""
    kind = rng.choice(MADE)
    answers = rng.choice(QUESTIONS)
    tokens = tokens_of(Question(ask="?", answers=answers))
    shares = [1e-6 + rng.random() ** rng.choice((1, 4)) for _ in tokens]
    held = {"crumbs": rng.uniform(1e-7, 0.4), "prose": rng.uniform(1e-7, 0.3)}.get(
        kind, rng.uniform(0.6, 1.0)
    )
    truth = {answer: held * share / sum(shares) for answer, share in zip(tokens, shares, strict=True)}
    value = sum(p * answers[a] for a, p in truth.items()) / held
    place = _place(rng, kind, {tokens[a]: p for a, p in truth.items()}, 1 - held)
    before = _before(rng, kind)
    after = _after(rng, kind, place)
    content = [*before, place, *after]
    said = "".join(entry["token"] for entry in content)
    choice = {"message": {"content": said}, "logprobs": {"content": content}, "finish_reason": "stop"}
    readable = kind not in ("crumbs", "prose")
    return Stream(kind, json.dumps({"choices": [choice]}), answers, value if readable else None)


def _place(rng: random.Random, kind: str, truth: dict[str, float], rest: float) -> dict[str, Any]:
    """The place where the answer begins: its own words in several spellings, and junk."""
    spell = rng.choice(SPELLINGS) if kind == "spelled" else str
    masses: dict[str, float] = {}
    for token, p in truth.items():
        words = [spell(token)]
        if kind not in ("pieces", "spelled") and token.isascii():
            words += rng.sample(
                [f" {token}", token.capitalize(), token.upper(), f"{token}."], rng.randint(0, 2)
            )
        cuts = [1e-6 + rng.random() for _ in words]
        for word, cut in zip(words, cuts, strict=True):
            piece = word[:3] if kind == "pieces" and len(word) > 4 and word.isascii() else word
            masses[piece] = masses.get(piece, 0.0) + p * cut / sum(cuts)
    answer = max(masses, key=lambda word: masses[word])
    for word in rng.sample([word for word in JUNK if word not in truth], rng.randint(1, 3)):
        masses[word] = masses.get(word, 0.0) + rest / 4
    if kind in ("crumbs", "prose"):
        answer = rng.choice(["This", "The", "As"])
        masses[answer] = masses.get(answer, 0.0) + rest / 4
    return _entry(answer, masses)


def _before(rng: random.Random, kind: str) -> list[dict[str, Any]]:
    words: list[str] = []
    if kind == "decorated":
        words = rng.choice(
            [["**"], ['"'], ["`"], ["\n", "\n"], [" "], ["{", '"answer', '": "'], ["**", "Answer", ":**"]]
        )
    if kind == "spelled":
        words = rng.choice([[], ["Ċ"], ["<0x0A>"], ["▁"]])
    if kind == "lead":
        words = rng.choice(
            [
                ["The", " answer", " is", " "],
                ["Answer", ":", " "],
                ["Label", ": "],
                ["The", " mood", " is", " **"],
            ]
        )
    if kind == "thought":
        inside = rng.choice([["positive", " or", " negative"], ["yes", ", so", " no"], ["1", " to", " 10"]])
        begins, ends = rng.choice(
            [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"), ("", "</think>"),
             ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")]
        )  # fmt: skip
        words = [word for word in [begins, *inside, ends, "\n\n"] if word]
    return [_entry(word, {word: rng.uniform(0.995, 1.0)}) for word in words]


def _after(rng: random.Random, kind: str, place: dict[str, Any]) -> list[dict[str, Any]]:
    said = place["token"]
    words: list[str] = []
    if kind == "prose":
        words = [" text", " is", " positive"]
    elif kind == "crumbs":
        words = [" cannot", " say"]
    elif kind == "pieces" and len(said) == 3 and said.isalpha() and said.isascii():
        whole = [a for question in QUESTIONS for a in question if a.startswith(said) and a != said]
        words = [whole[0][3:]] if whole and said not in ("yes",) else []
    elif rng.random() < 0.3 and kind != "spelled":
        words = [rng.choice([".", "\n", "**", '"', "<|im_end|>", ""])]
    return [_entry(word, {word: 1.0}) for word in words]


def _entry(token: str, masses: dict[str, float]) -> dict[str, Any]:
    tops = [{"token": word, "logprob": math.log(max(p, 1e-300))} for word, p in masses.items()]
    own = next(top["logprob"] for top in tops if top["token"] == token)
    return {"token": token, "logprob": own, "top_logprobs": tops, "bytes": None}


def _level(token: str) -> str:
    """GPT-2's byte-level spelling, with a blank before it."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return "".join(
        chr(byte) if byte in plain else chr(256 + others.index(byte)) for byte in f" {token}".encode()
    )


SPELLINGS = (
    _level,
    lambda token: f"▁{token}",
    lambda token: f" {token}",
    lambda token: "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.encode()),
    lambda token: f"▁{token.capitalize()}",
)
