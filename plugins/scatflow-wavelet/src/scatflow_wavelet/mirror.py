"""The kernels of orthogonal transforms: conjugate mirror filters on blocks of periodic planes, in place. Pure functions of arrays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from scatflow_wavelet.daubechies import Taps, high_taps, low_taps

Array = Any


class Pair(NamedTuple):
    """A low-pass and a high-pass filter, both of even length."""

    low: Taps
    high: Taps


def pair(moments: int, total: float = math.sqrt(2)) -> Pair:
    """Return the filters with so many vanishing moments and this sum of low-pass weights: the root of 2 is orthonormal."""
    low = low_taps(moments)
    # In this order the weights of Haar's means are one half exactly.
    return Pair(*(tuple(tap / math.sqrt(2) * total for tap in taps) for taps in (low, high_taps(low))))


def analyze(xp: Any, block: Array, filters: Pair, J: int, ndim: int) -> Array:
    """Return the separable transform of a block over J octaves, every coefficient where its filter begins.

    One step along an axis puts ``sum over k of low(k) x(2 n + k)`` at 2 n and the same with ``high`` at 2 n + 1; the next
    octave takes the samples that are low-passed along all axes, at the multiples of 2^j.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    block : array, shape (*batch, *core)
        Real or complex; periodic, every core length a multiple of 2^J.
    filters : Pair
        Low-pass and high-pass.
    J : int
        Octaves.
    ndim : int
        Number of core axes.

    Returns
    -------
    array of the block's shape and dtype
    """
    out = xp.asarray(block, copy=True)
    for j in range(J):
        where = _every(2**j, ndim)
        plane = out[where]
        for axis in range(-ndim, 0):
            plane = _split(xp, plane, filters, axis)
        out[where] = plane
    return out


def synthesize(xp: Any, block: Array, filters: Pair, J: int, ndim: int) -> Array:
    """Return the transposed of :func:`analyze`, its inverse where the filters are orthonormal; arguments alike."""
    out = xp.asarray(block, copy=True)
    for j in reversed(range(J)):
        where = _every(2**j, ndim)
        plane = out[where]
        for axis in reversed(range(-ndim, 0)):
            plane = _merge(xp, plane, filters, axis)
        out[where] = plane
    return out


def averages(xp: Any, block: Array, weight: float, J: int, ndim: int) -> list[Array]:
    """Return sums of neighbors times a weight per axis, octave by octave: arrays of the core lengths over 2, 4, ..., 2^J."""
    found = []
    for _ in range(J):
        for axis in range(-ndim, 0):
            block = (block[_part(axis, 0)] + block[_part(axis, 1)]) * weight
        found.append(block)
    return found


def spread(xp: Any, cotangents: list[Array], weight: float, ndim: int) -> Array:
    """Return the transposed of :func:`averages`: each value goes, times the weights, to all samples that it averages."""
    total = cotangents[-1]
    for j in reversed(range(len(cotangents))):
        for axis in range(-ndim, 0):
            total = xp.repeat(total, 2, axis=axis) * weight
        total = total + cotangents[j - 1] if j else total
    return total


def _split(xp: Any, plane: Array, filters: Pair, axis: int) -> Array:
    """Return the plane with its low-pass at even and its high-pass at odd places."""
    out = xp.empty_like(plane)
    even, odd = plane[_part(axis, 0)], plane[_part(axis, 1)]
    for place, taps in enumerate(filters):
        total = taps[0] * even + taps[1] * odd
        for m in range(1, len(taps) // 2):
            total += taps[2 * m] * xp.roll(even, -m, axis=axis)
            total += taps[2 * m + 1] * xp.roll(odd, -m, axis=axis)
        out[_part(axis, place)] = total
    return out


def _merge(xp: Any, plane: Array, filters: Pair, axis: int) -> Array:
    """Return the transposed of :func:`_split`."""
    out = xp.empty_like(plane)
    low, high = plane[_part(axis, 0)], plane[_part(axis, 1)]
    for place in (0, 1):
        total = filters.low[place] * low + filters.high[place] * high
        for m in range(1, len(filters.low) // 2):
            total += filters.low[2 * m + place] * xp.roll(low, m, axis=axis)
            total += filters.high[2 * m + place] * xp.roll(high, m, axis=axis)
        out[_part(axis, place)] = total
    return out


def _part(axis: int, first: int) -> tuple[Any, ...]:
    """Return the index of every second sample along an axis counted from the end."""
    return (..., slice(first, None, 2), *(slice(None),) * (-axis - 1))


def _every(step: int, ndim: int) -> tuple[Any, ...]:
    return (..., *(slice(None, None, step),) * ndim)
