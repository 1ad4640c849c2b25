"""The stacked estimators by the name of the ordinary one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from moored.inference.stacked.answers import Answers
from moored.inference.stacked.draws import Draws
from moored.inference.stacked.gmm import gmm_proxy, gmm_synth, human
from moored.inference.stacked.mixtures import ppi_synth, reppi
from moored.inference.stacked.naive import naive_pooled, naive_proxy, naive_synthetic
from moored.inference.stacked.ppi import ppi_proxy
from moored.inference.stacked.small import gmm_small


class StackedEstimator(Protocol):
    """What every entry of STACKED is."""

    def __call__(self, draws: Draws, family: str, level: float = 0.95) -> Answers:
        """Answer for every regular draw."""


STACKED: Mapping[str, StackedEstimator] = {
    "human": human,
    "naive-proxy": naive_proxy,
    "naive-synthetic": naive_synthetic,
    "naive-pooled": naive_pooled,
    "ppi++-proxy": ppi_proxy,
    "ppi++-synth": ppi_synth,
    "reppi": reppi,
    "gmm-proxy": gmm_proxy,
    "gmm-synth": gmm_synth,
    "gmm-small": gmm_small,
}
