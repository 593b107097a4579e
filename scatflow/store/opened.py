"""Arrays that a user opened with xarray, recognized as variables of a store or file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from scatflow.errors import ScatflowError
from scatflow.labels import same_labels, spec_of
from scatflow.spec import ArraySpec
from scatflow.store.files import NetcdfSource
from scatflow.store.source import ZarrSource

#: What xarray wraps around a reader's array: these pass on every element in its place.
_WRAPPERS = frozenset({
    "ImplicitToExplicitIndexingAdapter", "CopyOnWriteArray", "MemoryCachedArray", "LazilyIndexedArray", "_ElementwiseFunctionArray",
})  # fmt: skip
#: Readers of files that ``open_netcdf`` reads too.
_FILES = frozenset({"NetCDF4ArrayWrapper", "H5NetCDFArrayWrapper", "ScipyArrayWrapper"})

StoredArray = ZarrSource | NetcdfSource


def source_of(array: xr.DataArray, reader_of: Callable[[Any], Any]) -> StoredArray | None:
    """Return the source that delivers a lazy array as it is, None where that is not certain.

    Parameters
    ----------
    array : DataArray
        The array, with its labels.
    reader_of : callable
        Tells what lies under a Dask array where nothing has been computed from it since, else None.

    Returns
    -------
    ZarrSource, NetcdfSource or None
        Reads the same values in the same chunks. What it would deliver is compared with the array label by label, for xarray
        keeps the data when names, coordinates or attributes change; so is the decoding, which may have been asked for otherwise.
    """
    reader = reader_of(array.data)
    found = _variable(reader)
    if found is None:
        return None
    try:
        described = found.describe()
    except (ScatflowError, OSError):
        return None
    spec = _read(spec_of(array), found, described, reader_of)
    if not same_labels(described, spec) or _decoding(reader) != _decoding(found.open()[found.variable].variable._data):
        return None
    grid = zip(spec.dims, described.chunks or (), spec.chunks or (), strict=False)
    lengths = {dim: max(now) for dim, stored, now in grid if now and now != stored}
    chunked = found.replace(chunks=lengths) if lengths else found
    return chunked if chunked.describe().chunks == spec.chunks else found


def _read(spec: ArraySpec, found: StoredArray, described: ArraySpec, reader_of: Callable[[Any], Any]) -> ArraySpec:
    """Return labels with the coordinates that are lazy, and those of the same store, taken as the source reads them."""
    coords = dict(spec.coords)
    for name, coord in spec.coords.items():
        if hasattr(coord.values, "__dask_graph__") and name in described.coords:
            origin = _variable(reader_of(coord.values))
            if origin is not None and origin == found.replace(variable=name):
                coords[name] = replace(coord, values=described.coords[name].values)
    return replace(spec, coords=coords)


def _decoding(reader: Any) -> list[str]:
    """Return the steps from stored numbers to values: other fill values or scales may leave all labels as they are."""
    steps = []
    while type(reader).__name__ in _WRAPPERS:
        steps += [f"{reader.func!r} {reader.dtype}"] if hasattr(reader, "func") else []
        reader = reader.array
    return steps


def _variable(reader: Any) -> StoredArray | None:
    """Return the source of the variable under xarray's wrappers, which must not select anything."""
    while type(reader).__name__ in _WRAPPERS:
        key = getattr(getattr(reader, "key", None), "tuple", ())
        if any(part != slice(None) for part in key):
            return None
        reader = reader.array
    kind = type(reader).__name__
    if kind == "ZarrArrayWrapper":
        stored = reader._array
        root = getattr(stored.store, "root", None)
        if not isinstance(root, Path):
            return None  # in memory, zipped or remote
        folder = root / str(stored.path)
        return ZarrSource(path=str(folder.parent.absolute()), variable=folder.name)
    if kind in _FILES:
        path = Path(str(getattr(reader.datastore, "_filename", "")))
        group = getattr(reader.datastore, "_group", None)
        return NetcdfSource(path=str(path.absolute()), variable=reader.variable_name, group=group) if path.is_file() else None
    return None
