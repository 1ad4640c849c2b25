import re
from dataclasses import asdict, replace

import pytest
from faults import outcomes_of

from moored.report.checks_page import checks_page
from moored.storage.published import CheckRow
from tests.runs import stored_run

NUMBERS = ("observed", "threshold")


def row(outcome, **changes):
    """A check as the store gives it back: numbers as text."""
    told = {name: None if getattr(outcome, name) is None else str(getattr(outcome, name)) for name in NUMBERS}
    return CheckRow(**asdict(outcome) | told | changes)


def page(outcomes, **changes):
    return checks_page([row(outcome) for outcome in outcomes], stored_run(study="tweets", **changes))


@pytest.fixture(scope="module")
def stopped():
    return outcomes_of("values-in-range")


@pytest.fixture(scope="module")
def passed():
    return outcomes_of(None)


def test_a_stopped_run_says_so_and_shows_check_rows_and_remedy(stopped):
    text = page(stopped, version=None, status="stopped")
    assert "Nothing was published: 1 critical check failed." in text
    assert "<code>u7</code>" in text
    assert "correct the parser" in text
    assert all(f">{outcome.check}</span>" in text for outcome in stopped)


def test_an_override_is_shown_with_its_reason(stopped):
    text = page(stopped, version=3, override_reason="the parser is right <b>")
    assert "Published in spite of 1 failed critical check." in text
    assert "the parser is right &lt;b&gt;" in text
    assert "Nothing was published" not in text


def test_a_clean_run_has_nothing_to_look_at(passed):
    text = page(passed, version=1)
    assert "Every check that could be asked passed." in text
    assert "What to look at" not in text


def test_the_page_loads_nothing(passed):
    text = page(passed)
    assert not re.search(r"https?://|<script|<link|@import|url\(", text)


def test_texts_of_users_cannot_break_the_page(passed):
    rows = [row(outcome) for outcome in passed]
    rows[0] = replace(rows[0], passed=False, unit_ids=("<script>",), message="<img src=x>")
    text = checks_page(rows, stored_run(study="<b>"))
    assert "<script>" not in text
    assert "<img" not in text
    assert "<b>" not in text.split("</style>")[1].split("</h1>")[0]
