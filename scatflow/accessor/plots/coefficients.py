"""Coefficients by scale and angle: first order as an image or a line, second order as a matrix of bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.paths import Bands, Paths, angle_text, check, paths, scale_ruler
from scatflow.accessor.plots.subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Reals = npt.NDArray[np.float64]


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return the dim of the paths."""
    check(array)
    return ("path",)


def draw(subject: Subject, ax: Axes, dims: tuple[str, ...], *, log: bool = True, cmap: str | None = None) -> None:
    """Draw first order (scale by angle, or against scale in one dim) beside second order (first by second band).

    Parameters
    ----------
    subject : Subject
        Values on ``path``.
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
    tree = paths(array, subject.se)
    one, two = text.order_labels(array)
    if not tree.has_second:
        style.decorate(ax, text.title_of(array), subject.noted("order 1").note)
        (single,) = style.panels(ax, [(0.0, 0.0, 1.0, 1.0)])
        _first(single, tree, array, text.value_label(array), log, cmap)
        return
    style.decorate(ax, text.title_of(array), subject.note)
    left, right = style.panels(ax, [(0.0, 0.0, 0.34, 0.92), (0.56, 0.0, 0.44, 0.92)])
    for panel, words in ((left, "order 1"), (right, "order 2")):
        panel.set_title(words, loc="left", color=style.MUTED)
    _first(left, tree, array, one, log, cmap, wide=False)
    _second(right, tree, array, two, log, cmap)


def _first(ax: Axes, tree: Paths, array: xr.DataArray, label: str, log: bool, cmap: str | None, wide: bool = True) -> None:
    scales, scale_label = scale_ruler(tree.first, array)
    if not tree.first.directional:
        _line(ax, scales, tree, log)
        ax.set(xlabel=scale_label, ylabel=label)
        return
    octaves, columns = np.unique(tree.first.j, return_inverse=True)
    angles, rows = np.unique(np.round(tree.first.theta, 6), return_inverse=True)
    cells = np.full((angles.size, octaves.size), np.nan)
    cells[rows, columns] = tree.one
    norm, default = style.color_scale(cells, log)
    image = ax.imshow(np.ma.masked_invalid(cells), origin="lower", aspect="auto", norm=norm,
                      cmap=style.colormap(cmap or default), interpolation="nearest")  # fmt: skip
    style.framed(ax)
    style.colorbar(ax, image, label, width=0.032 if wide else 0.075, pad=0.025 if wide else 0.05, above=not wide)
    names = [text.number(float(scales[tree.first.j == j].mean()), 2) for j in octaves]
    _category(ax.xaxis, names, text.fitting(names, 80 if wide else 26))
    _category(ax.yaxis, [angle_text(float(angle)) for angle in angles], text.thinned(angles.size, 12))
    ax.set(xlabel=scale_label, ylabel="angle of the wave vector")


def _line(ax: Axes, scales: Reals, tree: Paths, log: bool) -> None:
    """Draw first order of one-dimensional signals: bands have no angle."""
    order = np.argsort(scales)
    x, y, error = scales[order], tree.one[order], 2 * tree.one_se[order]
    ax.plot(x, y, "o-", color=style.LINE, markersize=4, linewidth=1.2)
    if not np.isfinite(y).any():  # all paths are of second order
        return
    if np.isfinite(error).any():
        ax.fill_between(
            x, np.where(y > 0, np.maximum(y - error, 0.02 * y), y - error), y + error, color=style.LINE, alpha=0.2, linewidth=0
        )
    ax.set_xscale("log")
    style.log_axis(ax.xaxis, x.min(), x.max(), 5)
    if log and np.nanmin(y) > 0:
        ax.set_yscale("log")
        style.log_axis(ax.yaxis, *ax.get_ylim())
    ax.grid(color="#e3e3e3")


def _second(ax: Axes, tree: Paths, array: xr.DataArray, label: str, log: bool, cmap: str | None) -> None:
    """Draw the matrix (j1, l1) by (j2, l2), octaves parted by lines."""
    norm, default = style.color_scale(tree.two, log)
    rows = np.flatnonzero(np.isfinite(tree.two).any(axis=1))
    first = tree.first.take(rows)
    image = ax.imshow(np.ma.masked_invalid(tree.two[rows]), origin="upper", aspect="auto", norm=norm,
                      cmap=style.colormap(cmap or default), interpolation="nearest")  # fmt: skip
    style.framed(ax)
    style.colorbar(ax, image, label, width=0.06, pad=0.04, above=True)
    for axis, bands, level, line in ((ax.yaxis, first, "1", ax.axhline), (ax.xaxis, tree.second, "2", ax.axvline)):
        scales, scale_label = scale_ruler(bands, array, level)
        _groups(axis, bands, scales, 33 if level == "2" else None)
        for edge in np.flatnonzero(np.diff(bands.j)):
            line(edge + 0.5, color="white", linewidth=1.0)
        inner = ", angles inside" if tree.first.directional else ""
        axis.set_label_text(f"{'first' if level == '1' else 'second'} {scale_label}{inner}")


def _groups(axis: Axis, bands: Bands, scales: Reals, characters: int | None) -> None:
    """Label every octave once, in the middle of its bands; side by side only as many as fit."""
    octaves = np.unique(bands.j)
    names = [text.number(float(np.exp(np.log(scales[bands.j == j]).mean())), 2) for j in octaves]
    kept = text.thinned(len(names), 14) if characters is None else text.fitting(names, characters)
    middles = [float(np.flatnonzero(bands.j == octaves[i]).mean()) for i in kept]
    axis.set_ticks(middles, labels=[names[i] for i in kept])
    axis.set_tick_params(length=0)


def _category(axis: Axis, names: Sequence[str], kept: Sequence[int]) -> None:
    axis.set_ticks(list(kept), labels=[names[i] for i in kept])
    axis.set_tick_params(length=0)
