"""``da.scatflow``: the operators as methods, plots, features. A thin view without state."""

from __future__ import annotations

import functools
import json
from typing import Any

import xarray as xr


class Accessor:
    """Operators and views of a DataArray or Dataset, views of a DataTree."""

    def __init__(self, data: xr.DataArray | xr.Dataset | xr.DataTree) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        from scatflow import ops  # here, so that registering the accessor loads neither Dask nor a plugin

        function = getattr(ops, name)
        bound: Any = functools.partial(function, self._data)  # whose signature lacks the first input
        bound.__name__, bound.__doc__ = function.__name__, function.__doc__
        return bound

    def __dir__(self) -> list[str]:
        from scatflow import ops

        return [*dir(ops), "plot", "provenance"]

    @property
    def provenance(self) -> dict[str, Any]:
        """The record of how the data were made, as plain values: graph, versions of operators and plugins, inputs, seeds.

        Raises
        ------
        StoreError
            There is none, or it cannot be read.
        """
        from scatflow.graph.record import parse_provenance

        record: dict[str, Any] = json.loads(
            parse_provenance({str(key): value for key, value in self._data.attrs.items()}).to_json()
        )
        return record

    def plot(self, kind: str | None = None, ax: Any = None, **options: Any) -> Any:
        """Draw the array as its labels suggest, or as ``kind`` says; returns matplotlib axes."""
        from scatflow.accessor import plots

        return plots.plot(self._data, kind=kind, ax=ax, **options)


def register() -> None:
    """Make ``.scatflow`` available on DataArray, Dataset and DataTree; doing it twice is harmless."""
    decorate: Any
    for cls, decorate in (
        (xr.DataArray, xr.register_dataarray_accessor),
        (xr.Dataset, xr.register_dataset_accessor),
        (xr.DataTree, xr.register_datatree_accessor),
    ):
        if not hasattr(cls, "scatflow"):
            decorate("scatflow")(Accessor)
