"""Planes of a wavelet transform: modulus and real part of one complex band side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.field import ROBUST, axes, image, thinned
from scatflow.accessor.plots.ruler import ruler
from scatflow.accessor.plots.subject import Subject, drawable
from scatflow.errors import DimensionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return (y, x), having checked that values are complex."""
    if array.dtype.kind != "c":
        raise DimensionError("plot", "values are real, so there is no modulus beside a real part", got=str(array.dtype),
                             expected="complex values, as of wavelet", remedy='Use kind="field".', code="ComplexNeeded")  # fmt: skip
    return drawable(array, 2, dims)


def draw(subject: Subject, ax: Axes, dims: tuple[str, ...], *, robust: bool = True) -> None:
    """Draw modulus (from zero) and real part (diverging colors about zero) in physical units.

    Parameters
    ----------
    subject : Subject
        Two-dimensional and complex.
    ax : Axes
        Becomes a frame with two panels inside.
    dims : tuple of str
        (y, x).
    robust : bool
        Let the most extreme 0.05 % saturate; arrows on the color bar say so.
    """
    thin = thinned(subject, dims).loaded()
    array = thin.array.transpose(*dims)
    values = np.asarray(array.values)
    vertical, horizontal = ruler(array, dims[0]), ruler(array, dims[1])
    unit = text.unit(array.attrs.get("units"))
    style.decorate(ax, text.title_of(array), thin.note)
    panels = style.panels(ax, [(0.0, 0.0, 0.38, 0.94), (0.53, 0.0, 0.38, 0.94)])
    for panel, part, words in zip(panels, (np.abs(values), values.real), ("modulus", "real part"), strict=True):
        norm, cmap = style.color_scale(part, None, ROBUST if robust else 0.0)
        norm.vmin = 0.0 if words == "modulus" else norm.vmin
        drawn = image(panel, part.astype(np.float64), horizontal, vertical, norm=norm, cmap=style.colormap(cmap))
        extend = style.extension(part, norm) if np.isfinite(part).any() else "neither"
        axes(panel, dims, horizontal, vertical)
        panel.set_title(words, loc="left", color=style.MUTED)
        style.colorbar(panel, drawn, unit, extend, width=0.05, pad=0.04, above=True)
    panels[1].set_ylabel("")
    panels[1].tick_params(labelleft=False)
