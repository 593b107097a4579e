"""Which arrays operators delivered, so that their records are trusted only while they are what they were.

xarray keeps attributes through arithmetic and new labels, so the record in them outlives both. A lazy array shows in its
graph what was done to its values, though not to its labels; one in memory shows neither. So both are remembered here as
long as they live (documented cache). A change in place is seen where it meets one of the values kept as a sample.
"""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from scatflow.labels import same_labels, spec_of
from scatflow.spec import ArraySpec

Delivered = TypeVar("Delivered", xr.DataArray, xr.Dataset, xr.DataTree)

#: Values kept of an array.
_SAMPLE = 1024
_known: dict[int, tuple[weakref.ref[Any], ArraySpec, bytes]] = {}


def remember(item: Delivered) -> Delivered:
    """Note that what an operator delivers is as it is, and return it; datasets add coordinates to their variables."""
    if isinstance(item, xr.DataTree):
        for node in item.subtree:
            remember(node.to_dataset(inherit=False))
    elif isinstance(item, xr.Dataset):
        for array in item.data_vars.values():
            _remember(array)
    else:
        _remember(item)
    return item


def _remember(array: xr.DataArray) -> None:
    data, key = array.data, id(array.data)
    with contextlib.suppress(TypeError):  # a container that cannot be watched is not remembered
        _known[key] = weakref.ref(data, lambda _: _known.pop(key, None)), _labels(array), _sample(data)


def unchanged(array: xr.DataArray) -> bool:
    """Tell whether an array in memory is what an operator delivered, labels included."""
    found = _found(array)
    return found is not None and same_labels(found[1], _labels(array)) and found[2] == _sample(array.data)


def relabeled(array: xr.DataArray) -> bool:
    """Tell whether an array is known to have other labels than those it was delivered with."""
    found = _found(array)
    return found is not None and not same_labels(found[1], _labels(array))


def _found(array: xr.DataArray) -> tuple[weakref.ref[Any], ArraySpec, bytes] | None:
    found = _known.get(id(array.data))
    return found if found is not None and found[0]() is array.data else None


def _labels(array: xr.DataArray) -> ArraySpec:
    """Return the labels without what a dataset changes when it takes an array in: name and scalar coordinates."""
    spec = spec_of(array)
    coords = {name: coord for name, coord in spec.coords.items() if coord.dims}
    return replace(spec, name=None, coords=coords, attrs={key: value for key, value in spec.attrs.items() if key != "scatflow"})


def _sample(data: Any) -> bytes:
    if not isinstance(data, np.ndarray):
        return b""  # reading a lazy array computes it, and from a device it waits
    return data.flat[:: max(1, data.size // _SAMPLE)].tobytes() if data.ndim else data.tobytes()
