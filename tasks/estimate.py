"""The estimates."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from moored.analysis import Estimates, estimate_study
from moored.context import Run
from moored.material import Material


@task(cache_policy=NO_CACHE)
def estimate(run: Run, material: Material) -> Estimates:
    """Fit every estimator that the study asks for."""
    return estimate_study(run.study, material)
