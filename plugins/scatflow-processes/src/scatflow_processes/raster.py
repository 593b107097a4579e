"""From a table of points to a field on a grid: how many points, or how much of their marks, lie in every cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

if TYPE_CHECKING:
    import xarray


class Window(NamedTuple):
    """Cells along one dim.

    Attributes
    ----------
    start, stop : float
        Outer edges, in ``unit``; start < stop.
    cells : int
        Number of cells of equal width, >= 1.
    unit : str
        Unit of coordinates along this dim.
    periodic : bool
        Whether the window repeats itself: ``stop`` is then the same place as ``start``.
    """

    start: float
    stop: float
    cells: int
    unit: str = "1"
    periodic: bool = False

    @property
    def step(self) -> float:
        """Width of a cell."""
        return (self.stop - self.start) / self.cells

    def edges(self) -> npt.NDArray[np.float64]:
        """Return the edges of the cells, shape (cells + 1,)."""
        return np.linspace(self.start, self.stop, self.cells + 1, dtype=np.float64)

    def centers(self) -> npt.NDArray[np.float64]:
        """Return the centers of the cells, shape (cells,)."""
        return np.asarray(self.start + (np.arange(self.cells) + 0.5) * self.step, dtype=np.float64)


def rasterize(
    points: Mapping[str, npt.ArrayLike],
    grid: Mapping[str, Window | Sequence[Any]],
    marks: npt.ArrayLike | None = None,
    unit: str = "1",
) -> xarray.DataArray:
    """Count points in the cells of a grid, or add up their marks.

    Parameters
    ----------
    points : mapping of str to array_like of real, shape (n,)
        Coordinates by dim, such as a data frame's columns; others than the grid's are not looked at.
    grid : mapping of str to Window
        Cells by dim, in the order of the result's dims; a tuple ``(start, stop, cells, unit, periodic)`` will do.
    marks : array_like of real, shape (n,), optional
        What every point carries (mass, volume); default counts.
    unit : str
        Unit of the marks.

    Returns
    -------
    xarray.DataArray of int64 (counts) or float64 (marks), dims of ``grid``
        Coordinates are the centers of the cells, with units, and ``period`` where periodic. A cell holds its lower edge
        and not its upper one, but the last cell of a dim that is not periodic holds both. The sum over cells is the
        number of points, or the sum of marks.

    Raises
    ------
    ValueError
        If points lie outside the window (says how many, and along which dims), a coordinate or mark is not finite,
        lengths differ, a dim of the grid has no coordinates, or a window is empty. A point at ``stop`` of a periodic
        dim is outside: it belongs to ``start``.

    Examples
    --------
    >>> field = rasterize({"y": [0.1, 0.9, 0.95], "x": [1.0, 2.5, 3.0]}, {"y": (0, 1, 2, "m"), "x": (0, 3, 3, "m")})
    >>> field.values.tolist()
    [[0, 1, 0], [0, 0, 2]]
    >>> field["x"].values.tolist(), field["x"].attrs["units"]
    ([0.5, 1.5, 2.5], 'm')
    """
    import xarray

    windows = {dim: checked_window(dim, window) for dim, window in grid.items()}
    check("grid", tuple(grid), len(windows) >= 1, "at least one dim")
    columns = {dim: _column(points, dim) for dim in windows}
    lengths = {dim: column.size for dim, column in columns.items()}
    weights = None if marks is None else np.asarray(marks, dtype=np.float64)
    if weights is not None:
        lengths["marks"] = weights.size
        check("marks", f"shape {weights.shape}", weights.ndim == 1, "one column")
        check("marks", f"{np.count_nonzero(~np.isfinite(weights))} others", bool(np.isfinite(weights).all()), "finite numbers")
    check("columns", lengths, len(set(lengths.values())) == 1, "of one length")
    places = {dim: _places(columns[dim], window) for dim, window in windows.items()}
    _check_inside(places, windows)
    shape = tuple(window.cells for window in windows.values())
    flat = np.ravel_multi_index(tuple(places.values()), shape) if next(iter(lengths.values())) else np.zeros(0, dtype=np.int64)
    total = np.bincount(flat, weights, minlength=math.prod(shape)).reshape(shape)
    total = total.astype(np.int64 if weights is None else np.float64, copy=False)  # without points NumPy counts marks
    coords = {dim: ((dim,), window.centers(), _labels(window)) for dim, window in windows.items()}
    attrs = {"units": "1", "long_name": "points per cell"} if weights is None else {"units": unit, "long_name": "marks per cell"}
    return xarray.DataArray(total, coords, tuple(windows), name="counts" if weights is None else "marks", attrs=attrs)


def checked_window(dim: str, given: Window | Sequence[Any]) -> Window:
    """Return the cells along one dim; raises ValueError unless they are one or more, between finite edges."""
    window = Window(*given)
    finite = math.isfinite(window.start) and math.isfinite(window.stop)
    check(f"grid[{dim!r}]", window, finite and window.start < window.stop, "a window with finite start < stop")
    check(f"grid[{dim!r}].cells", window.cells, window.cells >= 1, ">= 1")
    return window


def _column(points: Mapping[str, npt.ArrayLike], dim: str) -> npt.NDArray[np.float64]:
    try:
        column = np.asarray(points[dim], dtype=np.float64)
    except KeyError:
        raise ValueError(f"points must hold the dims of the grid, got no {dim!r} among {', '.join(map(str, points))}") from None
    check(f"points[{dim!r}]", f"shape {column.shape}", column.ndim == 1, "one column")
    wrong = int(np.count_nonzero(~np.isfinite(column)))
    check(f"points[{dim!r}]", f"{wrong} others of {column.size}", not wrong, "finite numbers")
    return column


def _places(column: npt.NDArray[np.float64], window: Window) -> npt.NDArray[np.int64]:
    """Return the cell of every point, -1 or ``cells`` outside."""
    places = np.searchsorted(window.edges(), column, side="right") - 1
    if not window.periodic:
        places[column == window.stop] = window.cells - 1
    return places


def _check_inside(places: Mapping[str, npt.NDArray[np.int64]], windows: Mapping[str, Window]) -> None:
    """Raise if points lie outside, saying how many and where."""
    outside = {dim: (where < 0) | (where >= windows[dim].cells) for dim, where in places.items()}
    anywhere = np.logical_or.reduce(list(outside.values()))
    if anywhere.any():
        along = ", ".join(
            f"{np.count_nonzero(out)} along {dim} [{windows[dim].start:g}, {windows[dim].stop:g}{')' if windows[dim].periodic else ']'}"
            for dim, out in outside.items()
            if out.any()
        )
        raise ValueError(f"points must lie inside the window, got {np.count_nonzero(anywhere)} of {anywhere.size} outside: {along}")


def _labels(window: Window) -> dict[str, Any]:
    return {"units": window.unit, **({"period": window.stop - window.start} if window.periodic else {})}
