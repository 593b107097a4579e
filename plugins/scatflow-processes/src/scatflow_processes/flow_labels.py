"""Labels of flows on a periodic square box, the same for sources and for stores that runs are streamed to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scatflow.spec import ArraySpec, Coord
from scatflow_processes.sources.axes import square_axes

VARIABLES = {"vorticity": ("1/s", "vorticity"), "u": ("m/s", "velocity along x"), "v": ("m/s", "velocity along y")}
"""Units and long names."""


def labels(
    size: int, box: float, dtype: str, attrs: Mapping[str, Any], times: Sequence[float] | None = None
) -> dict[str, ArraySpec]:
    """Return vorticity and velocity of one run without data.

    Parameters
    ----------
    size : int
        Samples per side.
    box : float
        Side in m.
    dtype : str
        Of the variables.
    attrs : mapping
        Attributes of every variable beside its unit and name.
    times : sequence of float, optional
        Times of snapshots in s; without, there is one snapshot and no dim time.

    Returns
    -------
    dict of ArraySpec
        Dims (y, x) or (time, y, x), samples at i box / size; y and x declare their period.

    Examples
    --------
    >>> spec = labels(8, 4.0, "float32", {}, times=[0.0, 2.0])["u"]
    >>> spec.dims, spec.shape, float(spec.coords["x"].values[1]), spec.attrs["units"]
    (('time', 'y', 'x'), (2, 8, 8), 0.5, 'm/s')
    """
    coords = square_axes(size, box)
    dims: tuple[str, ...] = ("y", "x")
    if times is not None:
        coords = {"time": Coord(("time",), np.asarray(times, dtype=np.float64), {"units": "s", "axis": "T"}), **coords}
        dims = ("time", *dims)
    shape = tuple(len(coords[dim].values) for dim in dims)
    return {
        name: ArraySpec(dims, shape, dtype, None, coords, {"units": unit, "long_name": long_name, **attrs}, name)
        for name, (unit, long_name) in VARIABLES.items()
    }
