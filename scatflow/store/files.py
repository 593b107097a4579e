"""Files that are not zarr: NetCDF and HDF5 through xarray, parquet tables through pandas (extra ``io``).

HDF5 is not thread safe, so each process reads a file under one lock per file.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Source, param, source
from scatflow.contract.source import Region
from scatflow.errors import StoreError, near
from scatflow.labels import spec_of
from scatflow.spec import ArraySpec

_HINT = "Install the readers: pip install 'scatflow[io]'."


@functools.lru_cache(maxsize=64)
def _lock(path: str) -> threading.Lock:
    """Return the lock of a file: one per path and process (documented cache)."""
    return threading.Lock()


def _stamp(path: str) -> tuple[int, int]:
    try:
        stat = Path(path).stat()
    except FileNotFoundError:
        raise StoreError(f"file {path!r}", "does not exist", remedy="Check the path.", code="StoreMissing") from None
    return stat.st_size, stat.st_mtime_ns


class _File(Source):
    """What file sources share: identity by size and modification time."""

    path: str = param(doc="Path of the file.")

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the parameters and of the file's size and modification time."""
        return hashlib.blake2b(repr((self.identity(), _stamp(self.path))).encode(), digest_size=16).hexdigest()


@source("open_netcdf", version=1)
class NetcdfSource(_File):
    """One variable of a NetCDF or HDF5 file, read region by region."""

    variable: str | None = param(None, "Variable to read; may be left out where the file holds only one.")
    group: str | None = param(None, "Group inside the file.")

    def describe(self) -> ArraySpec:
        """Return the labels of the variable; reads metadata and coordinates, no data."""
        array = self._array()
        spec = spec_of(array)
        stored = array.encoding.get("preferred_chunks") or {}
        chunks = tuple(_lengths(n, int(stored.get(dim, n) or n)) for dim, n in spec.sizes.items())
        return ArraySpec(spec.dims, spec.shape, spec.dtype, chunks, spec.coords, spec.attrs, spec.name)

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the block of ``region`` as a NumPy array."""
        with _lock(self.path):
            return np.asarray(self._array().isel(dict(region)).values)

    def _array(self) -> xr.DataArray:
        dataset = _open_netcdf(self.path, self.group, _stamp(self.path))
        return _choose(dataset, self.variable, self.path)


@functools.lru_cache(maxsize=16)
def _open_netcdf(path: str, group: str | None, stamp: tuple[int, int]) -> xr.Dataset:
    """Open a file once per process and modification."""
    try:
        return xr.open_dataset(path, group=group, chunks=None, cache=False)
    except Exception as error:
        raise StoreError(f"file {path!r}", "cannot be read", got=f"{type(error).__name__}: {error}", remedy=_HINT) from error


def _choose(dataset: xr.Dataset, variable: str | None, path: str) -> xr.DataArray:
    names = [str(name) for name in dataset.data_vars]
    if variable is None:
        if len(names) != 1:
            raise StoreError(f"file {path!r}", "holds several variables", expected=f"variable= one of {names}")
        return dataset[names[0]]
    if variable not in dataset.variables:
        raise StoreError(f"file {path!r}", f"has no variable {variable!r}", expected=f"one of {names}", remedy=near(variable, names),
                         code="VariableMissing")  # fmt: skip
    return dataset[variable]


def _lengths(size: int, chunk: int) -> tuple[int, ...]:
    full, rest = divmod(size, chunk)
    return (chunk,) * full + ((rest,) if rest else ())


@source("open_parquet", version=1)
class ParquetSource(_File):
    """Columns of a parquet table as one labelled array: rows along ``index``, columns along ``columns``.

    A single named column gives a one-dimensional array.
    """

    columns: tuple[str, ...] | None = param(None, "Columns to read; default all numeric ones.")
    index: str | None = param(None, "Column whose values label the rows; default the table's own index.")
    dim: str = param("time", "Name of the row dim.")

    def describe(self) -> ArraySpec:
        """Return the labels of the table; parquet has no cheap labels, so the index column is read."""
        return spec_of(self._array())

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the block of ``region``."""
        return np.asarray(self._array().isel(dict(region)).values)

    def _array(self) -> xr.DataArray:
        with _lock(self.path):
            return _open_parquet(self, _stamp(self.path))


@functools.lru_cache(maxsize=4)
def _open_parquet(table: ParquetSource, stamp: tuple[int, int]) -> xr.DataArray:
    """Read a table once per process and modification; tables of returns fit memory, ticks belong in zarr."""
    try:
        import pandas as pd

        frame = pd.read_parquet(table.path)
    except (ImportError, OSError, ValueError) as error:
        raise StoreError(
            f"file {table.path!r}", "cannot be read as parquet", got=f"{type(error).__name__}: {error}", remedy=_HINT
        ) from error
    if table.index is not None:
        frame = frame.set_index(table.index)
    names = list(table.columns or frame.select_dtypes("number").columns)
    missing = [name for name in names if name not in frame]
    if missing:
        raise StoreError(f"file {table.path!r}", f"has no column {missing[0]!r}", expected=f"among {list(frame)}",
                         remedy=near(missing[0], map(str, frame)), code="VariableMissing")  # fmt: skip
    rows = frame.index.to_numpy()
    if len(names) == 1:
        return xr.DataArray(frame[names[0]].to_numpy(), dims=[table.dim], coords={table.dim: rows}, name=names[0])
    return xr.DataArray(frame[names].to_numpy(), dims=[table.dim, "column"], coords={table.dim: rows, "column": names})
