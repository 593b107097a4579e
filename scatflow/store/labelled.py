"""What sources of labelled files share: names changed at reading, and the blocks in which they are read."""

from __future__ import annotations

import warnings
from dataclasses import replace

import xarray as xr

from scatflow.contract import Source, param
from scatflow.errors import ParameterError, StoreError, near
from scatflow.labels import spec_of
from scatflow.spec import ArraySpec, chunk_lengths


class LabelledSource(Source):
    """Base of sources that read variables of a file or store through xarray."""

    path: str = param(doc="Path of the store or file.")
    rename: dict[str, str] | None = param(None, "New names of dims and coordinates: {old: new}.")
    chunks: dict[str, int] | None = param(None, "Lengths of blocks to read, by dim under its new name; default those stored.")

    def label(self, array: xr.DataArray) -> xr.DataArray:
        """Return an array under the names asked for.

        Raises
        ------
        StoreError
            There is no such dim or coordinate, or two would have one name.
        """
        changes = dict(self.rename or {})
        known = [str(name) for name in dict.fromkeys((*array.dims, *array.coords))]
        for old in changes:
            if old not in known:
                raise StoreError(self._subject, f"has no dim or coordinate {old!r} to rename", expected=f"one of {known}",
                                 remedy=near(old, known), code="DimensionMissing")  # fmt: skip
        names = [changes.get(name, name) for name in known]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise StoreError(self._subject, "two dims or coordinates would have one name", got=", ".join(twice), code="NameTaken")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it makes no index: labels here need none
            return array.rename(changes) if changes else array

    def described(self, array: xr.DataArray) -> ArraySpec:
        """Return the labels of an array with the blocks to read it by.

        Raises
        ------
        ParameterError
            ``chunks`` names another dim, or a length that is not positive.
        """
        stored = array.encoding.get("preferred_chunks") or {}
        stored = {(self.rename or {}).get(str(dim), str(dim)): length for dim, length in stored.items()}
        spec = spec_of(array)
        asked = self.chunks or {}
        for dim, length in asked.items():
            if dim not in spec.dims:
                raise ParameterError(f"{self.name}.chunks", f"there is no dim {dim!r}", expected=f"dims among {spec.dims}",
                                     remedy=near(dim, spec.dims), code="DimensionMissing")  # fmt: skip
            if length < 1:
                raise ParameterError(f"{self.name}.chunks", "lengths are positive", got=f"{dim}={length}")
        lengths = {dim: asked.get(dim) or int(stored.get(dim, n) or n) for dim, n in spec.sizes.items()}
        return replace(spec, chunks=tuple(chunk_lengths(n, lengths[dim]) for dim, n in spec.sizes.items()))

    @property
    def _subject(self) -> str:
        return f"{type(self).name} {self.path!r}"


def pick(dataset: xr.Dataset, variable: str | None, subject: str) -> xr.DataArray:
    """Return a variable of a dataset, by name or the only one.

    Raises
    ------
    StoreError
        There is no such variable, or several and none is named.
    """
    names = sorted(str(name) for name in dataset.data_vars)  # stores list them in any order
    if variable is None:
        if len(names) != 1:
            raise StoreError(subject, "holds several variables" if names else "holds no variable", expected=f"variable= one of {names}",
                             code="VariableRequired")  # fmt: skip
        return dataset[names[0]]
    if variable not in dataset.variables:
        raise StoreError(subject, f"has no variable {variable!r}", expected=f"one of {names}", remedy=near(variable, names),
                         code="VariableMissing")  # fmt: skip
    return dataset[variable]
