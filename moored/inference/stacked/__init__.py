"""The same estimators over many draws at once: arrays with a leading axis of draws, for simulations.

`STACKED[name](draws, family)` answers for every draw of a `Draws` what `ESTIMATORS[name]` answers for one of them,
to some 1e-9, for mean, OLS, logit and Poisson regression. Only the regular case is computed here. A draw that is
not (a separated outcome, moments near collinear, Newton steps that do not converge) is marked, and `fit_draws`
gives it to the ordinary estimator, which settles it or refuses it by name.
"""

from moored.inference.stacked.answers import Answers, Failure
from moored.inference.stacked.draws import Draws
from moored.inference.stacked.fit import fit_draws
from moored.inference.stacked.table import STACKED

__all__ = ["STACKED", "Answers", "Draws", "Failure", "fit_draws"]
