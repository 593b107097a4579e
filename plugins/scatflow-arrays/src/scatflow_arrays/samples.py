"""Inputs on which operators that are not defined everywhere can be tested."""

from __future__ import annotations

from typing import Any


def positive(rng: Any, count: int) -> tuple[Any, ...]:
    """Return arrays of numbers between 1.5 and 2.5: logarithms, powers and quotients of them are all well-behaved.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws them.
    count : int
        How many.

    Returns
    -------
    tuple of DataArray
        Dims ``item`` and ``x``, in meters.
    """
    import numpy as np
    import xarray as xr

    coords = {"x": ("x", 0.5 * np.arange(14), {"units": "m"})}
    return tuple(
        xr.DataArray(1.5 + rng.random((3, 14)), dims=("item", "x"), coords=coords, name="u", attrs={"units": "m"})
        for _ in range(count)
    )
