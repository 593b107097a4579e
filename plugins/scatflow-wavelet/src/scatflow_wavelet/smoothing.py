"""The low-pass from one sampled grid to another, and its adjoint.

In general it is a product with the few frequencies that the low-pass keeps. On numpy blocks, where the low-pass is a product
of one-dimensional ones of short reach, it is a sum over taps instead, which needs no transform of the plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from scatflow.arrays import is_numpy
from scatflow_wavelet.bank import cast
from scatflow_wavelet.layout import Grid, Multiplier
from scatflow_wavelet.spectrum import NEGLIGIBLE, Array, axes, conjugate, fit, gather, gather_plan, half_spectrum

#: Taps per sample of the plane, over log2 of its length, up to which sums are faster than transforms (measured: 6 to 9).
_WORTH = 6


class LowPass(Protocol):
    """What gives a low-pass: a bank, or a smoothing of its own."""

    def low_multiplier(self, grid: Grid) -> Multiplier:
        """Return the multiplier on a grid, FFT order."""

    def low_along(self, axis: int, n: int, step: int) -> Multiplier | None:
        """Return the multiplier along one axis, None where that on all of them is no product."""


class Taps(NamedTuple):
    """One axis of the low-pass as a sum: ``out[k] = sum over m of weights[m] plane[factor k + first + m]``, periodic."""

    weights: np.ndarray
    first: int
    factor: int


class Low(NamedTuple):
    """The low-pass from one grid to another, both multiples of a power of two of samples.

    ``values`` is the low-pass on a box of low frequencies, ``scale`` the factor by which the
    adjoint's values differ; the index arrays say where the box lies in the spectrum of either grid. ``taps`` is the
    same along each core axis as sums, or empty.
    """

    values: Array
    source: tuple[int, ...]
    target: tuple[int, ...]
    forward: tuple[Any, ...]
    backward: tuple[Any, ...]
    scale: float
    taps: tuple[Taps, ...]


def low_pass(bank: LowPass, grid: Grid, step: int, xp: Any, dtype: str, device: Any = None) -> Low:
    """Prepare the low-pass of a plane on ``grid``, sampled every ``step`` samples of the array.

    Parameters
    ----------
    bank : Bank or LowPass
        The filter.
    grid : Grid
        Grid of the plane.
    step : int
        Sampling of the result; of ``step`` and ``grid.step`` one must divide the other, and both the extent.
    xp, dtype, device
        Library, real dtype and device of the values.

    Returns
    -------
    Low

    Notes
    -----
    On the common grid, of step g, the result is ``sum over n of s^ndim U(s n) phi(q k - s n)``, for s the plane's
    step and q the result's. Only frequencies where the low-pass is not negligible are kept, so that everything
    after the first transform costs as much as the result.
    """
    common = min(step, grid.step)
    target = tuple(n * grid.step // step for n in grid.shape)
    fine = tuple(n * grid.step // common for n in grid.shape)
    values = bank.low_multiplier(Grid(fine, common))
    box = []
    for axis, (m, limit) in enumerate(zip(target, fine, strict=True)):
        profile = np.abs(values).max(axis=tuple(i for i in range(values.ndim) if i != axis), initial=0.0)
        kept = np.flatnonzero(profile > NEGLIGIBLE[dtype] * profile.max())
        edge = int(np.minimum(kept, limit - kept).max(initial=0))
        box.append(min(limit, m * math.ceil((2 * edge + 1) / m)))
    index = [np.rint(np.fft.fftfreq(b) * b).astype(np.int64) for b in box]
    values = values[np.ix_(*(k % limit for k, limit in zip(index, fine, strict=True)))] * (grid.step / step) ** len(box)
    return Low(
        xp.asarray(cast(values, dtype), device=device),
        grid.shape,
        target,
        gather_plan(index, grid.shape, xp, device),
        gather_plan(index, target, xp, device),
        float(step / grid.step) ** len(box),
        _taps(bank, grid, step, dtype) if is_numpy(xp) and step % grid.step == 0 else (),
    )


def _taps(bank: LowPass, grid: Grid, step: int, dtype: str) -> tuple[Taps, ...]:
    """Return the low-pass as sums along each axis; nothing where it is no product, or reaches so far that transforms win."""
    found = []
    for axis, n in enumerate(grid.shape):
        multiplier = bank.low_along(axis, n, grid.step)
        if multiplier is None:
            return ()
        taps = _window(np.fft.ifft(multiplier).real, step // grid.step, dtype)
        if taps.weights.size > _WORTH * taps.factor * math.log2(n + 1):
            return ()
        found.append(taps)
    return tuple(found)


def _window(response: np.ndarray, factor: int, dtype: str) -> Taps:
    """Return a periodic impulse response as taps: those from the first to the last around 0 that are not negligible."""
    n = response.size
    kept = np.flatnonzero(np.abs(response) > NEGLIGIBLE[dtype] * np.abs(response).max(initial=0.0))
    behind, ahead = kept[kept <= n // 2], kept[kept > n // 2] - n
    past, future = int(behind.max(initial=0)), int(-ahead.min(initial=0))
    # out[k] = sum over m of response[m] plane[factor k - m]: tap number m reaches m samples into the past.
    weights = response[np.arange(past, -future - 1, -1) % n]
    return Taps(weights.astype(dtype), -past, factor)


def averaged(xp: Any, planes: Array, half: Array | Callable[[], Array], low: Low) -> Array:
    """Return planes low-passed and resampled: real, shape (..., *low.target).

    ``half`` is their half spectra, or gives them where they are needed.
    """
    return _summed(planes, low) if low.taps else smooth(xp, half() if callable(half) else half, low)


def _summed(planes: Array, low: Low) -> Array:
    from scatflow_wavelet.compiled import decimate, decimate_lines

    ndim = len(low.taps)
    batch = planes.shape[: planes.ndim - ndim]
    current = np.ascontiguousarray(planes).reshape(-1, low.source[0], math.prod(low.source[1:]))
    if ndim == 1:
        weights, first, factor = low.taps[0]
        line = np.empty((current.shape[0], low.target[0]), dtype=planes.dtype)
        decimate_lines(current[..., 0], weights, first, factor, line)
        return line.reshape(*batch, *low.target)
    # Every step takes the first axis away and puts its average last, so that after all of them they are in order again.
    for axis, (weights, first, factor) in enumerate(low.taps):
        out = np.empty((current.shape[0], current.shape[2], low.target[axis]), dtype=planes.dtype)
        decimate(current, weights, first, factor, out)
        rest = low.source[axis + 1] if axis + 1 < ndim else 1
        current = out.reshape(out.shape[0], rest, -1)
    return current.reshape(*batch, *low.target)


def smooth(xp: Any, half: Array, low: Low) -> Array:
    """Return the low-passed, resampled plane from its half spectrum: real, shape (..., *low.target)."""
    return _transfer(xp, half, low.values, low.forward, low.target)


def unsmooth(xp: Any, cotangent: Array, low: Low) -> Array:
    """Apply the adjoint of the low-pass to a cotangent of shape (..., *low.target): real, shape (..., *low.source).

    The adjoint of a symmetric low-pass from one grid to another is the same low-pass back, up to the ratio of the
    volumes of a cell; that of a causal one looks into the future.
    """
    half = half_spectrum(xp, cotangent, len(low.target))
    return _transfer(xp, half, conjugate(xp, low.values) * low.scale, low.backward, low.source)


def _transfer(xp: Any, half: Array, values: Array, plan: tuple[Any, ...], sizes: tuple[int, ...]) -> Array:
    """Take the box of low frequencies, multiply, fit it to the other grid and transform back."""
    ndim = len(sizes)
    box = gather(xp, half, plan) * values
    for axis, size in zip(axes(ndim), sizes, strict=True):
        box = fit(xp, box, axis, size)
    return xp.fft.irfftn(box[..., : sizes[-1] // 2 + 1], s=sizes, axes=axes(ndim))
