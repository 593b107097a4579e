"""One-dimensional transforms over time and frequency: scalogram and scattergram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.paths import check
from scatflow.accessor.plots.ruler import edges, ruler
from scatflow.accessor.plots.subject import Subject, drawable
from scatflow.errors import DimensionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Dynamic range of logarithmic colors in decades: the floor of a picture is not its rounding errors.
_DECADES = 4.0


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return (path, time)."""
    check(array)
    wanted = None if dims is None else [dims] if isinstance(dims, str) else [dim for dim in dims if dim != "path"]
    return ("path", *drawable(array, 1, wanted))


def scalogram(subject: Subject, ax: Axes, dims: tuple[str, ...], *, log: bool = False, cmap: str | None = None) -> None:
    """Draw the modulus of a wavelet transform, frequency on a logarithmic axis.

    Parameters
    ----------
    subject : Subject
        (path, time); first-order paths are drawn.
    ax : Axes
        Where.
    dims : tuple of str
        ("path", time).
    log : bool
        Logarithmic colors.
    cmap : str, optional
        Colormap.
    """
    _draw(subject, ax, dims, log, cmap)


def scattergram(subject: Subject, ax: Axes, dims: tuple[str, ...], *, log: bool = True, cmap: str | None = None) -> None:
    """Draw first-order scattering against time, frequency and colors on logarithmic scales.

    Parameters are those of :func:`scalogram`.
    """
    _draw(subject, ax, dims, log, cmap)


def _draw(subject: Subject, ax: Axes, dims: tuple[str, ...], log: bool, cmap: str | None) -> None:
    subject = _first_order(subject).modulus().loaded()
    array = subject.array.transpose(*dims)
    along = ruler(array, dims[1])
    frequency = np.asarray(array.coords["xi1"].values, dtype=np.float64)
    values = np.asarray(array.values, dtype=np.float64)
    norm, default = style.color_scale(values, log)
    if log and norm.vmax is not None and norm.vmin is not None and norm.vmin > 0:
        norm.vmin = max(norm.vmin, norm.vmax * 10**-_DECADES)
    mesh = ax.pcolormesh(
        along.edges(), edges(frequency, log=True), np.ma.masked_invalid(values), norm=norm,
        cmap=style.colormap(cmap or ("magma" if default == "viridis" else default)), rasterized=True,
    )  # fmt: skip
    low, high = (float(x) for x in edges(frequency, log=True)[[0, -1]])
    ax.set(yscale="log", ylim=(low, high), xlabel=along.label)
    style.log_axis(ax.yaxis, low, high)
    if along.dates:
        style.date_axis(ax.xaxis)
    ax.set_ylabel(text.labelled("frequency", array.coords["xi1"].attrs.get("units")))
    style.framed(ax)
    extend = style.extension(values, norm) if np.isfinite(values).any() else "neither"
    style.colorbar(ax, mesh, text.value_label(array), extend)
    style.decorate(ax, text.title_of(array), subject.note)


def _first_order(subject: Subject) -> Subject:
    """Keep first-order paths, lowest frequency first."""
    array = subject.array
    if "xi1" not in array.coords:
        raise DimensionError("plot", "the picture needs frequencies: coordinate xi1 on path", got=tuple(array.coords),
                             code="CoordinateMissing")  # fmt: skip
    xi = np.asarray(array.coords["xi1"].values, dtype=np.float64)
    kept = np.flatnonzero((np.asarray(array.coords["order"].values) == 1) & (xi > 0))
    if kept.size == 0:
        raise DimensionError("plot", "there is no first-order path with a frequency", code="CoordinateMissing")
    theta = np.asarray(array.coords["theta1"].values)[kept] if "theta1" in array.coords else np.zeros(1)
    if np.unique(theta[np.isfinite(theta)]).size > 1:
        raise DimensionError("plot", "bands have directions, so frequency alone does not order them",
                             remedy='Use kind="coefficients" or kind="disc".', code="DimensionCount")  # fmt: skip
    chosen = array.isel(path=kept[np.argsort(xi[kept])])
    words = "first order" if np.asarray(array.coords["order"].values).max() > 1 else ""
    return replace(subject, array=chosen, se=None).noted(words)
