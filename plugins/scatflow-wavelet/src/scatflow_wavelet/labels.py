"""Bands in the coordinates of the data: spacing of the core axes, and labels of paths in physical units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scatflow.errors import DimensionError, ParameterError
from scatflow.labels import Sampling, axis_of, label_coord
from scatflow.spec import ArraySpec, Axis, Coord
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.icosahedron import upper
from scatflow_wavelet.layout import Band

#: How core axes compare: by coordinate, by sample, or by these relative steps in kernel order.
Metric = Literal["space", "index"] | tuple[float, ...]

#: Steps within this relative difference are one step (float32 coordinates differ by rounding).
_SAME_STEP = 1e-5


@dataclass(frozen=True)
class Spacing:
    """How the core axes are sampled, as far as isotropic filters and their labels need it.

    Attributes
    ----------
    aspect : tuple of float
        Coarsest step over each axis's own, in kernel order.
    step : float
        The coarsest step in ``unit``; 1 where samples are counted.
    unit : str
        Unit of the coordinates, UDUNITS; "" where samples are counted.
    decreasing : tuple of bool
        Which of the core coordinates decrease, in kernel order: directions turn round along them.
    """

    aspect: tuple[float, ...]
    step: float
    unit: str
    decreasing: tuple[bool, ...]


def core_names(spec: ArraySpec, dims: Sequence[str] | None, sampling: Sampling | None = None) -> tuple[str, ...]:
    """Return the core dims of an input in kernel order: they come last; all dims when none are named."""
    count = len(spec.dims) if dims is None else len(dims)
    return spec.dims[len(spec.dims) - count :]


def spacing_of(spec: ArraySpec, dims: Sequence[str], metric: Metric, sampling: Sampling | None, subject: str) -> Spacing:
    """Return how the core axes of an input are sampled (U3).

    Parameters
    ----------
    spec : ArraySpec
        The input.
    dims : sequence of str
        Its core dims in kernel order.
    metric : {"space", "index"} or tuple of float
        Filters isotropic in coordinate space, in samples, or for these relative steps.
    sampling : mapping, optional
        Axes declared to be by sample.
    subject : str
        Operator name for errors.

    Raises
    ------
    DimensionError
        The core dims have different units and the metric is ``"space"``.
    ParameterError
        The metric gives another number of steps than there are core dims, or a step that is not positive.
    """
    axes = [axis_of(spec, dim, sampling) for dim in dims]
    decreasing = tuple(axis.step < 0 for axis in axes)
    if metric == "index":
        return Spacing((1.0,) * len(axes), 1.0, "", decreasing)
    units = {axis.unit for axis in axes}
    if len(units) > 1:
        named = ", ".join(f"{axis.dim}: {axis.unit or '1'}" for axis in axes)
        raise DimensionError(
            f"{subject}.dims", "filters cannot be isotropic in dims of different units", got=named,
            remedy='Count samples with metric="index", or transform the dims one at a time.', code="UnitsDiffer",
        )  # fmt: skip
    steps = _steps(axes, metric, subject)
    coarsest = max(steps)
    aspect = tuple(1.0 if coarsest / step < 1 + _SAME_STEP else coarsest / step for step in steps)
    return Spacing(aspect, max(abs(axis.step) for axis in axes), axes[0].unit, decreasing)


def _steps(axes: Sequence[Axis], metric: Metric, subject: str) -> tuple[float, ...]:
    if isinstance(metric, str):
        return tuple(abs(axis.step) for axis in axes)
    _check_metric(metric, len(axes), subject)
    return metric


def _check_metric(metric: tuple[float, ...], ndim: int, subject: str) -> None:
    if len(metric) != ndim or min(metric) <= 0:
        raise ParameterError(f"{subject}.metric", "one positive step per core dim is needed", expected=ndim, got=metric)


def resolved_metric(spec: ArraySpec, dims: Sequence[str], metric: Metric, sampling: Sampling | None, subject: str) -> Metric:
    """Return the metric with unequal steps of the coordinates filled in; itself where steps are equal or given."""
    if metric != "space":
        return metric
    spacing = spacing_of(spec, dims, metric, sampling, subject)
    return metric if spacing.aspect == (1.0,) * len(dims) else tuple(1 / a for a in spacing.aspect)


def aspect_of(metric: Metric, ndim: int, subject: str = "operator") -> tuple[float, ...]:
    """Return coarsest step over each axis's own, for a metric that :func:`resolved_metric` has been through."""
    if isinstance(metric, str):
        return (1.0,) * ndim
    _check_metric(metric, ndim, subject)
    return tuple(1.0 if max(metric) / step < 1 + _SAME_STEP else max(metric) / step for step in metric)


def check_octaves(J: int, sizes: Sequence[int], aspect: Sequence[float], subject: str) -> None:
    """Raise ParameterError when 2^J exceeds the shortest core axis, naming the largest J that does not."""
    extent = min(n / a for n, a in zip(sizes, aspect, strict=True))
    if extent * (1 + 1e-9) < 2**J:
        largest = math.floor(math.log2(extent) + 1e-9) if extent >= 1 else 0
        raise ParameterError(
            f"{subject}.J", f"2^J = {2**J} exceeds the shortest core axis ({extent:g} samples of the coarsest spacing)",
            expected=f"J <= {largest}", got=J, remedy=f"Use J={largest} or less.", code="ScaleTooLarge",
        )  # fmt: skip


def path_coords(
    banks: Sequence[Bank], paths: Sequence[tuple[int, ...]], depth: int, spacing: Spacing, dim: str = "path"
) -> dict[str, Coord]:
    """Return the flat coordinates of paths: order, indices, and centers in the units of the coordinates (U2).

    Parameters
    ----------
    banks : sequence of Bank
        Bank of every order, first to ``depth``.
    paths : sequence of tuple of int
        Band numbers, one tuple per path; the empty one is the low-pass alone.
    depth : int
        Number of orders to label.
    spacing : Spacing
        As :func:`spacing_of` gives it.
    dim : str, optional
        Name of the dim the labels lie on.

    Returns
    -------
    dict of str to Coord
        ``order`` (int8); ``j1, l1, j2, ...`` and in one dim ``n1, n2, ...`` (int16, -1 where unused); ``xi1``,
        ``sigma1`` in cycles per coordinate unit, ``scale1 = 1 / xi1``, in two dims ``theta1`` in degrees and in three
        ``ez1, ey1, ex1``, the unit wave vector along the core dims in kernel order (float64, NaN where unused). Directions are
        those in coordinate space; over half a sphere the first component of a vector that is not zero is positive.
    """
    orders = np.array([len(path) for path in paths], dtype=np.int8)
    coords = {"order": label_coord(orders, dim, long_name="number of wavelets in the path")}
    for k in range(depth):
        bands = [banks[k].bands[path[k]] if len(path) > k else None for path in paths]
        coords |= _order_coords(bands, k + 1, spacing, banks[k], dim)
    return coords


def _order_coords(bands: Sequence[Band | None], k: int, spacing: Spacing, bank: Bank, dim: str) -> dict[str, Coord]:
    ndim = bank.ndim

    def whole(name: str, what: str) -> Coord:
        values = [-1 if band is None else getattr(band, name) for band in bands]
        return label_coord(np.array(values, dtype=np.int16), dim, long_name=f"{what} of wavelet {k}, -1 = unused")

    voice = "voice" if ndim == 1 else "orientation"
    coords = {f"j{k}": whole("j", "octave from the finest"), f"l{k}": whole("l", voice)}
    if ndim == 1:
        coords[f"n{k}"] = whole("n", "position in the bank")
    unit, per_unit = spacing.unit or "1", reciprocal(spacing.unit)
    cycles = 1 / (2 * math.pi * spacing.step)
    turned = -1 if ndim == 1 and bank.full_circle and spacing.decreasing[0] else 1  # frequencies of real data have no sign
    xi = np.array([math.nan if band is None else turned * band.xi * cycles for band in bands])
    sigma = np.array([math.nan if band is None else band.sigma * cycles for band in bands])
    named: Mapping[str, tuple[np.ndarray, str, str]] = {
        f"xi{k}": (xi, per_unit, "center frequency"),
        f"sigma{k}": (sigma, per_unit, "bandwidth (standard deviation in frequency)"),
        f"scale{k}": (1 / np.abs(xi), unit, "wavelength 1/xi"),
    }
    for name, (values, units, what) in named.items():
        coords[name] = label_coord(values, dim, units=units, long_name=f"{what} of wavelet {k}")
    if ndim == 2:
        theta = np.array([math.nan if band is None else math.degrees(band.theta) for band in bands])
        theta = _turned(theta, spacing.decreasing, bank.full_circle)
        coords[f"theta{k}"] = label_coord(theta, dim, units="degree", long_name=f"direction of the wave vector of wavelet {k}")
    if ndim == 3:
        vectors = [(math.nan,) * 3 if band is None else _sensed(band.axis, spacing.decreasing, bank.full_circle) for band in bands]
        for component, values in zip("zyx", np.reshape(vectors, (-1, 3)).T, strict=True):
            words = f"unit wave vector of wavelet {k}, component {component}"
            coords[f"e{component}{k}"] = label_coord(values.copy(), dim, units="1", long_name=words)
    return coords


def _turned(theta: np.ndarray, decreasing: tuple[bool, ...], full: bool) -> np.ndarray:
    """Return directions in the sense of the coordinates: a wave and its opposite are one over half a turn, two over a full one."""
    down, left = decreasing
    if not full:
        return (180.0 - theta) % 180.0 if down != left else theta
    theta = -theta if down else theta
    return ((180.0 - theta) if left else theta) % 360.0


def _sensed(axis: tuple[float, ...], decreasing: tuple[bool, ...], full: bool) -> tuple[float, ...]:
    """Return a unit vector in the sense of the coordinates; of two opposite ones over half a sphere the upper one."""
    z, y, x = (0.0 - component if turned else component for component, turned in zip(axis, decreasing, strict=True))
    return (z, y, x) if full else upper((z, y, x))


def reciprocal(unit: str) -> str:
    """Return the UDUNITS string of one over a unit.

    Examples
    --------
    >>> reciprocal("m"), reciprocal("m s-1"), reciprocal("")
    ('1/m', '1/(m s-1)', '1')
    """
    if unit in ("", "1"):
        return "1"
    return f"1/{unit}" if unit.replace("_", "").isalpha() else f"1/({unit})"
