"""How runs ended, for a person: every end that published nothing, with its sentence."""

from __future__ import annotations

from collections.abc import Sequence

from moored.cli.render import print_table, say
from moored.plaintext import counted
from moored.storage.events import StoredEnding, StudyOutcome

MOST_SHOWN = 20
WORDS = {
    "published": "published",
    "unchanged": "nothing new",
    "stopped": "stopped",
    "budget-reached": "budget reached",
    "failed": "failed",
    "cancelled": "cancelled",
    "died": "died",
}


def print_endings(endings: Sequence[StoredEnding]) -> None:
    """The newest endings that published nothing, oldest first."""
    told = [ending for ending in endings if ending.event != "published"]
    if not told:
        return
    say()
    say("Runs that published nothing:")
    if len(told) > MOST_SHOWN:
        say(f"{counted(len(told) - MOST_SHOWN, 'older one is', 'older ones are')} left out", indent="  ")
    for ending in told[-MOST_SHOWN:]:
        say(ending_line(ending), indent="  ")


def ending_line(ending: StoredEnding) -> str:
    """When, how, and why."""
    why = f": {ending.message}" if ending.message else ""
    return f"{ending.said_at:%Y-%m-%d %H:%M:%S} {WORDS.get(ending.event, ending.event)}{why}"


def print_studies(outcomes: Sequence[StudyOutcome], endings: Sequence[StoredEnding]) -> None:
    """A row per study: its latest version and how its last run ended; then why, where it did not end well."""
    last = {ending.study: ending for ending in endings}
    rows = [
        {
            "study": row.study,
            "version": row.version,
            "published_at": row.published_at,
            "last_run": "" if row.outcome is None else WORDS.get(row.outcome, row.outcome),
            "ended_at": row.ended_at,
        }
        for row in outcomes
    ]
    columns = {"study": "=", "version": "d", "published_at": "=", "last_run": "=", "ended_at": "="}
    print_table(rows, columns)
    for name, ending in last.items():
        if ending.event not in {"published", "unchanged"}:
            say(f"{name}: {ending_line(ending)}")
