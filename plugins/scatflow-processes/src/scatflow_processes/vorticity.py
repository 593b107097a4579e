"""Vorticity fields on a periodic square box: wave numbers, velocity, box averages, rate of change.

Arrays are (y, x), lengths in m, times in s, velocities in m/s, vorticity in 1/s; all arithmetic is float64.
Averages <.> are over the box: energy E = <|u|^2> / 2, enstrophy Z = <w^2> / 2, palinstrophy
P = <|grad w|^2> / 2, so that viscosity gives dE/dt = -2 nu Z and dZ/dt = -2 nu P.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

Field = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]


class Invariants(NamedTuple):
    """Box averages of a vorticity field, conserved (the first two) without viscosity.

    Attributes
    ----------
    energy : float
        E = <|u|^2> / 2 in m^2/s^2.
    enstrophy : float
        Z = <w^2> / 2 in 1/s^2.
    palinstrophy : float
        P = <|grad w|^2> / 2 in 1/(m s)^2.
    """

    energy: float
    enstrophy: float
    palinstrophy: float


@dataclass(frozen=True, eq=False)
class Grid:
    """Wave numbers of an n x n periodic box, laid out as the real transform has them: (ky, kx >= 0).

    Attributes
    ----------
    size : int
        Samples per side.
    box : float
        Side in m.
    ikx, iky : ndarray of complex128, shapes (1, n // 2 + 1) and (n, 1)
        Factors of the derivatives along x and y, in i rad/m.
    square, inverse : ndarray of float64, shape (n, n // 2 + 1)
        |k|^2 in (rad/m)^2 and its inverse, 0 at k = 0.
    from_products : ndarray of float64, shape (2, n, n // 2 + 1)
        Factors that turn the spectra of u v and v^2 - u^2 into that of -u . grad w, zero beyond two thirds.
    kept : ndarray of bool, shape (n, n // 2 + 1)
        Modes that the two-thirds rule keeps, without the mean.
    weight : ndarray of float64, shape (1, n // 2 + 1)
        How many modes of the full spectrum a stored one stands for: 1 or 2.
    """

    size: int
    box: float
    ikx: Spectrum
    iky: Spectrum
    square: Field
    inverse: Field
    from_products: Field
    kept: npt.NDArray[np.bool_]
    weight: Field


@lru_cache(maxsize=2)
def grid(size: int, box: float) -> Grid:
    """Return the wave numbers of a box; at most two grids are kept in memory.

    Parameters
    ----------
    size : int
        Samples per side, even, >= 8.
    box : float
        Side in m, finite, > 0.

    Returns
    -------
    Grid
        Tables of shape (size, size // 2 + 1); treat them as read-only.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> grid(8, 2 * np.pi).kept.sum().item()
    14
    """
    if size < 8 or size % 2:
        raise ValueError(f"size must be even and >= 8, got {size}")
    if not (math.isfinite(box) and box > 0):
        raise ValueError(f"box must be finite and > 0 (m), got {box}")
    y, x = fft.fftfreq(size, 1 / size)[:, None], fft.rfftfreq(size, 1 / size)[None, :]
    unit = 2 * np.pi / box
    ky, kx = unit * y, unit * x
    square = kx**2 + ky**2
    inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
    # Orszag's two-thirds rule (J. Atmos. Sci. 28 (1971) 1074): products of kept modes fold back only onto
    # modes that are dropped, so energy and enstrophy are conserved to rounding by the truncated equation.
    kept = (3 * np.abs(y) < size) & (3 * x < size) & (square > 0)
    weight = np.full(x.shape, 2.0)
    weight[:, [0, -1]] = 1.0
    return Grid(
        size=size,
        box=box,
        ikx=1j * kx,
        iky=1j * ky,
        square=square,
        inverse=inverse,
        from_products=np.stack([(kx**2 - ky**2) * kept, kx * ky * kept]),
        kept=kept,
        weight=weight,
    )


def transform(vorticity: npt.ArrayLike, box: float) -> tuple[Grid, Spectrum]:
    """Return the grid and the unnormalized real transform of a vorticity field.

    Parameters
    ----------
    vorticity : array_like of real, shape (n, n)
        Vorticity in 1/s, dims (y, x), n even and >= 8.
    box : float
        Side of the box in m, > 0.

    Returns
    -------
    grid : Grid
        Wave numbers.
    spectrum : ndarray of complex128, shape (n, n // 2 + 1)
        ``scipy.fft.rfft2`` of the field.

    Raises
    ------
    ValueError
        If the field is not square with an even side >= 8, not finite, or ``box`` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> transform(np.ones((8, 8)), 1.0)[1].shape
    (8, 5)
    """
    field = np.asarray(vorticity, dtype=np.float64)
    if field.ndim != 2 or field.shape[0] != field.shape[1]:
        raise ValueError(f"vorticity must be square (n, n), got shape {field.shape}")
    if not np.isfinite(field).all():
        raise ValueError("vorticity must be finite, got NaN or infinite values")
    return grid(field.shape[0], float(box)), np.asarray(fft.rfft2(field))


def velocity(vorticity: npt.ArrayLike, box: float = 2 * math.pi) -> tuple[Field, Field]:
    """Return the solenoidal velocity of a vorticity field on a periodic box.

    Parameters
    ----------
    vorticity : array_like of real, shape (n, n)
        Vorticity in 1/s, dims (y, x); its mean has no velocity and is ignored.
    box : float
        Side of the box in m, > 0.

    Returns
    -------
    u, v : ndarray of float64, shape (n, n)
        Velocity along x and y in m/s, zero mean: ``u = -d psi/dy``, ``v = d psi/dx``, ``lap psi = w``.

    Raises
    ------
    ValueError
        As `transform`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(32) * 2 * np.pi / 32
    >>> u, v = velocity(np.cos(x)[None, :] * np.ones((32, 1)))
    >>> bool(np.allclose(v, np.sin(x))), bool(np.allclose(u, 0))
    (True, True)
    """
    tables, spectrum = transform(vorticity, box)
    u, v = velocity_of(tables, spectrum)
    return u, v


def velocity_of(tables: Grid, spectrum: Spectrum) -> Field:
    """Return u and v of a vorticity spectrum, shape (2, n, n), in m/s."""
    stream = tables.inverse * spectrum  # minus the stream function
    parts = np.empty((2, *stream.shape), dtype=np.complex128)
    np.multiply(tables.iky, stream, out=parts[0])
    np.multiply(-tables.ikx, stream, out=parts[1])
    return np.asarray(fft.irfft2(parts, s=(tables.size, tables.size), overwrite_x=True))


def invariants(vorticity: npt.ArrayLike, box: float = 2 * math.pi) -> Invariants:
    """Return energy, enstrophy and palinstrophy of a vorticity field on a periodic box.

    Parameters
    ----------
    vorticity : array_like of real, shape (n, n)
        Vorticity in 1/s, dims (y, x); its mean is ignored.
    box : float
        Side of the box in m, > 0.

    Returns
    -------
    Invariants
        Box averages, see the module.

    Raises
    ------
    ValueError
        As `transform`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(32) * 2 * np.pi / 32
    >>> [round(value, 6) for value in invariants(2 * np.cos(2 * x)[None, :] * np.ones((32, 1)))]
    [0.25, 1.0, 4.0]
    """
    return invariants_of(*transform(vorticity, box))


def invariants_of(tables: Grid, spectrum: Spectrum) -> Invariants:
    """Return energy, enstrophy and palinstrophy of a vorticity spectrum by Parseval's relation."""
    power = tables.weight * (spectrum.real**2 + spectrum.imag**2) / (2 * tables.size**4)
    factors = (tables.inverse, tables.square > 0, tables.square)
    return Invariants(*(float((power * factor).sum()) for factor in factors))


def advection(tables: Grid, spectrum: Spectrum) -> tuple[Spectrum, float]:
    """Return the spectrum of ``-u . grad w`` and the Courant rate of the flow.

    Parameters
    ----------
    tables : Grid
        Wave numbers.
    spectrum : ndarray of complex128, shape (n, n // 2 + 1)
        Transform of the vorticity, only kept modes non-zero.

    Returns
    -------
    tendency : ndarray of complex128, shape (n, n // 2 + 1)
        Transform of the rate of change without viscosity, only kept modes non-zero.
    rate : float
        max(|u| + |v|) n / box in 1/s; a time step times this is the Courant number.

    Notes
    -----
    ``u . grad w = (dxx - dyy)(u v) + dxy (v^2 - u^2)``, which needs four transforms instead of the five of
    the flux form [1]_ and is the same polynomial of the kept modes.

    References
    ----------
    .. [1] C. Basdevant, J. Comput. Phys. 50 (1983) 209, doi:10.1016/0021-9991(83)90064-5.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(32) * 2 * np.pi / 32
    >>> tables, spectrum = transform(np.cos(x)[None, :] * np.ones((32, 1)), 2 * np.pi)
    >>> tendency, rate = advection(tables, spectrum)
    >>> bool(np.abs(tendency).max() < 1e-9), round(rate * 2 * np.pi / 32, 12)
    (True, 1.0)
    """
    u, v = velocity_of(tables, spectrum)
    rate = float((np.abs(u) + np.abs(v)).max()) * tables.size / tables.box
    products = np.empty((2, *u.shape))
    np.multiply(u, v, out=products[0])
    np.subtract(v * v, u * u, out=products[1])
    terms = fft.rfft2(products, overwrite_x=True)
    terms *= tables.from_products
    return np.asarray(terms[0] + terms[1]), rate
