"""Filter banks in frequency: bands with their Littlewood-Paley sum, or contours at half height on the frequency square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.field import image
from scatflow.accessor.plots.paths import check
from scatflow.accessor.plots.ruler import ruler
from scatflow.accessor.plots.subject import Subject
from scatflow.errors import DimensionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Reals = npt.NDArray[np.float64]
#: The coordinate that tells a bank: the share of energy that all filters together keep of every frequency.
SUM = "littlewood_paley"


def is_bank(array: xr.DataArray) -> bool:
    """Tell whether an array holds filters in frequency."""
    return SUM in array.coords and "path" in array.dims


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return the dims of frequency, those of the Littlewood-Paley sum, after ``path``."""
    if not is_bank(array):
        raise DimensionError("plot", f"the picture needs filters in frequency: dim path and coordinate {SUM}",
                             got=tuple(array.dims), remedy="Make them of a bank: scatflow_wavelet.response(bank).",
                             code="CoordinateMissing")  # fmt: skip
    check(array)
    frequencies = tuple(str(dim) for dim in array.coords[SUM].dims)
    if len(frequencies) > 2 or any(array.sizes[dim] < 4 for dim in frequencies):
        raise DimensionError("plot", "filters are drawn over one or two frequencies of 4 samples or more",
                             got={dim: array.sizes[dim] for dim in frequencies}, code="DimensionCount")  # fmt: skip
    return ("path", *frequencies)


def draw(subject: Subject, ax: Axes, dims: tuple[str, ...], *, log: bool = True) -> None:
    """Draw the filters of a bank.

    One dim: the share of a real signal's energy that every filter keeps, (|psi(f)|^2 + |psi(-f)|^2) / 2, and their sum A
    with its bounds. Two dims: contours of |psi| at half of its maximum, beside A as an image.

    Parameters
    ----------
    subject : Subject
        Moduli of filters on (``path``, frequencies), frequencies increasing, with the sum as a coordinate.
    ax : Axes
        Where; becomes a frame with two panels inside in two dims.
    dims : tuple of str
        ("path", frequencies).
    log : bool
        Logarithmic frequencies, in one dim.
    """
    subject = subject.modulus().loaded()
    array = subject.array.transpose(*dims)
    total = np.asarray(array.coords[SUM].transpose(*dims[1:]).values, dtype=np.float64)
    low, high = float(total.min()), float(total.max())
    note = subject.noted(f"Littlewood–Paley sum from {text.number(low)} to {text.number(high)}").note
    style.decorate(ax, text.title_of(array), note)
    if len(dims) == 2:
        _lines(ax, array, total, log)
        return
    left, right = style.panels(ax, [(0.0, 0.0, 0.38, 0.94), (0.53, 0.0, 0.38, 0.94)])
    _contours(left, array)
    _sum(right, array, total)


def _lines(ax: Axes, array: xr.DataArray, total: Reals, log: bool) -> None:
    """Draw energies of one-dimensional filters over positive frequencies."""
    along = ruler(array, str(array.dims[1]))
    values = np.asarray(array.values, dtype=np.float64)
    shown = along.values > 0
    energy = values**2
    mirrored = np.array([np.interp(-along.values, along.values, row) for row in energy])
    colors = _colors(array)
    for row, color in zip(0.5 * (energy + mirrored)[:, shown], colors, strict=True):
        ax.plot(along.values[shown], row, color=color, linewidth=1.2, linestyle="--" if color == style.MUTED else "-")
    ax.plot(along.values[shown], total[shown], color="black", linewidth=1.6, label="sum A")
    for level in (float(total.min()), float(total.max())):
        ax.axhline(level, color=style.FIT, linewidth=0.9, linestyle=":", label="bounds of A" if level == total.max() else None)
    centers = np.asarray(array.coords["xi1"].values, dtype=np.float64)
    # The legend stands above the sum.
    ax.set(xlabel=along.label, ylabel="share of energy", ylim=(0, 1.25 * float(total.max())))
    if log:
        least = float(np.nanmin(centers)) / 4 if np.isfinite(centers).any() else float(along.values[shown].min())
        ax.set(xscale="log", xlim=(least, float(along.values[-1])))
        style.log_axis(ax.xaxis, least, float(along.values[-1]))
    else:
        ax.set_xlim(0, float(along.values[-1]))
    ax.grid(axis="y")
    ax.plot([], [], "--", color=style.MUTED, linewidth=1.2, label="low-pass")
    ax.legend(loc="upper right", ncols=3)


def _contours(ax: Axes, array: xr.DataArray) -> None:
    """Draw a contour at half height for every filter, colors by octave."""
    vertical, horizontal = (ruler(array, str(dim)) for dim in array.dims[1:])
    for plane, color in zip(np.asarray(array.values, dtype=np.float64), _colors(array), strict=True):
        if np.isfinite(plane).all() and plane.max() > plane.min():
            low = color == style.MUTED
            ax.contour(horizontal.values, vertical.values, plane, levels=[plane.max() / 2], colors=[color], linewidths=1.2,
                       linestyles="dashed" if low else "solid", zorder=3 if low else 2)  # fmt: skip
    _square(ax, horizontal.label, vertical.label)
    ax.set_title("half height", loc="left", color=style.MUTED)


def _sum(ax: Axes, array: xr.DataArray, total: Reals) -> None:
    from matplotlib.colors import Normalize

    vertical, horizontal = (ruler(array, str(dim)) for dim in array.dims[1:])
    drawn = image(ax, total, horizontal, vertical, norm=Normalize(0.0, float(total.max())), cmap=style.colormap("viridis"))
    _square(ax, horizontal.label, "")
    ax.set_title("sum A", loc="left", color=style.MUTED)
    style.colorbar(ax, drawn, "Littlewood–Paley sum A", width=0.05, pad=0.04)


def _square(ax: Axes, xlabel: str, ylabel: str) -> None:
    style.framed(ax)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_aspect("equal")


def _colors(array: xr.DataArray) -> list[Any]:
    """Return a color per filter: by octave, gray for the low-pass."""
    from matplotlib import colormaps

    octave = np.asarray(array.coords["j1"].values)
    last = max(1, int(octave.max()))
    return [style.MUTED if j < 0 else colormaps["viridis"](0.85 * float(j) / last) for j in octave]
