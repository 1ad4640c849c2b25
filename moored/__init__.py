"""Valid inference with imperfect synthetic data, as a pipeline.

In Python: `fit` a table with labels and model columns, `etable` fits side by side, `run` a study over a data frame,
`results` of what is published (docs/python.md). Each is loaded when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would be most of the time that this import takes
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.2.0"
__all__ = ["__version__", "etable", "fit", "results", "run"]
_DOORS = {"etable": "moored.reader.etable", "fit": "moored.inference.fitting", "results": "moored.notebook"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "run":  # the package of that name, which can be called
        return import_module("moored.run")
    if name not in _DOORS:
        raise AttributeError(f"module 'moored' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
