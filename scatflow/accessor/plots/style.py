"""How pictures look: one set of sizes and colors, applied inside a context and never globally."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scatflow.accessor.plots import text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap, Normalize

#: Readable at 1200 pixels: figures are 8 inches wide and 150 dots per inch.
RC: dict[Any, Any] = {
    "font.size": 11.0,
    "axes.titlesize": 11.0,
    "axes.labelsize": 11.0,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#4a4a4a",
    "axes.labelcolor": "#262626",
    "text.color": "#262626",
    "xtick.color": "#4a4a4a",
    "ytick.color": "#4a4a4a",
    "xtick.labelcolor": "#262626",
    "ytick.labelcolor": "#262626",
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.7,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "image.interpolation": "auto",
    "pdf.fonttype": 42,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
}
LINE, FIT, MUTED = "#1f5a94", "#c8502d", "#6f6f6f"
#: Cells for which there is no path, and samples without a value.
ABSENT = "#ececec"
SPIN_COLORS = ("#1d3d63", "#f0c987")


def decorate(ax: Axes, title: str, note: str = "") -> None:
    """Write the title flush left, and under it, smaller, what was selected."""
    ax.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=9 + 15 * note.count("\n") + (15 if note else 0))
    if note:
        ax.annotate(
            note, (0, 1), (0, 7), xycoords="axes fraction", textcoords="offset points", fontsize=9.5, color=MUTED,
            ha="left", va="bottom", annotation_clip=False,
        )  # fmt: skip


def panels(ax: Axes, boxes: Sequence[tuple[float, float, float, float]]) -> list[Axes]:
    """Turn ``ax`` into a frame with several panels inside, so that one Axes is given and one is returned."""
    ax.set_axis_off()
    inside = [ax.inset_axes(box) for box in boxes]
    for panel in inside:
        panel.set_anchor("N")  # panels of equal aspect hang below the title
    return inside


def framed(ax: Axes) -> None:
    """Draw all four spines, as around an image."""
    for spine in ax.spines.values():
        spine.set_visible(True)


def colormap(name: str) -> Colormap:
    """Return a copy of a colormap that shows absent values in light gray."""
    import matplotlib

    return matplotlib.colormaps[name].with_extremes(bad=ABSENT)


def color_scale(values: npt.NDArray[Any], log: bool | None = None, robust: float = 0.0) -> tuple[Normalize, str]:
    """Return normalization and colormap that suit values: diverging about 0, sequential, logarithmic.

    Parameters
    ----------
    values : ndarray
        What will be drawn; NaN is left out.
    log : bool, optional
        Logarithmic colors; default no.
    robust : float
        Share of the values at either end that may saturate.
    """
    from matplotlib.colors import LogNorm, Normalize

    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Normalize(0.0, 1.0), "viridis"
    low, high = (float(x) for x in np.quantile(finite, [robust, 1.0 - robust]))
    if log and (finite > 0).any() and not (finite < 0).any():
        low = max(low, float(finite[finite > 0].min()))
        return LogNorm(low, high if high > low else 10 * low), "viridis"
    if finite.min() < 0 < finite.max():
        limit = max(abs(low), abs(high)) or 1.0
        return Normalize(-limit, limit), "RdBu_r"
    if finite.min() >= 0:
        # Saturating the low end of what starts near zero would hide nothing and puzzle everyone.
        low = 0.0 if finite.min() < 0.05 * high else float(finite.min())
    if low == high:
        low, high = (0.0, high) if high > 0 else (low, 0.0) if low < 0 else (0.0, 1.0)
    return Normalize(low, high), "viridis" if high > 0 else "viridis_r"


def colorbar(
    ax: Axes, mappable: Any, label: str, extend: str = "neither", width: float = 0.032, pad: float = 0.025, above: bool = False
) -> Any:
    """Draw a color bar as tall as its axes, whatever their aspect, with round ticks on logarithmic scales.

    The label stands along the bar, or above it where there is no room.
    """
    from matplotlib.colors import LogNorm

    place = ax.inset_axes((1 + pad, 0.0, width, 1.0))
    framed(place)
    bar = ax.figure.colorbar(mappable, cax=place, label="" if above else label, extend=extend, extendfrac=0.03)
    if above:
        place.set_title(label, loc="right", fontsize=10, pad=4)
    bar.outline.set_linewidth(0.6)
    if isinstance(mappable.norm, LogNorm):
        ticks = text.one_two_five(float(mappable.norm.vmin or 1.0), float(mappable.norm.vmax or 1.0))
        bar.set_ticks(ticks, labels=[text.number(tick) for tick in ticks])
        bar.ax.minorticks_off()
    return bar


def extension(values: npt.NDArray[Any], norm: Normalize) -> str:
    """Return which ends of the color bar need an arrow because values lie beyond."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    span = 1e-9 * (high - low)
    below, above = low < float(norm.vmin or 0.0) - span, high > float(norm.vmax or 0.0) + span
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")


def log_axis(axis: Axis, low: float, high: float, most: int = 8) -> None:
    """Give a logarithmic axis round ticks with plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator(text.one_two_five(low, high, most)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text.number(value)))
    axis.set_minor_locator(NullLocator())


def date_axis(axis: Axis) -> None:
    """Give an axis in days ticks at round dates."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator: Any = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
