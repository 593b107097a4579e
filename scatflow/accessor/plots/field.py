"""Fields: two core dims as an image in physical units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.ruler import Ruler, ruler
from scatflow.accessor.plots.subject import Subject, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Longest side that is drawn sample by sample; beyond it every n-th is taken, and the title says so.
_MOST = 4096
#: Share of samples at either end that saturate: intermittent fields would else show nothing but their extremes.
ROBUST = 5e-4


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return (y, x)."""
    return drawable(array, 2, dims)


def draw(
    subject: Subject,
    ax: Axes,
    dims: tuple[str, ...],
    *,
    cmap: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    log: bool = False,
    robust: bool = True,
) -> None:
    """Draw an image with equal aspect; two colors for spins, diverging colors about 0 for signed data.

    Parameters
    ----------
    subject : Subject
        Two-dimensional.
    ax : Axes
        Where.
    dims : tuple of str
        (y, x).
    cmap : str, optional
        Colormap; default by the sign of the data.
    vmin, vmax : float, optional
        Limits of the colors.
    log : bool
        Logarithmic colors.
    robust : bool
        Let the most extreme 0.05 % saturate; arrows on the color bar say so.
    """
    thin = thinned(subject, dims).modulus().loaded()
    array = thin.array.transpose(*dims)
    vertical, horizontal = ruler(array, dims[0]), ruler(array, dims[1])
    values = np.asarray(array.values)
    levels = spin_levels(values)
    if levels is not None:
        _spins(ax, values, horizontal, vertical, levels, text.value_label(array))
    else:
        values = values.astype(np.float64)
        norm, default = style.color_scale(values, log, ROBUST if robust else 0.0)
        norm.vmin, norm.vmax = (norm.vmin if vmin is None else vmin), (norm.vmax if vmax is None else vmax)
        drawn = image(ax, values, horizontal, vertical, norm=norm, cmap=style.colormap(cmap or default))
        extend = style.extension(values, norm) if np.isfinite(values).any() else "neither"
        style.colorbar(ax, drawn, text.value_label(array), extend)
    axes(ax, dims, horizontal, vertical)
    style.decorate(ax, text.title_of(array), thin.note)


def spin_levels(values: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Return the two values of a field that has only two: -1 and 1, or 0 and 1; None for any other."""
    if values.dtype.kind == "b":
        return (0.0, 1.0)
    if values.dtype.kind not in "iuf" or values.size == 0:
        return None
    low, high = float(values.min()), float(values.max())  # NaN compares false with everything
    if (low, high) == (0.0, 1.0) and bool(((values == 0) | (values == 1)).all()):
        return (0.0, 1.0)
    return (-1.0, 1.0) if low == -1 and bool((abs(values) == 1).all()) else None


def thinned(subject: Subject, dims: tuple[str, ...]) -> Subject:
    """Return every n-th sample of sides that are too long to be seen, and say so."""
    steps = {dim: -(-subject.array.sizes[dim] // _MOST) for dim in dims}
    if max(steps.values()) == 1:
        return subject
    thin = subject.array.isel({dim: slice(None, None, step) for dim, step in steps.items()})
    said = ", ".join(f"1 of {step} samples along {dim}" for dim, step in steps.items() if step > 1)
    return replace(subject, array=thin).noted(said)


def _spins(ax: Axes, values: npt.NDArray[Any], horizontal: Ruler, vertical: Ruler, levels: tuple[float, float], label: str) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap

    middle, half = sum(levels) / 2, (levels[1] - levels[0]) / 2
    norm = BoundaryNorm([levels[0] - half, middle, levels[1] + half], 2)
    drawn = image(ax, values.astype(np.float64), horizontal, vertical, norm=norm,
                   cmap=ListedColormap(style.SPIN_COLORS), interpolation="nearest")  # fmt: skip
    bar = style.colorbar(ax, drawn, label)
    bar.ax.minorticks_off()
    sign = "+" if levels[0] < 0 else ""
    bar.set_ticks(levels, labels=[text.number(levels[0]), f"{sign}{text.number(levels[1])}"])


def image(
    ax: Axes,
    values: npt.NDArray[np.float64],
    horizontal: Ruler,
    vertical: Ruler,
    interpolation: str = "auto",
    **colors: Any,
) -> Any:
    """Draw values as an image where spacing is even, else as cells; coordinates always increase to the right and up."""
    x, y = horizontal.edges(), vertical.edges()
    masked = np.ma.masked_invalid(values)
    if horizontal.uniform and vertical.uniform:
        if x[-1] < x[0]:
            x, masked = x[::-1], masked[:, ::-1]
        if y[-1] < y[0]:
            y, masked = y[::-1], masked[::-1]
        extent = (x[0], x[-1], y[0], y[-1])
        return ax.imshow(masked, origin="lower", extent=extent, aspect="auto", interpolation=interpolation, **colors)
    mesh = ax.pcolormesh(x, y, masked, rasterized=True, **colors)
    ax.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    return mesh


def axes(ax: Axes, dims: tuple[str, ...], horizontal: Ruler, vertical: Ruler) -> None:
    """Label both axes, with equal aspect where their units are the same."""
    style.framed(ax)
    same = horizontal.label == vertical.label
    ax.set(
        xlabel=f"{dims[1]}: {horizontal.label}" if same else horizontal.label,
        ylabel=f"{dims[0]}: {vertical.label}" if same else vertical.label,
    )
    for axis, along in ((ax.xaxis, horizontal), (ax.yaxis, vertical)):
        if along.dates:
            style.date_axis(axis)
    if horizontal.unit == vertical.unit and not (horizontal.dates or vertical.dates):
        ax.set_aspect("equal")
