"""The estimates."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from checks import Evidence
from moored.run.estimates import Estimates, estimate_study
from moored.run.run import Run


@task(cache_policy=NO_CACHE)
def estimate(run: Run, evidence: Evidence) -> Estimates:
    """Fit every estimator that the study asks for, over the very sample that was checked."""
    assert evidence.sample is not None
    return estimate_study(run.study, evidence.sample, evidence.units)
