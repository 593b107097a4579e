"""Vorticity fields on a periodic square box: velocity, box averages and their budgets.

Arrays are (..., y, x), NumPy or of another namespace, leading axes being realizations; lengths in m, times in s, velocities in m/s,
vorticity in 1/s. Averages <.> are over the box: energy E = <|u|^2> / 2, enstrophy Z = <w^2> / 2, palinstrophy
P = <|grad w|^2> / 2, so that viscosity gives dE/dt = -2 nu Z and dZ/dt = -2 nu P. Averages are accumulated in float64.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow.arrays import namespace
from scatflow_processes.bounds import check
from scatflow_processes.flow_kernels import Array, Grid, grid, parseval, velocity_of

Field = npt.NDArray[np.float64]


class Invariants(NamedTuple):
    """Box averages of a vorticity field, conserved (the first two) without viscosity.

    Attributes
    ----------
    energy : float or ndarray of float64, shape (...)
        E = <|u|^2> / 2 in m^2/s^2.
    enstrophy : float or ndarray of float64, shape (...)
        Z = <w^2> / 2 in 1/s^2.
    palinstrophy : float or ndarray of float64, shape (...)
        P = <|grad w|^2> / 2 in 1/(m s)^2.
    """

    energy: Any
    enstrophy: Any
    palinstrophy: Any


class Balance(NamedTuple):
    """What changes a box average, term by term, each a float or an ndarray of float64, shape (...).

    Attributes
    ----------
    content
        The average itself, E or Z.
    viscosity
        Rate of change by viscosity, -2 nu Z or -2 nu P.
    drag
        Rate of change by linear drag, -2 mu E or -2 mu Z.
    injection
        Rate of change by the forcing, <-psi f> or <w f>.
    """

    content: Any
    viscosity: Any
    drag: Any
    injection: Any

    @property
    def rate(self) -> Any:
        """Return the rate of change, the sum of the three terms."""
        return self.viscosity + self.drag + self.injection


class Budget(NamedTuple):
    """The budgets of energy (m^2/s^2 and m^2/s^3) and of enstrophy (1/s^2 and 1/s^3)."""

    energy: Balance
    enstrophy: Balance


def transform(vorticity: npt.ArrayLike, box: float) -> tuple[Grid, Array]:
    """Return the grid and the unnormalized real transform of vorticity fields.

    Parameters
    ----------
    vorticity : array_like of real, shape (..., n, n)
        Vorticity in 1/s, dims (..., y, x), n even and >= 8. float32 stays in single precision, other kinds of numbers are taken
        as float64.
    box : float
        Side of the box in m, > 0.

    Returns
    -------
    grid : Grid
        Wave numbers, in the arrays and the precision of the spectrum.
    spectrum : array of complex, shape (..., n, n // 2 + 1)
        Transform over the last two axes.

    Raises
    ------
    ValueError
        If the field is not real, not square with an even side >= 8, not finite, or ``box`` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> transform(np.ones((8, 8)), 1.0)[1].shape
    (8, 5)
    """
    field: Array = vorticity if hasattr(vorticity, "__array_namespace__") else np.asarray(vorticity)
    xp = namespace(field)
    check("vorticity", field.dtype, xp.isdtype(field.dtype, ("bool", "integral", "real floating")), "real")
    if field.dtype not in (xp.float32, xp.float64):
        field = xp.astype(field, xp.float64)
    if field.ndim < 2 or field.shape[-2] != field.shape[-1]:
        raise ValueError(f"vorticity must be square (..., n, n), got shape {tuple(field.shape)}")
    if not bool(xp.all(xp.isfinite(field))):
        raise ValueError("vorticity must be finite, got NaN or infinite values")
    tables = grid(field.shape[-1], float(box), "float32" if field.dtype == xp.float32 else "float64")
    return tables if isinstance(field, np.ndarray) else tables.on(xp), xp.fft.rfftn(field, axes=(-2, -1))


def velocity(vorticity: npt.ArrayLike, box: float = 2 * math.pi) -> tuple[Array, Array]:
    """Return the solenoidal velocity of vorticity fields on a periodic box.

    Parameters
    ----------
    vorticity : array_like of real, shape (..., n, n)
        Vorticity in 1/s, dims (..., y, x); its mean has no velocity and is ignored.
    box : float
        Side of the box in m, > 0.

    Returns
    -------
    u, v : array, shape (..., n, n)
        Velocity along x and y in m/s, zero mean: ``u = -d psi/dy``, ``v = d psi/dx``, ``lap psi = w``; float32 for float32.

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
    return velocity_of(namespace(spectrum), tables, spectrum)


def invariants(vorticity: npt.ArrayLike, box: float = 2 * math.pi) -> Invariants:
    """Return energy, enstrophy and palinstrophy of vorticity fields on a periodic box.

    Parameters
    ----------
    vorticity : array_like of real, shape (..., n, n)
        Vorticity in 1/s, dims (..., y, x); its mean is ignored.
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
    >>> [round(float(value), 6) for value in invariants(2 * np.cos(2 * x)[None, :] * np.ones((32, 1)))]
    [0.25, 1.0, 4.0]
    """
    return invariants_of(*transform(vorticity, box))


def invariants_of(tables: Grid, spectrum: Array) -> Invariants:
    """Return energy, enstrophy and palinstrophy of vorticity spectra by Parseval's relation."""
    factors = (tables.inverse, tables.square > 0, tables.square)
    return Invariants(*(value[()] / 2 for value in parseval(namespace(spectrum), tables, spectrum, spectrum, *factors)))


def budget(
    vorticity: npt.ArrayLike, nu: float, drag: float = 0.0, forcing: npt.ArrayLike | None = None, box: float = 2 * math.pi
) -> Budget:
    """Return what changes energy and enstrophy of a flow, term by term.

    Parameters
    ----------
    vorticity : array_like of real, shape (..., n, n)
        Vorticity in 1/s, dims (..., y, x); its mean is ignored.
    nu : float
        Viscosity in m^2/s.
    drag : float
        Linear drag mu in 1/s.
    forcing : array_like of real, shape (..., n, n), optional
        Curl f of the force in 1/s^2, of the arrays and the precision of the vorticity; its mean is ignored.
    box : float
        Side of the box in m, > 0.

    Returns
    -------
    Budget
        Advection changes neither, so ``budget(...).energy.rate`` is dE/dt: against differences of runs of `evolve`
        it closes to 1e-4 of the largest term where the flow is resolved (tested, float64).

    Raises
    ------
    ValueError
        As `transform`.

    Examples
    --------
    A shear flow decays by itself.

    >>> import numpy as np
    >>> shear = 2 * np.cos(2 * np.arange(32) * 2 * np.pi / 32)[None, :] * np.ones((32, 1))
    >>> found = budget(shear, nu=0.1, drag=0.5)
    >>> [round(float(value), 6) for value in found.energy], round(float(found.enstrophy.rate), 6)
    ([0.25, -0.2, -0.25, 0.0], -1.8)
    """
    tables, spectrum = transform(vorticity, box)
    now = invariants_of(tables, spectrum)
    work = np.zeros(2)
    if forcing is not None:
        factors = (tables.inverse, tables.square > 0)
        work = np.stack(parseval(namespace(spectrum), tables, spectrum, transform(forcing, box)[1], *factors))
    return Budget(
        Balance(now.energy, -2 * nu * now.enstrophy, -2 * drag * now.energy, work[0]),
        Balance(now.enstrophy, -2 * nu * now.palinstrophy, -2 * drag * now.enstrophy, work[1]),
    )
