"""A study: what to run. TOML in, frozen model out, known by its fingerprint.

Where to run (paths, addresses, keys) is `moored.settings`.
"""

from moored.fetch.models import EMBEDDED
from moored.study.file import load_study, parse_stored, parse_study
from moored.study.parts import Caps, GenerationSettings, Model, Question, Source, runs_here
from moored.study.study import Study, in_order
from moored.study.thresholds import CheckName, Checks

__all__ = [
    "EMBEDDED",
    "Caps",
    "CheckName",
    "Checks",
    "GenerationSettings",
    "Model",
    "Question",
    "Source",
    "Study",
    "in_order",
    "load_study",
    "parse_stored",
    "parse_study",
    "runs_here",
]
