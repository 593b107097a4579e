"""Two results on one picture: both against scale with bands, and z by scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.draw import library
from scatflow.accessor.plots.subject import Subject
from scatflow.errors import ParameterError, near

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Reals = npt.NDArray[np.float64]

#: What a comparison holds, by which it is recognized.
_VARIABLES = frozenset({"mean_a", "mean_b", "se_a", "se_b", "z"})
_SIZE = (8.0, 6.4)


def is_comparison(data: Any) -> bool:
    """Tell whether a Dataset is the outcome of ``compare``."""
    return isinstance(data, xr.Dataset) and set(map(str, data.data_vars)) >= _VARIABLES


def plot(data: xr.Dataset, ax: Axes | None = None, *, names: tuple[str, str] = ("a", "b"), log: bool = True, **chosen: Any) -> Axes:
    """Draw both means with bands of two standard errors above, z below; by the scale of the last wavelet where there is one.

    Parameters
    ----------
    data : Dataset
        From ``compare``.
    ax : Axes, optional
        Becomes a frame with two panels; default a new figure.
    names : tuple of str
        What the two are called.
    log : bool
        Logarithmic values, where all are positive.
    **chosen
        For every dim but the last the item to draw, as position or label; default the first.

    Raises
    ------
    ParameterError
        An option is neither of these nor a dim.
    """
    matplotlib = library()
    dims = [str(dim) for dim in data["z"].dims]
    for name in chosen:
        if name not in dims[:-1]:
            raise ParameterError(f"plot.{name}", "neither an option of comparisons nor a dim", expected=["names", "log", *dims[:-1]],
                                 remedy=near(name, ["names", "log", *dims[:-1]]))  # fmt: skip
    picked = {str(name): Subject(array).pick(dims[-1:], chosen) for name, array in data.data_vars.items()}
    with matplotlib.rc_context(style.RC):
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=_SIZE, layout="constrained")
        interactive = matplotlib.is_interactive()
        _draw(ax, {name: np.atleast_1d(subject.array.values) for name, subject in picked.items()}, picked["z"], data, names, log)
    matplotlib.interactive(interactive)
    return ax


def save(data: xr.Dataset, path: str | Path, **options: Any) -> Path:
    """Draw into a file, PNG, PDF or SVG by its suffix; options as for :func:`plot`."""
    matplotlib = library()
    from matplotlib.figure import Figure

    with matplotlib.rc_context(style.RC):
        drawn: Figure = Figure(figsize=_SIZE, layout="constrained")
        plot(data, drawn.subplots(), **options)
        drawn.savefig(path)
    return Path(path)


def _draw(ax: Axes, values: dict[str, Reals], z: Subject, data: xr.Dataset, names: tuple[str, str], log: bool) -> None:
    scale, label, order = _ruler(z.array)
    title, p = str(data.attrs.get("long_name") or "comparison"), float(data.attrs.get("global_p", np.nan))
    note = z.noted(f"bars ± 2 standard errors, p of all together {text.number(p, 2)}").note
    style.decorate(ax, title[:1].upper() + title[1:], note)
    upper, lower = style.panels(ax, [(0.0, 0.46, 1.0, 0.5), (0.0, 0.0, 1.0, 0.38)])
    logarithmic = label.startswith("scale") and scale.max() > scale.min() > 0
    # The mean of the field is of another kind and size than moduli: it has its z only.
    waves = order != 0 if (order != 0).any() else order == 0
    beside = {side: (scale * 1.012**side if logarithmic else scale + 0.06 * side)[waves] for side in (-1, 1)}
    _means(upper, beside, {key: value[waves] for key, value in values.items()}, names, log)
    upper.set_ylabel(text.value_label(data["mean_a"].assign_attrs(long_name="mean")))
    _scores(lower, scale, values["z"], order)
    lower.set(xlabel=label, ylabel="z")
    for panel in (upper, lower):
        panel.grid(color="#e3e3e3")
        if logarithmic:
            panel.set_xscale("log")
            style.log_axis(panel.xaxis, float(scale.min()), float(scale.max()))
    upper.tick_params(labelbottom=False)
    upper.set_xlim(lower.get_xlim())


def _means(ax: Axes, where: dict[int, Reals], values: dict[str, Reals], names: tuple[str, str], log: bool) -> None:
    """Draw both means side by side."""
    for key, name, color, side in (("a", names[0], style.LINE, -1), ("b", names[1], style.FIT, 1)):
        ax.errorbar(where[side], values[f"mean_{key}"], 2 * values[f"se_{key}"], fmt="o", color=color, markersize=3.5, linewidth=0.9,
                    label=name)  # fmt: skip
    ax.legend()
    both = np.concatenate([values["mean_a"], values["mean_b"]])
    finite = both[np.isfinite(both)]
    if log and finite.size and finite.min() > 0:
        ax.set_yscale("log")
        style.log_axis(ax.yaxis, *ax.get_ylim(), 6)


def _scores(ax: Axes, scale: Reals, z: Reals, order: npt.NDArray[np.int64]) -> None:
    """Draw z by order, with the band in which 95 % lie without a difference."""
    for level in np.unique(order):
        here = order == level
        color = style.MUTED if level == 0 else style.FIT if level > 1 else style.LINE
        ax.plot(scale[here], z[here], "o", color=color, markersize=3.5, label=f"order {level}" if level >= 0 else None)
    ax.axhspan(-2, 2, color=style.MUTED, alpha=0.12, linewidth=0)
    ax.axhline(0.0, color=style.MUTED, linewidth=0.8)
    if (order >= 0).any():
        ax.legend(ncols=3)


def _ruler(array: xr.DataArray) -> tuple[Reals, str, npt.NDArray[np.int64]]:
    """Return where coefficients stand, what that is called, and their order (-1 where there is none).

    Paths stand at the scale of their last wavelet, the mean at the largest of all.
    """
    size = array.size
    order = np.asarray(array.coords["order"].values, dtype=np.int64) if "order" in array.coords else np.full(size, -1)
    scale = np.full(size, np.nan)
    for level in range(1, int(order.max(initial=0)) + 1):
        if f"scale{level}" in array.coords:
            here = np.asarray(array.coords[f"scale{level}"].values, dtype=np.float64)
            scale = np.where(np.isfinite(here), here, scale)
    if not np.isfinite(scale).any():
        return np.arange(size, dtype=np.float64), f"position on {array.dims[-1] if array.dims else 'nothing'}", order
    units = array.coords["scale1"].attrs.get("units")
    scale = np.where(np.isfinite(scale), scale, 2 * np.nanmax(scale))
    return scale, text.labelled("scale of the last wavelet" + (", mean at the right" if (order == 0).any() else ""), units), order
