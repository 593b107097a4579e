"""Flows in time: the vorticity equation with viscosity, drag and steady forcing, with steps that the flow itself allows.

Every realization of a batch has steps of its own, so that none depends on which others are beside it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow.arrays import asnumpy, namespace
from scatflow_processes.bounds import check
from scatflow_processes.flow_kernels import Array, Grid, Step, decay, refuse_large_step, step, tendency
from scatflow_processes.vorticity import transform

COURANT = 0.5
"""Courant number of the adaptive step; Runge–Kutta with two thirds of the modes is stable up to 1.35."""


def evolve(
    vorticity: npt.ArrayLike,
    duration: float,
    nu: float,
    box: float = 2 * math.pi,
    dt: float | None = None,
    drag: float = 0.0,
    forcing: npt.ArrayLike | None = None,
) -> Array:
    """Advance vorticity fields in time.

    Parameters
    ----------
    vorticity : array_like of real, shape (..., n, n)
        Vorticity in 1/s, dims (..., y, x), NumPy or of another namespace; leading axes are realizations, which do not see each
        other. Its mean and the modes beyond two thirds are dropped.
    duration : float
        Time to advance in s, >= 0.
    nu : float
        Viscosity in m^2/s, >= 0.
    box : float
        Side of the box in m, > 0.
    dt : float, optional
        Largest time step in s; default adaptive, Courant number 0.5.
    drag : float
        Linear drag mu in 1/s, >= 0.
    forcing : array_like of real, shape (n, n) or (..., n, n), optional
        Steady curl f of the force in 1/s^2, of the arrays and the precision of the vorticity. Its mean and the modes beyond
        two thirds are dropped.

    Returns
    -------
    array, shape (..., n, n)
        Vorticity in 1/s at the end, computed in float32 for float32, in float64 otherwise. Single precision rounds by 1e-7 a
        step; chaos doubles that every few eddy times.

    Raises
    ------
    ValueError
        If a parameter is outside its range or ``dt`` exceeds Courant number 1 at some time of the run; the message gives
        the admissible step.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(32) * 2 * np.pi / 32
    >>> shear = np.cos(x)[None, :] * np.ones((32, 1))
    >>> bool(np.allclose(evolve(shear, 2.0, nu=0.1, drag=0.3), shear * np.exp(-0.8)))
    True
    """
    check_medium(nu, drag)
    tables, spectrum = transform(vorticity, box)
    xp = namespace(spectrum)
    force = None if forcing is None else low_modes(xp, keep(xp, tables, transform(forcing, box)[1]))
    spectrum = advance(xp, tables, keep(xp, tables, spectrum), duration, nu, drag, force, dt)
    return xp.fft.irfftn(spectrum, s=(tables.size, tables.size), axes=(-2, -1))


def check_medium(nu: float, drag: float = 0.0) -> None:
    """Raise ValueError unless viscosity (m^2/s) and drag (1/s) are finite and not negative."""
    for name, value, unit in (("nu", nu, "m^2/s"), ("drag", drag, "1/s")):
        check(name, value, math.isfinite(value) and value >= 0, f"finite and >= 0 ({unit})")


def keep(xp: Any, tables: Grid, spectrum: Array) -> Array:
    """Return a spectrum without its mean and without the modes beyond two thirds."""
    return xp.where(tables.kept, spectrum, xp.zeros_like(spectrum))


def low_modes(xp: Any, spectrum: Array) -> Array:
    """Return the modes within two thirds of a spectrum as `Step.force` has them: rows ky = -K ... K, columns kx = 0 ... K."""
    reach = (spectrum.shape[-2] - 1) // 3
    columns = spectrum[..., : reach + 1]
    return xp.concat((columns[..., -reach:, :], columns[..., : reach + 1, :]), axis=-2)


def advance(
    xp: Any,
    tables: Grid,
    spectrum: Array,
    duration: float,
    nu: float,
    drag: float = 0.0,
    force: Array | None = None,
    dt: float | None = None,
) -> Array:
    """Return spectra of vorticity after a time; as `evolve`, which checks the rest of its arguments.

    Parameters
    ----------
    xp : namespace
        As :func:`scatflow.arrays.namespace` gives it.
    tables : Grid
        Wave numbers, in the arrays and the precision of the spectrum.
    spectrum : array of complex, shape (..., n, n // 2 + 1)
        Transform of the vorticity, only kept modes non-zero.
    duration, nu, drag, dt
        As for `evolve`.
    force : array of complex, optional
        As `Step.force`.

    Returns
    -------
    array of complex, shape (..., n, n // 2 + 1)

    Raises
    ------
    ValueError
        If ``duration`` or ``dt`` is outside its range, ``dt`` exceeds Courant number 1, or the flow overflows.
    """
    check("duration", duration, math.isfinite(duration) and duration >= 0, "finite and >= 0 (s)")
    check("dt", dt, dt is None or dt > 0, "> 0 (s)")
    shape = tuple(spectrum.shape[:-2])
    remaining, lengths = np.full(shape, float(duration)), np.full(shape, -1.0)
    now = Step(tables, 0.0, None, force)
    while (remaining > 0).any():
        first, rate = tendency(xp, now, spectrum)
        chosen = np.minimum(_lengths(np.asarray(asnumpy(rate), dtype=np.float64), dt, lengths), remaining)
        if (chosen != lengths).any():
            lengths = chosen
            length = xp.asarray(lengths[..., None, None], dtype=tables.square.dtype) if shape else float(lengths)
            now = Step(tables, length, decay(xp, tables, length, nu, drag), force)
        spectrum = step(xp, spectrum, now, first)
        remaining = remaining - lengths
    return spectrum


def _lengths(rates: npt.NDArray[np.float64], dt: float | None, last: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a step for each flow of these Courant rates, the last one as long as it is nearly as good."""
    refuse_large_step(0.0 if dt is None else dt, float(rates.max()))
    if dt is not None:
        return np.full(rates.shape, dt)
    largest = np.divide(COURANT, rates, out=np.full(rates.shape, math.inf), where=rates > 0)
    # A new step costs a new table of exponentials, so small gains are not worth it.
    return np.where((0.8 * largest <= last) & (last <= largest), last, 0.95 * largest)
