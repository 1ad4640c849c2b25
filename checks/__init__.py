"""The gate between a model and a published number: Great Expectations suites and the validity rules.

Great Expectations takes seconds to import: only running a check pays for it.
"""

from checks.evidence import CheckResult, Evidence, Previous
from checks.run import check_results, messages, run_checks

__all__ = ["CheckResult", "Evidence", "Previous", "check_results", "messages", "run_checks"]
