"""The scattering disc: the plane of wave vectors, each band where it lies, colored by its coefficient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    subject = subject.modulus().finite()
    array = subject.array
    tree = paths(array)
    if not tree.first.directional:
        raise DimensionError("plot", "bands have no direction, so there is no disc", got="coordinate theta1 is absent or NaN",
                             remedy='Use kind="coefficients".', code="CoordinateMissing")  # fmt: skip
    units = array.coords["xi1"].attrs.get("units") if "xi1" in array.coords else None
    one, two = text.order_labels(array)
    if not tree.has_second:
        style.decorate(ax, text.title_of(array), subject.noted("order 1").note)
        (single,) = style.panels(ax, [(0.0, 0.0, 0.86, 1.0)])
        single.set_anchor("NW")
        _disc(single, _first_cells(tree), tree.first, units, text.value_label(array), log, cmap, above=False)
        _outline(single, tree)
        return
    style.decorate(ax, text.title_of(array), subject.note)
    left, right = style.panels(ax, [(0.0, 0.0, 0.41, 0.92), (0.51, 0.0, 0.41, 0.92)])
    left.set_title("order 1", loc="left", color=style.MUTED)
    right.set_title("order 2 inside order 1", loc="left", color=style.MUTED)
    _disc(left, _first_cells(tree), tree.first, units, one, log, cmap)
    _disc(right, _second_cells(tree), tree.first, units, two, log, cmap)
    _outline(left, tree)
    _outline(right, tree)


def _disc(
    ax: Axes, cells: list[Cell], bands: Bands, units: str | None, label: str, log: bool, cmap: str | None, above: bool = True
) -> None:
    from matplotlib.collections import PatchCollection

    values = np.array([cell.value for cell in cells])
    norm, default = style.color_scale(values, log)
    collection = PatchCollection([_wedge(cell) for cell in cells], norm=norm, cmap=style.colormap(cmap or default), linewidth=0.2)
    collection.set_edgecolor("face")
    collection.set_array(np.ma.masked_invalid(values))
    ax.add_collection(collection)
    _scale(ax, bands, units)
    style.colorbar(ax, collection, label, width=0.05, pad=0.04, above=above)


def _outline(ax: Axes, tree: Paths) -> None:
    """Part first-order sectors by white lines."""
    from matplotlib.collections import PatchCollection

    wedges = [_wedge(sector) for _, sector in _sectors(tree)]
    ax.add_collection(PatchCollection(wedges, facecolor="none", edgecolor="white", linewidth=0.9))


def _sectors(tree: Paths) -> list[tuple[int, Cell]]:
    """Return first-order bands with their places, and mirror images where wave vectors count up to sign."""
    bands = tree.first
    half, turns = _width(bands.theta) / 2, (0.0, 180.0) if _span(bands.theta) == 180.0 else (0.0,)
    ring, count = _rings(bands)
    return [
        (n, Cell(*_radii(int(ring[n]), count), theta + turn - half, theta + turn + half, float(tree.one[n])))
        for n, theta in enumerate(bands.theta.tolist())
        for turn in turns
    ]


def _first_cells(tree: Paths) -> list[Cell]:
    return [sector for _, sector in _sectors(tree)]


def _second_cells(tree: Paths) -> list[Cell]:
    """Divide every first-order sector among its second-order paths; sectors without any are gray."""
    period, width = _span(tree.second.theta), _width(tree.second.theta)
    count = round(period / width)
    cells: list[Cell] = []
    for n, sector in _sectors(tree):
        used = np.flatnonzero(np.isfinite(tree.two[n]))
        if used.size == 0:
            cells.append(replace(sector, value=np.nan))
            continue
        levels, ring = np.unique(tree.second.j[used], return_inverse=True)
        thickness, step = (sector.outer - sector.inner) / levels.size, (sector.stop - sector.start) / count
        turn = (tree.second.theta[used] - tree.first.theta[n] + period / 2) % period
        for m, r, place in zip(used, ring, np.round(turn / width) % count, strict=True):
            outer, start = sector.outer - thickness * r, sector.start + step * place
            cells.append(Cell(outer - thickness, outer, start, start + step, float(tree.two[n, m])))
    return cells


def _wedge(cell: Cell) -> Wedge:
    from matplotlib.patches import Wedge

    return Wedge((0.0, 0.0), cell.outer, cell.start, cell.stop, width=cell.outer - cell.inner)


def _scale(ax: Axes, bands: Bands, units: str | None) -> None:
    """Write directions around the disc and the frequency of every ring below it."""
    ring, count = _rings(bands)
    outer = _radii(0, count)[1]
    for angle in range(0, 360, 45):
        x, y = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        ha, va = ("right", "center", "left")[round(x) + 1], ("top", "center", "bottom")[round(y) + 1]
        ax.text(1.04 * outer * x, 1.04 * outer * y, f"{angle}°", fontsize=9, color=style.MUTED, ha=ha, va=va)
    base = -1.2 * outer
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
    ax.set(xlim=(-1.24 * outer, 1.24 * outer), ylim=(-1.5 * outer, 1.14 * outer))
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
