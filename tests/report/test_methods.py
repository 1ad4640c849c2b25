"""The methods statement: from the store alone, the same bytes for the same version, hostile texts as text."""

import io
import json
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from docx import Document as WordFile

from moored.report.citation import bibtex
from moored.report.disclosure import NOT_DONE, NOT_RECORDED, items_of
from moored.report.document import Document, Heading, Listing, Paragraph, Table, Verbatim
from moored.report.facts import facts_of
from moored.report.statement import statement_of
from moored.report.writers import WRITERS, docx, latex, markdown
from moored.storage.warehouse import open_store
from moored.versions.export import MANIFEST, export_version
from tests.published import publish_version
from tests.report.conftest import HOSTILE, page_of

ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")


def facts(store, version=1):
    with open_store(store) as opened:
        return facts_of(opened, "requests", version)


@pytest.fixture(scope="module")
def first(store):
    return facts(store)


def words_of(raw):
    """The words of a Word file, tables included."""
    file = WordFile(io.BytesIO(raw))
    cells = [cell.text for table in file.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in file.paragraphs), *cells])


def test_it_says_what_a_paper_needs(first):
    text = re.sub(r"\\([^\w\s])", r"\1", markdown(statement_of(first)))
    for said in (
        "60 texts from the table requests.csv (column text, identified by id)",
        "30 of the 60 units carry a human label of polite (positive = 1 and negative = 0), read from: polite.",
        "a simple random sample of the units, drawn by moored with the seed 7",
        "how far labellers agreed: not recorded in the store; state it here.",
        "the model stub at https://models.example/v1 read each unit's text",
        "wrote a new text from each unit's text alone (prompt restate, version 1; temperature 0.7, at most 60",
        "180 generations, 18,900 tokens, 0.02 USD",
        "4 of them failed or were refused (proxy, read: wrong-answer 2; synthetic, read: wrong-answer 2)",
        "Synthetic are 60 texts that the model wrote",
        "polite ~ question was estimated as a linear regression",
        "The estimator is gmm-small: the moments of Byun et al. (2025)",
        "2 checks of data, generations and estimates were asked before publication; 1 could not be asked; 1 did",
        "moored 0.1.0+0123456789ab; run 20261120T080000-00000000",
        "You label texts for a study. Is the tone of this request positive or negative?",
        "[labels-enough] Few labels: 30; label more.",
        "Byun, Gupta, Lipton, Childers and Wilder (2025)",
    ):
        assert said in text, said


def manifest_of(store, version):
    """What an export says of itself."""
    with tempfile.TemporaryDirectory() as folder:
        target, _ = export_version(store, "requests", version, Path(folder) / "out")
        return (target / MANIFEST).read_bytes()


WRITTEN = {
    **{name: lambda store, version, write=write: write(statement_of(facts(store, version)))
       for name, write in WRITERS.items()},
    "page": page_of,
    "references": lambda store, version: bibtex(facts(store, version)),
    "manifest": manifest_of,
}  # fmt: skip


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_equal_versions_give_equal_bytes_whenever_and_wherever(store, write, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Pago_Pago")  # 25 hours behind the other: never the same day
    time.tzset()
    before = write(store, 1)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2_000_000_000))
    try:
        assert write(store, 1) == before
    finally:
        monkeypatch.undo()
        time.tzset()
    assert write(store, 2) != before


def test_a_later_version_changes_nothing_of_an_earlier_one(store, tmp_path):
    copy = tmp_path / "store.duckdb"
    shutil.copy(store, copy)
    before = markdown(statement_of(facts(copy, 2)))
    publish_version(copy, tmp_path, model="stub-3", failed=("r001",))
    assert markdown(statement_of(facts(copy, 2))) == before


def test_its_numbers_are_the_stores(store, first):
    document = statement_of(first)
    table = next(part for part in document.parts if isinstance(part, Table) and part.head[0] == "term")
    for stored, (term, *cells) in zip(first.headline, table.rows, strict=True):
        assert term == stored.term
        said = [float(cell.replace("−", "-")) for cell in (*cells[:2], *cells[2].split(" to "))]
        assert said == [round(getattr(stored, key), 4) for key in ("estimate", "se", "lower", "upper")]
    for written in (markdown(document), latex(document), words_of(docx(document))):
        for row in table.rows:
            assert row[2] in written


def items(facts):
    return {item.name: item.statement for item in items_of(facts)}


def test_each_item_of_the_disclosure_is_filled_or_said_to_be_undone(store, first):
    told = items(first)
    assert all(told.values())
    assert told["fine-tuning or training on these data"] == NOT_DONE
    assert told["removal of personal data before sending"] == NOT_DONE
    assert told["override of a failed check"] == NOT_DONE
    assert told["AI elsewhere: design, recruitment, human labelling, writing"] == NOT_RECORDED
    assert told["where texts were sent"] == "https://models.example/v1."
    assert told["failed or refused generations"] == "4 of 180."
    assert told["synthetic data identified as such"].startswith("60 written texts")
    assert told["dates of use"].endswith("(UTC).")
    assert "because" in items(facts(store, 3))["override of a failed check"]


def test_without_a_writing_source_nothing_is_called_synthetic_text(tmp_path):
    publish_version(
        tmp_path / "s.duckdb",
        tmp_path,
        sources=[{"name": "proxy", "kind": "proxy"}],
        labels={"design": "undeclared"},
        checks=(),
    )
    found = facts(tmp_path / "s.duckdb")
    assert items(found)["synthetic data identified as such"].startswith(NOT_DONE)
    assert items(found)["automatic checks before publication"] == NOT_DONE
    text = markdown(statement_of(found))
    assert "no text is." in text
    assert "How units were chosen for labelling is not declared." in text


def test_the_example_in_the_docs_has_every_item_and_section(first):
    page = (Path(__file__).parents[2] / "docs" / "methods-example.md").read_text()
    assert all(f"| {name} | " in page for name in items(first))
    document = statement_of(first)
    sections = [part.text for part in document.parts if isinstance(part, Heading) and part.level == 2]
    assert [f"### {section}" for section in sections if section != "What readers must know"] == [
        line for line in page.splitlines() if re.match("### [A-Z]", line) and "readers" not in line
    ]


HOSTILE_PARTS = (
    Heading(1, f"# {HOSTILE}"),
    Paragraph(f"1. {HOSTILE} https://x.y/a_b \\input{{/etc/passwd}} \\write18{{id}} ^^41 % comment"),
    Paragraph("مرحبا בעולם 😀 Ærøskøbing naïve “quoted” – −1 ×"),
    Listing([f"- {HOSTILE}", "* x", "+ y"]),
    Table(("a|b", "c"), [(f"|{HOSTILE}\n|", "[x](javascript:alert(1)) **bold** & \\")]),
    Verbatim(f"```\n{HOSTILE}\n````\n\\end{{document}}"),
)
HOSTILE_DOCUMENT = Document("t", "2026-11-29", HOSTILE_PARTS)


def test_in_markdown_nothing_in_a_text_is_markup():
    from markdown_it import MarkdownIt

    page = MarkdownIt("commonmark").enable("table").render(markdown(HOSTILE_DOCUMENT))
    assert not ODD.search(page)
    assert set(re.findall(r"<(\w+)", page)) == {"h1", "p", "ul", "li", "table", "thead", "tbody"} | {
        *("tr", "th", "td", "pre", "code")
    }
    assert page.count("<h1>") == page.count("<ul>") == page.count("<table>") == page.count("<pre>") == 1
    assert page.count("<td>") == 2
    assert "javascript" not in "".join(re.findall(r'href="([^"]*)"', page))


def test_in_word_nothing_is_lost_and_nothing_is_odd():
    raw = docx(HOSTILE_DOCUMENT)
    text = words_of(raw)
    assert "<script>alert('x')</script>" in text
    assert "😀" in text
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        assert not ODD.search(file.read("word/document.xml").decode())
        assert {entry.date_time[0] for entry in file.infolist()} == {1980}


PDFLATEX = shutil.which("pdflatex")


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex on this machine")
@pytest.mark.parametrize("which", ["hostile", "stored"])
def test_the_latex_compiles(which, store, tmp_path):
    document = HOSTILE_DOCUMENT if which == "hostile" else statement_of(facts(store, 3))
    text = latex(document)
    assert "\\input{" not in text.replace("\\usepackage", "")
    assert "\\write18{" not in text
    (tmp_path / "m.tex").write_text(text)
    said = subprocess.run(
        [PDFLATEX, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "m.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-2000:]
    assert (tmp_path / "m.pdf").stat().st_size > 5_000


def test_the_command_prints_writes_and_replaces_nothing(moored, store, tmp_path):
    shutil.copy(store, tmp_path / "store.duckdb")
    printed = moored("methods", "requests", "--version", 1)
    assert printed.code == 0, printed.err
    assert printed.out == markdown(statement_of(facts(store)))
    told = json.loads(moored("methods", "requests", "--format", "docx", "--json").out)
    assert told["file"] == str(tmp_path / "requests-version-3-methods.docx")
    assert "Methods: requests, version 3" in words_of(
        (tmp_path / "requests-version-3-methods.docx").read_bytes()
    )
    again = moored("methods", "requests", "--format", "docx")
    assert again.code == 18
    assert "is there already" in again.err
    assert moored("methods", "requests", "--format", "pdf").code == 2
