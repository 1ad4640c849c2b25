"""`moored docs`: the built pages, wherever they are."""

from moored.cli import docs
from tests.conftest import Moored


def test_it_names_the_page_that_was_asked_for(moored: Moored, tmp_path, monkeypatch) -> None:
    (tmp_path / "site" / "how-to").mkdir(parents=True)
    for page in ("index.html", "how-to/costs.html"):
        (tmp_path / "site" / page).write_text("<h1>here</h1>")
    monkeypatch.setattr(docs, "PLACES", (tmp_path / "nowhere", tmp_path / "site"))
    opened: list[str] = []
    monkeypatch.setattr(docs.webbrowser, "open", opened.append)
    assert moored("docs", "--path").out.strip() == str(tmp_path / "site" / "index.html")
    assert opened == []
    assert moored("docs", "how-to/costs").code == 0
    assert opened == [(tmp_path / "site" / "how-to" / "costs.html").as_uri()]
    wrong = moored("docs", "../secret")
    assert (wrong.code, "how-to/costs" in wrong.err) == (52, True)


def test_without_pages_it_says_how_to_make_them(moored: Moored, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(docs, "PLACES", (tmp_path,))
    said = moored("docs")
    assert (said.code, "mkdocs build" in said.err) == (52, True)
