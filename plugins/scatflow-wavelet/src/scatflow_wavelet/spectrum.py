"""Products in frequency: half and whole spectra, banded multipliers that decimate, the strided low-pass.

Arrays are any array-API library's; ``xp`` is the namespace of :func:`scatflow.arrays.namespace`, so every transform
goes through the FFT door. Core axes are the last ``ndim``; all axes before them are batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from scatflow_wavelet.bank import Bank, cast
from scatflow_wavelet.layout import Grid

Array = Any
#: A multiplier restricted to the tiles of the frequency plane where it is not negligible: (slices, values) each.
Tiles = tuple[tuple[tuple[slice, ...], Array], ...]

#: Relative size below which a multiplier is taken as zero: far below the rounding of the products themselves.
NEGLIGIBLE = {"float32": 1e-10, "float64": 1e-19}
#: Half width of what is kept, in bandwidths: exp(-6.8^2 / 2) = 1e-10.
_DEVIATIONS = 6.8
#: Tiles per axis at most: finer ones would follow a band more closely and cost more calls than they save.
_CUTS = 8


def axes(ndim: int) -> tuple[int, ...]:
    """Return the core axes, counted from the end."""
    return tuple(range(-ndim, 0))


def half_spectrum(xp: Any, plane: Array, ndim: int) -> Array:
    """Return the transform of a real plane; the last axis keeps its non-negative half."""
    return xp.fft.rfftn(plane, axes=axes(ndim))


def whole_spectrum(xp: Any, half: Array, n: int, ndim: int) -> Array:
    """Return all frequencies of a real plane from its half spectrum.

    Parameters
    ----------
    xp : Namespace
        Array namespace.
    half : array of complex, shape (..., n // 2 + 1)
        As :func:`half_spectrum` gives it.
    n : int
        Length of the last axis.
    ndim : int
        Number of core axes; along the others among them, negative frequencies mirror too.

    Returns
    -------
    array of complex, shape (..., n)
    """
    known = half.shape[-1]
    tail = xp.flip(half[..., 1 : n - known + 1], axis=-1)
    for axis in axes(ndim)[:-1]:
        tail = _negate(xp, tail, axis)
    return xp.concat([half, xp.conj(tail)], axis=-1)


def _negate(xp: Any, values: Array, axis: int) -> Array:
    """Return values at the negative of every frequency along ``axis``."""
    tail = (slice(None),) * (-axis - 1)
    first, rest = values[(..., slice(0, 1), *tail)], values[(..., slice(1, None), *tail)]
    return xp.concat([first, xp.flip(rest, axis=axis)], axis=axis)


def band_tiles(bank: Bank, n: int, grid: Grid, factor: int, xp: Any, dtype: str, device: Any = None) -> Tiles:
    """Return band ``n`` on a grid, cut into the tiles that decimation by ``factor`` adds up.

    Parameters
    ----------
    bank : Bank
        The filters.
    n : int
        Which band.
    grid : Grid
        Where the band is applied.
    factor : int
        Samples of this grid per sample of the result, per axis; must divide every length.
    xp, dtype, device
        Library, real dtype and device of the values; complex filters take the complex dtype of this precision.

    Returns
    -------
    tuple of (slices, array)
        Tiles of shape ``grid.shape / min(factor, 8)``; the factor that makes aliases into a decimation is in them.
    """
    values = bank.band_multiplier(n, grid) / factor ** len(grid.shape)
    least = NEGLIGIBLE[dtype] * float(np.abs(values).max(initial=0.0))
    cuts = min(factor, _CUTS)
    sizes = [length // cuts for length in grid.shape]
    tiles = []
    for index in np.ndindex(*(cuts,) * len(sizes)):
        where = tuple(slice(i * m, (i + 1) * m) for i, m in zip(index, sizes, strict=True))
        if np.abs(values[where]).max(initial=0.0) > least:
            tiles.append((where, xp.asarray(cast(values[where], dtype), device=device)))
    return tuple(tiles)


def kept_samples(bank: Bank, n: int, grid: Grid, factor: int) -> int:
    """Return about how many real numbers :func:`band_tiles` keeps, without evaluating the band; rather more than fewer."""
    if bank.family.causal or bank.family.dense:
        return (1 + bank.family.causal) * math.prod(grid.shape)
    count, cuts = 1, min(factor, _CUTS)
    for length, aspect in zip(grid.shape, bank.aspect, strict=True):
        tile = 2 * math.pi * aspect / (grid.step * cuts)
        count *= min(cuts, math.ceil(2 * _DEVIATIONS * bank.bands[n].sigma / tile) + 1) * (length // cuts)
    return count


def filtered(xp: Any, spectrum: Array, bands: Sequence[Tiles], sizes: tuple[int, ...]) -> Array:
    """Return complex bands of a signal, decimated: product, sum of aliases, inverse transform.

    Parameters
    ----------
    xp : Namespace
        Array namespace.
    spectrum : array of complex, shape (items, *grid)
        Whole spectrum of the signal.
    bands : sequence of Tiles
        The bands, as :func:`band_tiles` gives them, all with the same decimation.
    sizes : tuple of int
        Shape of the decimated grid.

    Returns
    -------
    array of complex, shape (items, bands, *sizes)
    """
    products = [_product(xp, spectrum, tiles, sizes) for tiles in bands]
    joined = products[0][:, None, ...] if len(products) == 1 else xp.stack(products, axis=1)
    del products
    return xp.fft.ifftn(joined, axes=axes(len(sizes)))


def _product(xp: Any, spectrum: Array, tiles: Tiles, sizes: tuple[int, ...]) -> Array:
    """Return the spectrum of one decimated band."""
    if not tiles:
        return xp.zeros((spectrum.shape[0], *sizes), dtype=spectrum.dtype, device=spectrum.device)
    (where, values), *rest = tiles
    total = spectrum[(..., *where)] * values
    for where, values in rest:
        total += spectrum[(..., *where)] * values
    for axis, size in zip(axes(len(sizes)), sizes, strict=True):
        total = _fit(xp, total, axis, size)
    return total


def spread(xp: Any, band: Array, bands: Sequence[Tiles], total: Array, factor: int) -> None:
    """Add the adjoint of :func:`filtered`, as a spectrum, to ``total`` in place.

    ``Re ifftn(total)`` is then the cotangent of the real signal whose bands have the cotangents ``band``.

    Parameters
    ----------
    xp : Namespace
        Array namespace.
    band : array of complex, shape (items, bands, *sizes)
        Cotangents of the decimated bands.
    bands : sequence of Tiles
        The multipliers.
    total : array of complex, shape (items, *grid)
        Spectrum to add to.
    factor : int
        Decimation, as given to :func:`band_tiles`.
    """
    ndim = total.ndim - 1
    spectrum = xp.fft.fftn(band, axes=axes(ndim)) * float(factor**ndim)
    for k, tiles in enumerate(bands):
        part = spectrum[:, k, ...]
        for where, values in tiles:
            values = _conjugate(xp, values)
            repeats = tuple(n // m for n, m in zip(values.shape, part.shape[1:], strict=True))
            total[(..., *where)] += (part if set(repeats) == {1} else xp.tile(part, (1, *repeats))) * values


class Low(NamedTuple):
    """The low-pass from one grid to another, both multiples of a power of two of samples.

    ``values`` is the low-pass on a box of low frequencies, ``scale`` the factor by which the
    adjoint's values differ; the index arrays say where the box lies in the spectrum of either grid.
    """

    values: Array
    source: tuple[int, ...]
    target: tuple[int, ...]
    forward: tuple[Any, ...]
    backward: tuple[Any, ...]
    scale: float


def low_pass(bank: Bank, grid: Grid, step: int, xp: Any, dtype: str, device: Any = None) -> Low:
    """Prepare the low-pass of a plane on ``grid``, sampled every ``step`` samples of the array.

    Parameters
    ----------
    bank : Bank
        The filters.
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
        _gather_plan(index, grid.shape, xp, device),
        _gather_plan(index, target, xp, device),
        float(step / grid.step) ** len(box),
    )


def smooth(xp: Any, half: Array, low: Low) -> Array:
    """Return the low-passed, resampled plane from its half spectrum: real, shape (..., *low.target)."""
    return _transfer(xp, half, low.values, low.forward, low.target)


def unsmooth(xp: Any, half: Array, low: Low) -> Array:
    """Apply the adjoint of :func:`smooth` to the half spectrum of its cotangent: real, shape (..., *low.source).

    The adjoint of a symmetric low-pass from one grid to another is the same low-pass back, up to the ratio of the
    volumes of a cell; that of a causal one looks into the future.
    """
    return _transfer(xp, half, _conjugate(xp, low.values) * low.scale, low.backward, low.source)


def _conjugate(xp: Any, values: Array) -> Array:
    """Return the multiplier of the adjoint: itself where it is real."""
    return xp.conj(values) if xp.isdtype(values.dtype, "complex floating") else values


def _transfer(xp: Any, half: Array, values: Array, plan: tuple[Any, ...], sizes: tuple[int, ...]) -> Array:
    """Take the box of low frequencies, multiply, fit it to the other grid and transform back."""
    ndim = len(sizes)
    box = _gather(xp, half, plan) * values
    for axis, size in zip(axes(ndim), sizes, strict=True):
        box = _fit(xp, box, axis, size)
    return xp.fft.irfftn(box[..., : sizes[-1] // 2 + 1], s=sizes, axes=axes(ndim))


def _fit(xp: Any, box: Array, axis: int, size: int) -> Array:
    """Fold a box of frequencies onto ``size`` of them, or fill up with zeros between its two halves."""
    length = box.shape[axis]
    if length == size:
        return box
    where = box.ndim + axis
    if length > size:
        shape = (*box.shape[:where], length // size, size, *box.shape[where + 1 :])
        return xp.sum(xp.reshape(box, shape), axis=where)
    tail = (slice(None),) * (-axis - 1)
    positive = (length + 1) // 2
    zeros = xp.zeros((*box.shape[:where], size - length, *box.shape[where + 1 :]), dtype=box.dtype, device=box.device)
    halves = box[(..., slice(0, positive), *tail)], box[(..., slice(positive, None), *tail)]
    return xp.concat([halves[0], zeros, halves[1]], axis=axis)


def _gather_plan(index: list[Any], shape: tuple[int, ...], xp: Any, device: Any) -> tuple[Any, ...]:
    """Return per run of last-axis frequencies: (mirrored, columns in the half spectrum, indices of other axes)."""
    *others, last = (k % n for k, n in zip(index, shape, strict=True))
    n = shape[-1]
    mirrored = last > n // 2
    cuts = [0, *(np.flatnonzero(np.diff(mirrored)) + 1).tolist(), last.size]
    runs = []
    for start, stop in itertools.pairwise(cuts):
        turned = bool(mirrored[start])
        columns = (n - last[start:stop]) if turned else last[start:stop]
        rows = tuple((-k) % m if turned else k for k, m in zip(others, shape[:-1], strict=True))
        runs.append((turned, xp.asarray(columns, device=device), tuple(xp.asarray(r, device=device) for r in rows)))
    return tuple(runs)


def _gather(xp: Any, half: Array, plan: tuple[Any, ...]) -> Array:
    """Return the frequencies of a plan from a half spectrum, using that the plane is real."""
    parts = []
    for turned, columns, rows in plan:
        part = xp.take(half, columns, axis=-1)
        for axis, index in zip(range(-1 - len(rows), -1), rows, strict=True):
            part = xp.take(part, index, axis=axis)
        parts.append(xp.conj(part) if turned else part)
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=-1)
