"""A study: what to run. TOML in, frozen model out, known by its fingerprint.

Where to run (paths, addresses, keys) is `moored.settings`.
"""

from moored.study.file import load_study, parse_stored, parse_study
from moored.study.parts import EMBEDDED, GenerationSettings, Model, Question, Source
from moored.study.study import Study, in_order
from moored.study.thresholds import CheckName, Checks

__all__ = [
    "EMBEDDED",
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
]
