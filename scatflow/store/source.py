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

from scatflow.contract import Source, param, source
from scatflow.contract.source import Region
from scatflow.errors import StoreError, near
from scatflow.labels import spec_of
from scatflow.spec import ArraySpec


@source("open_zarr", version=1)
class ZarrSource(Source):
    """One variable of a zarr store, with its coordinates and attributes as xarray decodes them."""

    path: str = param(doc="Path of the store (a directory).")
    variable: str | None = param(None, "Variable to read; may be left out where the store holds only one.")

    def describe(self) -> ArraySpec:
        """Return the labels of the variable; reads metadata and coordinates, no data."""
        array = self._array()
        spec = spec_of(array)
        stored = array.encoding.get("preferred_chunks") or {}
        chunks = tuple(_lengths(n, int(stored.get(dim, n) or n)) for dim, n in spec.sizes.items())
        return ArraySpec(spec.dims, spec.shape, spec.dtype, chunks, spec.coords, spec.attrs, spec.name)

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the block of ``region`` as a NumPy array."""
        return np.asarray(self._array().isel(dict(region)).values)

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the metadata and of key, size and modification time of every chunk of ``region``."""
        root = Path(self.path)
        name = str(self._array().name)
        digest = hashlib.blake2b(digest_size=16)
        for key in ("zarr.json", ".zarray", ".zattrs", ".zgroup"):
            for folder in (root, root / name):
                if (folder / key).exists():
                    digest.update((folder / key).read_bytes())
        for key, size, modified in _chunk_files(root / name, zarr.open_array(root / name, mode="r"), region, self.describe().dims):
            digest.update(f"{key}:{size}:{modified};".encode())
        return digest.hexdigest()

    def _array(self) -> xr.DataArray:
        dataset = _dataset(self.path, _stamp(self.path))
        names = [str(name) for name in dataset.data_vars]
        if self.variable is None:
            if len(names) != 1:
                raise StoreError(f"store {self.path!r}", "holds several variables", expected=f"variable= one of {names}")
            return dataset[names[0]]
        if self.variable not in dataset.variables:
            raise StoreError(f"store {self.path!r}", f"has no variable {self.variable!r}", expected=f"one of {names}",
                             remedy=near(self.variable, names), code="VariableMissing")  # fmt: skip
        return dataset[self.variable]


def _lengths(size: int, chunk: int) -> tuple[int, ...]:
    full, rest = divmod(size, chunk)
    return (chunk,) * full + ((rest,) if rest else ())


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
    """Return a spec's coordinates as xarray variables."""
    return {name: xr.Variable(coord.dims, coord.values, dict(coord.attrs)) for name, coord in spec.coords.items()}
