"""The same alert is sent once: until it says something else, or the study has recovered."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from moored.errors import MooredError
from moored.monitor.alerts import Alert, send_alert
from moored.monitor.logs import log
from moored.storage.events import open_alerts, store_alert
from moored.storage.warehouse import open_store

ONE_EACH = frozenset({"died", "drift"})
"""Each is about one run and is never the same as another one."""
STANDING = frozenset({"overdue", "cancelled"})
"""How long it has lasted changes with every look; that it lasts does not."""


def is_news(alert: Alert, said: Mapping[str, str]) -> bool:
    """Whether it differs from what was said last, by kind of alert. Numbers alone make no difference."""
    before = said.get(alert.kind)
    if before is None or alert.kind in ONE_EACH:
        return True
    return alert.kind not in STANDING and _bare(before) != _bare(alert.message)


def recovery(study: str, said: Collection[str], sentence: str, run_id: str | None = None) -> Alert | None:
    """What to say as a run ends well after alerts of some kinds; None after none."""
    if not said:
        return None
    return Alert("recovered", study, f"{sentence} (before: {', '.join(sorted(said))})", run_id)


def send_news(path: Path, alert: Alert) -> None:
    """Send an alert unless the same was taken before by all addresses. Without a store each is sent."""
    try:
        if not path.exists():
            send_alert(alert)
            return
        with open_store(path) as store:
            news = is_news(alert, open_alerts(store, alert.study))
        if news and send_alert(alert):
            with open_store(path) as store:
                store_alert(store, alert.study, alert.kind, alert.message)
    except (MooredError, OSError) as error:
        log(f"alerts cannot be remembered: {error}", level=logging.WARNING, study=alert.study)
        send_alert(alert)


def send_recovery(path: Path, study: str, sentence: str, run_id: str | None) -> None:
    """Say that a run ended well, where somebody was told of one that did not."""
    try:
        with open_store(path) as store:
            alert = recovery(study, open_alerts(store, study), sentence, run_id)
        if alert is not None and send_alert(alert):
            with open_store(path) as store:
                store_alert(store, study, alert.kind, alert.message)
    except MooredError as error:
        log(f"alerts cannot be remembered: {error}", level=logging.WARNING, study=study)


def _bare(message: str) -> str:
    return re.sub(r"\d+", "#", message)
