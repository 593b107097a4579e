"""Kernels of two-dimensional incompressible flow on a periodic square box: wave numbers, velocity, advection, one time step.

    dw/dt + u . grad w = nu lap w - mu w + f,    u = (-d psi/dy, d psi/dx),    lap psi = w

Each kernel is a pure function of an array namespace, spectra and parameters; it runs on NumPy, CuPy and strict arrays, in single
and double precision. Spectra are unnormalized real transforms, shape (..., n, n // 2 + 1), dims (ky, kx >= 0), leading axes being
realizations; only modes that the two-thirds rule keeps are non-zero. Lengths in m, times in s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from scatflow.arrays import asnumpy
from scatflow_processes.bounds import check

Array = Any


@dataclass(frozen=True, eq=False)
class Grid:
    """Wave numbers of an n x n periodic box, laid out as the real transform has them.

    Attributes
    ----------
    size : int
        Samples per side.
    box : float
        Side in m.
    ikx, iky : array of complex, shapes (1, n // 2 + 1) and (n, 1)
        Factors of the derivatives along x and y, in i rad/m.
    square, inverse : array of real, shape (n, n // 2 + 1)
        |k|^2 in (rad/m)^2 and its inverse, 0 at k = 0.
    shear, cross : array of real, shape (n, n // 2 + 1)
        Factors that turn the spectra of u v and v^2 - u^2 into that of -u . grad w, zero beyond two thirds.
    kept : array of bool, shape (n, n // 2 + 1)
        Modes that the two-thirds rule keeps, without the mean.
    weight : array of real, shape (1, n // 2 + 1)
        How many modes of the full spectrum a stored one stands for: 1 or 2.
    """

    size: int
    box: float
    ikx: Array
    iky: Array
    square: Array
    inverse: Array
    shear: Array
    cross: Array
    kept: Array
    weight: Array

    def on(self, xp: Any) -> Grid:
        """Return the same tables as arrays of a namespace."""
        tables = ("ikx", "iky", "square", "inverse", "shear", "cross", "kept", "weight")
        return replace(self, **{name: xp.asarray(getattr(self, name)) for name in tables})


@lru_cache(maxsize=2)
def grid(size: int, box: float, dtype: str = "float64") -> Grid:
    """Return the wave numbers of a box as NumPy arrays; at most two grids are kept in memory.

    Parameters
    ----------
    size : int
        Samples per side, even, >= 8.
    box : float
        Side in m, finite, > 0.
    dtype : {"float64", "float32"}
        Precision of the tables, which are computed in float64.

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
    check("size", size, size >= 8 and size % 2 == 0, "even and >= 8")
    check("box", box, math.isfinite(box) and box > 0, "finite and > 0 (m)")
    check("dtype", dtype, dtype in ("float32", "float64"), "float32 or float64")
    y, x = np.fft.fftfreq(size, 1 / size)[:, None], np.fft.rfftfreq(size, 1 / size)[None, :]
    unit = 2 * np.pi / box
    ky, kx = unit * y, unit * x
    square = kx**2 + ky**2
    inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
    # Orszag's two-thirds rule (J. Atmos. Sci. 28 (1971) 1074): products of kept modes fold back only onto
    # modes that are dropped, so energy and enstrophy are conserved to rounding by the truncated equation.
    kept = (3 * np.abs(y) < size) & (3 * x < size) & (square > 0)
    weight = np.full(x.shape, 2.0)
    weight[:, [0, -1]] = 1.0
    real = [square, inverse, (kx**2 - ky**2) * kept, kx * ky * kept]
    ikx, iky = ((1j * table).astype(np.result_type(dtype, np.complex64)) for table in (kx, ky))
    square, inverse, shear, cross, weight = (table.astype(dtype) for table in (*real, weight))
    return Grid(size, box, ikx, iky, square, inverse, shear, cross, kept, weight)


def velocity_of(xp: Any, tables: Grid, spectrum: Array) -> tuple[Array, Array]:
    """Return u and v of a vorticity spectrum, shape (..., n, n), in m/s."""
    stream, shape = tables.inverse * spectrum, (tables.size, tables.size)  # minus the stream function
    # One by one: transforms of both together take up to three times as long, their memory being out of the cache's reach.
    u = xp.fft.irfftn(tables.iky * stream, s=shape, axes=(-2, -1))
    return u, xp.fft.irfftn(-tables.ikx * stream, s=shape, axes=(-2, -1))


def advection(xp: Any, tables: Grid, spectrum: Array) -> tuple[Array, Array]:
    """Return the spectrum of ``-u . grad w`` and the Courant rate of the flow.

    Parameters
    ----------
    xp : namespace
        As :func:`scatflow.arrays.namespace` gives it.
    tables : Grid
        Wave numbers, in the arrays and the precision of the spectrum.
    spectrum : array of complex, shape (..., n, n // 2 + 1)
        Transform of the vorticity, only kept modes non-zero.

    Returns
    -------
    tendency : array of complex, shape (..., n, n // 2 + 1)
        Transform of the rate of change by advection, only kept modes non-zero.
    rate : array of real, shape (...)
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
    >>> from scatflow.arrays import namespace
    >>> field = np.cos(np.arange(32) * 2 * np.pi / 32)[None, :] * np.ones((32, 1))
    >>> tendency, rate = advection(namespace(field), grid(32, 2 * np.pi), np.fft.rfft2(field))
    >>> bool(np.abs(tendency).max() < 1e-9), round(float(rate) * 2 * np.pi / 32, 12)
    (True, 1.0)
    """
    u, v = velocity_of(xp, tables, spectrum)
    rate = xp.max(xp.abs(u) + xp.abs(v), axis=(-2, -1)) * (tables.size / tables.box)
    found = tables.shear * xp.fft.rfftn(u * v, axes=(-2, -1))
    found += tables.cross * xp.fft.rfftn(v * v - u * u, axes=(-2, -1))
    return found, rate


class Step(NamedTuple):
    """Parameters of one time step.

    Attributes
    ----------
    tables : Grid
        Wave numbers, in the arrays and the precision of the state.
    length : float or array, shape (..., 1, 1)
        Time in s, one for all realizations or one for each.
    decay : array of real, shape (..., n, n // 2 + 1)
        Exact linear decay over half the step, see :func:`decay`.
    force : array of complex, shape (..., 2 K + 1, K + 1), or None
        Transform of the forcing f in 1/s^2, constant over the step: rows ky = -K ... K, columns kx = 0 ... K in units of 2 pi / box.
    """

    tables: Grid
    length: Any
    decay: Array
    force: Array | None = None


def decay(xp: Any, tables: Grid, length: Any, nu: float, drag: float = 0.0) -> Array:
    """Return ``exp(-(nu k^2 + mu) dt / 2)``, the integrating factor over half a step."""
    return xp.exp((-0.5 * length) * (nu * tables.square + drag))


def tendency(xp: Any, parameters: Step, spectrum: Array) -> tuple[Array, Array]:
    """Return the spectrum of the rate of change without the linear terms, and the Courant rate in 1/s."""
    rise, rate = advection(xp, parameters.tables, spectrum)
    force = parameters.force
    if force is not None:
        reach, size = force.shape[-1] - 1, parameters.tables.size
        rise[..., : reach + 1, : reach + 1] += force[..., reach:, :]
        rise[..., size - reach :, : reach + 1] += force[..., :reach, :]
    return rise, rate


def step(xp: Any, spectrum: Array, parameters: Step, first: Array | None = None) -> Array:
    """Return the spectrum one step later: fourth-order Runge–Kutta, linear terms integrated exactly.

    Parameters
    ----------
    xp : namespace
        As :func:`scatflow.arrays.namespace` gives it.
    spectrum : array of complex, shape (..., n, n // 2 + 1)
        Transform of the vorticity, only kept modes non-zero; not changed.
    parameters : Step
        Everything else that decides the result.
    first : array of complex, optional
        `tendency` of ``spectrum``, where it is known already.

    Returns
    -------
    array of complex, shape (..., n, n // 2 + 1)

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> xp, tables = namespace(), grid(8, 2 * np.pi)
    >>> start = np.fft.rfft2(np.cos(np.arange(8) * np.pi / 4) * np.ones((8, 1)))  # a shear flow, which only decays
    >>> later = step(xp, start, Step(tables, 0.5, decay(xp, tables, 0.5, nu=0.2, drag=0.1)))
    >>> bool(np.allclose(later, start * np.exp(-0.15)))
    True
    """
    length, half = parameters.length, parameters.decay
    first = half * (tendency(xp, parameters, spectrum)[0] if first is None else first)
    decayed = half * spectrum
    second, _ = tendency(xp, parameters, decayed + (0.5 * length) * first)
    third, _ = tendency(xp, parameters, decayed + (0.5 * length) * second)
    fourth, _ = tendency(xp, parameters, half * (decayed + length * third))
    # In place, as these arrays are nobody else's: memory traffic is a third of the time of a step.
    second += third
    second *= 2.0
    second += first
    second *= length / 6
    second += decayed
    second *= half
    fourth *= length / 6
    second += fourth
    return second


def refuse_large_step(dt: float, rate: float) -> None:
    """Raise ValueError, with the admissible step, if a step has a Courant number above 1 at this Courant rate in 1/s."""
    if not math.isfinite(rate):
        raise ValueError("the flow has overflowed: vorticity, duration and box must be of a size that its precision can hold")
    if dt * rate > 1:
        raise ValueError(f"dt must be <= {1 / rate:.6g} s for this flow (Courant number 1), got {dt:.6g}")


def parseval(xp: Any, tables: Grid, one: Array, other: Array, *factors: Array) -> list[np.ndarray[Any, Any]]:
    """Return the box averages of the product of two fields from their spectra, weighted by each factor, in float64."""
    product = xp.real(one) * xp.real(other) + xp.imag(one) * xp.imag(other)
    weighted = (xp.astype(product, xp.float64) * xp.astype(tables.weight, xp.float64)) / float(tables.size) ** 4
    return [asnumpy(xp.sum(weighted * xp.astype(factor, xp.float64), axis=(-2, -1))) for factor in factors]
