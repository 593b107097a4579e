"""What the record of an array says of how it was made, as far as pictures need it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import xarray as xr


def operators(array: xr.DataArray) -> frozenset[str]:
    """Return the names of the operators that took part; none where there is no record that can be read."""
    try:
        return frozenset(str(operator["id"]).rpartition(":")[2] for operator in _record(array).get("operators", ()))
    except (TypeError, KeyError, AttributeError):  # an attribute of that name that is not ours
        return frozenset()


def arguments(array: xr.DataArray, name: str) -> Mapping[str, Any]:
    """Return the arguments of the last operator that has one called ``name``; nothing where there is none.

    The chain is followed from the result through the inputs ``data``.
    """
    try:
        nodes = _record(array)["graph"]["process_graph"]
        node = next(node for node in nodes.values() if node.get("result"))
        for _ in nodes:
            if name in node["arguments"]:
                return dict(node["arguments"])
            node = nodes[node["arguments"]["data"]["from_node"]]
    except (TypeError, KeyError, AttributeError, StopIteration):
        return {}
    return {}


def _record(array: xr.DataArray) -> Any:
    try:
        return json.loads(array.attrs.get("scatflow", "{}"))
    except (TypeError, ValueError):
        return {}
