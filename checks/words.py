"""An outcome in plain words: what came, what is allowed, what would make it pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from checks.check import MOST_IDS, Check, Measure
from checks.evidence import CheckResult, Severity
from checks.validator import Verdict

SHOWN_IDS = 5
SHOWN_SUBJECTS = 4


def of_rows(
    suite: str, check: Check, severity: Severity, answer: Verdict | None, thresholds: Mapping[str, Any]
) -> CheckResult:
    """The outcome of a check that looks at rows."""
    allowed = check.allowed.format(**thresholds)
    if answer is None:
        message = f"{check.what}: could not be looked at, there are no such rows."
        return CheckResult(suite, check.name, severity, True, None, allowed, (), _sentence(message))
    count = answer.count
    message = f"{check.what}: {count} of {answer.of}, allowed {allowed}"
    ids = _ids(answer)
    if not answer.success:
        message += (f" ({_listed(ids, count)})" if ids else "") + f"; {check.remedy}"
    return CheckResult(
        suite, check.name, severity, answer.success, float(count), allowed, ids, _sentence(message)
    )


def of_subjects(
    suite: str,
    check: Check,
    severity: Severity,
    answer: Verdict | None,
    measures: Sequence[Measure],
    thresholds: Mapping[str, Any],
) -> CheckResult:
    """The outcome of a check that holds a number a subject against a threshold."""
    allowed = check.allowed.format(**thresholds)
    able = [m for m in measures if not math.isnan(m.observed)]
    if answer is None or not able:
        why = "; ".join(dict.fromkeys(m.note for m in measures if m.note)) or "there is nothing to look at"
        message = f"{check.what}: could not be asked, {why}"
        return CheckResult(suite, check.name, severity, True, None, allowed, (), _sentence(message))
    least_is_worst = "min_value" in check.arguments
    able.sort(key=lambda m: m.observed, reverse=not least_is_worst)
    failing = [m for m in able if _fails(m, check, thresholds)]
    if answer.success:
        worst = _told(able[0]) + (f", the worst of {len(able)}" if len(able) > 1 else "")
        message = f"{check.what}: {worst}; allowed {allowed}"
        return CheckResult(
            suite, check.name, severity, True, float(able[0].observed), allowed, (), _sentence(message)
        )
    message = f"{check.what}: {'; '.join(map(_told, failing[:SHOWN_SUBJECTS]))}; allowed {allowed}"
    ids = tuple(dict.fromkeys(i for m in failing for i in m.unit_ids))[:MOST_IDS]
    message += (f" ({_listed(ids, None)})" if ids else "") + f"; {check.remedy}"
    return CheckResult(
        suite, check.name, severity, False, float(failing[0].observed), allowed, ids, _sentence(message)
    )


def of_custom(frame: str, expectation: Any, answer: Verdict) -> CheckResult:
    """The outcome of a user's own expectation."""
    level = str(getattr(expectation.severity, "value", expectation.severity))
    severity: Severity = "critical" if level == "critical" else "warning"
    meta = expectation.meta or {}
    kind = type(expectation).__name__
    column = getattr(expectation, "column", None)
    name = str(meta.get("check") or (f"{kind}:{column}" if column else kind))
    notes = expectation.notes if isinstance(expectation.notes, str) else " ".join(expectation.notes or ())
    what = notes or f"{kind} on {column or frame}"
    if answer.error is not None:
        message = f"{what}: it could not be asked, {answer.error}; correct the expectation"
        return CheckResult("own", name, severity, False, None, None, (), _sentence(message))
    ids = _ids(answer)
    observed = answer.observed if isinstance(answer.observed, int | float | str) else float(answer.count)
    came = (
        f"{answer.count} of {answer.of} rows {'fails' if answer.count == 1 else 'fail'}"
        if answer.of
        else f"observed {answer.observed}"
    )
    message = f"{what}: {came}" + (f" ({_listed(ids, answer.count)})" if ids else "")
    if not answer.success:
        message += "; correct the data or the expectation"
    return CheckResult("own", name, severity, answer.success, observed, None, ids, _sentence(message))


def _ids(answer: Verdict) -> tuple[str, ...]:
    known = (row["unit_id"] for row in answer.rows if isinstance(row["unit_id"], str))
    return tuple(dict.fromkeys(known))[:MOST_IDS]


def _fails(measure: Measure, check: Check, thresholds: Mapping[str, Any]) -> bool:
    bounds = check.filled(thresholds)
    least, most = bounds.get("min_value"), bounds.get("max_value")
    return (least is not None and measure.observed < least) or (most is not None and measure.observed > most)


def _told(measure: Measure) -> str:
    number = f"{measure.observed:.3g}"
    return f"{number} for {measure.subject}" + (f" ({measure.note})" if measure.note else "")


def _listed(ids: Sequence[str], count: int | None) -> str:
    shown = ", ".join(ids[:SHOWN_IDS])
    more = len(ids) > SHOWN_IDS or (count is not None and count > len(ids))
    return f"such as {shown}" if more else shown


def _sentence(message: str) -> str:
    return message[0].upper() + message[1:] + ("" if message.endswith(".") else ".")
