"""``da.scatflow``: the operators as methods, plots, features. A thin view without state."""

from __future__ import annotations

import functools
from typing import Any

import xarray as xr


class Accessor:
    """Operators and views of a DataArray or Dataset."""

    def __init__(self, data: xr.DataArray | xr.Dataset) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        from scatflow import ops  # here, so that registering the accessor loads neither Dask nor a plugin

        return functools.partial(getattr(ops, name), self._data)

    def __dir__(self) -> list[str]:
        from scatflow import ops

        return [*dir(ops), "plot"]

    def plot(self, kind: str | None = None, ax: Any = None, **options: Any) -> Any:
        """Draw the array as its labels suggest, or as ``kind`` says; returns matplotlib axes."""
        from scatflow.accessor import plots

        return plots.plot(self._data, kind=kind, ax=ax, **options)


def register() -> None:
    """Make ``.scatflow`` available on DataArray and Dataset; doing it twice is harmless."""
    decorate: Any
    for cls, decorate in ((xr.DataArray, xr.register_dataarray_accessor), (xr.Dataset, xr.register_dataset_accessor)):
        if not hasattr(cls, "scatflow"):
            decorate("scatflow")(Accessor)
