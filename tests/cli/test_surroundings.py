"""Proxies, homes and settings of Prefect that users have: our own traffic stays here, refusals name reasons."""

import sys
import urllib.request

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moored.cli.surroundings import LOOPBACK, set_aside_unusable_proxies, spare_loopback
from moored.fetch.archive import UNUSABLE_PROXY
from tests.commands import ended
from tests.endpoint import serve
from tests.forks import as_a_user
from tests.studies import reads_well, write_requests, write_study
from tests.surroundings import called, environment, one_sentence, only_sentence, proxy

HOSTS = st.sampled_from(["example.org", ".corp.local", "10.0.0.0/8", "127.0.0.1", "localhost", "a:8080", ""])
START = """
import os
from pathlib import Path
from moored.cli.surroundings import prefect_environment, configured_server
prefect_environment(Path(os.environ["MOORED_STORE"]), quiet=True)
assert configured_server() is None
from moored.cli.api_server import api_server
with api_server() as server:
    print(os.environ["PREFECT_HOME"])
"""


def started(surroundings, folder):
    """The home of a server that was started as for a run."""
    return ended([*as_a_user(), sys.executable, "-c", START], folder, surroundings, 240)


@given(st.none() | st.lists(HOSTS).map(",".join), st.none() | st.lists(HOSTS).map(", ".join))
def test_loopback_is_spared_and_the_users_exceptions_stay(upper, lower):
    before = {"NO_PROXY": upper, "no_proxy": lower, "HTTP_PROXY": "http://proxy:3128"}
    surroundings = {name: value for name, value in before.items() if value is not None}
    spare_loopback(surroundings)
    spare_loopback(surroundings)
    users = (lower if lower is not None else upper) or ""
    now = surroundings["no_proxy"].split(",")
    assert surroundings["NO_PROXY"] == surroundings["no_proxy"]
    assert {host.strip() for host in users.split(",") if host.strip()} | set(LOOPBACK) == set(now)
    for host in LOOPBACK:
        assert urllib.request.proxy_bypass_environment(
            f"{host}:4200" if ":" not in host else host, {"no": ",".join(now)}
        )
    assert not urllib.request.proxy_bypass_environment("prefect.example:4200", {"no": ",".join(now)})


@pytest.mark.parametrize(
    ("said", "now"),
    [("[::1]", "::1"), ("2001:db8::/32", ""), ("10.0.0.0/8", "10.0.0.0/8"), ("[fe80::1],a", "fe80::1,a")],
)
def test_what_a_client_cannot_read_is_written_so_that_it_can(said, now):
    surroundings = {"NO_PROXY": said, "HTTP_PROXY": "http://127.0.0.1:9"}
    spare_loopback(surroundings)
    assert set(surroundings["no_proxy"].split(",")) == {*now.split(","), *LOOPBACK} - {""}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in surroundings.items():
            patch.setenv(name, value)
        httpx.Client().close()


UNUSABLE = [
    ("ALL_PROXY", "socks5://user:pa55word@127.0.0.1:1080", "SOCKS needs the package socksio"),
    ("all_proxy", "socks5h://user:pa55word@127.0.0.1:1080", "SOCKS needs the package socksio"),
    ("HTTP_PROXY", "carrier://user:pa55word@pigeon", "it is no address such as http://host:3128"),
    ("HTTPS_PROXY", "http://user:pa55word@host:port", "it is no address such as http://host:3128"),
]


@pytest.mark.parametrize(("name", "value", "why"), UNUSABLE)
def test_a_proxy_that_cannot_be_used_is_set_aside_and_who_needs_it_refuses(
    moored, monkeypatch, tmp_path, name, value, why
):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    surroundings = {name: value, "HTTP_PROXY" if name != "HTTP_PROXY" else "ALL_PROXY": "http://127.0.0.1:9"}
    set_aside_unusable_proxies(surroundings)
    assert name not in surroundings
    assert surroundings[UNUSABLE_PROXY] == f"{name} names a proxy that cannot be used ({why})"
    assert "http://127.0.0.1:9" in surroundings.values()
    write_requests(tmp_path)
    path = write_study(tmp_path)
    monkeypatch.setenv(UNUSABLE_PROXY, "")  # what the command sets is taken out again with the test
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv(name, value)
    with temporary_settings({PREFECT_API_URL: "http://prefect.example:4200/api"}):
        answer = moored("run", path)
    assert answer.code == 58
    sentence = only_sentence(answer.err)
    assert f"{name} names a proxy that cannot be used ({why})" in sentence
    assert "pa55word" not in answer.err


@pytest.mark.prefect
@pytest.mark.timeout(400)
def test_a_run_on_this_machine_needs_no_proxy(tmp_path, prefect_home, prefect_server):
    """SOCKS, which Prefect's client cannot do by itself: a model here is asked, one elsewhere is not."""
    write_requests(tmp_path)
    path = write_study(tmp_path)
    socks = {"ALL_PROXY": "socks5://127.0.0.1:9", "PREFECT_HOME": str(prefect_home), "NO_PROXY": "[::1]"}
    with serve(answers=reads_well) as model:
        answer = called(tmp_path, environment(tmp_path, OPENAI_BASE_URL=model.url, **socks), "run", path)
    assert answer.returncode == 0, answer.stderr
    elsewhere = environment(
        tmp_path, OPENAI_BASE_URL="http://model.example/v1", PREFECT_API_URL=prefect_server, **socks
    )
    answer = called(tmp_path, elsewhere, "run", write_study(tmp_path, model={"name": "another"}))
    assert answer.returncode == 10, answer.stderr
    assert "ALL_PROXY names a proxy that cannot be used" in answer.stderr


def test_no_proxy_at_all_stays_so():
    surroundings = {"NO_PROXY": "*"}
    spare_loopback(surroundings)
    assert surroundings["no_proxy"] == "*"


@pytest.mark.prefect
@pytest.mark.timeout(400)
@pytest.mark.parametrize("spelled", [str.upper, pytest.param(str.lower, marks=pytest.mark.slow)])
def test_a_run_sends_nothing_of_its_own_through_a_proxy(tmp_path, prefect_home, spelled):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    with serve(answers=reads_well) as model, proxy() as (url, asked):
        proxies = {spelled(f"{kind}_proxy"): url for kind in ("http", "https", "all")}
        mine = environment(
            tmp_path,
            OPENAI_BASE_URL=model.url,
            PREFECT_HOME=str(prefect_home),
            NO_PROXY="example.org",
            MOORED_WORKERS="1" if spelled is str.upper else "0",
            **proxies,
        )
        answer = called(tmp_path, mine, "run", path)
    assert answer.returncode == 0, answer.stderr
    assert asked == []
    assert model.calls > 0


def test_a_server_elsewhere_is_reached_through_the_proxy(tmp_path):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    with proxy() as (url, asked):
        mine = environment(tmp_path, HTTP_PROXY=url, PREFECT_API_URL="http://prefect.example:4200/api")
        answer = called(tmp_path, mine, "run", path)
    assert answer.returncode == 55
    assert "the Prefect server at http://prefect.example:4200/api does not answer" in one_sentence(answer)
    assert asked[0].startswith(b"GET http://prefect.example:4200/api/health ")


PROFILES = """
active = "work"
[profiles.work]
PREFECT_API_URL = "http://127.0.0.1:9/api"
[profiles.other]
PREFECT_LOGGING_LEVEL = "INFO"
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("place", "text", "said", "way_out"),
    [
        (
            ".prefect/profiles.toml",
            PROFILES,
            ["the profile 'work' in ", ".prefect/profiles.toml"],
            {"PREFECT_PROFILE": "ephemeral"},
        ),
        (".env", "PREFECT_API_URL=http://127.0.0.1:9/api\n", [".env names it", "take it out of .env"], None),
        ("prefect.toml", '[api]\nurl = "http://127.0.0.1:9/api"\n', ["prefect.toml names it"], None),
        (
            "pyproject.toml",
            '[tool.prefect.api]\nurl = "http://127.0.0.1:9/api"\n',
            ["pyproject.toml names it"],
            None,
        ),
    ],
)
def test_a_dead_server_is_said_with_what_names_it(tmp_path, place, text, said, way_out):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    write(tmp_path / place, text)
    mine = environment(tmp_path, HOME=str(tmp_path))
    sentence = one_sentence(answer := called(tmp_path, mine, "run", path))
    assert answer.returncode == 55
    assert "the Prefect server at http://127.0.0.1:9/api does not answer" in sentence
    assert "unset PREFECT_API_URL" not in sentence
    assert all(part in sentence for part in said), sentence
    if way_out is not None:
        assert all(f"{name}={value}" in sentence for name, value in way_out.items()), sentence
        done = started(mine | way_out, tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_dead_server_of_the_environment_is_said_as_such(tmp_path):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    answer = called(tmp_path, environment(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api"), "run", path)
    assert answer.returncode == 55
    assert "unset PREFECT_API_URL to get one for the run" in one_sentence(answer)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PREFECT_API_URL", "localhost:4200/api", "'localhost:4200/api' is no address of a Prefect server"),
        ("PREFECT_CLIENT_MAX_RETRIES", "many", "PREFECT_CLIENT_MAX_RETRIES is 'many'"),
        ("PREFECT_LOGGING_LEVEL", "NOISE", "PREFECT_LOGGING_LEVEL is 'NOISE'"),
        ("PREFECT_API_DATABASE_CONNECTION_URL", "prefect.db", "Could not parse SQLAlchemy URL"),
        (
            "PREFECT_SERVER_DATABASE_CONNECTION_URL",
            "sqlite+aiosqlite:////nowhere/prefect.db",
            "unable to open database file",
        ),
    ],
)
def test_a_variable_that_cannot_be_used_is_one_sentence(tmp_path, name, value, said):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    answer = called(tmp_path, environment(tmp_path, **{name: value}), "run", path)
    assert answer.returncode in {10, 58, 59}, answer.stderr
    assert said in one_sentence(answer)


@pytest.mark.parametrize("address", ["localhost:4200/api", "prefect", "ftp://here/api"])
def test_an_address_that_is_none_is_one_sentence(moored, tmp_path, address):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    write_requests(tmp_path)
    path = write_study(tmp_path)
    with temporary_settings({PREFECT_API_URL: address}):
        answer = moored("run", path)
    assert answer.code == 58
    sentence = only_sentence(answer.err)
    assert f"{address!r} is no address of a Prefect server" in sentence


def test_a_number_of_runs_that_is_none_is_one_sentence(moored, monkeypatch, tmp_path):
    monkeypatch.setenv("MOORED_KEEP_RUNS", "-3")
    write_requests(tmp_path)
    answer = moored("run", write_study(tmp_path))
    assert answer.code == 10
    sentence = only_sentence(answer.err)
    assert "MOORED_KEEP_RUNS is '-3'" in sentence


@pytest.mark.parametrize("text", ["[[[", "active = \n", "\0\0"])
def test_a_broken_file_of_profiles_is_one_sentence(tmp_path, text):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    file = write(tmp_path / ".prefect" / "profiles.toml", text)
    answer = called(tmp_path, environment(tmp_path, HOME=str(tmp_path)), "run", path)
    assert answer.returncode == 58
    assert f"{file} cannot be read as TOML" in one_sentence(answer)


@pytest.mark.slow
def test_the_home_is_the_users_data_folder_and_leaves_prefects_own_alone(tmp_path):
    done = started(environment(tmp_path, HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path / "data")), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "data" / "moored" / "prefect")
    assert not (tmp_path / ".prefect").exists()


def test_a_home_that_cannot_be_written_gives_way_to_the_stores_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    done = started(environment(tmp_path, HOME=str(home), XDG_DATA_HOME=None), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "store.prefect")
    assert list(home.iterdir()) == []


def test_a_home_that_the_user_named_is_used_and_said_where_it_fails(tmp_path):
    write_requests(tmp_path)
    path = write_study(tmp_path)
    home = tmp_path / "mine"
    home.mkdir(mode=0o555)
    answer = called(tmp_path, environment(tmp_path, PREFECT_HOME=str(home)), "run", path)
    assert answer.returncode == 59
    sentence = one_sentence(answer)
    assert f"no Prefect server could be started with its database in {home} (" in sentence
    assert "unable to open database file" in sentence or "Permission denied" in sentence


def test_a_port_that_is_taken_is_said(tmp_path):
    with proxy() as (url, _):
        port = httpx.URL(url).port
        mine = environment(tmp_path)
        write_requests(tmp_path)
        answer = called(
            tmp_path, mine, "serve", write_study(tmp_path), "--interval", "1h", "--server-port", port
        )
    assert answer.returncode == 59
    assert f"port {port} is taken" in one_sentence(answer)
