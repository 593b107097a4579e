"""Tables of prices that are arrays: variables of zarr stores and netCDF files, and files of NumPy."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scatflow_processes.prices import Prices, checked_prices
from scatflow_processes.tables import kind_of, stamp

if TYPE_CHECKING:
    import xarray


def stored_prices(path: str, variable: str | None, date: str, asset: str, assets: Sequence[str] | None) -> Prices:
    """Return the prices of one variable of a zarr store, a netCDF file or an npz file.

    Parameters
    ----------
    path : str
        The store or file. An npz file (``np.savez(path, date=..., asset=..., price=...)``) holds dates of shape (n,), as moments or
        ISO 8601 texts, names of shape (m,) and prices of shape (n, m), a row per date; or prices of one asset, shape (n,).
    variable : str or None
        The variable; may be left out where there is one.
    date, asset : str
        Its dims, that of assets where it has two; of npz files the arrays of dates and names.
    assets : sequence of str, optional
        Those to take, in this order; default all.

    Raises
    ------
    ValueError
        If it cannot be opened, the variable or its dims are others, or the table is not sound.
    ModuleNotFoundError
        If a package is missing.
    """
    with _opened(path, date, asset) as dataset:
        names = sorted(map(str, dataset.data_vars))
        chosen = variable if variable is not None else names[0] if len(names) == 1 else None
        if chosen not in names:
            raise ValueError(f"{path!r} needs variable= one of {names}, got {variable!r}")
        array = dataset[chosen]
        if set(array.dims) not in ({date}, {date, asset}):
            raise ValueError(f"{chosen!r} must have the dims {date!r} and, for several assets, {asset!r}; got {array.dims}")
        if array.ndim == 1:
            array = array.expand_dims(asset if asset in array.coords else {asset: [chosen]})
        known = [str(name) for name in array[asset].values.tolist()]
        for name in assets or ():
            if name not in known:
                raise ValueError(f"{path!r} has no asset {name!r}; assets: {', '.join(known[:10])}")
            if known.count(name) > 1:
                raise ValueError(f"names of assets must be unique, got {name!r} more than once")
        picked = [known.index(name) for name in assets or known]
        values = array.transpose(asset, date).isel({asset: picked})
        return checked_prices(values[date].values, [known[k] for k in picked], values.values)


def _opened(path: str, date: str, asset: str) -> xarray.Dataset:
    """Return the open dataset of a store or file."""
    kind = kind_of(path)
    stamp(path)
    import xarray as xr

    try:
        if kind == "numpy":
            return _arrays(path, date, asset)
        if kind == "zarr":
            return xr.open_dataset(
                path, engine="zarr", chunks=None, consolidated=None if Path(path, ".zmetadata").exists() else False
            )
        if kind == "h5netcdf":
            return xr.open_dataset(path, chunks=None)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"file {path!r} cannot be opened: {type(error).__name__}: {error}") from error
    raise ValueError(f"a zarr store, netCDF or npz file is needed, got {path!r}")


def _arrays(path: str, date: str, asset: str) -> xarray.Dataset:
    """Return the arrays of an npz file, labelled by those of dates and names; objects, which would run code, are not read."""
    import xarray as xr

    with np.load(path, allow_pickle=False) as file:
        try:
            held = {name: file[name] for name in file.files}
        except ValueError as error:
            raise ValueError(f"{error}; save names as text: np.array(names, dtype=str)") from error
    if date not in held or held[date].ndim != 1:
        raise ValueError(f"an array {date!r} of dates, shape (n,), is needed; arrays: {', '.join(sorted(held)) or 'none'}")
    n, names = held[date].shape[0], held.get(asset)
    coords = {date: (date, held[date]), **({} if names is None else {asset: (asset if names.ndim else (), names)})}
    tables = {}
    for name, values in held.items():
        if name not in coords:
            shapes = {(n,): (date,), **({} if names is None or not names.ndim else {(n, names.size): (date, asset)})}
            if values.shape not in shapes:
                raise ValueError(f"array {name!r} must have one of the shapes {list(shapes)}, a row per date, got {values.shape}")
            tables[name] = (shapes[values.shape], values)
    return xr.Dataset(tables, coords=coords)
