"""One-dimensional signals against their axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.ruler import ruler
from scatflow.accessor.plots.subject import Subject, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return the axis of the signal."""
    return drawable(array, 1, dims)


def draw(subject: Subject, ax: Axes, dims: tuple[str, ...], *, color: str = style.LINE, log: bool = False) -> None:
    """Draw a line, with a band of two standard errors where they are known; gaps stay gaps.

    Parameters
    ----------
    subject : Subject
        One-dimensional.
    ax : Axes
        Where.
    dims : tuple of str
        The axis.
    color : str
        Color of the line.
    log : bool
        Logarithmic values.
    """
    subject = subject.modulus().finite()
    array = subject.array
    along = ruler(array, dims[0])
    values = np.asarray(array.values)
    # Thousands of samples make a solid area of a thick line.
    width = 1.4 if values.size <= 600 else 0.9 if values.size <= 3000 else 0.5
    ax.plot(along.values, values, color=color, linewidth=width)
    if subject.se is not None:
        error = 2 * np.asarray(subject.se.values)
        ax.fill_between(along.values, values - error, values + error, color=color, alpha=0.2, linewidth=0)
        subject = subject.noted("band ± 2 standard errors")
    if values.size and np.nanmin(values) < 0 < np.nanmax(values):
        ax.axhline(0.0, color=style.MUTED, linewidth=0.6, zorder=0)
    if log:
        ax.set_yscale("log")
    ax.set(xlabel=along.label, ylabel=text.value_label(array))
    ax.margins(x=0.01)
    ax.grid(axis="y")
    if along.dates:
        style.date_axis(ax.xaxis)
    style.decorate(ax, text.title_of(array), subject.note)
