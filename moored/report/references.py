"""What each estimator is, in a clause for a paper, and the references that it needs."""

from __future__ import annotations

from moored.report.citation import METHOD
from moored.report.facts import Facts

ESTIMATORS = {
    "human": "the labelled units alone, with a sandwich variance",
    "gmm-proxy": "the generalised method of moments in two steps over the proxies (Byun et al. 2025)",
    "gmm-synth": "the generalised method of moments in two steps over all sources (Byun et al. 2025)",
    "gmm-small": (
        "the moments of Byun et al. (2025), weighed for few labels by a ridge with a cross-validated penalty, with "
        "a delete-one jackknife variance; intervals as in docs/small-samples.md"
    ),
    "ppi++-proxy": "prediction-powered inference with a tuned weight (Angelopoulos, Duchi and Zrnic 2023)",
    "ppi++-synth": "the same over proxy and synthetic sources (Angelopoulos, Duchi and Zrnic 2023)",
    "reppi": "recalibrated prediction-powered inference (Ji, Lei and Zrnic 2025)",
}
_BELL = (
    "Bell and McCaffrey (2002). Bias reduction in standard errors for linear regression with multi-stage samples. "
    "Survey Methodology 28(2)."
)
_FIRTH = "Firth (1993). Bias reduction of maximum likelihood estimates. Biometrika 80(1)."
_PPI = (
    "Angelopoulos, Duchi and Zrnic (2023). PPI++: Efficient Prediction-Powered Inference. arXiv 2311.01453."
)
_REPPI = (
    "Ji, Lei and Zrnic (2025). Predictions as Surrogates: Revisiting Surrogate Outcomes in the Age of AI. arXiv "
    "2501.09731."
)


def references_of(facts: Facts) -> list[str]:
    """The references of the estimate to read."""
    name, family = facts.fit.estimator, facts.fit.family
    found = [METHOD]
    if name == "gmm-small":
        found.append(_FIRTH if family in {"logit", "poisson"} else _BELL)
    if name.startswith("ppi++"):
        found.append(_PPI)
    if name == "reppi":
        found.append(_REPPI)
    return found
