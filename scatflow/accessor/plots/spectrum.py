"""S1 and S2/S1 against scale on logarithmic axes, with bands and slopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import style, text
from scatflow.accessor.plots.paths import Paths, check, paths, scale_ruler
from scatflow.accessor.plots.subject import Subject
from scatflow.errors import DimensionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """A straight line in logarithms: exponent, its standard error (NaN without residuals), value at 1."""

    exponent: float
    error: float
    intercept: float

    def __call__(self, x: Reals) -> Reals:
        return np.asarray(np.exp(self.intercept) * x**self.exponent)

    def __str__(self) -> str:
        return f"slope {text.numbers(self.exponent, self.error)}"


def slope(x: Reals, y: Reals, se: Reals | None = None) -> Slope | None:
    """Fit a power law by least squares in logarithms, weighted by relative errors where all are known.

    The error of the exponent comes from the scatter about the line, not from ``se``: neighboring scales are correlated.
    None for fewer than two usable points.
    """
    usable = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    if usable.sum() < 2:
        return None
    u, v = np.log(x[usable]), np.log(y[usable])
    weights = np.ones_like(u)
    if se is not None and np.all(np.isfinite(se[usable]) & (se[usable] > 0)):
        weights = (y[usable] / se[usable]) ** 2
    center = float(np.average(u, weights=weights))
    spread = float(np.sum(weights * (u - center) ** 2))
    if spread == 0:
        return None
    exponent = float(np.sum(weights * (u - center) * v) / spread)
    intercept = float(np.average(v, weights=weights) - exponent * center)
    residual = v - intercept - exponent * u
    error = float(np.sqrt(np.sum(weights * residual**2) / (u.size - 2) / spread)) if u.size > 2 else np.nan
    return Slope(exponent, error, intercept)


def dims_of(array: xr.DataArray, dims: Sequence[str] | None) -> tuple[str, ...]:
    """Return the dim of the paths."""
    check(array)
    return ("path",)


def draw(subject: Subject, ax: Axes, dims: tuple[str, ...], *, fit: tuple[float, float] | None = None) -> None:
    """Draw S1 and, where there are second orders, S2/S1, both averaged over angles, or over both signs of frequency.

    Parameters
    ----------
    subject : Subject
        Values on ``path``.
    ax : Axes
        Becomes a frame with one or two panels inside.
    dims : tuple of str
        ``("path",)``.
    fit : (float, float), optional
        Range of scales for the slope of S1; default all.

    Notes
    -----
    Bands are ± 2 standard errors. Angles are averaged as if their errors were fully correlated and a ratio's as if
    its parts were independent, so the bands are rather too wide than too narrow.
    """
    subject = subject.modulus().finite()
    tree = paths(subject.array, subject.se)
    if not np.isfinite(tree.one).any():
        raise DimensionError("plot", "there is no first order to draw against scale", remedy='Use kind="coefficients".',
                             code="CoordinateMissing")  # fmt: skip
    style.decorate(ax, text.title_of(subject.array), subject.noted(_said(subject, tree)).note)
    if not any(np.isfinite(_ratio(tree, rows)[0]).any() for _, rows in _octaves(tree)):
        (single,) = style.panels(ax, [(0.0, 0.0, 1.0, 1.0)])
        _first(single, tree, subject.array, fit)
        return
    left, right = style.panels(ax, [(0.0, 0.0, 0.39, 1.0), (0.51, 0.0, 0.33, 1.0)])
    _first(left, tree, subject.array, fit)
    _second(right, tree, subject.array)


def _said(subject: Subject, tree: Paths) -> str:
    parts = ["mean over angles" if tree.first.directional else ""]
    two_sided = "xi1" in subject.array.coords and bool(
        (subject.array.coords["xi1"] < 0).any() & (subject.array.coords["xi1"] > 0).any()
    )
    parts.append("mean over both signs of frequency" if two_sided else "")
    parts.append("bands ± 2 standard errors" if subject.se is not None else "")
    parts.append("zeros left out" if bool((tree.one == 0).any() or (tree.two == 0).any()) else "")
    return text.listed(parts)


def _first(ax: Axes, tree: Paths, array: xr.DataArray, fit: tuple[float, float] | None) -> None:
    scales, label = scale_ruler(tree.first, array)
    x, y, se = _by_scale(scales, tree.one, tree.one_se)
    _points(ax, x, y, se, style.LINE, None)
    inside = np.ones(x.shape, dtype=bool) if fit is None else (x >= fit[0]) & (x <= fit[1])
    found = slope(x[inside], y[inside], se[inside])
    if found is not None:
        ax.plot(x[inside], found(x[inside]), "--", color=style.FIT, linewidth=1.3, label=str(found))
        ax.legend(loc="best", handlelength=1.8)
    _axes(ax, x, label, text.order_labels(array)[0])


def _second(ax: Axes, tree: Paths, array: xr.DataArray) -> None:
    """Draw one line per first octave against the second scale."""
    from matplotlib import colormaps

    scales, label = scale_ruler(tree.second, array, "2")
    firsts, first_label = scale_ruler(tree.first, array)
    octaves = _octaves(tree)
    every: list[Reals] = []
    for number, (_, rows) in enumerate(octaves):
        ratio, error = _ratio(tree, rows)
        x, y, se = _by_scale(scales, ratio, error)
        color = colormaps["viridis"](0.05 + 0.8 * number / max(1, len(octaves) - 1))
        middle = float(np.exp(np.log(firsts[rows]).mean()))
        _points(ax, x, y, se, color, text.number(middle))
        every.append(x)
    # Beside the panel: inside it would hide points of one ensemble or another.
    title = f"first {first_label}".replace(" [", "\n[")
    ax.legend(title=title, loc="upper left", bbox_to_anchor=(1.02, 1.0), handlelength=1.5, borderaxespad=0.0, alignment="left")
    _axes(ax, np.concatenate(every), f"second {label}", text.order_labels(array)[1] if tree.normalized else "S₂ / S₁")


def _octaves(tree: Paths) -> list[tuple[int, npt.NDArray[np.bool_]]]:
    """Return first octaves that have a second order, with their bands."""
    found = [(int(j), tree.first.j == j) for j in np.unique(tree.first.j)]
    return [(j, rows) for j, rows in found if np.isfinite(tree.two[rows]).any()]


def _ratio(tree: Paths, rows: npt.NDArray[np.bool_]) -> tuple[Reals, Reals]:
    """Return S2/S1 per second band, both averaged over the first octave's bands, with its standard error."""
    one, two = _mean(tree.one[rows]), _column_means(tree.two[rows])
    one_se, two_se = _mean(tree.one_se[rows]), _column_means(tree.two_se[rows])
    if tree.normalized:
        return two, two_se
    ratio = two / one if one != 0 else np.full_like(two, np.nan)
    return ratio, np.hypot(two_se, ratio * one_se) / (abs(one) if one != 0 else np.nan)


def _mean(values: Reals) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else np.nan


def _column_means(values: Reals) -> Reals:
    return np.array([_mean(column) for column in values.T])


def _by_scale(scales: Reals, values: Reals, se: Reals) -> tuple[Reals, Reals, Reals]:
    """Return the mean over bands of equal scale, increasing in scale; scales without values are left out."""
    keys = np.round(np.log(scales), 6)
    kept = [key for key in np.unique(keys) if np.isfinite(values[keys == key]).any()]
    groups = [keys == key for key in kept]
    x = np.array([float(scales[group].mean()) for group in groups])
    return x, np.array([_mean(values[group]) for group in groups]), np.array([_mean(se[group]) for group in groups])


def _points(ax: Axes, x: Reals, y: Reals, se: Reals, color: Any, label: str | None) -> None:
    ax.plot(x, y, "o-", color=color, markersize=4.5 if x.size <= 16 else 2.5, linewidth=1.2, label=label)
    if not np.isfinite(se).any():
        return
    # A lower limit below zero has no place on a logarithmic axis.
    low = np.where(y > 0, np.maximum(y - 2 * se, 0.02 * y), y - 2 * se)
    if x.size == 1:
        ax.errorbar(x, y, yerr=[y - low, 2 * se], color=color, alpha=0.5, linewidth=1.2)
    else:
        ax.fill_between(x, low, y + 2 * se, color=color, alpha=0.18, linewidth=0)


def _axes(ax: Axes, x: Reals, xlabel: str, ylabel: str) -> None:
    from matplotlib.ticker import NullLocator

    ax.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    drawn = np.concatenate([np.asarray(line.get_ydata(orig=True), dtype=np.float64) for line in ax.lines])
    if (drawn > 0).any() and not (drawn < 0).any():
        ax.set_yscale("log", nonpositive="mask")
        style.log_axis(ax.yaxis, *ax.get_ylim(), most=7)
    low, high = ax.get_xlim()
    ticks = sorted({float(value) for value in np.round(x, 12)})
    if len(ticks) <= 6:
        ax.set_xticks(ticks, labels=[text.number(tick, 2) for tick in ticks])
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        style.log_axis(ax.xaxis, low, high, most=6)
    ax.grid(visible=True)
