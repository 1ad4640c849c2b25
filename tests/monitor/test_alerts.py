"""Alerts reach a real local webhook; a failing one is a warning without the address's secrets."""

import json
import logging
import socket
import threading
import time

import pytest
from pytest_httpserver import HTTPServer

from moored.monitor.alerts import Alert, send_alert
from moored.monitor.logs import set_up_logs

ALERT = Alert("overdue", "tweets", "the last run that ended well was 3 days ago", "run-1")
SECRET = "s3cret-in-the-path"


@pytest.fixture
def silent():
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_an_alert_reaches_every_address():
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/a").respond_with_data("")
        server.expect_request("/b").respond_with_data("")
        urls = f"json://127.0.0.1:{server.port}/a  json://127.0.0.1:{server.port}/b"
        assert send_alert(ALERT, {"MOORED_NOTIFY": urls})
        assert sorted(request.path for request, _ in server.log) == ["/a", "/b"]
        said = json.loads(server.log[0][0].data)
    assert said["title"] == "moored: tweets: nothing was published for longer than expected"
    assert said["message"] == "the last run that ended well was 3 days ago\nrun: run-1"


def test_without_addresses_nothing_is_sent():
    assert send_alert(ALERT, {})


def test_failing_addresses_are_warnings_that_hold_no_secret(silent, capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger("werkzeug"), "disabled", True)  # the test's own server names paths
    set_up_logs(None)
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request(f"/{SECRET}").respond_with_data("no", status=500)
        urls = [
            f"json://127.0.0.1:{server.port}/{SECRET}",
            f"json://127.0.0.1:9/{SECRET}",
            f"json://127.0.0.1:{silent}/{SECRET}",
            f"nothing://{SECRET}",
            f"slack://{SECRET}",
            SECRET,
        ]
        before, began = set(threading.enumerate()), time.monotonic()
        assert not send_alert(ALERT, {"MOORED_NOTIFY": " ".join(urls)}, timeout_s=2)
    assert time.monotonic() - began < 8
    said = capfd.readouterr().err
    for number, scheme in enumerate(["json", "json", "json", "nothing", "slack", "no address"], start=1):
        assert f"alert not delivered to address {number} of MOORED_NOTIFY ({scheme})" in said
    assert SECRET not in said
    left = set(threading.enumerate()) - before
    assert all(thread.daemon for thread in left), (
        "what still waits for an answer must not hold up the run's end"
    )
