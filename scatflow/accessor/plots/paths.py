"""Coefficients by scale and angle: the flat labels of dim ``path`` as octaves, bands and directions."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import text
from scatflow.errors import DimensionError

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Bands:
    """The first-order bands that paths refer to, finest first, then by direction.

    ``j`` and ``l`` identify a band; ``scale``, ``xi`` and ``theta`` are its labels in physical units (NaN where the
    array has none).
    """

    j: Ints
    l: Ints  # noqa: E741 - the name of the label
    scale: Reals
    xi: Reals
    theta: Reals

    def __len__(self) -> int:
        return self.j.size

    @property
    def directional(self) -> bool:
        """Whether bands have directions."""
        return bool(np.isfinite(self.theta).any())

    def ordered(self) -> Bands:
        """Return the bands by octave, then direction, then voice."""
        return self.take(np.lexsort((self.l, np.nan_to_num(self.theta), self.j)))

    def take(self, index: npt.NDArray[Any]) -> Bands:
        """Return some of the bands, by mask or by position."""
        return Bands(self.j[index], self.l[index], self.scale[index], self.xi[index], self.theta[index])

    def row(self, j: Ints, l: Ints) -> Ints:  # noqa: E741
        """Return the number of the bands (j, l); -1 for those that are not there."""
        known = {pair: number for number, pair in enumerate(zip(self.j.tolist(), self.l.tolist(), strict=True))}
        return np.array([known.get(pair, -1) for pair in zip(j.tolist(), l.tolist(), strict=True)], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Paths:
    """Values on ``path`` arranged by order.

    Attributes
    ----------
    first : Bands
        Bands of the first order.
    second : Bands
        Bands of the second order; the same as ``first`` where the array has only first orders.
    one : ndarray, shape (len(first),)
        First-order values, NaN where there is none.
    two : ndarray, shape (len(first), len(second))
        Second-order values, NaN where there is no such path.
    normalized : bool
        Whether values are quotients already (attribute ``normalization``), those of order two by their first order.
    """

    first: Bands
    second: Bands
    one: Reals
    two: Reals
    one_se: Reals
    two_se: Reals
    normalized: bool = False

    @property
    def has_second(self) -> bool:
        """Whether there is any second-order value."""
        return bool(np.isfinite(self.two).any())


def paths(array: xr.DataArray, se: xr.DataArray | None = None) -> Paths:
    """Arrange an array whose only dim is ``path``.

    Raises
    ------
    DimensionError
        The array has no labelled dim ``path``, or only the low-pass on it.
    """
    check(array)
    values = np.asarray(array.values, dtype=np.float64)
    errors = np.full_like(values, np.nan) if se is None else np.asarray(se.values, dtype=np.float64)
    order, j1, l1 = (_ints(array, name) for name in ("order", "j1", "l1"))
    j2, l2 = _ints(array, "j2"), _ints(array, "l2")
    if not has_bands(array):
        raise DimensionError("plot", "no path has a wavelet", got=f"order {sorted(set(order.tolist()))}",
                             remedy='Use kind="field" or kind="series" for the low-pass.', code="CoordinateMissing")  # fmt: skip
    first = _bands(array, (order >= 1) & (j1 >= 0), "1")
    deep = (order == 2) & (j2 >= 0)
    second = _second_bands(array, deep, first)
    is_one = (order == 1) & (j1 >= 0)
    one, two = np.full(len(first), np.nan), np.full((len(first), len(second)), np.nan)
    one_se, two_se = one.copy(), two.copy()
    row = first.row(j1[is_one], l1[is_one])
    one[row], one_se[row] = values[is_one], errors[is_one]
    where = (first.row(j1[deep], l1[deep]), second.row(j2[deep], l2[deep]))
    two[where], two_se[where] = values[deep], errors[deep]
    return Paths(first, second, one, two, one_se, two_se, "normalization" in array.attrs)


def check(array: xr.DataArray) -> None:
    """Refuse arrays without labelled paths."""
    missing = [name for name in ("order", "j1", "l1") if name not in array.coords]
    if "path" not in array.dims or missing:
        got: tuple[Hashable, ...] = tuple(array.dims) if "path" not in array.dims else tuple(array.coords)
        raise DimensionError("plot", "the picture needs scattering coefficients: dim path with coordinates order, j1, l1",
                             got=got, remedy='Use kind="field" or kind="series" for other arrays.', code="DimensionMissing")  # fmt: skip


def has_bands(array: xr.DataArray | xr.Dataset) -> bool:
    """Return whether any path has a wavelet."""
    labelled = "path" in array.dims and {"order", "j1", "l1"} <= set(array.coords)
    return labelled and bool(((array.coords["order"].values >= 1) & (array.coords["j1"].values >= 0)).any())


def first_band(array: xr.DataArray) -> int:
    """Return the position of the first path that has a wavelet; 0 where there are no labels."""
    order = np.asarray(array.coords["order"].values) if "order" in array.coords else np.zeros(1)
    return int(np.argmax(order > 0))


def scale_ruler(bands: Bands, array: xr.DataArray, level: str = "1") -> tuple[Reals, str]:
    """Return the scales of bands with their axis label; octaves where the array has no scales."""
    if np.isfinite(bands.scale).all():
        coord = array.coords.get(f"scale{level}", array.coords.get("scale1"))
        return bands.scale, text.labelled("scale", None if coord is None else coord.attrs.get("units"))
    return np.exp2(bands.j.astype(np.float64)), "scale [2ʲ samples]"


def angle_text(degrees: float) -> str:
    """Return a direction in degrees."""
    return f"{text.number(round(degrees, 1), 4)}°"


def _ints(array: xr.DataArray, name: str) -> Ints:
    if name not in array.coords:
        return np.full(array.sizes["path"], -1, dtype=np.int64)
    return np.asarray(array.coords[name].values, dtype=np.int64)


def _floats(array: xr.DataArray, name: str) -> Reals:
    if name not in array.coords:
        return np.full(array.sizes["path"], np.nan)
    return np.asarray(array.coords[name].values, dtype=np.float64)


def _bands(array: xr.DataArray, used: npt.NDArray[np.bool_], level: str) -> Bands:
    """Return the distinct bands of one level, sorted by octave, then direction or voice."""
    j, l = _ints(array, f"j{level}")[used], _ints(array, f"l{level}")[used]  # noqa: E741
    _, index = np.unique(np.stack([j, l], axis=1), axis=0, return_index=True)
    scale, xi, theta = (_floats(array, f"{name}{level}")[used][index] for name in ("scale", "xi", "theta"))
    scale = np.where(np.isfinite(scale), scale, 1.0 / np.where(xi > 0, xi, np.nan))
    return Bands(j[index], l[index], scale, xi, theta).ordered()


def _second_bands(array: xr.DataArray, deep: npt.NDArray[np.bool_], first: Bands) -> Bands:
    """Return second-order bands; labels the array lacks are those of the first-order band with the same (j, l)."""
    if not deep.any():
        return first
    bands = _bands(array, deep, "2")
    same = first.row(bands.j, bands.l)
    known = same >= 0

    def filled(own: Reals, other: Reals) -> Reals:
        return np.where(np.isfinite(own) | ~known, own, other[same])

    scale, xi, theta = (filled(getattr(bands, key), getattr(first, key)) for key in ("scale", "xi", "theta"))
    return Bands(bands.j, bands.l, scale, xi, theta).ordered()
