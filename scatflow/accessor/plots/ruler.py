"""Axes in physical units: what a dim's samples are called, where they lie, where their cells end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import text

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ruler:
    """One dim ready to be drawn; dates are days as matplotlib counts them."""

    values: Reals
    label: str
    unit: str
    dates: bool = False

    @property
    def uniform(self) -> bool:
        """Whether the samples are evenly spaced, to a thousandth of a step."""
        steps = np.diff(self.values)
        return steps.size == 0 or bool(np.abs(steps - steps.mean()).max() <= 1e-3 * abs(steps.mean()))

    def edges(self, log: bool = False) -> Reals:
        """Return the limits of the cells around the samples: one more value, halfway between neighbors."""
        return edges(self.values, log)


def edges(values: Reals, log: bool = False) -> Reals:
    """Return cell limits halfway between values, on a logarithmic axis if ``log``.

    Examples
    --------
    >>> edges(np.array([1.0, 2.0, 4.0])).tolist()
    [0.5, 1.5, 3.0, 5.0]
    """
    centers = np.log(values) if log else np.asarray(values, dtype=np.float64)
    if centers.size == 1:
        half = 0.5 * np.log(2.0) if log else 0.5
        limits = np.array([centers[0] - half, centers[0] + half])
    else:
        middle = 0.5 * (centers[1:] + centers[:-1])
        limits = np.concatenate(([2 * centers[0] - middle[0]], middle, [2 * centers[-1] - middle[-1]]))
    return np.asarray(np.exp(limits) if log else limits)


def ruler(array: xr.DataArray, dim: str) -> Ruler:
    """Return the ruler of ``dim``: coordinate values with unit, dates, or sample numbers when there is neither."""
    size = array.sizes[dim]
    if dim not in array.coords:
        return Ruler(np.arange(size, dtype=np.float64), f"{_words(dim)} [sample]", "sample")
    coord = array.coords[dim]
    words = str(coord.attrs.get("long_name") or _words(dim))
    kind = coord.dtype.kind
    if kind == "M":
        from matplotlib.dates import date2num

        days = date2num(coord.values)  # type: ignore[no-untyped-call]
        return Ruler(np.asarray(days, dtype=np.float64), words, "", dates=True)
    if kind == "m":
        return Ruler(coord.values / np.timedelta64(1, "s"), f"{words} [s]", "s")
    if kind not in "iuf":
        return Ruler(np.arange(size, dtype=np.float64), f"{words} [sample]", "sample")
    unit = str(coord.attrs.get("units", ""))
    return Ruler(coord.values.astype(np.float64), text.labelled(words, unit), unit)


def _words(dim: str) -> str:
    return dim.replace("_", " ")
