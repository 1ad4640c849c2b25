"""One published version as one HTML page that loads nothing: for a screen, a phone and paper."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from moored.figures.look import DARK, VARIABLES
from moored.numbers import RATIOS, number, p_value, scale_of
from moored.plaintext import day_of, minute_of, plain
from moored.report import pictures, words
from moored.report.changes import changes_of
from moored.report.checks_page import WORDS, ShownCheck, shown, worst_first
from moored.report.citation import bibtex, citation
from moored.report.examples import EACH, KINDS, MOST_DRAWS, RANDOM
from moored.report.facts import Facts, Surroundings, as_json
from moored.report.prompts import prompts_of
from moored.row_role import BIASED_WORDS, YARDSTICK, YARDSTICK_WORDS, is_biased
from moored.storage.published import CheckRow, EstimateRow
from moored.versions.warnings import warnings_of

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_TEXT, LONGEST_VALUE = 1_200, 20_000
"""Characters of a unit's text, and of any other text, that a page shows."""


def report_page(facts: Facts, around: Surroundings, home: str = "") -> str:
    """The page of a version. home: where a link back leads, in a site."""
    script = script_of("report.js")
    return (
        environment()
        .get_template("report.html")
        .render(
            facts=facts,
            home=home,
            run=facts.run,
            study=facts.study,
            fit=facts.fit,
            around=around,
            is_biased=is_biased,
            script=script,
            script_hash=script_hash(script),
            style=asset("report.css"),
            light=VARIABLES,
            dark=DARK,
            scale=scale_of(facts.fit.family),
            ratio=RATIOS.get(facts.fit.family, ""),
            pictures=_pictures(facts, around),
            sections=sections_of(facts.run.estimates, facts.run.headline),
            like={row.term: row for row in facts.headline},
            states=_states(facts.checks),
            state_words=WORDS,
            steps=[(told, None if told.diff is None else changes_of(told.diff)) for told in around.versions],
            examples=around.examples,
            kinds=KINDS,
            limits={"each": EACH, "random": RANDOM, "draws": MOST_DRAWS, "text": LONGEST_TEXT},
            prompts=prompts_of(facts),
            spec=as_json(facts.spec),
            citation=citation(facts),
            bibtex=bibtex(facts),
            words=words,
            warnings_of=warnings_of,
        )
    )


def sections_of(rows: Sequence[EstimateRow], headline: str | None) -> list[tuple[str, list[EstimateRow]]]:
    """Estimates by what they are for: to read, the headline first; naive; a demonstration's yardstick."""
    titles = {
        "read": "to read",
        "naive": BIASED_WORDS,
        "everyone": YARDSTICK_WORDS,
    }
    parts: dict[str, list[EstimateRow]] = {kind: [] for kind in titles}
    for row in sorted(rows, key=lambda row: row.estimator != headline):
        name = row.estimator
        kind = "naive" if is_biased(name) else "everyone" if name == YARDSTICK else "read"
        parts[kind].append(row)
    return [(titles[kind], members) for kind, members in parts.items() if members]


@cache
def environment() -> Environment:
    """Templates in which every value is escaped, and shown without its control characters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("moored.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "cut": _cut,
        "number": _number,
        "p": lambda value: p_value(value) or "–",
        "count": lambda value: "–" if value is None else f"{value:,.0f}",
        "share": lambda value: "–" if value is None else words.minus(f"{value:z.0%}"),
        "seconds": lambda value: "–" if value is None else f"{value:.2g} s",
        "day": day_of,
        "time": minute_of,
        "interval": words.interval,
        "ratio": lambda row: words.interval(row, exp=True),
    }
    return made


def _shown(value: Any) -> Any:
    """What a template writes: text of others with its control and direction characters as escapes."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return plain(value, LONGEST_VALUE, lines=True)
    return value


def _cut(value: object, most: int = LONGEST_TEXT) -> str:
    return plain(value, most, lines=True)


def _number(value: float | None, places: int = 0) -> str:
    return words.minus(number(value, places)) or "–"


def _pictures(facts: Facts, around: Surroundings) -> dict[str, pictures.Picture | None]:
    return {
        "forest": pictures.forest(facts),
        "versions": pictures.over_versions(facts, around),
        "labels": pictures.labels(around),
        "gain": pictures.gain(facts),
    }


def _states(checks: Sequence[CheckRow]) -> dict[str, list[ShownCheck]]:
    """Checks by how they went, the gravest first."""
    found: dict[str, list[ShownCheck]] = {state: [] for state in ("stopped", "marked", "silent", "passed")}
    for check in worst_first([shown(row) for row in checks]):
        found[check.state].append(check)
    return found


def asset(name: str) -> str:
    """A style or a script of the pages."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def script_of(name: str) -> str:
    """The script of a page: tables that sort, then its own."""
    return asset("tables.js") + asset(name)


def script_hash(script: str) -> str:
    """What a page's policy calls the one script that may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
