"""Decaying two-dimensional turbulence: the vorticity equation on a periodic box, pseudo-spectral.

    dw/dt + u . grad w = nu lap w,    u = (-d psi/dy, d psi/dx),    lap psi = w

Two-thirds dealiasing, fourth-order Runge–Kutta with the viscous term integrated exactly. Units and averages
as in `scatflow_processes.vorticity`; viscosity in m^2/s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from scatflow_processes.streams import realization_generator
from scatflow_processes.vorticity import (
    Field,
    Grid,
    Spectrum,
    advection,
    grid,
    invariants_of,
    transform,
    velocity_of,
)

COURANT = 0.5
"""Courant number of the adaptive step; Runge–Kutta with two thirds of the modes is stable up to 1.35."""


class Fields(NamedTuple):
    """One snapshot.

    Attributes
    ----------
    vorticity : ndarray of float64, shape (n, n)
        Vorticity in 1/s, dims (y, x); sample (i, j) lies at y = i box / n, x = j box / n.
    u, v : ndarray of float64, shape (n, n)
        Velocity along x and y in m/s.
    attrs : Mapping[str, float | int | str]
        Parameters and scales of the run, see `simulate`.
    """

    vorticity: Field
    u: Field
    v: Field
    attrs: Mapping[str, float | int | str]


class Scales(NamedTuple):
    """Scales of the initial condition; the same for every realization, as only its phases are random.

    Attributes
    ----------
    eddy_time : float
        T_e = 1 / w_rms in s.
    reynolds : float
        Re = u_rms / (k nu) with k = 2 pi k_peak / box and u_rms the root of <|u|^2>; inf without viscosity.
    resolution : float
        k_max / k_d with k_max = (2/3) pi n / box and the enstrophy dissipation wave number
        k_d = (w_rms^3)^(1/6) / nu^(1/2) of Batchelor (Phys. Fluids 12 (1969) II-233); inf without viscosity.
        The dissipation rate of a decaying run stays some fifty times below w_rms^3, so ``kmax_over_kd_now``
        of the snapshot is about twice this number. Against a grid twice as fine at age 8, enstrophy and,
        point by point, velocity and vorticity are off by 3, 13 and 35 % where the latter is 0.7; by 0.6, 3
        and 15 % at 1.0; by 0.2, 1.3 and 8 % at 1.4 (size 64 and 128, nu 2e-3, 1e-3).
    """

    eddy_time: float
    reynolds: float
    resolution: float


def simulate(
    size: int,
    seed: int,
    realization: int,
    nu: float,
    age: float,
    box: float = 2 * math.pi,
    k_peak: float = 6.0,
    rms_speed: float = 1.0,
    dt: float | None = None,
) -> Fields:
    """Return one snapshot of decaying turbulence.

    Parameters
    ----------
    size : int
        Samples per side, even, > 6 k_peak.
    seed, realization : int
        Seed of the ensemble and absolute index of this member, >= 0; nothing else decides the initial phases.
    nu : float
        Viscosity in m^2/s, >= 0.
    age : float
        Time of the snapshot in units of T_e = 1 / w_rms(0), >= 0; vortices stand out from about 20.
    box : float
        Side of the box in m, > 0.
    k_peak : float
        Wavelengths per box at the peak of the initial energy spectrum, >= 1.
    rms_speed : float
        Initial root of <|u|^2> in m/s, > 0.
    dt : float, optional
        Largest time step in s; default adaptive, Courant number 0.5.

    Returns
    -------
    Fields
        Snapshot and attributes: ``nu, forcing, age, T_e, Re, kmax_over_kd`` (the last three of the initial
        condition, see `Scales`), ``box, k_peak, rms_speed, seed, realization``, and of the snapshot ``time``
        (s), ``energy, enstrophy, palinstrophy`` and ``kmax_over_kd_now``, k_d from the measured enstrophy
        dissipation rate 2 nu P.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or ``dt`` exceeds Courant number 1 at some time of the run; the
        message gives the admissible step.

    Notes
    -----
    Equations and numbers after McWilliams [1]_; initial condition as `initial_vorticity`.

    References
    ----------
    .. [1] J. C. McWilliams, "The emergence of isolated coherent vortices in turbulent flow", J. Fluid Mech.
       146 (1984) 21, doi:10.1017/S0022112084001750.

    Examples
    --------
    >>> import numpy as np
    >>> fields = simulate(64, seed=1, realization=0, nu=2e-3, age=1.0)
    >>> fields.vorticity.shape, fields.attrs["forcing"], round(fields.attrs["Re"], 1)
    ((64, 64), 'none', 83.3)
    """
    if not (math.isfinite(age) and age >= 0):
        raise ValueError(f"age must be finite and >= 0 (units of T_e), got {age}")
    scales = initial_scales(size, nu, box, k_peak, rms_speed)
    start = initial_vorticity(size, seed, realization, box, k_peak, rms_speed)
    duration = age * scales.eddy_time
    tables, spectrum = transform(start, box)
    spectrum = _advance(tables, spectrum, duration, nu, dt)
    now = invariants_of(tables, spectrum)
    u, v = velocity_of(tables, spectrum)
    k_max = 2 / 3 * math.pi * size / box
    dissipation = 2 * nu * now.palinstrophy
    attrs: dict[str, float | int | str] = {
        "nu": nu, "forcing": "none", "age": age, "T_e": scales.eddy_time, "Re": scales.reynolds,
        "kmax_over_kd": scales.resolution, "box": box, "k_peak": k_peak, "rms_speed": rms_speed,
        "seed": seed, "realization": realization, "time": duration, **now._asdict(),
        "kmax_over_kd_now": k_max * math.sqrt(nu) / dissipation ** (1 / 6) if nu else math.inf,
    }  # fmt: skip
    return Fields(np.asarray(fft.irfft2(spectrum, s=(size, size))), u, v, attrs)


def evolve(vorticity: npt.ArrayLike, duration: float, nu: float, box: float = 2 * math.pi, dt: float | None = None) -> Field:
    """Advance a vorticity field in time without forcing.

    Parameters
    ----------
    vorticity : array_like of real, shape (n, n)
        Vorticity in 1/s, dims (y, x). Its mean and the modes beyond two thirds are dropped.
    duration : float
        Time to advance in s, >= 0.
    nu : float
        Viscosity in m^2/s, >= 0.
    box : float
        Side of the box in m, > 0.
    dt : float, optional
        Largest time step in s; default adaptive, Courant number 0.5.

    Returns
    -------
    ndarray of float64, shape (n, n)
        Vorticity in 1/s at the end.

    Raises
    ------
    ValueError
        If a parameter is outside its range or ``dt`` exceeds Courant number 1 at some time of the run.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(32) * 2 * np.pi / 32
    >>> shear = np.cos(x)[None, :] * np.ones((32, 1))
    >>> bool(np.allclose(evolve(shear, 2.0, nu=0.1), shear * np.exp(-0.2)))
    True
    """
    if not (math.isfinite(duration) and duration >= 0):
        raise ValueError(f"duration must be finite and >= 0 (s), got {duration}")
    _check_viscosity(nu)
    tables, spectrum = transform(vorticity, box)
    return np.asarray(fft.irfft2(_advance(tables, spectrum, duration, nu, dt), s=(tables.size, tables.size)))


def initial_vorticity(
    size: int,
    seed: int,
    realization: int,
    box: float = 2 * math.pi,
    k_peak: float = 6.0,
    rms_speed: float = 1.0,
) -> Field:
    """Return a random vorticity field with energy spectrum ``E(k) ~ k^7 exp(-3.5 (k / k_peak)^2)``.

    Parameters
    ----------
    size, seed, realization, box, k_peak, rms_speed
        As for `simulate`.

    Returns
    -------
    ndarray of float64, shape (size, size)
        Vorticity in 1/s, dims (y, x). Only the phases are random (independent, uniform), so energy and
        enstrophy are the same for every realization [1]_. Modes beyond 3 k_peak, with 1e-10 of the energy,
        are left out. Phases belong to absolute modes: with size > 9 k_peak a finer grid samples the same
        field.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    .. [1] O. San, A. E. Staples, "High-order methods for decaying two-dimensional homogeneous isotropic
       turbulence", Computers & Fluids 63 (2012) 105, doi:10.1016/j.compfluid.2012.04.006.

    Examples
    --------
    >>> import numpy as np
    >>> field = initial_vorticity(64, seed=0, realization=0, rms_speed=2.0)
    >>> from scatflow_processes.vorticity import velocity
    >>> u, v = velocity(field)
    >>> round(float((u**2 + v**2).mean()), 12)
    4.0
    """
    _, power = _initial_power(size, box, k_peak, rms_speed)
    reach = math.ceil(3 * k_peak)
    drawn = realization_generator(seed, realization).uniform(0, 2 * np.pi, size=(2 * reach + 1, reach + 1))
    rows = np.arange(-reach, reach + 1)
    rows = rows[2 * np.abs(rows) < size]
    columns = np.arange(min(reach + 1, size // 2))
    phases = np.zeros(power.shape)
    phases[np.ix_(rows, columns)] = drawn[np.ix_(rows + reach, columns)]
    spectrum = np.sqrt(power) * np.exp(1j * phases)
    # The column kx = 0 holds each mode and its mirror image; they must be conjugate for the field to be real.
    half = size // 2
    spectrum[half + 1 :, 0] = np.conj(spectrum[half - 1 : 0 : -1, 0])
    return np.asarray(fft.irfft2(spectrum, s=(size, size)))


def initial_scales(size: int, nu: float, box: float = 2 * math.pi, k_peak: float = 6.0, rms_speed: float = 1.0) -> Scales:
    """Return the scales of the initial condition that `simulate` starts from, without drawing it.

    Parameters
    ----------
    size, nu, box, k_peak, rms_speed
        As for `simulate`.

    Returns
    -------
    Scales
        Eddy time in s, Reynolds number, resolution.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> scales = initial_scales(128, nu=5e-4)
    >>> round(scales.eddy_time, 3), round(scales.reynolds)
    (0.156, 333)
    """
    _check_viscosity(nu)
    # Modes beyond 3 k_peak are empty, so a grid that keeps those has the same sums as the full one.
    enough = 2 * math.floor(4.5 * k_peak + 2) if k_peak < size / 9 else size
    tables, power = _initial_power(min(size, enough), box, k_peak, rms_speed)
    vorticity = math.sqrt(2 * invariants_of(tables, np.sqrt(power).astype(np.complex128)).enstrophy)
    if nu == 0:
        return Scales(1 / vorticity, math.inf, math.inf)
    k_max = 2 / 3 * math.pi * size / box
    reynolds = rms_speed * box / (2 * math.pi * k_peak * nu)
    return Scales(1 / vorticity, reynolds, k_max / math.sqrt(vorticity / nu))


def _check_viscosity(nu: float) -> None:
    if not (math.isfinite(nu) and nu >= 0):
        raise ValueError(f"nu must be finite and >= 0 (m^2/s), got {nu}")


def _initial_power(size: int, box: float, k_peak: float, rms_speed: float) -> tuple[Grid, Field]:
    """Return the grid and the squared moduli of the initial vorticity's transform."""
    if not (math.isfinite(rms_speed) and rms_speed > 0):
        raise ValueError(f"rms_speed must be finite and > 0 (m/s), got {rms_speed}")
    # Twice the peak must be among the kept modes, else the spectrum would be cut where it matters.
    if not 1 <= k_peak < size / 6:
        raise ValueError(f"k_peak must lie in [1, size / 6) = [1, {size / 6:g}), got {k_peak}")
    tables = grid(size, float(box))
    shape = np.sqrt(tables.square) * (box / (2 * math.pi * k_peak))
    # A mode of vorticity has k^2 times the energy, and a shell of radius k about 2 pi k modes: k E(k).
    power = np.where(tables.kept & (shape <= 3), shape**8 * np.exp(-3.5 * shape**2), 0.0)
    energy = invariants_of(tables, np.sqrt(power).astype(np.complex128)).energy
    return tables, power * (rms_speed**2 / 2 / energy)


def _advance(tables: Grid, spectrum: Spectrum, duration: float, nu: float, dt: float | None) -> Spectrum:
    """Return the spectrum after ``duration``, by Runge–Kutta steps with an exact viscous factor."""
    if dt is not None and not dt > 0:
        raise ValueError(f"dt must be > 0 (s), got {dt}")
    spectrum = np.where(tables.kept, spectrum, 0.0)
    remaining, step, half = duration, 0.0, tables.square
    while remaining > 0:
        first, rate = advection(tables, spectrum)
        size = min(_step_size(rate, dt, step), remaining)
        if size != step:
            step, half = size, np.exp(-0.5 * nu * size * tables.square)
        spectrum = _runge_kutta(tables, spectrum, first, step, half)
        remaining -= step
    return spectrum


def _step_size(rate: float, dt: float | None, last: float) -> float:
    """Return the step for a flow of this Courant rate, the last one as long as it is nearly as good."""
    if dt is not None:
        if dt * rate > 1:
            raise ValueError(f"dt must be <= {1 / rate:.6g} s for this flow (Courant number 1), got {dt:.6g}")
        return dt
    largest = COURANT / rate if rate > 0 else math.inf
    # A new step costs a new table of exponentials, so small gains are not worth it.
    return last if 0.8 * largest <= last <= largest else 0.95 * largest


def _runge_kutta(tables: Grid, spectrum: Spectrum, first: Spectrum, step: float, half: Field) -> Spectrum:
    """Return the spectrum one step later; ``half`` is the viscous decay over half a step."""
    decayed = half * spectrum
    second, _ = advection(tables, decayed + (0.5 * step) * (half * first))
    third, _ = advection(tables, decayed + (0.5 * step) * second)
    fourth, _ = advection(tables, half * (decayed + step * third))
    middle = 2.0 * (second + third)
    return np.asarray(half * (decayed + (step / 6) * (half * first + middle)) + (step / 6) * fourth)
