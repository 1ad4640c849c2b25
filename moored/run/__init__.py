"""One run's life: plan, chunks, readings, sample, estimates, record. Called, it is `moored.notebook.run`."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """This package under the name that people call: `moored.run(study, data)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """See `moored.notebook.run`."""
        return import_module("moored.notebook").run(*args, **kwargs)

    @property
    def __signature__(self) -> Any:
        from inspect import signature

        return signature(import_module("moored.notebook").run)


# `moored.run` is this module once any part of it is imported, whatever the package's __getattr__ would give.
sys.modules[__name__].__class__ = _Callable
