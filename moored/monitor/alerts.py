"""Alerts: to every address in `MOORED_NOTIFY`, through apprise; a failing one never fails the run.

The addresses hold secrets. They are read where an alert is sent, and stored and logged nowhere.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moored.monitor.logs import log

if TYPE_CHECKING:
    from apprise import Apprise

Kind = Literal["failed", "stopped", "budget-reached", "drift", "overdue", "died", "cancelled", "recovered"]
TITLES: Mapping[Kind, str] = {
    "failed": "a run failed",
    "stopped": "a run was stopped by its checks",
    "budget-reached": "the budget is used up",
    "drift": "a published version drifted",
    "overdue": "nothing was published for longer than expected",
    "died": "a run died and could not say so",
    "cancelled": "run after run is cancelled",
    "recovered": "a run ended well again",
}
TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that somebody should know."""

    kind: Kind
    study: str
    message: str
    run_id: str | None = None

    @property
    def title(self) -> str:
        """One line."""
        return f"moored: {self.study}: {TITLES[self.kind]}"

    @property
    def body(self) -> str:
        """What happened, in which run."""
        return self.message if self.run_id is None else f"{self.message}\nrun: {self.run_id}"


def send_alert(
    alert: Alert, environment: Mapping[str, str] = os.environ, timeout_s: float = TIMEOUT_S
) -> bool:
    """Send an alert to all addresses, at once. Gives whether all took it; logs a warning for each that did not."""
    urls = environment.get("MOORED_NOTIFY", "").split()
    about: dict[str, Any] = {"study": alert.study, "run_id": alert.run_id, "alert": alert.kind}
    log(f"alert: {TITLES[alert.kind]}", **about)
    taken: dict[int, bool] = {}
    senders = [
        threading.Thread(target=_send, args=(number, url, alert, taken), daemon=True)
        for number, url in enumerate(urls)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout_s)
    for number, url in enumerate(urls):
        if not taken.get(number):
            why = "refused or failed" if number in taken else f"no answer in {timeout_s:g} s"
            log(
                f"alert not delivered to address {number + 1} of MOORED_NOTIFY ({_scheme(url)}): {why}",
                level=logging.WARNING,
                **about,
            )
    return all(taken.get(number) for number in range(len(urls)))


def _send(number: int, url: str, alert: Alert, taken: dict[int, bool]) -> None:
    try:
        taken[number] = bool(
            _address(url).notify(
                title=alert.title,
                body=alert.body,
                notify_type="success" if alert.kind == "recovered" else "warning",
            )
        )
    except Exception:
        # Whatever a plugin raises may quote its address.
        taken[number] = False


def _address(url: str) -> Apprise:
    import apprise

    # Apprise's own warnings may quote addresses; ours say what matters.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    address = apprise.Apprise()
    address.add(url)
    return address


def _scheme(url: str) -> str:
    scheme, found, _ = url.partition("://")
    return scheme if found else "no address"
