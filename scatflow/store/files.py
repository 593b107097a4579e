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

from scatflow.contract import param, source
from scatflow.contract.source import Region
from scatflow.errors import StoreError, near
from scatflow.spec import ArraySpec
from scatflow.store.labelled import LabelledSource, pick

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


class _File(LabelledSource):
    """What file sources share: identity by size and modification time."""

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
        return self.described(self._array())

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the block of ``region`` as a NumPy array."""
        with _lock(self.path):
            return np.asarray(self._array().isel(dict(region)).values)

    def _array(self) -> xr.DataArray:
        return self.label(pick(self.open(), self.variable, f"file {self.path!r}"))

    def open(self) -> xr.Dataset:
        """Return the whole file, or its group: metadata and coordinates, no data."""
        return _open_netcdf(self.path, self.group, _stamp(self.path))


@functools.lru_cache(maxsize=16)
def _open_netcdf(path: str, group: str | None, stamp: tuple[int, int]) -> xr.Dataset:
    """Open a file once per process and modification."""
    try:
        return xr.open_dataset(path, group=group, chunks=None, cache=False)
    except Exception as error:
        raise StoreError(f"file {path!r}", "cannot be read", got=f"{type(error).__name__}: {error}", remedy=_HINT) from error


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
        return self.described(self._array())

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the block of ``region``."""
        return np.asarray(self._array().isel(dict(region)).values)

    def open(self) -> xr.Dataset:
        """Return every column wanted as a variable of its own along the row dim."""
        frame = self._frame()
        columns = {name: (self.dim, frame[name].to_numpy()) for name in frame}
        return xr.Dataset(columns, coords={self.dim: _rows(frame.index, self.dim)})

    def _array(self) -> xr.DataArray:
        frame = self._frame()
        names = [str(name) for name in frame]
        coords = {self.dim: _rows(frame.index, self.dim)}
        if len(names) == 1:
            return self.label(xr.DataArray(frame[names[0]].to_numpy(), dims=[self.dim], coords=coords, name=names[0]))
        return self.label(xr.DataArray(frame.to_numpy(), dims=[self.dim, "column"], coords={**coords, "column": names}))

    def _frame(self) -> Any:
        """Return the columns wanted, labelled by the index wanted."""
        with _lock(self.path):
            frame = _table(self.path, _stamp(self.path))
        for name in (*(self.columns or ()), *([self.index] if self.index else ())):
            if name not in frame:
                raise StoreError(f"file {self.path!r}", f"has no column {name!r}", expected=f"among {list(map(str, frame))}",
                                 remedy=near(name, map(str, frame)), code="VariableMissing")  # fmt: skip
        if self.index is not None:
            frame = frame.set_index(self.index)
        return frame[list(self.columns)] if self.columns else frame.select_dtypes("number")


@functools.lru_cache(maxsize=4)
def _table(path: str, stamp: tuple[int, int]) -> Any:
    """Read a table once per process and modification; tables of returns fit memory, ticks belong in zarr."""
    try:
        import pandas as pd

        return pd.read_parquet(path)
    except (ImportError, OSError, ValueError) as error:
        raise StoreError(
            f"file {path!r}", "cannot be read as parquet", got=f"{type(error).__name__}: {error}", remedy=_HINT
        ) from error


def _rows(index: Any, dim: str) -> xr.Variable:
    """Return the labels of the rows; NumPy has no time zones, so moments with one are given in UTC, and the label says so."""
    if getattr(index, "tz", None) is not None:
        return xr.Variable((dim,), index.tz_convert("UTC").tz_localize(None).to_numpy(), {"timezone": "UTC"})
    return xr.Variable((dim,), index.to_numpy())
