"""Spectra of real planes, half and whole, and how boxes of frequencies fit other grids.

Arrays are any array-API library's; ``xp`` is the namespace of :func:`scatflow.arrays.namespace`, so every transform
goes through the FFT door. Core axes are the last ``ndim``; all axes before them are batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable
from typing import Any

import numpy as np

from scatflow.arrays import is_numpy
from scatflow_wavelet.workspace import Workspace

Array = Any

#: Relative size below which a filter is taken as zero: well below the rounding of the transforms of its input.
NEGLIGIBLE = {"float32": 1e-8, "float64": 1e-17}
#: The same in standard deviations of a Gaussian: exp(-6.1^2 / 2) = 1e-8.
DEVIATIONS = 6.1


def axes(ndim: int) -> tuple[int, ...]:
    """Return the core axes, counted from the end."""
    return tuple(range(-ndim, 0))


def half_spectrum(xp: Any, plane: Array, ndim: int) -> Array:
    """Return the transform of a real plane; the last axis keeps its non-negative half."""
    return xp.fft.rfftn(plane, axes=axes(ndim))


def whole_spectrum(xp: Any, half: Array, n: int, ndim: int, room: Workspace | None = None, use: Hashable = "whole") -> Array:
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
    room, use : Workspace and hashable, optional
        Where the result may lie, for numpy arrays.

    Returns
    -------
    array of complex, shape (..., n)
    """
    if is_numpy(xp):
        return _expanded(half, n, ndim, Workspace() if room is None else room, use)
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


def _expanded(half: Array, n: int, ndim: int, room: Workspace, use: Hashable) -> Array:
    from scatflow_wavelet.compiled import expand

    leading = half.shape[half.ndim - ndim : -1]
    rows = math.prod(leading)
    mirror = np.zeros((1,) * len(leading), dtype=np.int64)
    for axis, length in enumerate(leading):
        negative = -np.arange(length) % length
        mirror = mirror * length + negative.reshape([-1 if k == axis else 1 for k in range(len(leading))])
    out = room.array(use, (*half.shape[:-1], n), half.dtype)
    expand(np.ascontiguousarray(half).reshape(-1, rows, half.shape[-1]), mirror.ravel(), out.reshape(-1, rows, n))
    return out


def fit(xp: Any, box: Array, axis: int, size: int) -> Array:
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


def conjugate(xp: Any, values: Array) -> Array:
    """Return the multiplier of the adjoint: itself where it is real."""
    return xp.conj(values) if xp.isdtype(values.dtype, "complex floating") else values


def gather_plan(index: list[Any], shape: tuple[int, ...], xp: Any, device: Any) -> tuple[Any, ...]:
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


def gather(xp: Any, half: Array, plan: tuple[Any, ...]) -> Array:
    """Return the frequencies of a plan from a half spectrum, using that the plane is real."""
    parts = []
    for turned, columns, rows in plan:
        part = xp.take(half, columns, axis=-1)
        for axis, index in zip(range(-1 - len(rows), -1), rows, strict=True):
            part = xp.take(part, index, axis=axis)
        parts.append(xp.conj(part) if turned else part)
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=-1)
