"""The coordinates that simulated series and periodic squares share."""

from __future__ import annotations

import numpy as np

from scatflow.spec import Coord


def time_axis(size: int, step: float | None) -> dict[str, Coord]:
    """Return the coordinate ``time`` in s; none where there is no step, for a dim without coordinate is by sample."""
    if step is None:
        return {}
    return {"time": Coord(("time",), np.arange(size) * step, {"units": "s", "axis": "T", "long_name": "time"})}


def square_axes(size: int, box: float | None) -> dict[str, Coord]:
    """Return the coordinates ``y`` and ``x`` of a periodic square: in m where there is a box, else lattice indices."""
    if box is None:
        attrs = {"units": "1", "period": size, "long_name": "lattice index"}
        return {dim: Coord((dim,), np.arange(size), {**attrs, "axis": dim.upper()}) for dim in ("y", "x")}
    where = np.arange(size) * (box / size)
    return {dim: Coord((dim,), where, {"units": "m", "period": box, "axis": dim.upper()}) for dim in ("y", "x")}
