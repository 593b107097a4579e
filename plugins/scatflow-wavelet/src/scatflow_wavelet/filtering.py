"""Band-pass filters on their support, applied to spectra with decimation: product, sum of aliases, inverse transform.

On numpy blocks a filter is a list of runs of frequencies for the compiled kernels; for other libraries it is cut into
tiles of the frequency plane, so that a few large array operations do the work.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from scatflow.arrays import is_numpy
from scatflow_wavelet.bank import Bank, cast
from scatflow_wavelet.layout import Grid, Multiplier
from scatflow_wavelet.spectrum import DEVIATIONS, NEGLIGIBLE, Array, axes, conjugate, fit
from scatflow_wavelet.workspace import Workspace

#: Tiles per axis at most: finer ones would follow a band more closely and cost more calls than they save.
_CUTS = 8


class Tiled(NamedTuple):
    """Bands as tiles where they are not negligible: per band, (slices, values) each."""

    numbers: tuple[int, ...]
    tiles: tuple[tuple[tuple[tuple[slice, ...], Array], ...], ...]


class Runs(NamedTuple):
    """Bands as runs along the last axis, in the order of the rows that they are added to.

    ``pointer`` holds the first run and the first value of every row of every band; ``runs`` the place in the flat
    spectrum, the column in the result and the length; ``values`` the filters along the runs.
    """

    numbers: tuple[int, ...]
    pointer: np.ndarray
    runs: np.ndarray
    values: np.ndarray


class Bands(Protocol):
    """What gives band-pass filters: a bank, or one changed."""

    def band_multiplier(self, n: int, grid: Grid) -> Multiplier:
        """Return the multiplier of band n on a grid, FFT order."""


#: Filters with the same grids, ready to be applied to blocks of one library.
Multipliers = Tiled | Runs


def multipliers(
    bank: Bands, numbers: Sequence[int], grid: Grid, factor: int, xp: Any, dtype: str, device: Any = None
) -> Multipliers:
    """Prepare bands on a grid, to be decimated by ``factor``.

    Parameters
    ----------
    bank : Bank or Bands
        The filters.
    numbers : sequence of int
        Which bands.
    grid : Grid
        Where they are applied.
    factor : int
        Samples of this grid per sample of the result, per axis; must divide every length.
    xp, dtype, device
        Library, real dtype and device of the values; complex filters take the complex dtype of this precision.

    Returns
    -------
    Tiled or Runs
        The factor that makes aliases into a decimation is in the values.
    """
    evaluated = (bank.band_multiplier(n, grid) / factor ** len(grid.shape) for n in numbers)  # one at a time: they are large
    if is_numpy(xp):
        return _joined(tuple(numbers), [_runs(values, factor, dtype) for values in evaluated])
    return Tiled(tuple(numbers), tuple(_tiles(values, factor, xp, dtype, device) for values in evaluated))


def _kept(values: Multiplier, dtype: str) -> np.ndarray:
    """Return where a filter is not negligible."""
    size = np.abs(values)
    return np.asarray(size > NEGLIGIBLE[dtype] * size.max(initial=0.0))


def _tiles(values: Multiplier, factor: int, xp: Any, dtype: str, device: Any) -> tuple[Any, ...]:
    cuts, kept = min(factor, _CUTS), _kept(values, dtype)
    sizes = [length // cuts for length in values.shape]
    found = []
    for index in np.ndindex(*(cuts,) * len(sizes)):
        where = tuple(slice(i * m, (i + 1) * m) for i, m in zip(index, sizes, strict=True))
        if kept[where].any():
            found.append((where, xp.asarray(cast(values[where], dtype), device=device)))
    return tuple(found)


def _runs(values: Multiplier, factor: int, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pointer (rows + 1, 2), runs and values of one band."""
    *leading, n = values.shape
    period = n // factor
    kept = _kept(values, dtype).reshape(-1, factor, period)
    # Where a run starts or stops, the mask differs from the sample before; runs end where the periods of the result do.
    edges = np.flatnonzero(np.diff(kept, axis=-1, prepend=False, append=False)).reshape(-1, 2)
    line, target = np.divmod(edges[:, 0], period + 1)
    source, turn = np.divmod(line, factor)
    length = edges[:, 1] - edges[:, 0]
    row = _folded_rows(leading, factor)[source]
    order = np.argsort(row, kind="stable")
    runs = np.stack([source * n + turn * period + target, target, length], axis=1)[order]
    stops = np.cumsum(length[order])
    rows = math.prod(leading) // factor ** len(leading)
    first = np.searchsorted(row[order], np.arange(rows + 1))
    pointer = np.stack([first, np.concatenate([[0], stops])[first]], axis=1)
    where = np.arange(int(stops[-1]) if stops.size else 0)
    where += np.repeat(runs[:, 0] - (stops - runs[:, 2]), runs[:, 2])
    return pointer, runs, cast(values.ravel()[where], dtype)


def _folded_rows(leading: list[int], factor: int) -> np.ndarray:
    """Return which row of the result, leading axes taken as one, every row of the spectrum is added to."""
    row = np.zeros((1,) * len(leading), dtype=np.int64)
    for axis, length in enumerate(leading):
        size = length // factor
        row = row * size + (np.arange(length) % size).reshape([-1 if k == axis else 1 for k in range(len(leading))])
    return row.ravel()


def _joined(numbers: tuple[int, ...], parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Runs:
    pointers, shift = [], np.zeros(2, dtype=np.int64)
    for pointer, _, _ in parts:
        pointers.append(pointer[:-1] + shift)
        shift = shift + pointer[-1]
    pointers.append(shift[None])
    joined = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    return Runs(numbers, np.concatenate(pointers), *joined)


def kept_samples(bank: Bank, n: int, grid: Grid, factor: int) -> int:
    """Return about how many real numbers :func:`multipliers` keeps of a band, without evaluating it; rather more than fewer."""
    if bank.family.causal or bank.family.dense:
        return (1 + bank.family.causal) * math.prod(grid.shape)
    count, cuts = 1, min(factor, _CUTS)
    for length, aspect in zip(grid.shape, bank.aspect, strict=True):
        tile = 2 * math.pi * aspect / (grid.step * cuts)
        count *= min(cuts, math.ceil(2 * DEVIATIONS * bank.bands[n].sigma / tile) + 1) * (length // cuts)
    return count


def stored_bytes(bank: Bank, n: int, grid: Grid, factor: int, real: int) -> int:
    """Return about how many bytes :func:`multipliers` takes for a band, ``real`` being those of a real number."""
    kept, period = kept_samples(bank, n, grid, factor), grid.shape[-1] // factor
    rows = math.prod(length // factor for length in grid.shape[:-1])
    return kept * real + 24 * (rows + -(-kept // period)) + 16 * rows


def building_bytes(bank: Bank, size: int, stored: int) -> int:
    """Return about how many bytes are needed beside the result while filters that take ``stored`` are built on ``size`` samples."""
    # A filter is evaluated in float64, by two planes of its size, its support found by two more; a causal one, or one that is
    # negligible nowhere, by six complex.
    return (12 if bank.family.causal or bank.family.dense else 4) * 8 * size + stored


def filtered(xp: Any, spectrum: Array, bands: Multipliers, numbers: Sequence[int], sizes: tuple[int, ...]) -> Array:
    """Return complex bands of a signal, decimated.

    Parameters
    ----------
    xp : Namespace
        Array namespace.
    spectrum : array of complex, shape (items, *grid)
        Whole spectrum of the signal.
    bands : Tiled or Runs
        As :func:`multipliers` gives them.
    numbers : sequence of int
        Which of the bands.
    sizes : tuple of int
        Shape of the decimated grid.

    Returns
    -------
    array of complex, shape (items, len(numbers), *sizes)
    """
    chosen = [bands.numbers.index(n) for n in numbers]
    if isinstance(bands, Runs):
        return xp.fft.ifftn_reusing(_folded(spectrum, bands, chosen, sizes, Workspace()), axes=axes(len(sizes)))
    parts = [_product(xp, spectrum, bands.tiles[k], sizes) for k in chosen]
    products = parts[0][:, None, ...] if len(parts) == 1 else xp.stack(parts, axis=1)
    return xp.fft.ifftn(products, axes=axes(len(sizes)))


def moduli(
    xp: Any, spectrum: Array, bands: Multipliers, numbers: Sequence[int], sizes: tuple[int, ...], room: Workspace, use: Hashable
) -> Array:
    """Return the moduli of what :func:`filtered` returns: real planes, on numpy arrays in ``room`` for this ``use``."""
    if not isinstance(bands, Runs):
        return xp.abs(filtered(xp, spectrum, bands, numbers, sizes))
    chosen = [bands.numbers.index(n) for n in numbers]
    planes = xp.fft.ifftn_reusing(_folded(spectrum, bands, chosen, sizes, room), axes=axes(len(sizes)))
    return np.abs(planes, out=room.array(use, planes.shape, planes.real.dtype))


def _folded(spectrum: Array, bands: Runs, chosen: list[int], sizes: tuple[int, ...], room: Workspace) -> Array:
    from scatflow_wavelet.compiled import fold

    items = spectrum.shape[0]
    out = room.array("products", (items, len(chosen), math.prod(sizes[:-1]), sizes[-1]), spectrum.dtype)
    flat = np.ascontiguousarray(spectrum).reshape(items, -1)
    fold(flat, bands.pointer, bands.runs, bands.values, np.asarray(chosen, dtype=np.int64), out)
    return out.reshape(items, len(chosen), *sizes)


def _product(xp: Any, spectrum: Array, tiles: tuple[Any, ...], sizes: tuple[int, ...]) -> Array:
    """Return the spectrum of one decimated band."""
    if not tiles:
        return xp.zeros((spectrum.shape[0], *sizes), dtype=spectrum.dtype, device=spectrum.device)
    (where, values), *rest = tiles
    total = spectrum[(..., *where)] * values
    for where, values in rest:
        total += spectrum[(..., *where)] * values
    for axis, size in zip(axes(len(sizes)), sizes, strict=True):
        total = fit(xp, total, axis, size)
    return total


def spread(xp: Any, band: Array, bands: Multipliers, numbers: Sequence[int], total: Array, factor: int) -> None:
    """Add the adjoint of :func:`filtered`, as a spectrum, to ``total`` in place.

    ``Re ifftn(total)`` is then the cotangent of the real signal whose bands have the cotangents ``band``.

    Parameters
    ----------
    xp : Namespace
        Array namespace.
    band : array of complex, shape (items, len(numbers), *sizes)
        Cotangents of the decimated bands.
    bands, numbers
        As for :func:`filtered`.
    total : array of complex, shape (items, *grid)
        Spectrum to add to; contiguous.
    factor : int
        Decimation, as given to :func:`multipliers`.
    """
    ndim = total.ndim - 1
    spectrum, scale = xp.fft.fftn(band, axes=axes(ndim)), float(factor**ndim)
    chosen = [bands.numbers.index(n) for n in numbers]
    if isinstance(bands, Runs):
        _unfolded(spectrum, bands, chosen, scale, total)
        return
    for k, place in enumerate(chosen):
        part = spectrum[:, k, ...] * scale
        for where, values in bands.tiles[place]:
            repeats = tuple(n // m for n, m in zip(values.shape, part.shape[1:], strict=True))
            repeated = part if set(repeats) == {1} else xp.tile(part, (1, *repeats))
            total[(..., *where)] += repeated * conjugate(xp, values)


def _unfolded(spectrum: Array, bands: Runs, chosen: list[int], scale: float, total: Array) -> None:
    from scatflow_wavelet.compiled import unfold

    items, count, *sizes = spectrum.shape
    flat = np.ascontiguousarray(spectrum).reshape(items, count, math.prod(sizes[:-1]), sizes[-1])
    target = total.reshape(items, -1)
    if not np.shares_memory(target, total):
        raise ValueError("the spectrum to add to must be contiguous")
    real = total.real.dtype.type
    unfold(flat, bands.pointer, bands.runs, bands.values, np.asarray(chosen, dtype=np.int64), real(scale), target)
