"""What an endpoint says reaches the user: the right reason, the right advice, and never an exception of a row's."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moored.errors import EndpointUnreachable, KeyRefused, MooredError, RequestRefused, StudyInvalid
from moored.llm.client import Client, HttpAnswer
from moored.llm.endpoints import api_key, external_endpoint, is_loopback
from moored.llm.generate import generate
from moored.llm.reasons import MOST_WAIT_S, refusal_of, retry_after_s, words_of
from moored.llm.recipe_builder import build_recipe
from moored.storage.journal import Journal
from moored.study import GenerationSettings
from tests.endpoint import always, serve
from tests.llm.conftest import a_recipe, a_study, endpoint_at, some_units

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def _send(url: str, timeout_s: float = 5.0) -> HttpAnswer:
    async def send() -> HttpAnswer:
        async with Client(external_endpoint(url), timeout_s) as client:
            return await client.send("/chat/completions", BODY)

    return asyncio.run(send())


def _answered(status: int, body: Any, **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with serve(in_place=lambda _: (status, body, named)) as server:
        return _send(server.url)


def _probed(url: str, journal: Journal) -> MooredError:
    study = a_study(model={"name": "m", "timeout_s": 5})
    with pytest.raises(MooredError) as caught:
        build_recipe(study, study.sources[0], external_endpoint(url), Path(), journal)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "outcome", "words"),
    [
        (400, {"error": {"message": "m", "code": "context_length_exceeded"}}, "too-long", "m"),
        (400, {"error": {"code": 400, "message": "the request exceeds the available context size",
                         "type": "exceed_context_size_error"}}, "too-long", "available context size"),
        (500, {"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}},
         "too-long", "exceeded"),
        (413, "Payload Too Large", "too-long", "Payload Too Large"),
        (422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 3000"},
         "too-long", "1024"),
        (429, {"error": {"message": "Request too large for gpt-x in organization o on tokens per min"}},
         "too-long", "Request too large"),
        (400, {"error": {"message": "filtered", "code": "content_filter",
                         "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, "filtered", "filtered"),
        (400, {"error": {"message": "inappropriate", "code": "data_inspection_failed"}}, "filtered", "inapp"),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, "no-model", "`x`"),
        (404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
         "no-model", "`x`"),
        (404, {"error": {"message": "model 'x' not found, try pulling it first", "type": "api_error"}},
         "no-model", "try pulling it first"),
        (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}},
         "no-model", "deployment"),
        (400, {"error": {"message": "Invalid model name passed in model=x. Call `/v1/models`"}}, "no-model", "=x"),
        (403, {"error": {"message": "Project p does not have access to model x", "code": "model_not_found"}},
         "no-model", "access"),
        (404, {"detail": "Not Found"}, "no-path", "Not Found"),
        (404, "404 page not found", "no-path", "404 page not found"),
        (404, "<html><head><title>404 Not Found</title></head></html>", "no-path", "a web page, '404 Not Found'"),
        (404, {"error": {"message": "Invalid URL (POST /chat/completions)", "type": "invalid_request_error"}},
         "no-path", "Invalid URL"),
        (404, "", "no-path", "Not Found"),
        (405, {"detail": "Method Not Allowed"}, "no-path", "Method Not Allowed"),
        (401, {"error": {"message": "no"}}, "refused-key", "no"),
        (403, {"error": {"message": "not allowed"}}, "refused-key", "not allowed"),
        (403, {"error": {"message": "You are not allowed to request logprobs from this model"}},
         "refused-request", "logprobs"),
        (402, {"error": {"message": "pay"}}, "no-credit", "pay"),
        (429, {"error": {"message": "quota", "type": "insufficient_quota"}}, "no-credit", "quota"),
        (400, {"error": {"message": "Your credit balance is too low"}}, "no-credit", "too low"),
        (429, {"error": {"message": "slow down"}}, "rate-limited", "slow down"),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
         "refused-request", "body.seed: Extra inputs are not permitted"),
        (400, {"code": "Client specified an invalid argument", "error": "Argument not supported on this model"},
         "refused-request", "Argument not supported"),
        (400, [{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}], "refused-request", "bad"),
        (400, {"error": {"message": json.dumps({"error": {"message": "inner"}})}}, "refused-request", "inner"),
        (503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}},
         "transient", "Loading model"),
        (502, "<html><title>502 Bad Gateway</title></html>", "transient", "a web page, '502 Bad Gateway'"),
        (501, {"error": {"message": "not implemented"}}, "refused-request", "not implemented"),
        (400, "plain words", "refused-request", "plain words"),
        (400, {}, "refused-request", "Bad Request"),
    ],
)  # fmt: skip
def test_what_a_status_and_its_body_mean(status: int, body: Any, outcome: str, words: str) -> None:
    answer = _answered(status, body)
    assert answer.outcome == outcome
    assert words in answer.reason
    assert answer.reason.startswith(f"HTTP {status}: ")


@pytest.mark.parametrize(
    ("body", "outcome", "words"),
    [
        ({"error": {"message": "upstream is busy", "code": 503}}, "transient", "upstream is busy"),
        ({"error": {"message": "slow", "code": 429}}, "rate-limited", "slow"),
        ({"error": {"message": "no such thing"}}, "transient", "no such thing"),
        ({"error": "model not found"}, "no-model", "model not found"),
        ({"error": {"message": "too many", "code": "context_length_exceeded"}}, "too-long", "too many"),
        ({"error": {"message": "bad key", "code": 401}}, "refused-key", "bad key"),
        ("<!doctype html><title>Welcome</title>", "transient", "web page, 'Welcome'"),
        ("", "transient", "not a whole one"),
        ("data: {}\n\ndata: [DONE]", "transient", "came as a stream"),
    ],
)
def test_an_error_that_comes_as_a_success_says_what_it_is(body: Any, outcome: str, words: str) -> None:
    headers = {"Content_Type": "text/html"} if isinstance(body, str) and body.startswith("<") else {}
    answer = _answered(200, body, **headers)
    assert (answer.outcome, words in answer.reason) == (outcome, True)


def test_a_text_that_is_too_long_is_its_row_alone(journal: Journal) -> None:
    def long(body: dict[str, Any]) -> Any:
        error = {
            "error": {"message": "maximum context length is 8192 tokens", "code": "context_length_exceeded"}
        }
        return (400, error, {}) if "number 3" in str(body) else None

    with serve(in_place=long) as server:
        endpoint = endpoint_at(server.url)
        rows = generate(some_units(6), a_recipe(a_study(), endpoint), endpoint, journal, GenerationSettings())
    assert [row.error_kind for row in rows] == [None, None, None, "too-long", None, None]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "message", "detail", "code", "type", "loc", "msg", "x"]), inner
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([200, 307, 400, 401, 403, 404, 422, 429, 500, 503]),
)
def test_no_error_body_breaks_its_reader(body: Any, status: int) -> None:
    said = refusal_of(status, json.dumps(body))
    said.words.encode()
    assert "\n" not in said.words
    assert len(said.words) <= 300
    assert isinstance(words_of(body), str)


def test_words_that_cannot_be_stored_are_replaced() -> None:
    answer = _answered(400, b'{"error": {"message": "half \\ud83d and \\u0000 and \\u001b[31m"}}')
    answer.reason.encode()
    assert "half" in answer.reason
    assert all(character.isprintable() for character in answer.reason)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0), ("0.5", 0.5), (" 3 ", 3.0), ("-5", 0.0), ("nan", None), ("inf", MOST_WAIT_S), ("-inf", 0.0),
        ("9" * 400, MOST_WAIT_S), ("1e999", MOST_WAIT_S), ("soon", None), ("", None), ("²", None), ("12 s", None),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0), ("Fri, 31 Dec 9999 23:59:59 GMT", MOST_WAIT_S),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None), ("Wed, 99 Foo 2026 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_every_form_of_a_wait(value: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": value}) == seconds
    assert retry_after_s({}) is None
    assert retry_after_s({"retry-after-ms": "1500"}) == 1.5


@given(st.text(max_size=40))
def test_no_wait_breaks_its_reader(value: str) -> None:
    seconds = retry_after_s({"retry-after": value})
    assert seconds is None or 0 <= seconds <= MOST_WAIT_S


def test_a_closed_port_is_said_at_once(journal: Journal) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    error = _probed(f"http://127.0.0.1:{port}/v1", journal)
    assert time.monotonic() - began < 3
    assert isinstance(error, EndpointUnreachable)
    assert f"nothing listens at 127.0.0.1:{port}; start it or correct OPENAI_BASE_URL" in error.message


def test_an_unknown_host_is_said_so(journal: Journal) -> None:
    error = _probed("http://no-such-host.invalid/v1", journal)
    assert isinstance(error, EndpointUnreachable)
    assert "there is no host no-such-host.invalid" in error.message


def test_a_server_without_tls_is_said_so(journal: Journal) -> None:
    with serve() as server:
        error = _probed(server.url.replace("http:", "https:"), journal)
    assert "does not speak TLS" in error.message
    assert f"set OPENAI_BASE_URL to {server.url}" in error.message


def test_a_certificate_of_ones_own_is_said_so(journal: Journal, tmp_path: Path) -> None:
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key",
        "-out",
        "cert",
        "-subj",
        "/CN=x",
    ]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            try:
                connection, _ = listening.accept()
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                pass

        threading.Thread(target=greet, daemon=True).start()
        error = _probed(f"https://127.0.0.1:{listening.getsockname()[1]}/v1", journal)
    assert "certificate" in error.message
    assert "SSL_CERT_FILE" in error.message


@contextmanager
def _raw(*pieces: bytes) -> Iterator[str]:
    """A server that answers with these bytes, whatever is asked, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    for piece in pieces:
                        try:
                            connection.sendall(piece)
                        except OSError:
                            break

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff\xfe nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: nan\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        OK + b'Content-Length: 500\r\n\r\n{"choices": [{"message": {"content": "positive"}}]}',
        OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        OK + b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd",
        OK + b"Content-Type: application/json; charset=no-such-thing\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n{}",
        OK + b"Content-Length: 7\r\n\r\n\xff\xfe\xfd\x00\xd8\x00\x00",
        b"HTTP/1.1 99999 Odd\r\n\r\n",
        b"HTTP/1.1 400 \xff\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Away\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Away\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 204 None\r\n\r\n",
    ],
)
def test_no_answer_breaks_more_than_its_row(answer: bytes) -> None:
    with _raw(answer) as url:
        ended = _send(url, timeout_s=2.0)
    assert ended.outcome != "ok"
    assert ended.reason.isprintable()
    assert ended.reason


def test_a_reply_without_end_and_one_that_unpacks_without_end_are_cut() -> None:
    began = time.monotonic()
    with _raw(OK + b"\r\n", *[b"[" * 1_000_000] * 40) as url:
        assert "longer than 8 MB" in _send(url, timeout_s=20).reason
    packed = gzip.compress(b"[" * 200_000_000, 1)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with _raw(head, packed) as url:
        assert "longer than 8 MB" in _send(url, timeout_s=20).reason
    assert time.monotonic() - began < 20


def test_a_packed_reply_is_read() -> None:
    reply = gzip.compress(json.dumps({"choices": [{"message": {"content": "positive"}}]}).encode())
    answer = _answered(200, reply, Content_Encoding="gzip", Content_Type="application/json")
    assert answer.outcome == "ok"
    assert "positive" in answer.raw


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("same", [True, False])
def test_a_text_never_follows_a_redirect(status: int, same: bool, journal: Journal) -> None:
    with serve() as other:
        here: dict[str, str] = {}
        place = lambda _: (status, "", {"Location": here["to"] + "/chat/completions?sig=geheim"})  # noqa: E731
        with serve(in_place=place) as server:
            here["to"] = server.url + "/x" if same else other.url
            error = _probed(server.url, journal)
            with pytest.raises(RequestRefused, match="sends requests on to"):
                generate(
                    some_units(3),
                    a_recipe(a_study(), endpoint_at(server.url)),
                    endpoint_at(server.url),
                    journal,
                    GenerationSettings(),
                )
    assert other.calls == 0
    assert isinstance(error, RequestRefused)
    assert here["to"] in error.message
    assert "geheim" not in error.message


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy", "HTTPS_PROXY"])
def test_what_listens_here_is_never_asked_through_a_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serve() as proxy, serve() as server:
        monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for host in ("127.0.0.1", "localhost"):
            assert _send(server.url.replace("127.0.0.1", host)).outcome == "ok"
        assert (proxy.calls, server.calls) == (0, 2)


def test_a_proxy_is_used_for_other_hosts_unless_no_proxy_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with _raw(OK + b"Content-Length: 2\r\n\r\n{}") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.removesuffix("/v1"))
        assert "not a whole one" in _send("http://models.invalid/v1").reason
        monkeypatch.setenv("NO_PROXY", "models.invalid")
        assert "there is no host models.invalid" in _send("http://models.invalid/v1").reason


def test_a_dead_proxy_is_named_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    answer = _send("http://models.invalid/v1")
    assert "the proxy that HTTP_PROXY" in answer.reason
    monkeypatch.setenv("HTTP_PROXY", "ftp://x")
    with pytest.raises(StudyInvalid, match="no address of a proxy"):
        _send("http://models.invalid/v1")


@pytest.mark.parametrize("wrong", ["", "/openai", "/api"])
def test_a_base_url_without_its_path_is_told_the_right_one(wrong: str, journal: Journal) -> None:
    with serve() as server:
        error = _probed(server.url.removesuffix("/v1") + wrong, journal)
    assert isinstance(error, RequestRefused)
    assert "'m'" not in error.message
    if wrong:
        assert "OPENAI_BASE_URL is not the address of an API (HTTP 404" in error.message
    else:
        assert f"the API answers at {server.url}; set it to that" in error.message


@pytest.mark.parametrize("tail", ["/chat/completions", "/completions", "/chat/completions/"])
def test_a_base_url_with_too_much_of_a_path_is_told_the_right_one(tail: str) -> None:
    with pytest.raises(StudyInvalid, match=r"set it to http://localhost:1/v1$"):
        external_endpoint(f"http://localhost:1/v1{tail}")


def test_azure_keeps_its_version_and_gets_its_key_as_it_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server:
        answer = _send(server.url + "?api-version=2024-10-21")
        assert answer.outcome == "ok"
        (headers,) = server.headers
    assert headers["api-key"] == "sk-test-0123456789abcdef"
    endpoint = external_endpoint("https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21")
    assert endpoint.identity == "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21"


@pytest.mark.parametrize("around", ["{}\n", " {}", '"{}"', "'{}'", "\u201c{}\u201d", "\t{}\r\n"])
def test_what_files_and_shells_leave_around_a_key_is_no_part_of_it(
    around: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", around.format("sk-0123456789"))
    assert api_key() == "sk-0123456789"


@pytest.mark.parametrize(
    "key", ["sk-012 3456789", "sk-0123\n456789", "sk-0123ä456789", "sk-0123\u200b456", "sk-\x7f12345678"]
)
def test_a_key_that_no_request_can_carry_is_refused_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serve() as server:
        error = _probed(server.url, journal)
        assert server.calls == 0
    assert isinstance(error, KeyRefused)
    assert "copy the key again" in error.message
    assert key not in error.message
    assert "456" not in error.message


@pytest.mark.parametrize("key", ["", " ", '""', None])
def test_a_server_of_ones_own_needs_no_key(key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with serve() as server:
        assert _send(server.url).outcome == "ok"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True), ("LOCALHOST", True), ("a.localhost", True), ("127.0.0.1", True), ("127.8.8.8", True),
        ("::1", True), ("0.0.0.0", True), ("127.example.org", False), ("localhost.example.org", False),
        ("10.0.0.1", False), ("example.org", False),
    ],
)  # fmt: skip
def test_which_hosts_are_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_a_model_that_is_loading_is_not_called_absent(journal: Journal) -> None:
    loading = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    with serve(in_place=lambda _: (503, loading, {})) as server:
        error = _probed(server.url, journal)
    assert isinstance(error, EndpointUnreachable)
    assert "Loading model" in error.message
    assert "wait until it is ready" in error.message


def test_no_reply_in_time_is_said_so(journal: Journal) -> None:
    hold = threading.Event()
    study = a_study(model={"name": "m", "timeout_s": 0.2})
    with serve(always("hang"), hold=hold) as server:
        with pytest.raises(EndpointUnreachable, match=r"no reply from 127.0.0.1:\d+ within 0.2 s") as caught:
            build_recipe(study, study.sources[0], endpoint_at(server.url), Path(), journal)
        hold.set()
    assert "`model.timeout_s`" in caught.value.message
