"""The kernels: wavelet bands of blocks on one or several sampled grids, and the adjoint. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scatflow_wavelet.bank import Bank
from scatflow_wavelet.filtering import Multipliers, filtered, multipliers, spread
from scatflow_wavelet.groups import groups, parts
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.smoothing import Low, averaged, low_pass, unsmooth
from scatflow_wavelet.spectrum import axes, half_spectrum, whole_spectrum

Array = Any


@dataclass(frozen=True)
class Level:
    """Bands that share one sampled grid.

    Attributes
    ----------
    name : str
        Name of the result.
    low : bool
        Whether the low-pass comes first.
    bands : tuple of int
        Band numbers in the order of the result.
    stride : int
        Step of the result in samples.
    grid : int
        The power of two up to 2^J that divides it: the grid on which bands are computed.
    scale : float
        Factor on all results.
    """

    name: str
    low: bool
    bands: tuple[int, ...]
    stride: int
    grid: int
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.bands) + self.low


def filters(bank: Bank, levels: Sequence[Level], shape: tuple[int, ...], xp: Any, dtype: str, device: Any = None) -> dict[str, Any]:
    """Return the multipliers of all levels for blocks of one shape.

    Parameters
    ----------
    bank : Bank
        The filters.
    levels : sequence of Level
        What is computed.
    shape : tuple of int
        Core shape; every length a multiple of 2^J.
    xp, dtype, device
        Library, real dtype and device of the values; blocks may be complex.

    Returns
    -------
    dict
        ``bands``: level name -> multipliers; ``low``: the low-pass, or nothing.
    """
    whole = Grid(shape)
    bands = {level.name: multipliers(bank, level.bands, whole, level.grid, xp, dtype, device) for level in levels if level.bands}
    low = tuple(low_pass(bank, whole, level.grid, xp, dtype, device) for level in levels if level.low)
    return {"bands": bands, "low": low}


def decompose(
    xp: Any,
    block: Array,
    levels: Sequence[Level],
    bands: Mapping[str, Multipliers],
    low: Sequence[Low],
    keep: Mapping[str, tuple[slice, ...]],
) -> dict[str, Array]:
    """Return the wavelet transform of a block of periodic planes.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    block : array of real or complex, shape (*batch, *core)
        Every core length a multiple of 2^J.
    levels, bands, low
        As :func:`filters` takes and gives them; of complex blocks from a bank over the full circle.
    keep : mapping
        Level name -> samples of the level's grid to keep per core axis.

    Returns
    -------
    dict of str to array of complex, shape (*batch, bands, *samples)
    """
    ndim = len(next(iter(keep.values())))
    batch, core = tuple(block.shape[: block.ndim - ndim]), tuple(block.shape[block.ndim - ndim :])
    items = xp.reshape(block, (math.prod(batch), *core))
    dtype = (xp.zeros(1, dtype=block.dtype) * 1j).dtype
    spectra = _spectra_of_complex if is_complex(xp, block) else _spectra_of_real
    out = {level.name: xp.empty((items.shape[0], *_shape(level, core, keep)), dtype=dtype, device=block.device) for level in levels}
    for group in groups(items.shape[0], core):
        whole, smooth = spectra(xp, items[group, ...], ndim)
        for level in levels:
            part, sizes = keep[level.name], tuple(n // level.grid for n in core)
            if level.low:
                smoothed = smooth(low[0])[(..., *part)]
                out[level.name][group, 0, ...] = xp.astype(_scaled(smoothed, level), dtype)
            place = int(level.low)
            for numbers in parts(level.bands, group.stop - group.start, math.prod(sizes), ndim):
                planes = filtered(xp, whole, bands[level.name], numbers, sizes)
                out[level.name][group, place : place + len(numbers), ...] = _scaled(planes[(..., *part)], level)
                place += len(numbers)
    return {name: xp.reshape(value, (*batch, *value.shape[1:])) for name, value in out.items()}


def is_complex(xp: Any, block: Array) -> bool:
    """Tell whether an array holds complex numbers."""
    return bool(xp.isdtype(block.dtype, "complex floating"))


#: The spectra of some planes, and what averages them with a low-pass.
_Spectra = tuple[Array, Callable[[Low], Array]]


def _spectra_of_real(xp: Any, planes: Array, ndim: int) -> _Spectra:
    half = half_spectrum(xp, planes, ndim)
    return whole_spectrum(xp, half, planes.shape[-1], ndim), partial(averaged, xp, planes, half)


def _spectra_of_complex(xp: Any, planes: Array, ndim: int) -> _Spectra:
    # The low-pass is a real filter, also where it is causal: it takes real and imaginary parts one by one.
    def smooth(low: Low) -> Array:
        real, imaginary = (
            averaged(xp, part, partial(half_spectrum, xp, part, ndim), low) for part in (xp.real(planes), xp.imag(planes))
        )
        return real + 1j * imaginary

    return xp.fft.fftn(planes, axes=axes(ndim)), smooth


def _scaled(values: Array, level: Level) -> Array:
    return values if level.scale == 1 else level.scale * values


def _shape(level: Level, core: tuple[int, ...], keep: Mapping[str, tuple[slice, ...]]) -> tuple[int, ...]:
    kept = (len(range(n // level.grid)[part]) for n, part in zip(core, keep[level.name], strict=True))
    return (len(level), *kept)


def recompose(
    xp: Any,
    cotangents: Mapping[str, Array],
    core: tuple[int, ...],
    levels: Sequence[Level],
    bands: Mapping[str, Multipliers],
    low: Sequence[Low],
    keep: Mapping[str, tuple[slice, ...]],
    real: bool = True,
) -> Array:
    """Return the adjoint of :func:`decompose`: ``sum over bands of psi* y``, its real part for real blocks.

    Parameters
    ----------
    xp : Namespace
        Namespace of the arrays.
    cotangents : mapping
        Level name -> array of complex, of the shape that :func:`decompose` returns.
    core : tuple of int
        Core shape of the block.
    levels, bands, low, keep
        As for :func:`decompose`.
    real : bool, optional
        Whether the block is real.

    Returns
    -------
    array of real or complex, shape (*batch, *core)
    """
    ndim = len(core)
    sample = cotangents[levels[0].name]
    batch = tuple(sample.shape[: sample.ndim - ndim - 1])
    given = {name: xp.reshape(value, (math.prod(batch), *value.shape[len(batch) :])) for name, value in cotangents.items()}
    dtype = xp.real(sample).dtype if real else sample.dtype
    out = xp.zeros((math.prod(batch), *core), dtype=dtype, device=sample.device)
    for group in groups(out.shape[0], core):
        total = xp.zeros((group.stop - group.start, *core), dtype=sample.dtype, device=sample.device)
        for level in levels:
            part, sizes = keep[level.name], tuple(n // level.grid for n in core)
            for k in range(len(level)):
                whole = xp.zeros((total.shape[0], *sizes), dtype=sample.dtype, device=sample.device)
                whole[(..., *part)] = _scaled(given[level.name][group, k, ...], level)
                if level.low and k == 0:
                    out[group, ...] = _unsmoothed(xp, whole, low[0], real)
                else:
                    spread(xp, whole[:, None, ...], bands[level.name], level.bands[k - level.low :][:1], total, level.grid)
        found = xp.fft.ifftn(total, axes=axes(ndim))
        out[group, ...] += xp.real(found) if real else found
    return xp.reshape(out, (*batch, *core))


def _unsmoothed(xp: Any, cotangent: Array, low: Low, real: bool) -> Array:
    found = unsmooth(xp, xp.real(cotangent), low)
    return found if real else found + 1j * unsmooth(xp, xp.imag(cotangent), low)
