"""Group *record*, second part: arrays with fewer or other labels than usual, and results that can be stored."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import xarray as xr

from scatflow.errors import ScatflowError
from scatflow.testing.case import Case, with_extra
from scatflow.testing.check import Check, Failure, breaking, check, told
from scatflow.testing.checks.lazy import not_program
from scatflow.testing.checks.poor import survives


@check("record", applies=not_program)
def labels(case: Case) -> None:
    """Arrays without labels, with dates and with decreasing coordinates are taken or refused for a reason; batch labels are kept."""
    survives(case, "no coordinates, attributes and name", lambda array: xr.DataArray(array.values, dims=array.dims))
    if case.core:
        survives(case, "dates along the core dims", lambda array: _dated(array, case.core))
        _decreasing(case)
    _carried(case)


def _dated(array: xr.DataArray, dims: tuple[str, ...]) -> xr.DataArray:
    start, hour = np.datetime64("2001-01-01", "ns"), np.timedelta64(1, "h")
    dates = {dim: start + np.arange(array.sizes[dim]) * hour for dim in dims if dim in array.dims}
    return array.assign_coords(dates)


def _decreasing(case: Case) -> None:
    """Turn coordinates around: a result that keeps an axis keeps its coordinate as it is."""
    turned = case.replaced(lambda array: array.isel({dim: slice(None, None, -1) for dim in case.core if dim in array.dims}))
    try:
        with breaking("a decreasing coordinate"):
            found = turned.whole
    except ScatflowError:
        return  # such as causal filters
    for name, array in case.whole.items():
        for dim in case.core:
            source = next((one for one in case.arrays if dim in one.dims and dim in one.coords), None)
            if source is None or dim not in array.coords or not np.array_equal(array[dim].values, source[dim].values):
                continue
            if not np.array_equal(found[name][dim].values, source[dim].values[::-1]):
                raise Failure(f"coordinate {dim!r} of {f'result {name!r}' if name else 'the result'} is not the input's where that decreases",
                              remedy="Keep the input's coordinate; at.step is signed.")  # fmt: skip


def _carried(case: Case) -> None:
    """Give the input a scalar coordinate and one of two batch dims: both belong to the result too."""
    pair, spare = with_extra(case, case), case.spare
    batch = [dim for dim in case.batch if dim in case.arrays[0].dims] if not getattr(case.operator, "over", None) else []
    core = [dim for dim in case.core if dim in case.arrays[0].dims]

    def labelled(array: xr.DataArray) -> xr.DataArray:
        array = array.assign_coords(run_number=7)
        for name, dims in (("of_items", batch[:1]), ("of_samples", core[-1:])):
            if dims and dims[0] in array.dims:
                array = array.assign_coords({name: ((spare, dims[0]), np.ones((2, array.sizes[dims[0]])))})
        return array

    rich = pair.replaced(labelled)
    try:
        with breaking("coordinates of no and of two dims"):
            found = rich.whole
    except ScatflowError:
        return
    for name, array in found.items():
        for key in ("run_number", "of_items"):
            coord = rich.arrays[0].coords.get(key)
            if coord is not None and set(coord.dims) <= set(array.dims) and key not in array.coords:
                raise Failure(f"coordinate {key!r} on dims {coord.dims} is lost{f' in result {name!r}' if name else ''}",
                              remedy="Derive output() from the input's spec, which holds all of them.")  # fmt: skip


@check("record", applies=not_program)
def storable(case: Case) -> None:
    """A result can be written to zarr, and comes back with the same labels and attributes."""
    alike: dict[Any, dict[str, xr.DataArray]] = {}
    for name, array in case.whole.items():  # those with the same labels go into one store, as they would at a user's
        labels = tuple((str(key), coord.shape, coord.values.tobytes()) for key, coord in array.coords.items())
        alike.setdefault((array.dims, array.shape, labels), {})[name or "result"] = array
    for together in alike.values():
        _stored(xr.Dataset(together))


def _stored(plain: xr.Dataset) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr's, about dtypes without a specification
            store: dict[str, Any] = {}
            plain.to_zarr(store, mode="w", consolidated=False)
            back = xr.open_zarr(store, consolidated=False).load()
    except Exception as error:  # of the store, for what an author declared
        raise Failure(f"results {', '.join(map(str, plain))} cannot be stored", got=told(error),
                      remedy="Attributes are texts, numbers and lists of them; coordinates hold numbers, texts or dates.") from error  # fmt: skip
    changed = [str(key) for key in plain.coords if key not in back.coords or not _kept(back[key], plain[key])]
    changed += [str(name) for name in plain if _text(back[name].attrs) != _text(plain[name].attrs)]
    if changed:
        raise Failure("coordinates or attributes change in a store", got=changed)


def _kept(found: xr.DataArray, expected: xr.DataArray) -> bool:
    numeric = expected.dtype.kind in "fc"
    return bool(np.array_equal(found.values, expected.values, equal_nan=numeric))


def _text(attrs: Any) -> str:
    return json.dumps(dict(attrs), sort_keys=True, default=repr)


CHECKS: tuple[Check, ...] = (labels, storable)
