"""Reading labelled zarr stores, v2 and v3, region by region."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from scatflow.contract import param, source
from scatflow.contract.source import Region
from scatflow.errors import StoreError
from scatflow.spec import ArraySpec
from scatflow.store.labelled import LabelledSource, pick


@source("open_zarr", version=1)
class ZarrSource(LabelledSource):
    """One variable of a zarr store, format 2 or 3, with its coordinates and attributes as xarray decodes them.

    As there, the ``fill_value`` of format 2 stands for absent values, of format 3 only an attribute ``_FillValue``.
    """

    variable: str | None = param(None, "Variable to read; may be left out where the store holds only one.")

    def describe(self) -> ArraySpec:
        """Return the labels of the variable; reads metadata and coordinates, no data."""
        return self.described(self._array())

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the block of ``region`` as a NumPy array."""
        return np.asarray(self._array().isel(dict(region)).values)

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the metadata and of key, size and modification time of every chunk.

        For a ``region`` only its chunks count, and of the metadata only how they are encoded: a store that has grown
        elsewhere leaves it as it was.
        """
        root, name = Path(self.path), str(self._array().name)
        array = zarr.open_array(root / name, mode="r")
        digest = hashlib.blake2b(digest_size=16)
        if region is None:
            for key in ("zarr.json", ".zarray", ".zattrs", ".zgroup"):
                for folder in (root, root / name):
                    if (folder / key).exists():
                        digest.update((folder / key).read_bytes())
        else:
            digest.update(_encoding(array).encode())
        for key, size, modified in _chunk_files(root / name, array, region, tuple(map(str, self._array().dims))):
            digest.update(f"{key}:{size}:{modified};".encode())
        return digest.hexdigest()

    def _array(self) -> xr.DataArray:
        return self.label(pick(self.open(), self.variable, f"store {self.path!r}"))

    def open(self) -> xr.Dataset:
        """Return the whole store: metadata and coordinates, no data."""
        return _dataset(self.path, _stamp(self.path))


def _stamp(path: str) -> float:
    """Return the modification time of the store's root metadata, so that a changed store is opened anew."""
    root = Path(path)
    if not root.exists():
        raise StoreError(f"store {path!r}", "does not exist", remedy="Check the path.", code="StoreMissing")
    times = [(root / key).stat().st_mtime for key in ("zarr.json", ".zmetadata", ".zgroup", ".zattrs") if (root / key).exists()]
    if not times:
        raise StoreError(f"store {path!r}", "is not a zarr group: zarr.json or .zgroup is missing", code="StoreInvalid",
                         remedy="Is it the right folder, and was it written completely?")  # fmt: skip
    return max(times)


@functools.lru_cache(maxsize=16)
def _dataset(path: str, stamp: float) -> xr.Dataset:
    """Open a store once per process and modification; the cache holds metadata and coordinates, no data."""
    try:
        opened: xr.Dataset = xr.open_zarr(path, chunks=None, consolidated=None if Path(path, ".zmetadata").exists() else False)
    except Exception as error:
        raise StoreError(f"store {path!r}", "cannot be opened as zarr", got=f"{type(error).__name__}: {error}",
                         remedy="Is its metadata complete?") from error  # fmt: skip
    return opened


def _encoding(array: Any) -> str:
    """Return the metadata by which stored chunks become numbers: all but shape and attributes."""
    document = array.metadata.to_dict()
    return repr(sorted((key, value) for key, value in document.items() if key not in ("shape", "attributes")))


def _chunk_files(root: Path, array: Any, region: Region | None, dims: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return (key, size, modification) of the stored objects of a region; absent ones count as size -1."""
    grid = array.shards or array.chunks
    spans = []
    for dim, size, length in zip(dims, array.shape, grid, strict=True):
        part = (region or {}).get(dim, slice(0, size))
        start, stop, _ = part.indices(size)
        spans.append(range(start // length, -(-stop // length)))
    found = []
    for index in itertools.product(*spans):
        key = array.metadata.encode_chunk_key(index) if hasattr(array.metadata, "encode_chunk_key") else ".".join(map(str, index))
        try:
            stat = os.stat(root / key)
        except FileNotFoundError:
            found.append((key, -1, 0))
        else:
            if stat.st_size == 0:
                raise StoreError(f"store {root}", f"chunk {key} is empty: the file was truncated", code="StoreTruncated")
            found.append((key, stat.st_size, stat.st_mtime_ns))
    return found


def coordinates(spec: ArraySpec) -> Mapping[str, Any]:
    """Return a spec's coordinates as xarray variables; texts have any length, since zarr 3 has no stable type for a fixed one.

    So have bytes, as which netCDF files hold texts: in UTF-8, of which ASCII is a part.
    """
    return {name: xr.Variable(coord.dims, _of_any_length(coord.values), dict(coord.attrs)) for name, coord in spec.coords.items()}


def _of_any_length(values: Any) -> Any:
    kind = np.asarray(values).dtype.kind
    if kind not in "SU":
        return values
    return (np.char.decode(values, "utf-8", "replace") if kind == "S" else np.asarray(values)).astype(object)
