"""The estimates."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from moored.run.estimates import Estimates, estimate_study
from moored.run.readings import Material
from moored.run.run import Run


@task(cache_policy=NO_CACHE)
def estimate(run: Run, material: Material) -> Estimates:
    """Fit every estimator that the study asks for."""
    return estimate_study(run.study, material)
