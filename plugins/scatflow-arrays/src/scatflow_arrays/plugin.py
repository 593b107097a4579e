"""Entry point of the plugin: names only, nothing is imported until an operator is used."""

from __future__ import annotations

from scatflow.hookspecs import Provided, hookimpl

SCATFLOW_API = 1

_OPERATORS = {
    "add": "arithmetic:Add",
    "subtract": "arithmetic:Subtract",
    "multiply": "arithmetic:Multiply",
    "divide": "arithmetic:Divide",
    "power": "arithmetic:Power",
    "absolute": "arithmetic:Absolute",
    "log": "logarithm:Log",
    "ln": "logarithm:Ln",
    "select": "selection:Selection",
    "rename": "relabel:Rename",
    "cast": "relabel:Cast",
    "drop_labels": "relabel:DropLabels",
    "reduce": "reduction:Reduction",
    "norm": "reduction:Norm",
    "center": "standardization:Center",
    "rescale": "standardization:Rescale",
    "demean": "standardization:Demean",
    "standardize": "standardization:Standardize",
    "detrend": "detrend:Detrend",
    "taper": "taper:Taper",
    "lagged": "increments:Lagged",
    "increments": "increments:Increments",
    "cumsum": "increments:Cumsum",
}


@hookimpl
def scatflow_operators() -> Provided:
    """Return the operators of the glue."""
    return {name: f"scatflow_arrays.{target}" for name, target in _OPERATORS.items()}
