"""The scattering disc: the plane of wave vectors, each band where it lies, colored by its coefficient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.paths import Bands, Paths, check, paths
from scatflow.accessor.plots.subject import Subject
from scatflow.errors import DimensionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Wedge

Reals = npt.NDArray[np.float64]
#: Radius of the low frequencies left blank in the middle, in rings.
_HOLE = 0.7


@dataclass(frozen=True)
class Cell:
    """A sector of a ring: radii, angles in degrees, value."""

    inner: float
    outer: float
    start: float
    stop: float
    value: float


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return the dim of the paths."""
    check(array)
    return ("path",)


def draw(subject: Subject, ax: Axes, dims: tuple[str, ...], *, log: bool = True, cmap: str | None = None) -> None:
    """Draw a disc for the first order and one for the second, radius by frequency, angle by direction.

    Rings are octaves (equal steps of log frequency). In the second disc every sector of the first is divided: outwards
    by second frequency, across by second direction relative to the first.

    Parameters
    ----------
    subject : Subject
        Values on ``path`` whose bands have directions.
    ax : Axes
        Becomes a frame with one or two panels inside.
    dims : tuple of str
        ``("path",)``.
    log : bool
        Logarithmic colors, where all values are positive.
    cmap : str, optional
        Colormap; default by the sign of the values.
    """
    subject = subject.loaded()
    array = subject.array
    tree = paths(array)
    if not tree.first.directional:
        raise DimensionError("plot", "bands have no direction, so there is no disc", got="coordinate theta1 is absent or NaN",
                             remedy='Use kind="coefficients".', code="CoordinateMissing")  # fmt: skip
    style.decorate(ax, text.title_of(array), subject.note)
    units = array.coords["xi1"].attrs.get("units") if "xi1" in array.coords else None
    boxes = [(0.0, 0.0, 0.38, 0.92), (0.56, 0.0, 0.38, 0.92)] if tree.has_second else [(0.1, 0.0, 0.7, 0.96)]
    discs = style.panels(ax, boxes)
    _disc(discs[0], _first_cells(tree), tree.first, units, text.value_label(array), log, cmap)
    discs[0].set_title("order 1", loc="left", color=style.MUTED)
    if tree.has_second:
        _disc(discs[1], _second_cells(tree), tree.first, units, text.value_label(array), log, cmap)
        discs[1].set_title("order 2 inside order 1", loc="left", color=style.MUTED)


def _disc(
    ax: Axes, cells: list[Cell], bands: Bands, units: str | None, label: str, log: bool, cmap: str | None
) -> None:
    from matplotlib.collections import PatchCollection

    values = np.array([cell.value for cell in cells])
    norm, default = style.color_scale(values, log)
    both = _span(bands.theta) == 180.0
    wedges = [wedge for cell in cells for wedge in _wedges(cell, both)]
    repeat = 2 if both else 1
    thin = 0.8 if len(cells) < 200 else 0.15
    collection = PatchCollection(wedges, norm=norm, cmap=style.colormap(cmap or default), edgecolor="white", linewidth=thin)
    collection.set_array(np.ma.masked_invalid(np.repeat(values, repeat)))
    ax.add_collection(collection)
    _scale(ax, bands, units)
    style.colorbar(ax, collection, label, width=0.06, pad=0.08)


def _first_cells(tree: Paths) -> list[Cell]:
    width = _width(tree.first.theta)
    ring, count = _rings(tree.first)
    return [
        Cell(*_radii(int(ring[n]), count), float(theta - width / 2), float(theta + width / 2), float(tree.one[n]))
        for n, theta in enumerate(tree.first.theta)
    ]


def _second_cells(tree: Paths) -> list[Cell]:
    """Divide every first-order sector among its second-order paths; sectors without any stay blank."""
    sectors = _first_cells(tree)
    period, width = _span(tree.second.theta), _width(tree.second.theta)
    cells: list[Cell] = []
    for n, sector in enumerate(sectors):
        used = np.flatnonzero(np.isfinite(tree.two[n]))
        if used.size == 0:
            cells.append(Cell(sector.inner, sector.outer, sector.start, sector.stop, np.nan))
            continue
        levels, ring = np.unique(tree.second.j[used], return_inverse=True)
        thickness = (sector.outer - sector.inner) / levels.size
        turn = (tree.second.theta[used] - tree.first.theta[n] + period / 2) % period
        place = np.round(turn / width) % round(period / width)
        step = (sector.stop - sector.start) / round(period / width)
        for m, r, p in zip(used, ring, place, strict=True):
            outer = sector.outer - thickness * r
            start = sector.start + step * p
            cells.append(Cell(outer - thickness, outer, start, start + step, float(tree.two[n, m])))
    return cells


def _wedges(cell: Cell, both: bool) -> list[Wedge]:
    """Return the sector, and its mirror image where wave vectors count up to sign."""
    from matplotlib.patches import Wedge

    width = cell.outer - cell.inner
    turns = (0.0, 180.0) if both else (0.0,)
    return [Wedge((0.0, 0.0), cell.outer, cell.start + turn, cell.stop + turn, width=width) for turn in turns]


def _scale(ax: Axes, bands: Bands, units: str | None) -> None:
    """Write directions around the disc and the frequency of every ring below it."""
    ring, count = _rings(bands)
    outer = _radii(0, count)[1]
    for angle in range(0, 360, 45):
        x, y = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        align = {"ha": ("right", "center", "left")[round(x) + 1], "va": ("top", "center", "bottom")[round(y) + 1]}
        ax.text(1.04 * outer * x, 1.04 * outer * y, f"{angle}°", fontsize=9, color=style.MUTED, **align)
    base = -1.22 * outer
    if np.isfinite(bands.xi).all():
        kept = text.thinned(count, 6)
        for number in range(count):
            middle = float(np.mean(_radii(number, count)))
            ax.plot([middle, middle], [base, base - 0.03 * outer], color=style.MUTED, linewidth=0.8)
            if number in kept:
                value = float(bands.xi[ring == number].mean())
                ax.text(middle, base - 0.06 * outer, text.number(value, 2), fontsize=8.5, rotation=90, ha="center", va="top")
        ax.plot([_HOLE, outer], [base, base], color=style.MUTED, linewidth=0.8)
        ax.text(_HOLE - 0.1, base - 0.04 * outer, text.labelled("frequency", units), fontsize=9, ha="right", va="center")
    ax.set(xlim=(-1.25 * outer, 1.25 * outer), ylim=(-1.62 * outer, 1.16 * outer))
    ax.set_aspect("equal")
    ax.set_axis_off()


def _rings(bands: Bands) -> tuple[npt.NDArray[np.int64], int]:
    """Return the ring of every band, highest frequency outermost, and the number of rings."""
    octaves, ring = np.unique(bands.j, return_inverse=True)
    return ring.astype(np.int64), int(octaves.size)


def _radii(ring: int, count: int) -> tuple[float, float]:
    return count - ring - 1 + _HOLE, count - ring + _HOLE


def _span(theta: Reals) -> float:
    """Return 180 where wave vectors count up to sign, as for real signals, else 360."""
    return 180.0 if float(np.nanmax(theta)) < 180.0 else 360.0


def _width(theta: Reals) -> float:
    """Return the angle between neighboring directions."""
    return _span(theta) / np.unique(np.round(theta, 6)).size
