"""Compiled kernels for numpy blocks: products on a filter's support with the fold, and decimating averages.

The array-API forms of the same sums are in :mod:`scatflow_wavelet.filtering` and :mod:`scatflow_wavelet.smoothing`; they move
several times the memory (``docs/speed.md`` has the measurements). Nothing here reorders sums, so the bytes do not
depend on the vector units of a machine. Compiled on first use, and kept on disk where that is writable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

#: Products summed in the precision of the data before they join a float64 sum.
_CHUNK = 64


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile on first use; without the GIL, since blocks run in threads."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder for the cache is writable
        return numba.njit(nogil=True)(function)


@_compiled
def fold(spectra: Any, pointer: Any, runs: Any, values: Any, chosen: Any, out: Any) -> None:
    """Write products with filters, aliases summed: ``out[i, k, r] = sum over the runs of band chosen[k] in row r``.

    Parameters
    ----------
    spectra : complex, shape (items, frequencies)
        Core axes are one.
    pointer : int64, shape (bands * rows + 1, 2)
        First run and first value of every row of every band.
    runs : int64, shape (runs, 3)
        Place in the spectrum, column in the result, length.
    values : real or complex, one dim
        The filters along the runs.
    chosen : int64
        Positions of bands.
    out : complex, shape (items, len(chosen), rows, m)
        Leading core axes of the result are one.

    Notes
    -----
    Places are unsigned in the inner loop: for signed ones a check of negative indices keeps it from being vectorized.
    """
    rows = out.shape[2]
    for item in range(out.shape[0]):
        spectrum = spectra[item]
        for k in range(out.shape[1]):
            for row in range(rows):
                line, place = out[item, k, row], chosen[k] * rows + row
                line[:] = 0
                value = np.uint64(pointer[place, 1])
                for run in range(pointer[place, 0], pointer[place + 1, 0]):
                    source, target, length = np.uint64(runs[run, 0]), np.uint64(runs[run, 1]), np.uint64(runs[run, 2])
                    for x in range(length):
                        line[target + x] += spectrum[source + x] * values[value + x]
                    value += length


@_compiled
def unfold(bands: Any, pointer: Any, runs: Any, values: Any, chosen: Any, scale: Any, total: Any) -> None:
    """Add the adjoint of :func:`fold`, times ``scale``, to ``total``: same arguments, results and spectra exchanged."""
    rows = bands.shape[2]
    for item in range(bands.shape[0]):
        spectrum = total[item]
        for k in range(bands.shape[1]):
            for row in range(rows):
                line, place = bands[item, k, row], chosen[k] * rows + row
                value = np.uint64(pointer[place, 1])
                for run in range(pointer[place, 0], pointer[place + 1, 0]):
                    source, target, length = np.uint64(runs[run, 0]), np.uint64(runs[run, 1]), np.uint64(runs[run, 2])
                    for x in range(length):
                        spectrum[source + x] += line[target + x] * (np.conj(values[value + x]) * scale)
                    value += length


@_compiled
def expand(half: Any, mirror: Any, out: Any) -> None:
    """Write whole spectra of real planes from half ones, (items, rows, n); row ``mirror[r]`` has minus the frequencies of r."""
    known, n = half.shape[2], out.shape[2]
    for item in range(half.shape[0]):
        for row in range(half.shape[1]):
            out[item, row, :known] = half[item, row]
            other = half[item, mirror[row]]
            for x in range(known, n):
                out[item, row, x] = np.conj(other[n - x])


@_compiled
def _add_rows(planes: Any, weights: Any, row: int, out: Any) -> None:
    """Add ``weights[m] * planes[(row + m) % n]`` to ``out``, four rows at a time."""
    n, width = planes.shape
    m = 0
    while m + 4 <= weights.size:
        second = row + 1 if row + 1 < n else 0
        third = second + 1 if second + 1 < n else 0
        fourth = third + 1 if third + 1 < n else 0
        a, b, c, d = planes[row], planes[second], planes[third], planes[fourth]
        wa, wb, wc, wd = weights[m], weights[m + 1], weights[m + 2], weights[m + 3]
        for x in range(width):
            out[x] += (wa * a[x] + wb * b[x]) + (wc * c[x] + wd * d[x])
        row = fourth + 1 if fourth + 1 < n else 0
        m += 4
    while m < weights.size:
        a, wa = planes[row], weights[m]
        for x in range(width):
            out[x] += wa * a[x]
        row = row + 1 if row + 1 < n else 0
        m += 1


@_compiled
def decimate(planes: Any, weights: Any, first: int, factor: int, out: Any) -> None:
    """Average periodic planes along their first axis, which becomes the last one.

    ``out[p, x, k] = sum over m of weights[m] * planes[p, (factor k + first + m) % n, x]``

    Parameters
    ----------
    planes : real, shape (planes, n, width)
    weights : real, shape (taps,)
        At most n.
    first, factor : int
    out : real, shape (planes, width, n // factor)
    """
    n, width = planes.shape[1], planes.shape[2]
    part = np.empty(width, planes.dtype)
    total = np.empty(width, np.float64)
    for p in range(planes.shape[0]):
        for k in range(out.shape[2]):
            total[:] = 0
            for m in range(0, weights.size, _CHUNK):
                part[:] = 0
                _add_rows(planes[p], weights[m : m + _CHUNK], (factor * k + first + m) % n, part)
                for x in range(width):
                    total[x] += part[x]
            for x in range(width):
                out[p, x, k] = total[x]


@_compiled
def _phases(line: Any, factor: int, before: int, out: Any) -> None:
    """Write ``out[r, before + b] = line[factor b + r]`` for all b, periodic in b; by tiles, for the cache."""
    count, width = line.size // factor, out.shape[1]
    for start in range(0, count, 16):
        stop = min(start + 16, count)
        for r in range(factor):
            row = out[r]
            for b in range(start, stop):
                row[before + b] = line[b * factor + r]
    for r in range(factor):
        row = out[r]
        for b in range(before - 1, -1, -1):
            row[b] = row[b + count]
        for b in range(before + count, width):
            row[b] = row[b - count]


@_compiled
def decimate_lines(lines: Any, weights: Any, first: int, factor: int, out: Any) -> None:
    """Average periodic lines: ``out[p, k] = sum over m of weights[m] * lines[p, (factor k + first + m) % n]``, first <= 0.

    A line is laid out by phases, ``n = factor * b + r``, so that all results are summed at once along contiguous samples.
    """
    count = out.shape[1]
    lowest = first // factor
    width = count + (first + weights.size - 1) // factor - lowest
    before = -lowest
    phases = np.empty((factor, width), lines.dtype)
    part = np.empty(count, lines.dtype)
    total = np.empty(count, np.float64)
    for p in range(lines.shape[0]):
        _phases(lines[p], factor, before, phases)
        total[:] = 0
        for chunk in range(0, weights.size, _CHUNK):
            part[:] = 0
            stop = min(chunk + _CHUNK, weights.size)
            m = chunk
            while m < stop:
                shift = (first + m) // factor
                r = first + m - shift * factor
                at = before + shift
                if m + 4 <= stop and r + 4 <= factor:
                    a, b = phases[r, at : at + count], phases[r + 1, at : at + count]
                    c, d = phases[r + 2, at : at + count], phases[r + 3, at : at + count]
                    wa, wb, wc, wd = weights[m], weights[m + 1], weights[m + 2], weights[m + 3]
                    for x in range(count):
                        part[x] += (wa * a[x] + wb * b[x]) + (wc * c[x] + wd * d[x])
                    m += 4
                else:
                    a, wa = phases[r, at : at + count], weights[m]
                    for x in range(count):
                        part[x] += wa * a[x]
                    m += 1
            for x in range(count):
                total[x] += part[x]
        for x in range(count):
            out[p, x] = total[x]
