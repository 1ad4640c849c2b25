"""`moored ui`: its pages, whom it answers, what it starts, and the same pages as files."""

import json
import re
import shutil
import socket
import time

import pytest
from starlette.testclient import TestClient

from moored.errors import NotStored
from moored.settings import read_settings
from moored.storage.events import run_endings
from moored.storage.run_lock import hold
from moored.storage.warehouse import open_store
from moored.ui.server import application, new_token
from moored.ui.site import Site
from tests.published import publish_version
from tests.studies import requests_frame

HOSTILE = "<script>alert(1)</script> \x1b[31m \u202eevil"
ADDRESS = "http://127.0.0.1:4321"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ui")
    publish_version(folder / "store.duckdb", folder, failed=("r003",))
    frame = requests_frame(120)
    frame.loc[5, "text"] = f"{HOSTILE} a request?"
    frame.loc[8, "id"] = "<b>id</b>\u202e"
    publish_version(
        folder / "store.duckdb", folder, frame, model="stub-2", failed=("<b>id</b>\u202e", "r004")
    )
    return folder / "store.duckdb"


@pytest.fixture
def settings(store, tmp_path):
    shutil.copy(store, tmp_path / "store.duckdb")
    return read_settings({"MOORED_STORE": str(tmp_path / "store.duckdb")})


@pytest.fixture
def token():
    return new_token()


@pytest.fixture
def client(settings, token):
    return TestClient(application(settings, token, 4321), base_url=ADDRESS, follow_redirects=False)


PAGES = ["", "index.html", "requests/index.html", "requests/diff-1-2.html", "requests/units-2-2.html"]


def test_every_link_of_every_page_leads_to_a_page(client, token):
    seen, open_ = set(), ["index.html"]
    while open_:
        path = open_.pop()
        seen.add(path)
        answer = client.get(f"/{token}/{path}")
        assert answer.status_code == 200, path
        folder = path.rpartition("/")[0]
        for link in re.findall(r'href="([^"#]+)', answer.text):
            target = link.removeprefix("../") if link.startswith("../") else f"{folder}/{link}".lstrip("/")
            if target not in seen and target not in open_:
                open_.append(target)
    assert seen >= {
        *("index.html", "requests/index.html", "requests/version-1.html", "requests/version-2.html"),
        *(
            "requests/diff-1-2.html",
            "requests/units-1-1.html",
            "requests/units-2-1.html",
            "requests/units-2-2.html",
        ),
    }


def test_pages_say_what_is_stored(client, token):
    assert ">requests</a>" in client.get(f"/{token}/index.html").text
    study = client.get(f"/{token}/requests/index.html").text
    assert "2 (latest)" in study
    assert "wrong-answer" in study
    assert "Rerun what failed" in study
    assert "Recipe of proxy: model stub → stub-2" in client.get(f"/{token}/requests/diff-1-2.html").text


@pytest.mark.parametrize("path", [*PAGES, "requests/version-2.html"])
def test_hostile_texts_are_text_and_nothing_is_loaded(client, token, path):
    text = client.get(f"/{token}/{path}").text
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<b>id" not in text
    assert len(re.findall("<script>", text)) == 1
    assert "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="https?:', text)


@pytest.mark.parametrize("path", [*PAGES, "requests/progress.json", "requests/rerun", "nowhere"])
@pytest.mark.parametrize("wrong", ["", "x", "../", "%2e%2e"])
def test_without_the_token_nothing_is_shown(client, token, path, wrong):
    for given in (wrong, token[:-1], token + "x"):
        answer = client.get(f"/{given}/{path}")
        assert answer.status_code == 403
        assert "requests" not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:9999", "127.0.0.1", "localhost:4321.evil.example"]
)
def test_under_another_name_nothing_is_shown(client, token, host):
    assert client.get(f"/{token}/index.html", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:9999"])
def test_another_page_starts_no_run(client, token, settings, origin):
    headers = {} if origin is None else {"Origin": origin}
    assert client.post(f"/{token}/requests/rerun", headers=headers).status_code == 403
    assert client.post("/wrong/requests/rerun", headers={"Origin": ADDRESS}).status_code == 403
    assert client.get(f"/{token}/requests/rerun").status_code in {404, 405}
    with open_store(settings.store) as store:
        assert run_endings(store) == []


@pytest.mark.prefect
def test_its_own_page_starts_a_rerun(client, token, settings, prefect_server, monkeypatch):
    """The table is gone, so the run ends at once; that it was begun stands in the store."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    with open_store(settings.store) as store:
        folder = store.row("study", {"study": "requests"})["folder"]
    shutil.move(f"{folder}/requests.csv", f"{folder}/gone.csv")
    try:
        answer = client.post(f"/{token}/requests/rerun", headers={"Origin": ADDRESS})
        assert answer.status_code == 303
        until = time.monotonic() + 120
        endings = []
        while not endings and time.monotonic() < until:
            time.sleep(0.5)
            with open_store(settings.store) as store:
                endings = run_endings(store, "requests")
    finally:
        shutil.move(f"{folder}/gone.csv", f"{folder}/requests.csv")
    assert "requests.csv" in endings[0].message
    assert "requests.csv" in client.get(f"/{token}/requests/index.html").text


def test_a_run_under_way_is_followed(client, token, settings):
    assert client.get(f"/{token}/requests/progress.json").json()["running"] == ""
    with hold(settings.run_lock("requests"), "requests", "run-1"):
        now = client.get(f"/{token}/requests/progress.json").json()
        page = client.get(f"/{token}/requests/index.html").text
    assert "run-1" in now["running"] or "under way" in now["running"]
    assert {source["source"]: source["failed"] for source in now["sources"]} == {"proxy": 2, "synthetic": 2}
    assert re.search(r'<button class="act" type="submit"\s+disabled', page)


@pytest.mark.parametrize(
    "path",
    [
        "requests/version-9.html",
        "requests/diff-1-9.html",
        "requests/units-2-99.html",
        "nowhere/index.html",
        "a.txt",
    ],
)
def test_what_is_not_there_is_a_sentence(client, token, settings, path):
    answer = client.get(f"/{token}/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    with pytest.raises(NotStored):
        Site(settings).page(path)


def test_answers_tell_nobody_where_they_came_from(client, token):
    headers = client.get(f"/{token}/index.html").headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"


def test_the_same_as_files(moored, store, tmp_path):
    shutil.copy(store, tmp_path / "store.duckdb")
    for _ in range(2):
        answer = moored("ui", "--static", "site", "--json")
        assert answer.code == 0, answer.err
    written = sorted(str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*.html"))
    assert json.loads(answer.out)["pages"] == len(written)
    for path in written:
        page = (tmp_path / "site" / path).read_text()
        for link in re.findall(r'href="([^"#]+)', page):
            assert (tmp_path / "site" / path).parent.joinpath(link).resolve().is_file(), (path, link)
        assert "<form method" not in page


def test_a_port_that_is_taken_is_said(moored, store, tmp_path):
    shutil.copy(store, tmp_path / "store.duckdb")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = moored("ui", "--port", taken.getsockname()[1])
    assert answer.code == 19
    assert "name another one" in answer.err
    assert moored("ui", "--port", 99999).code == 2
