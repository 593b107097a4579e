"""The coordinates that simulated series and periodic squares share, and the attributes that they leave to be written."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow.contract import Source
from scatflow.spec import Coord

_KNOWN = {"step", "box", "realizations", "seed", "dtype"}  # from coordinates and labels


def recorded(source: Source) -> dict[str, Any]:
    """Return the parameters that are written on the data: those that coordinates and labels do not tell."""
    return {key: value for key, value in source.parameters().items() if key not in _KNOWN}


def time_coord(seconds: npt.NDArray[np.floating[Any]]) -> Coord:
    """Return times in s as a coordinate."""
    return Coord(("time",), seconds, {"units": "s", "axis": "T", "long_name": "time"})


def time_axis(size: int, step: float | None) -> dict[str, Coord]:
    """Return the coordinate ``time`` in s; none where there is no step, for a dim without coordinate is by sample."""
    if step is None:
        return {}
    return {"time": time_coord(np.arange(size) * step)}


def square_axes(size: int, box: float | None) -> dict[str, Coord]:
    """Return the coordinates ``y`` and ``x`` of a periodic square: in m where there is a box, else lattice indices."""
    if box is None:
        attrs = {"units": "1", "period": size, "long_name": "lattice index"}
        return {dim: Coord((dim,), np.arange(size), {**attrs, "axis": dim.upper()}) for dim in ("y", "x")}
    where = np.arange(size) * (box / size)
    return {dim: Coord((dim,), where, {"units": "m", "period": box, "axis": dim.upper()}) for dim in ("y", "x")}
