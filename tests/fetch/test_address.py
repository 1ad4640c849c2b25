"""A model from an http address: ranges, cuts, refusals, and files that are others."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler

import pytest

from moored.errors import ChecksumDiffers, FetchFailed
from moored.fetch import address
from moored.fetch.obtain import HUB, fetch_model
from tests.wheels import Answer, Packed, http, packed, send


@pytest.fixture
def pack(tmp_path, monkeypatch) -> Packed:
    monkeypatch.setattr(address, "PAUSE_S", 0.01)
    return packed(tmp_path)


def ranged(content: bytes, *, cut: int | None = None) -> Answer:
    """A server that knows ranges. cut: it breaks off after so many bytes, each time."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        begin = int(asked[1]) if asked else 0
        if begin >= len(content):
            send(handler, 416, b"")
            return
        body = content[begin:]
        headers = {"Content_Length": str(len(body))}
        if asked:
            headers["Content_Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        send(handler, 206 if asked else 200, body[:cut], **headers)
        handler.close_connection = True

    return answer


def fetched(pack: Packed, tmp_path, origin: str) -> None:
    path = fetch_model(pack.model, tmp_path / "cache", origin, lambda *_: None)
    assert path.read_bytes() == pack.content


def begun(pack: Packed, tmp_path, content: bytes) -> None:
    place = pack.model.place(tmp_path / "cache")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_name(f"{place.name}.part").write_bytes(content)


def test_it_comes_in_one_request(pack, tmp_path):
    with http(ranged(pack.content)) as server:
        fetched(pack, tmp_path, f"{server.url}/small.gguf?token=hidden")
        assert server.ranges == [None]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(pack, tmp_path):
    with http(ranged(pack.content, cut=150_000)) as server:
        fetched(pack, tmp_path, server.url)
        assert server.ranges == [None, "bytes=150000-", "bytes=300000-"]


def test_what_an_earlier_fetch_left_is_not_asked_for_again(pack, tmp_path):
    begun(pack, tmp_path, pack.content[:300_001])
    with http(ranged(pack.content)) as server:
        fetched(pack, tmp_path, server.url)
        assert server.ranges == ["bytes=300001-"]


def test_parts_of_the_index_go_on_from_an_address(pack, tmp_path):
    begun(pack, tmp_path, pack.piece(1))
    with http(ranged(pack.content)) as server:
        fetched(pack, tmp_path, server.url)
        assert server.ranges == ["bytes=200000-"]


def test_a_server_without_ranges_sends_all_of_it_again(pack, tmp_path):
    begun(pack, tmp_path, pack.content[:1000])
    with http(lambda handler: send(handler, 200, pack.content)) as server:
        fetched(pack, tmp_path, server.url)


def test_a_busy_server_is_asked_again(pack, tmp_path):
    answers = [503, 429, 500]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if answers:
            send(handler, answers.pop(), b"")
        else:
            ranged(pack.content)(handler)

    with http(answer) as server:
        fetched(pack, tmp_path, server.url)
        assert len(server.paths) == 4


def test_an_address_that_is_not_there_is_asked_once_and_keeps_its_secret(pack, tmp_path):
    with http(lambda handler: send(handler, 404, b"nothing")) as server:
        origin = server.url.replace("http://", "http://user:pa55@") + "/small.gguf?token=hidden"
        with pytest.raises(FetchFailed, match="answers 404 Not Found") as caught:
            fetched(pack, tmp_path, server.url + "/small.gguf?token=hidden")
        assert len(server.paths) == 1
    assert "hidden" not in caught.value.message
    assert address.shown(origin) == f"{server.url}/small.gguf"


def test_nobody_there_is_told_after_some_tries(pack, tmp_path):
    with pytest.raises(FetchFailed, match=r"does not deliver .*refused.*run again to go on"):
        fetched(pack, tmp_path, "http://127.0.0.1:9/small.gguf")


def test_a_page_in_place_of_the_file_is_another_file(pack, tmp_path):
    with http(lambda handler: send(handler, 200, b"<html>please log in</html>")) as server:
        with pytest.raises(ChecksumDiffers, match="has 26 bytes, the model 450,000"):
            fetched(pack, tmp_path, server.url)
        begun(pack, tmp_path, pack.content[:1000])
        with pytest.raises(ChecksumDiffers, match="has 26 bytes"):
            fetched(pack, tmp_path, server.url)
    with http(ranged(pack.content[:900])) as server, pytest.raises(ChecksumDiffers, match="at most 1,000"):
        fetched(pack, tmp_path, server.url)


def test_a_longer_file_without_a_length_is_another_file(pack, tmp_path):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(pack.content + b"more")

    with http(answer) as server, pytest.raises(ChecksumDiffers, match="has more bytes"):
        fetched(pack, tmp_path, server.url)
    with http(ranged(pack.content)) as server:
        fetched(pack, tmp_path, server.url)
        assert server.ranges == [None]


def test_a_wrong_sum_is_not_kept_and_the_next_fetch_goes_well(pack, tmp_path):
    wrong = pack.content[:-1] + b"?"
    with http(ranged(wrong)) as server, pytest.raises(ChecksumDiffers, match="it was not kept"):
        fetched(pack, tmp_path, server.url)
    with http(ranged(pack.content)) as server:
        fetched(pack, tmp_path, server.url)
        assert server.ranges == ["bytes=400000-"]  # two parts were right


def test_the_hub_is_the_address_of_the_table(pack, tmp_path):
    with pytest.raises(FetchFailed, match=r"http://127\.0\.0\.1:9/small\.gguf does not deliver"):
        fetched(pack, tmp_path, HUB)
    bare = type(pack)(_without_hub(pack), pack.content, pack.index, pack.table)
    with pytest.raises(FetchFailed, match="knows no hub that has small"):
        fetched(bare, tmp_path, HUB)


def _without_hub(pack: Packed):
    from dataclasses import replace

    return replace(pack.model, hub=None)
