"""Valid inference from few human labels and many imperfect model outputs: arrays in, frozen fits out.

`Sample` and `Source` hold arrays, `sample_from_frame` makes them of a data frame and formulas, `estimate` and
`ESTIMATORS` fit them; `headline` says whose row to read, `Pilot` what the next study needs.
"""

from moored.inference.bootstrap import Bootstrap, bootstrap
from moored.inference.data import Sample, Source
from moored.inference.diagnostics import (
    Contribution,
    Test,
    contributions,
    j_test,
    labelling_test,
    missing_tests,
    score_r2,
    source_tests,
)
from moored.inference.estimators import ESTIMATORS, Estimator, estimate
from moored.inference.families import FAMILIES, Multinomial, Quantile
from moored.inference.fitting import fit
from moored.inference.formula import Columns, sample_from_frame, stream_from_frames
from moored.inference.gmm.estimator import gmm
from moored.inference.headline import headline
from moored.inference.moments import Moments, UserMoments
from moored.inference.planning import (
    LabelPlan,
    Pilot,
    cheapest,
    detectable,
    least_r2,
    most_precise,
    power,
)
from moored.inference.results import Fit
from moored.inference.small.control_variates import gmm_small

__all__ = [
    "ESTIMATORS",
    "FAMILIES",
    "Bootstrap",
    "Columns",
    "Contribution",
    "Estimator",
    "Fit",
    "LabelPlan",
    "Moments",
    "Multinomial",
    "Pilot",
    "Quantile",
    "Sample",
    "Source",
    "Test",
    "UserMoments",
    "bootstrap",
    "cheapest",
    "contributions",
    "detectable",
    "estimate",
    "fit",
    "gmm",
    "gmm_small",
    "headline",
    "j_test",
    "labelling_test",
    "least_r2",
    "missing_tests",
    "most_precise",
    "power",
    "sample_from_frame",
    "score_r2",
    "source_tests",
    "stream_from_frames",
]
