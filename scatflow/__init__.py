"""scatflow: multiscale statistics of labelled arrays far larger than memory.

Importing it costs next to nothing: names are resolved on first use, and the accessor ``da.scatflow`` registers
itself as soon as xarray is there.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from scatflow._on_xarray import when_xarray_is_imported

if TYPE_CHECKING:
    from scatflow import ops as ops
    from scatflow.advice import advise as advise
    from scatflow.comparison import compare as compare
    from scatflow.contract import Composite as Composite
    from scatflow.contract import Operator as Operator
    from scatflow.contract import Pointwise as Pointwise
    from scatflow.contract import Program as Program
    from scatflow.contract import Reduce as Reduce
    from scatflow.contract import Select as Select
    from scatflow.contract import Source as Source
    from scatflow.contract import Whole as Whole
    from scatflow.contract import Window as Window
    from scatflow.contract import operator as operator
    from scatflow.contract import param as param
    from scatflow.contract import source as source
    from scatflow.contract import wire as wire
    from scatflow.hookspecs import hookimpl as hookimpl
    from scatflow.ops.evaluation import apply as apply
    from scatflow.pipeline import Pipeline as Pipeline
    from scatflow.run import open_result as open_result

__version__ = "0.1.0"

_HOMES = {
    "advise": "scatflow.advice",
    "apply": "scatflow.ops.evaluation",
    "compare": "scatflow.comparison",
    "Pipeline": "scatflow.pipeline",
    "open_result": "scatflow.run",
    "open_source": "scatflow.pipeline",
    **dict.fromkeys(
        ("Composite", "Operator", "Pointwise", "Program", "Reduce", "Select", "Source", "Whole", "Window", "operator",
         "param", "source", "wire"), "scatflow.contract"),
    "hookimpl": "scatflow.hookspecs",
}  # fmt: skip

__all__ = ["__version__", "ops", *_HOMES]


def __getattr__(name: str) -> Any:
    if name == "ops":
        return importlib.import_module("scatflow.ops")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'scatflow' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _register_accessor() -> None:
    importlib.import_module("scatflow.accessor").register()


def _note_imports() -> None:
    importlib.import_module("scatflow.loading").note()  # so early that all that follows is noted


_note_imports()
when_xarray_is_imported(_register_accessor)
