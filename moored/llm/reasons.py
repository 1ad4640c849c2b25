"""What an endpoint says of a refusal, and what a connection that failed means: an outcome and words for people."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

SendStatus = Literal[
    "ok",
    "rate-limited",
    "transient",
    "refused-key",
    "no-credit",
    "no-model",
    "no-path",
    "elsewhere",
    "refused-request",
    "too-long",
    "filtered",
]
MOST_WAIT_S = 10 * 365 * 86_400.0
_WORDS = ("message", "msg", "error", "detail", "errors", "title", "error_description", "reason")
_TOO_LONG_CODES = {
    "context_length_exceeded",
    "exceed_context_size_error",
    "string_above_max_length",
    "request_too_large",
}
_TOO_LONG = re.compile(
    r"maximum context|context[_ ](length|size|window)"
    r"|(prompt|input|request|text|content|body)\b.{0,40}too (long|large)|too many (input )?tokens"
    r"|(exceed|larger|longer|greater)\w*\b.{0,60}\b(context|max\w*[ _](input|model|prompt|sequence))"
    r"|must have less than \d+ tokens|reduce the length|inputs? tokens? .{0,30}must be <=",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(
    r"content_filter|content_policy|responsibleaipolicy|content management policy|data_inspection_failed",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(
    r"insufficient[_ ](quota|credit|balance|funds)|exceeded your current quota|credit balance", re.IGNORECASE
)
_NO_MODEL = re.compile(
    r"model_not_found|deploymentnotfound|notfounderror|invalid model( name)?\b|unknown model\b"
    r"|\b(model|deployment)\b.{0,120}\b(not (be )?found|not exist|is not (available|served|loaded))"
    r"|no such (model|deployment)|access to (the )?model",
    re.IGNORECASE | re.DOTALL,
)
_PARAMETER = re.compile(
    r"log_?probs|temperature|max_(completion_)?tokens|\bseed\b|response_format|json_schema|structured output"
    r"|\.role\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an answer that is no reply says."""

    outcome: SendStatus
    words: str
    """The endpoint's own, on one line."""
    code: str = ""
    param: str = ""


@dataclass(frozen=True, slots=True)
class Unreached:
    """Why no reply came over a connection."""

    reason: str
    advice: str
    hopeless: bool = False
    """Asking again at once meets the same."""


def refusal_of(status: int, text: str, content_type: str = "", phrase: str = "") -> Refusal:
    """What a reply of this status means: an outcome and the endpoint's own words."""
    body = _json(text)
    words = _line(words_of(body)) if body is not None else _page(text, content_type)
    found = next(_dicts(body), {})
    code = str(found.get("code") or found.get("type") or found.get("error_type") or "")
    param = str(found.get("param") or "")
    text = f"{code} {found.get('type') or ''} {words} {_inner(body)}"
    outcome = _outcome(status, text, words, code, is_page=body is None)
    return Refusal(outcome, words or phrase or "no reason given", code, param)


def error_inside(text: str) -> Refusal | None:
    """The refusal that came with status 200: some gateways put the true status inside."""
    body = _json(text)
    if not isinstance(body, dict) or "choices" in body or not (body.get("error") or body.get("detail")):
        return None
    inside = next(_dicts(body), {})
    status = next((int(str(inside[key])) for key in ("code", "status") if _is_status(inside.get(key))), None)
    refusal = refusal_of(status or 400, text)
    if status is None and refusal.outcome == "refused-request":
        # Nobody knows whether it would go through later: the row is tried again.
        return Refusal("transient", refusal.words, refusal.code, refusal.param)
    return refusal


def names_parameter(words: str) -> bool:
    """Does a refusal name a parameter of the request, and not its text?"""
    return _PARAMETER.search(words) is not None


def words_of(node: Any, depth: int = 0) -> str:
    """What an error body says in words, however deep it says it."""
    if isinstance(node, str):
        inside = _json(node) if node.lstrip().startswith(("{", "[")) and depth < 4 else None
        return words_of(inside, depth + 1) or node if inside is not None else node
    if depth > 6:
        return ""
    if isinstance(node, list):
        return "; ".join(filter(None, (words_of(item, depth + 1) for item in node[:3])))
    if isinstance(node, dict):
        said = next(filter(None, (words_of(node.get(key), depth + 1) for key in _WORDS)), "")
        where = node.get("loc")
        return f"{'.'.join(map(str, where))}: {said}" if said and isinstance(where, list) else said
    return ""


def unreached(error: BaseException, address: str, timeout_s: float) -> Unreached:
    """Why a connection failed, and what to do about it."""
    chain = list(_chain(error))
    parts = urlsplit(address)
    at = parts.netloc.rpartition("@")[2]
    said = _line(next((str(e) for e in reversed(chain) if str(e)), type(chain[-1]).__name__))
    names = " ".join(type(e).__name__ for e in chain)
    correct = "correct OPENAI_BASE_URL"
    if "Proxy" in names:
        return Unreached(
            f"the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names does not pass requests on ({said})",
            f"correct it, or name {parts.hostname} in NO_PROXY",
            hopeless=True,
        )
    if any(isinstance(e, ssl.SSLCertVerificationError) for e in chain) or "CertificateError" in names:
        return Unreached(
            f"the certificate of {at} is not trusted ({said})",
            "if it is your own server's, name its certificate in SSL_CERT_FILE",
            hopeless=True,
        )
    if any(isinstance(e, ssl.SSLError) for e in chain):
        return Unreached(
            f"{at} does not speak TLS as it should ({said})",
            f"if the server has none, set OPENAI_BASE_URL to http://{at}{parts.path}",
            hopeless=True,
        )
    if any(isinstance(e, socket.gaierror) for e in chain) or "DNSError" in names:
        return Unreached(
            f"there is no host {parts.hostname} ({said})", f"{correct}, or look at the network", True
        )
    if any(isinstance(e, ConnectionRefusedError) for e in chain):
        return Unreached(f"nothing listens at {at}", f"start it or {correct}", hopeless=True)
    if "ConnectionTimeout" in names or "ConnectTimeout" in names:
        return Unreached(f"{at} takes no connection ({said})", f"start it or {correct}")
    if "Timeout" in names:
        return Unreached(f"no reply from {at} within {timeout_s:g} s", "`model.timeout_s` allows more")
    return Unreached(f"the connection to {at} broke ({said})", f"start it or {correct}")


def elsewhere(location: str, address: str) -> str:
    """A redirect in words: where to, without what may be secret in it."""
    try:
        there = urlsplit(urljoin(address, location))
        at = f"{there.scheme}://{there.hostname}{f':{there.port}' if there.port else ''}{there.path}"
    except ValueError:
        at = ""
    return _line(at) if location and at else "an address that is none"


def redirected(reason: str) -> str:
    """Why a redirect ends a run, in one sentence."""
    return (
        f"the endpoint does not answer itself ({reason}), and texts are sent nowhere but to OPENAI_BASE_URL; "
        "set it to the address that answers, if you trust that one"
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, at most ten years: in milliseconds, seconds, or a date; None where it is none."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            seconds = float(milliseconds) / 1000
        elif (value := headers.get("retry-after")) is None:
            return None
        else:
            seconds = _seconds(value)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
    return None if seconds != seconds else min(MOST_WAIT_S, max(0.0, seconds))


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        when = parsedate_to_datetime(value)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - time.time()


def _outcome(status: int, text: str, words: str, code: str, *, is_page: bool) -> SendStatus:
    parameter = names_parameter(text)
    rules: list[tuple[SendStatus, bool]] = [
        ("elsewhere", 300 <= status < 400),
        ("refused-key", status == 401),
        ("no-credit", status == 402 or (status in (400, 403, 429) and bool(_NO_CREDIT.search(text)))),
        ("too-long", status == 413 or code in _TOO_LONG_CODES),
        ("too-long", status in (400, 422, 429, 500) and bool(_TOO_LONG.search(words))),
        ("filtered", status < 500 and bool(_FILTERED.search(text))),
        ("rate-limited", status == 429),
        ("no-path", status in (404, 405) and (is_page or not _NO_MODEL.search(text))),
        ("no-model", status in (400, 403, 404, 405, 422) and bool(_NO_MODEL.search(text)) and not parameter),
        ("refused-key", status == 403 and not parameter),
        ("transient", status in (408, 409, 425) or (status >= 500 and status != 501)),
    ]
    return next((outcome for outcome, holds in rules if holds), "refused-request")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, the innermost last."""
    seen: BaseException | None = error
    for _ in range(12):
        if seen is None:
            return
        yield seen
        under = getattr(seen, "os_error", None)  # aiohttp keeps the system's error beside the chain
        if isinstance(under, BaseException):
            yield under
        seen = seen.__cause__ or seen.__context__


def _dicts(node: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The dictionaries of an error body, the innermost `error` first."""
    if depth > 6:
        return
    if isinstance(node, list):
        for item in node[:1]:
            yield from _dicts(item, depth + 1)
    if isinstance(node, dict):
        for key in ("error", "message", "detail"):
            if isinstance(node.get(key), dict | list):
                yield from _dicts(node[key], depth + 1)
        yield node


def _inner(body: Any) -> str:
    return " ".join(str(d["innererror"])[:300] for d in _dicts(body) if d.get("innererror"))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _page(text: str, content_type: str) -> str:
    """What a body that is no JSON says: a page by its title."""
    if "html" in content_type or text.lstrip()[:1] == "<":
        title = re.search(r"<title>([^<]{1,200})", text[:20_000], re.IGNORECASE)
        return f"a web page, {_line(title[1])!r}" if title else "a web page"
    return _line(text)


def _line(text: str) -> str:
    """Printable, on one line, and short: a surrogate or a control character breaks what prints or stores it."""
    plain = text[:2000].encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())[:300]


def _is_status(value: Any) -> bool:
    return str(value).isdigit() and 400 <= int(str(value)[:9]) < 600
