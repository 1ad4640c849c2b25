"""The report: everything that the issue of a version is about, in order, as one page that loads nothing."""

import base64
import hashlib
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser

import pytest

from moored.report.facts import facts_of
from moored.report.page import LONGEST_TEXT, environment
from moored.report.words import interval
from moored.storage.warehouse import open_store
from tests.published import publish_version
from tests.report.conftest import HOSTILE, page_of
from tests.studies import requests_frame

ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")
SECTIONS = [
    "The question",
    "The answer",
    "All estimators",
    "What the model brought",
    "The estimate over versions",
    "Checks",
    "Units, from text to number",
    "Generation",
    "Provenance",
]


class Seen(HTMLParser):
    """What a browser would make of a page: its tags with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_parts_stand_in_order(page):
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", page) == SECTIONS


def test_every_stored_number_is_there_in_full_and_as_it_is_read(store, page):
    with open_store(store) as opened:
        facts = facts_of(opened, "requests", 1)
    like = {row.term: row for row in facts.headline}
    assert len(facts.run.estimates) >= 12
    for row in facts.run.estimates:
        cell = f'data-key="{row.estimate}">{interval(row, like=like[row.term])}</td>'
        assert cell in page


def test_the_words_say_question_answer_gain_and_trust(page):
    text = Seen(page).text
    assert "How does polite go with question?" in text
    assert "a linear regression over 60 units, 30 of them labelled by humans" in text
    assert "A difference of one in question goes with a difference of" in text
    assert "30 human labels" in text
    assert "Why not more" in text
    assert "Read the warnings before you report this" in text


def test_failed_units_are_shown_with_their_reason_and_all_kinds_are_counted(page):
    text = Seen(page).text
    assert "a generation failed: 2 of 60" in text
    assert "the text looks as if it spoke to the model: 1 of 60" in text
    assert "answered 'neither of them', allowed are positive, negative" in text
    kinds = [attrs["data-kinds"].split() for attrs in Seen(page).all("article")]
    assert len(kinds) == 60
    assert sum("failed" in kind for kind in kinds) == 2
    assert sum("labelled" in kind for kind in kinds) == 30


def test_checks_are_ranked_and_what_could_not_be_asked_is_said(page):
    found = re.findall(r'<li>\s*<span class="state (\w+)">', page)
    assert found == ["marked", "silent", "passed"]
    text = Seen(page).text
    assert text.index("Few labels: 30; label more.") < text.index("What could not be asked")
    assert "Rule 8: could not be asked" in text


def test_versions_say_what_changed(store):
    text = Seen(page_of(store, 2)).text
    assert "Recipe of proxy: model stub → stub-2" in text
    assert "unit added: 30" in text
    assert "This is version 2. The latest is version 3." in text


def test_prompts_are_there_in_full_with_provenance_and_citation(store, page):
    with open_store(store) as opened:
        run = facts_of(opened, "requests", 1).run
    text = Seen(page).text
    for said in (
        "You label texts for a study. Is the tone of this request positive or negative?",
        "Could you kindly help me?",
        "You rewrite texts for a study: say the same thing in other words",
        *(run.inputs, run.data_version, run.study_fingerprint, *run.recipes.values()),
        "Byun, Gupta, Lipton, Childers and Wilder (2025)",
        f"run {run.run_id}",
    ):
        assert said in text, said


@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_it_loads_nothing_and_runs_its_own_script_alone(which, request):
    text = request.getfixturevalue(which)
    seen = Seen(text)
    tags = {name for name, _ in seen.tags}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base", "video", "audio"}
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == len(seen.all("script")) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = next(a["content"] for a in seen.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    for _, attrs in seen.tags:
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href", "xlink:href", "action"):
            assert attrs.get(name) is None or attrs[name].startswith("#")


def test_hostile_texts_are_text(hostile_page):
    seen = Seen(hostile_page)
    assert not ODD.search(hostile_page)
    text = seen.text
    for said in (
        "<script>alert('x')</script>",
        "\\x1b[31mred",
        "\\u202eevil\\u202c",
        "{{ 7*7 }}",
        "</p></html> &amp;",
    ):
        assert text.count(said) >= 3  # the unit's text, the written one, the reason of the override
    assert "<b>id</b>\\u202e" in text
    assert "49" not in re.findall(r"\x07 (\S+)", text)
    assert "(1,000,007 characters)" in text
    assert "(1,000,000 characters)" in text
    assert HOSTILE not in hostile_page
    assert len(hostile_page) < 400_000


def test_figures_say_what_they_show(page):
    svgs = [attrs for attrs in Seen(page).all("svg") if "viewbox" in attrs]
    assert len(svgs) >= 6
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for attrs in svgs:
        assert attrs["role"] == "img"
        assert all(name in ids for name in attrs["aria-labelledby"].split())


def test_a_large_study_is_a_small_page_in_seconds(tmp_path):
    frame = requests_frame(10_000)
    frame["text"] += " and more words for a text of an ordinary length" * 4
    publish_version(tmp_path / "s.duckdb", tmp_path, frame, failed=tuple(frame["id"][:300]))
    began = time.process_time()
    page = page_of(tmp_path / "s.duckdb")
    assert time.process_time() - began < 10
    assert len(page.encode()) < 3_000_000
    assert "a generation failed: 300 of 10,000" in Seen(page).text
    assert re.search(r"\d+ of 10,000 units are here", Seen(page).text)
    assert LONGEST_TEXT < 3000


CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_runs_it_without_an_error(hostile_page, tmp_path):
    (tmp_path / "page.html").write_text(hostile_page)
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-sync",
    ]
    options += [
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'home'}",
        "--virtual-time-budget=2000",
    ]
    said = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", f"file://{tmp_path / 'page.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in said.stderr
    assert 'class="live"' in said.stdout
    assert "units are shown." in said.stdout
    assert said.stdout.count('<button type="button">') > 10


@pytest.mark.parametrize("value", [-0.004, -0.0, 0.0])
def test_nothing_saved_has_no_sign(value):
    assert environment().from_string("{{ value | share }}").render(value=value) == "0%"
