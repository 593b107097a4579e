"""A labelled field, and a way to run an operator on all container kinds at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from scatflow import apply
from scatflow.contract import Operator


@pytest.fixture
def field() -> xr.DataArray:
    """A float32 field u(time, y, x) with times, decreasing y, float32 x and a label on x."""
    rng = np.random.default_rng(7)
    values = (rng.normal(size=(6, 5, 8)) + 3).astype("float32")
    return xr.DataArray(
        values,
        dims=("time", "y", "x"),
        coords={
            "time": np.datetime64("2001-01-30", "ns") + np.arange(6) * np.timedelta64(1, "D"),
            "y": ("y", np.linspace(2.0, 0.0, 5), {"units": "m"}),
            "x": ("x", np.linspace(0, 0.7, 8, dtype="float32"), {"units": "m"}),
            "zone": ("x", [0, 0, 1, 1, 1, 2, 2, 2]),
        },
        attrs={"units": "m s-1", "long_name": "velocity", "source": "simulation"},
        name="u",
    )


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("something was computed while the graph was built")


Run = Callable[..., xr.DataArray]


@pytest.fixture
def run() -> Run:
    """Apply an operator eagerly and lazily, check that both agree, return the eager result."""

    def both(operator: Operator, *data: Any, chunks: dict[str, int] | None = None, rtol: float = 0.0) -> Any:
        eager = apply(operator, *data)
        with dask.config.set(scheduler=_refuse):
            lazy = apply(operator, *(_chunked(item, chunks) for item in data))
        names = list(eager.data_vars) if isinstance(eager, xr.Dataset) else [None]
        for name in names:
            one, two = (eager, lazy) if name is None else (eager[name], lazy[name])
            assert isinstance(one.data, np.ndarray)
            assert dask.is_dask_collection(two.data)
            assert one.dtype == two.dtype
            two = two.compute(scheduler="synchronous")
            xr.testing.assert_allclose(one, two, rtol=rtol, atol=0.0)
            assert {k: v for k, v in one.attrs.items() if k != "scatflow"} == {
                k: v for k, v in two.attrs.items() if k != "scatflow"
            }
        return eager

    return both


def _chunked(item: Any, chunks: dict[str, int] | None) -> Any:
    """Return the array with its data in chunks and its coordinates as they are, as an opened result has them."""
    if not isinstance(item, xr.DataArray):
        return item
    sizes = tuple((chunks or {}).get(str(dim), 2 if chunks is None else -1) for dim in item.dims)
    return item.copy(data=da.from_array(item.values, chunks=sizes))
