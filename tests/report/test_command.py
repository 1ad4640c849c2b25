"""`moored report` and the page that a run writes."""

import json
import shutil
import stat

import pytest

from moored.errors import PageNotWritten
from moored.report.files import write_page, write_report
from tests.published import publish_version
from tests.studies import write_requests, write_study


@pytest.fixture
def at_hand(store, tmp_path):
    """The store of the session where the command looks for it."""
    shutil.copy(store, tmp_path / "store.duckdb")


def test_a_page_is_written_where_one_is(moored, at_hand, tmp_path):
    answer = moored("report", "requests")
    assert answer.code == 0, answer.err
    page = tmp_path / "requests-version-3.html"
    assert str(page) in answer.out.replace("\n    ", " ")
    assert "<title>requests, version 3: report</title>" in page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_a_version_in_a_file_of_its_own_name_is_replaced_by_the_next(moored, at_hand, tmp_path):
    for version in (1, 2):
        answer = moored("report", "requests", "--version", version, "-o", "page.html", "--json")
        assert answer.code == 0, answer.err
        told = json.loads(answer.out)
        assert told["version"] == version
        assert told["bytes"] == (tmp_path / "page.html").stat().st_size
        assert f"<title>requests, version {version}: report</title>" in (tmp_path / "page.html").read_text()


@pytest.fixture
def others(tmp_path):
    """What is not of moored."""
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    yield
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("target", ["notes.txt", "folder", "missing/page.html", "x" * 300])
def test_nothing_else_is_ever_replaced(others, tmp_path, target):
    with pytest.raises(PageNotWritten, match="name "):
        write_page(tmp_path / target, "a page")


def test_the_command_says_so(moored, at_hand, others):
    answer = moored("report", "requests", "-o", "notes.txt")
    assert answer.code == PageNotWritten.exit_code == 18
    assert "name " in answer.err


def test_what_is_not_stored_is_said(moored, at_hand):
    assert moored("report", "requests", "--version", 9).code == 52
    assert moored("report", "nowhere").code == 52


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
def test_a_run_writes_its_page(moored, endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("MOORED_REPORTS", str(tmp_path / "pages"))
    write_requests(tmp_path)
    answer = moored("run", write_study(tmp_path))
    assert answer.code == 0, answer.err
    page = tmp_path / "pages" / "requests-version-1.html"
    assert f"report: {page}" in answer.out
    assert "<title>requests, version 1: report</title>" in page.read_text()
    assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700


def test_a_folder_of_pages_that_is_a_file_is_refused(store, tmp_path):
    (tmp_path / "pages").write_text("no folder")
    with pytest.raises(PageNotWritten, match="cannot make"):
        write_report(store, "requests", 1, tmp_path / "pages")


def test_a_study_without_a_version_has_no_page(moored, tmp_path):
    publish_version(tmp_path / "store.duckdb", tmp_path, name="other")
    assert moored("report", "requests").code == 52
