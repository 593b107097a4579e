"""Signals with a known answer, for properties that a particular signal shows best."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr


def scale_free(like: xr.DataArray, dims: tuple[str, ...], count: int = 8, seed: int = 0) -> xr.DataArray:
    """Return waves whose envelopes vary alike at all lengths.

    The power of the envelope falls like ``|w|^-D`` in D dims, so that a low-pass of scale 2^J leaves variations per octave
    that do not depend on J, and a change by a translation falls like 2^-J.

    Parameters
    ----------
    like : DataArray
        Gives lengths and labels.
    dims : tuple of str
        Core dims; the wave of four samples goes along the last.
    count : int
        Number of waves, along a dim ``item``.
    seed : int
        Of the envelopes.

    Returns
    -------
    DataArray of float64
    """
    shape = tuple(like.sizes[dim] for dim in dims)
    radius = np.sqrt(np.asarray(sum(w**2 for w in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij"))))
    inside = (radius > 0) & (radius < 1 / 8)
    slope = np.where(inside, np.where(inside, radius, 1.0) ** (-len(shape) / 2), 0.0)
    axes = tuple(range(1, len(shape) + 1))
    noise = np.random.default_rng(seed).standard_normal((count, *shape))
    envelope = np.fft.ifftn(np.fft.fftn(noise, axes=axes) * slope, axes=axes).real
    carrier = np.cos(0.5 * math.pi * np.arange(shape[-1]))
    coords = {dim: like.coords[dim] for dim in dims if dim in like.coords}
    return xr.DataArray((1 + 0.3 * envelope / envelope.std()) * carrier, dims=("item", *dims), coords=coords)


def gabor(
    like: xr.DataArray, dims: tuple[str, ...], frequency: float, along: Sequence[float] | None = None, width: float | None = None
) -> xr.DataArray:
    """Return a wave under a Gaussian in the middle.

    Parameters
    ----------
    like : DataArray
        Gives lengths and labels.
    dims : tuple of str
        Core dims.
    frequency : float
        Radians per sample.
    along : sequence of float, optional
        Unit wave vector in the order of ``dims``; default along the last of them.
    width : float, optional
        Standard deviation in samples; default a sixteenth of the shortest axis.

    Returns
    -------
    DataArray of float64

    Examples
    --------
    >>> atom = gabor(xr.DataArray(np.zeros(64), dims="x"), ("x",), 0.5)
    >>> float(abs(atom).max().round(3)), float(abs(atom[0]).round(6))
    (0.961, 0.0)
    """
    shape = [like.sizes[dim] for dim in dims]
    sigma = min(shape) / 16 if width is None else width
    v = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    phase = frequency * (v[-1] if along is None else sum(part * axis for part, axis in zip(along, v, strict=True)))
    values = np.exp(-sum(axis**2 for axis in v) / (2 * sigma**2)) * np.cos(phase)
    coords = {dim: like.coords[dim] for dim in dims if dim in like.coords}
    return xr.DataArray(values, dims=dims, coords=coords)
