"""The cone of influence: where the ends of the data, or walls in it, reach into the coefficients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.accessor.plots import record
from scatflow.accessor.plots.ruler import ruler

Reals = npt.NDArray[np.float64]
#: Of a Gaussian low-pass, the share of weight on one side of the point where it has fallen to 1/e: Phi(sqrt 2).
E_FOLDING_SHARE = 0.5 * (1 + math.erf(1.0))


def of_wavelets(array: xr.DataArray, dim: str, step: int = 1) -> Reals | None:
    r"""Return how far coefficients are from the ends of the data, in e-folding times of their wavelets.

    A coefficient whose distance is below 1 lies in the cone of influence. With the bandwidth sigma of a wavelet (a standard
    deviation in cycles per unit) its envelope falls to 1/e within :math:`\sqrt 2 / (2 \pi \sigma)`, the e-folding
    time of Torrence & Compo (Bull. Amer. Meteor. Soc. 79, 1998, section 3g), exact for Gaussian envelopes.

    Parameters
    ----------
    array : DataArray, dims (path, ``dim``)
        Coefficients with ``sigma1`` on ``path``, and ``support_start``, ``support_end`` along ``dim``: these name the
        first and the last input that can change a value, near an end or a wall that end or wall itself.
    dim : str
        The ordered dim.
    step : int, optional
        Only every ``step``-th sample of the result is in the array.

    Returns
    -------
    ndarray of float64, shape (path, ``dim``), or None
        None where labels do not tell: periodic data have no ends, and of axes by sample the step of the coefficients
        must stand in the record. Causal wavelets do not reach the end of the data. Around gaps, distances are 0 in all
        bands where ``valid_fraction`` lacks 9 % for them; shorter gaps are not seen.
    """
    if not {"support_start", "support_end", "sigma1"} <= set(array.coords):
        return None
    places = _places(array, dim, step)
    if places is None:
        return None
    center, first, last = places
    before, after = center - first, last - center
    if bool((np.abs(after) <= 1e-9 * max(1.0, float(np.abs(center).max()))).all()):
        after = np.full_like(after, np.inf)
    sigma = np.asarray(array.coords["sigma1"].values, dtype=np.float64)
    e_folding = math.sqrt(2.0) / (2 * math.pi * sigma)
    distance = np.asarray(np.minimum(before, after)[None, :] / e_folding[:, None])
    # Away from all ends, only gaps can take weight from the window; how far single bands are from them, no label tells.
    lacking = _share(array, dim) < E_FOLDING_SHARE - 0.01
    distance[:, lacking & (distance >= 1).all(axis=0)] = 0.0
    return distance


def of_averages(array: xr.DataArray, dim: str) -> Reals | None:
    """Return how far averages are from the ends of the data and from gaps, as :func:`of_wavelets`, from ``valid_fraction``.

    All paths share the low-pass, and its share of weight on valid samples is the label. Distances are 0 below the
    share that a Gaussian low-pass has within its e-folding time of an end, 92 %, and 2 above.

    Returns
    -------
    ndarray of float64, shape (path, ``dim``), or None
    """
    share = array.coords.get("valid_fraction")
    if share is None or share.dims != (dim,):
        return None
    inside = _share(array, dim) < E_FOLDING_SHARE
    return np.broadcast_to(np.where(inside, 0.0, 2.0), (array.sizes["path"], inside.size))


def _share(array: xr.DataArray, dim: str) -> Reals:
    """Return the share of the window's weight on valid samples; 1 where no label tells."""
    share = array.coords.get("valid_fraction")
    if share is None or share.dims != (dim,):
        return np.ones(array.sizes[dim])
    return np.nan_to_num(np.asarray(share.values, dtype=np.float64))


def _places(array: xr.DataArray, dim: str, step: int) -> tuple[Reals, Reals, Reals] | None:
    """Return samples and ends of their supports along ``dim``, in the inverse of the unit of ``sigma1``."""
    known = record.arguments(array, "stride")
    names = (dim, "support_start", "support_end")
    if dim in array.coords and ruler(array, dim).uniform and not _by_sample(array, dim, known):
        center, first, last = (_numbers(array.coords[name]) for name in names)
        return center, first, last
    stride = _stride(array, known)
    if stride is None:
        return None
    samples = np.arange(array.sizes[dim], dtype=np.float64) * stride * step
    if dim not in array.coords:
        return samples, _numbers(array.coords["support_start"]), _numbers(array.coords["support_end"])
    center = _numbers(array.coords[dim])
    first, last = (_located(_numbers(array.coords[name]), center, samples) for name in names[1:])
    return samples, first, last


def _stride(array: xr.DataArray, known: Mapping[str, Any]) -> int | None:
    """Return the step of the result in samples as the record tells it; of joined octaves that of the finest."""
    match known:
        case {"stride": int(stride)}:
            return stride
        case {"stride": None, "J": int(octaves)}:
            return int(2**octaves)
        case {"stride": "octave", "oversampling": int(more)}:
            finest = min(int(j) for j in array.coords["j1"].values if j >= 0)
            return int(2 ** max(0, finest - more))
    return None


def _by_sample(array: xr.DataArray, dim: str, known: Mapping[str, Any]) -> bool:
    """Tell whether bandwidths count samples rather than units of the coordinate."""
    coord = array.coords[dim]
    indexed = known.get("metric") == "index"
    unit, per = str(coord.attrs.get("units", "1")), str(array.coords["sigma1"].attrs.get("units", "1"))
    return coord.attrs.get("sampling") == "index" or indexed or (per == "1" and (unit not in ("", "1") or coord.dtype.kind in "mM"))


def _numbers(coord: xr.DataArray) -> Reals:
    """Return coordinates as numbers, dates and durations in seconds."""
    values = np.asarray(coord.values)
    if values.dtype.kind == "M":
        values = values - values.dtype.type(0, "s")
    return np.asarray(values / np.timedelta64(1, "s") if values.dtype.kind == "m" else values, dtype=np.float64)


def _located(values: Reals, center: Reals, samples: Reals) -> Reals:
    """Return coordinates as sample numbers, between the known ones by straight lines, beyond them at the mean rate."""
    if center.size < 2:
        return np.full_like(values, samples[0])
    rate = (samples[-1] - samples[0]) / (center[-1] - center[0])
    inside = np.interp(values, center, samples)
    beyond = np.where(values < center[0], values - center[0], np.maximum(values - center[-1], 0.0))
    return np.asarray(inside + rate * beyond)
