from pathlib import Path

import pytest

from checks.suites import BEFORE, results
from moored.study import Checks

DOCS = Path(__file__).parents[2] / "docs" / "checks.md"
CHECKS = [check for checks in (*BEFORE.values(), results.CHECKS) for check in checks]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_documentation_says_severity_and_default_threshold(check):
    row = next(line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{check.name}` |"))
    assert f"| {check.severity} |" in row
    thresholds = {**Checks().model_dump(), "nothing": 0, "alpha_each": 0.0}
    if "alpha_each" in check.allowed:
        assert "alpha / tests" in row
    else:
        assert check.allowed.format(**thresholds) in row
