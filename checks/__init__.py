"""The gate between a model and a published number: Great Expectations suites and the validity rules.

Great Expectations takes seconds to import: only running a check pays for it.
"""

from checks.evidence import Evidence, Outcome, Previous
from checks.run import check_results, messages, run_checks

__all__ = ["Evidence", "Outcome", "Previous", "check_results", "messages", "run_checks"]
