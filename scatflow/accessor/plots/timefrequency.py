"""One-dimensional transforms over time and scale: scalogram and scattergram, with their cones of influence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import cone, style, text
from scatflow.accessor.plots.paths import check
from scatflow.accessor.plots.ruler import Ruler, edges, ruler
from scatflow.accessor.plots.subject import Subject, drawable
from scatflow.errors import DimensionError, ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Reals = npt.NDArray[np.float64]
#: Dynamic range of logarithmic colors in decades: the floor of a picture is not its rounding errors.
_DECADES = 4.0
#: Share of samples at either end that saturate on linear scales: one burst would else leave the rest in the dark.
_ROBUST = 2e-3
#: Longest time axis that is drawn sample by sample; beyond it every n-th is taken, and the title says so.
_MOST = 4096


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return (path, time)."""
    check(array)
    wanted = None if dims is None else [dims] if isinstance(dims, str) else [dim for dim in dims if dim != "path"]
    return ("path", *drawable(array, 1, wanted))


def scalogram(subject: Subject, ax: Axes, dims: tuple[str, ...], *, log: bool = False, cmap: str | None = None) -> None:
    """Draw the modulus of a wavelet transform, frequency on a logarithmic axis.

    A veil behind a dashed line marks the cone of influence, where wavelets reach beyond the data by more than their
    e-folding time; see :func:`scatflow.accessor.plots.cone.of_wavelets`. Of complex data, whose bands have positive and
    negative frequencies, the positive ones are drawn; where only negative ones are given, those.

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
    given = subject.array
    subject = _thinned(_first_order(_one_side(subject), "xi1"), dims[1]).modulus().finite()
    array = subject.array.transpose(*dims)
    distance = cone.of_wavelets(array, dims[1], _step(given, dims[1]))
    _rows(ax, array, "xi1", "frequency", distance, text.value_label(array), log, cmap)
    style.decorate(ax, text.title_of(array), subject.noted(_said(distance)).note)


def scattergram(
    subject: Subject, ax: Axes, dims: tuple[str, ...], *, j1: int | None = None, log: bool = True, cmap: str | None = None
) -> None:
    """Draw scattering against time: first order by scale, and below it second order of one first octave by second scale.

    Small scales are on top, as in a scalogram. Behind the dashed lines more than 8 % of the averaging window's weight lie
    beyond the data; see :func:`scatflow.accessor.plots.cone.of_averages`.

    Parameters
    ----------
    subject : Subject
        (path, time).
    ax : Axes
        Becomes a frame with one or two panels inside.
    dims : tuple of str
        ("path", time).
    j1 : int, optional
        First octave of the second order, averaged over its voices; default the finest that has any.
    log : bool
        Logarithmic colors.
    cmap : str, optional
        Colormap.
    """
    subject = _thinned(_one_side(subject), dims[1]).modulus()
    first, second = _first_order(subject, "scale1").finite(), _second_order(subject, j1)
    array = first.array.transpose(*dims)
    distance = cone.of_averages(array, dims[1])
    one, two = text.order_labels(array)
    style.decorate(ax, text.title_of(array), first.noted(_said(distance)).note)
    if second is None:
        (single,) = style.panels(ax, [(0.0, 0.0, 1.0, 1.0)])
        _rows(single, array, "scale1", "scale", distance, one, log, cmap)
        return
    upper, lower = style.panels(ax, [(0.0, 0.53, 1.0, 0.41), (0.0, 0.0, 1.0, 0.41)])
    _rows(upper, array, "scale1", "scale", distance, one, log, cmap)
    below, words = second[0].transpose(*dims), second[1]
    _rows(lower, below, "scale2", "second scale", cone.of_averages(below, dims[1]), two, log, cmap)
    upper.set_title("order 1", loc="left", color=style.MUTED)
    lower.set_title(words, loc="left", color=style.MUTED)
    upper.set_xlabel("")
    upper.tick_params(labelbottom=False)
    upper.xaxis.offsetText.set_visible(False)


def _rows(
    ax: Axes, array: xr.DataArray, level: str, words: str, distance: Reals | None, label: str, log: bool, cmap: str | None
) -> None:
    """Draw one row per path at its frequency or scale, and what lies within a distance of 1 from the ends veiled."""
    along = ruler(array, str(array.dims[1]))
    heights = np.asarray(array.coords[level].values, dtype=np.float64)
    values = np.asarray(array.values, dtype=np.float64)
    norm, default = style.color_scale(values, log, 0.0 if log else _ROBUST)
    if log and norm.vmax is not None and norm.vmin is not None and norm.vmin > 0:
        norm.vmin = max(norm.vmin, norm.vmax * 10**-_DECADES)
    x, y = along.edges(), edges(heights, log=True)
    mesh = ax.pcolormesh(x, y, np.ma.masked_invalid(values), norm=norm,
                         cmap=style.colormap(cmap or ("magma" if default == "viridis" else default)), rasterized=True)  # fmt: skip
    if distance is not None:
        _veil(ax, along, x, y, heights, distance)
    # Frequencies grow upwards and scales downwards, so that both pictures have rapid changes on top.
    low, high = float(y.min()), float(y.max())
    ax.set(yscale="log", ylim=(low, high) if level.startswith("xi") else (high, low), xlim=(x.min(), x.max()), xlabel=along.label)
    style.log_axis(ax.yaxis, low, high, 8 if level == "xi1" else 6)
    if along.dates:
        style.date_axis(ax.xaxis)
    ax.set_ylabel(text.labelled(words, array.coords[level].attrs.get("units")))
    style.framed(ax)
    style.colorbar(ax, mesh, label, style.extension(values, norm))


def _veil(ax: Axes, along: Ruler, x: Reals, y: Reals, heights: Reals, distance: Reals) -> None:
    from matplotlib.colors import ListedColormap

    inside = distance < 1
    if not inside.any():
        return
    ax.pcolormesh(x, y, np.ma.masked_array(np.ones(inside.shape), ~inside), cmap=ListedColormap(["white"]), alpha=0.3,
                  linewidth=0, rasterized=True)  # fmt: skip
    # The line runs through the centers of the cells; to reach the frame it needs the outer limits as well.
    padded = np.pad(distance, 1, mode="edge")
    ax.contour(np.concatenate((x[:1], along.values, x[-1:])), np.concatenate((y[:1], heights, y[-1:])), padded, levels=[1.0],
               colors="white", linestyles="dashed", linewidths=1.2)  # fmt: skip


def _said(distance: Reals | None) -> str:
    return "dashed: cone of influence" if distance is not None and bool((distance < 1).any()) else ""


def _step(array: xr.DataArray, dim: str) -> int:
    return -(-array.sizes[dim] // _MOST)


def _thinned(subject: Subject, dim: str) -> Subject:
    step = _step(subject.array, dim)
    if step == 1:
        return subject
    return replace(subject, array=subject.array.isel({dim: slice(None, None, step)})).noted(f"1 of {step} samples along {dim}")


def _one_side(subject: Subject) -> Subject:
    """Keep frequencies above 0 where complex data have bands on both sides, and say so; those below alone are drawn by size."""
    array = subject.array
    if "xi1" not in array.coords or not bool((array.coords["xi1"] < 0).any()):
        return subject
    xi = array.coords["xi1"]
    if bool((xi > 0).any()):
        kept = np.flatnonzero(~(xi.values < 0))
        return replace(subject, array=array.isel(path=kept), se=None).noted("frequencies above 0; select xi1 < 0 for the others")
    return replace(subject, array=array.assign_coords(xi1=abs(xi))).noted("frequencies below 0, by size")


def _first_order(subject: Subject, level: str) -> Subject:
    """Keep first-order paths, lowest frequency first."""
    array = subject.array
    if level not in array.coords:
        raise DimensionError("plot", f"the picture needs frequencies and scales: coordinate {level} on path",
                             got=tuple(array.coords), code="CoordinateMissing")  # fmt: skip
    scale = np.asarray(array.coords[level].values, dtype=np.float64)
    kept = np.flatnonzero((np.asarray(array.coords["order"].values) == 1) & (scale > 0))
    if kept.size == 0:
        raise DimensionError("plot", "there is no first-order path with a frequency", code="CoordinateMissing")
    theta = np.asarray(array.coords["theta1"].values)[kept] if "theta1" in array.coords else np.zeros(1)
    if np.unique(theta[np.isfinite(theta)]).size > 1:
        raise DimensionError("plot", "bands have directions, so frequency alone does not order them",
                             remedy='Use kind="coefficients" or kind="disc".', code="DimensionCount")  # fmt: skip
    return replace(subject, array=array.isel(path=kept[np.argsort(scale[kept])]), se=None)


def _second_order(subject: Subject, j1: int | None) -> tuple[xr.DataArray, str] | None:
    """Return second order of one first octave by second scale, means over voices, and what it is; None where there is none."""
    array = subject.array
    deep = (
        (np.asarray(array.coords["order"].values) == 2) & np.isfinite(array.coords["scale2"].values)
        if "scale2" in array.coords
        else ()
    )
    octaves = np.asarray(array.coords["j1"].values)
    known = sorted({int(j) for j in octaves[deep]}) if np.any(deep) else []
    if j1 is not None and j1 not in known:
        raise ParameterError("plot.j1", "no second-order path begins in this octave", expected=f"one of {known}", got=j1)
    if not known:
        return None
    chosen = (
        replace(subject, array=array.isel(path=np.flatnonzero(deep & (octaves == (known[0] if j1 is None else j1))))).loaded().array
    )
    scales = np.asarray(chosen.coords["scale2"].values, dtype=np.float64)
    _, group = np.unique(np.round(np.log(scales), 9), return_inverse=True)
    members = [np.flatnonzero(group == number) for number in range(group.max() + 1)]
    rows = xr.concat([chosen.isel(path=own).mean("path", keep_attrs=True) for own in members], "path")
    of = np.asarray(chosen.coords["scale1"].values, dtype=np.float64)
    span = " – ".join(dict.fromkeys(text.number(float(limit)) for limit in (of.min(), of.max())))
    words = f"order 2, first scale {span} {text.unit(chosen.coords['scale1'].attrs.get('units'))}".rstrip()
    return rows.assign_coords(scale2=("path", scales[[own[0] for own in members]], chosen.coords["scale2"].attrs)), words
