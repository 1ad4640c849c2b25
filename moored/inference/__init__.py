"""Valid inference from few human labels and many imperfect model outputs: arrays in, frozen fits out."""

from moored.inference.data import Sample, Source
from moored.inference.diagnostics import (
    Contribution,
    Test,
    contributions,
    j_test,
    score_r2,
    source_tests,
)
from moored.inference.estimators import ESTIMATORS, Estimator, estimate
from moored.inference.gmm import gmm
from moored.inference.moments import FAMILIES, Moments, Multinomial, Quantile, UserMoments
from moored.inference.results import Fit

__all__ = [
    "ESTIMATORS",
    "FAMILIES",
    "Contribution",
    "Estimator",
    "Fit",
    "Moments",
    "Multinomial",
    "Quantile",
    "Sample",
    "Source",
    "Test",
    "UserMoments",
    "contributions",
    "estimate",
    "gmm",
    "j_test",
    "score_r2",
    "source_tests",
]
