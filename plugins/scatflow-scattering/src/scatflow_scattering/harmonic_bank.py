"""Solid harmonic filters on one grid, as tables: short factors along z, and planes over (y, x).

A filter of degree l is ``sum_a r_z^a e(r_z) T_a(y, x)`` with ``e(r) = exp(-r^2 / 2)``. A volume is transformed back along z once
per power a, and then, a few planes at a time, along y and x once per harmonic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scatflow.arrays import complex_dtype
from scatflow_scattering.solid_harmonics import Polynomial, SolidHarmonic, harmonics, scaling
from scatflow_wavelet.layout import Complex, Grid, Real
from scatflow_wavelet.spectrum import NEGLIGIBLE

Array = Any
#: One real field: (which factor along z, multiplier over (y, x)) of each of its terms.
Field = tuple[tuple[int, Array], ...]


@dataclass(frozen=True)
class Shell:
    """All harmonics of one degree and scale, from one grid to another.

    Attributes
    ----------
    box : tuple of int
        Frequencies kept per axis, the last as the length of a real axis; beyond them the filters are negligible.
    target : tuple of int
        Shape of the fields, a divisor of the box per axis.
    gain : float
        Factor that makes transforms of these lengths a decimation.
    along : tuple of array of complex, shape (box[0], 1, 1)
        Factors along z, with the gain.
    fields : tuple of Field
        The multipliers have shape (box[1], box[2] // 2 + 1) and are such that all fields are real.
    """

    box: tuple[int, int, int]
    target: tuple[int, int, int]
    gain: float
    along: tuple[Array, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Layout:
    """What a shell takes from its grid: frequencies kept, shape of the fields, and whether they come in two parts.

    Attributes
    ----------
    box, target : tuple of int
        As of :class:`Shell`.
    split : bool
        Multipliers lack parity at the Nyquist frequency by so much that imaginary parts count.
    """

    box: tuple[int, int, int]
    target: tuple[int, int, int]
    split: bool


def layout(family: SolidHarmonic, scale: int, degree: int, grid: Grid, factor: int, aspect: Sequence[float], dtype: str) -> Layout:
    """Return the layout of a shell; parameters as for :func:`shell`."""
    sigma = family.sigma0 * 2.0**scale
    radius = reach(degree, NEGLIGIBLE[dtype]) / sigma
    edges = [math.pi * a / grid.step for a in aspect]
    kept = []
    for n, edge in zip(grid.shape, edges, strict=True):
        size = n // factor
        while size < n and edge * size / n < radius:
            size *= 2
        kept.append(size)
    # Imaginary parts enter squared.
    split = family.profile == "kymatio" and min(edges) < reach(degree, math.sqrt(NEGLIGIBLE[dtype])) / sigma
    return Layout(_triple(kept), _triple(n // factor for n in grid.shape), split)


def shell(
    family: SolidHarmonic,
    scale: int,
    degree: int,
    grid: Grid,
    factor: int,
    aspect: Sequence[float],
    xp: Any,
    dtype: str,
    device: Any = None,
) -> Shell:
    """Return the harmonics of a degree and scale for planes on a grid, decimated by a factor.

    Parameters
    ----------
    family : SolidHarmonic
        Constants and conventions.
    scale, degree : int
        The numbers j and l.
    grid : Grid
        Where the filters are applied.
    factor : int
        Samples of this grid per sample of the fields, per axis; a power of two that divides every length.
    aspect : sequence of float
        Coarsest step over each axis's own.
    xp, dtype, device
        Library, real dtype and device of the blocks.

    Returns
    -------
    Shell
    """
    frame = layout(family, scale, degree, grid, factor, aspect, dtype)
    axes = zip(grid.shape, aspect, frame.box, strict=True)
    parts = [_parts(_cropped(family.axis(n, grid.step / a, scale, degree), kept)) for n, a, kept in axes]
    half = frame.box[2] // 2 + 1
    tables = tuple((z, y, x[:, :half]) for z, y, x in zip(*parts, strict=True))[: 1 + frame.split]
    rows, fields = _separated(tables, degree)
    gain = frame.box[2] / (grid.shape[2] * factor**2)
    kind = getattr(xp, complex_dtype(dtype))

    def moved(values: Real | Complex) -> Array:
        return xp.asarray(values.astype(complex), dtype=kind, device=device)

    along = tuple(moved(gain * row[:, None, None]) for row in rows)
    multipliers = tuple(tuple((k, moved(table)) for k, table in field) for field in fields)
    return Shell(frame.box, frame.target, gain, along, multipliers)


def _triple(values: Iterable[int]) -> tuple[int, int, int]:
    z, y, x = values
    return (z, y, x)


def reach(degree: int, least: float) -> float:
    """Return the r beyond which ``r^l exp(-r^2 / 2)`` is below ``least`` of its peak.

    Examples
    --------
    >>> round(reach(0, 1e-10), 3)
    6.786
    """
    peak = 0.5 * degree * (math.log(degree) - 1) if degree else 0.0
    r = math.sqrt(degree) + 1.0
    for _ in range(60):  # a contraction above the peak; far from it after a few steps
        r = math.sqrt(2 * (degree * math.log(r) - math.log(least) - peak))
    return r


def _cropped(values: Real, kept: int) -> Real:
    """Return the lowest frequencies of tables in FFT order."""
    return np.concatenate([values[:, : kept - kept // 2], values[:, values.shape[1] - kept // 2 :]], axis=1)


def _parts(values: Real) -> tuple[Real, Real]:
    """Split tables of powers of one frequency into what has their parity in the index, and the rest: odd powers at -Nyquist."""
    rest = np.zeros_like(values)
    n = values.shape[1]
    if n % 2 == 0:
        rest[1::2, n // 2] = values[1::2, n // 2]
    return values - rest, rest


def _separated(tables: Sequence[tuple[Real, Real, Real]], degree: int) -> tuple[list[Real], list[list[tuple[int, Complex]]]]:
    """Return factors along z, and of every real field which factor goes with which multiplier over (y, x).

    ``tables`` holds per axis the powers of frequencies, and maybe what lacks their parity. A product with an even number
    of the latter has the parity of l, one with an odd number the other: fields apart, both real once odd ones are times -i.
    """
    found = []
    for polynomial in harmonics(degree):
        for lacking in range(len(tables)):
            terms = _terms(polynomial, tables, lacking)
            if terms:
                phase = scaling(degree) * (-1j) ** ((degree + lacking) % 2)
                found.append({key: np.asarray(phase * plane) for key, plane in terms.items()})
    keys = sorted({key for terms in found for key in terms})
    rows = [tables[part][0][power] for part, power in keys]
    return rows, [[(keys.index(key), plane) for key, plane in terms.items()] for terms in found]


def _terms(polynomial: Polynomial, tables: Sequence[tuple[Real, Real, Real]], lacking: int) -> dict[tuple[int, int], Real]:
    """Return the terms with an even (0) or odd (1) number of factors that lack parity: (part, power of z) -> plane over (y, x)."""
    terms: dict[tuple[int, int], Real] = {}
    for choice in itertools.product(range(len(tables)), repeat=3):
        z, y, x = (tables[part][axis] for axis, part in enumerate(choice))
        for (a, b, c), value in polynomial.items() if sum(choice) % 2 == lacking else ():
            plane = value * y[b][:, None] * x[c]
            if z[a].any() and plane.any():
                terms[choice[0], a] = terms.get((choice[0], a), 0.0) + plane
    return terms
