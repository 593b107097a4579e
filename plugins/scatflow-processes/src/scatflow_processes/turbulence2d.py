"""Decaying two-dimensional turbulence: the vorticity equation on a periodic box, pseudo-spectral.

    dw/dt + u . grad w = nu lap w,    u = (-d psi/dy, d psi/dx),    lap psi = w

Two-thirds dealiasing, fourth-order Runge–Kutta with the viscous term integrated exactly (`scatflow_processes.flow_kernels`), in
float64. Units and averages as in `scatflow_processes.vorticity`; viscosity in m^2/s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from scatflow.arrays import namespace
from scatflow_processes.bounds import check
from scatflow_processes.flow_kernels import Array, Grid, grid, velocity_of
from scatflow_processes.flow_solver import advance, check_medium, keep
from scatflow_processes.streams import realization_generator
from scatflow_processes.vorticity import Field, invariants_of, transform


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
    return next(series(size, seed, realization, nu, [age], box, k_peak, rms_speed, dt))


def series(
    size: int,
    seed: int,
    realization: int,
    nu: float,
    ages: Sequence[float],
    box: float = 2 * math.pi,
    k_peak: float = 6.0,
    rms_speed: float = 1.0,
    dt: float | None = None,
) -> Iterator[Fields]:
    """Run one flow and yield a snapshot at each age.

    Parameters
    ----------
    size, seed, realization, nu, box, k_peak, rms_speed, dt
        As for `simulate`.
    ages : sequence of float
        Times of the snapshots in units of T_e = 1 / w_rms(0), >= 0, increasing.

    Yields
    ------
    Fields
        As of `simulate`. Steps end at every age, so a snapshot that comes after others differs from the one that `simulate`
        gives by the error of time steps, which chaos multiplies.

    Raises
    ------
    ValueError
        As `simulate`, or if ages do not increase; parameters are checked at the call, not at the first snapshot.

    Examples
    --------
    >>> [round(flow.attrs["time"], 3) for flow in series(64, seed=1, realization=0, nu=2e-3, ages=[0.5, 1.0])]
    [0.078, 0.156]
    """
    for age in ages:
        check("age", age, math.isfinite(age) and age >= 0, "finite and >= 0 (units of T_e)")
    if any(later <= earlier for earlier, later in pairwise(ages)):
        raise ValueError(f"ages must increase, got {list(ages)}")
    scales = initial_scales(size, nu, box, k_peak, rms_speed)
    start = initial_vorticity(size, seed, realization, box, k_peak, rms_speed)
    attrs: dict[str, float | int | str] = {
        "nu": nu, "forcing": "none", "T_e": scales.eddy_time, "Re": scales.reynolds, "kmax_over_kd": scales.resolution, "box": box,
        "k_peak": k_peak, "rms_speed": rms_speed, "seed": seed, "realization": realization,
    }  # fmt: skip
    return _snapshots(start, ages, attrs, dt)


def _snapshots(start: Field, ages: Sequence[float], attrs: Mapping[str, float | int | str], dt: float | None) -> Iterator[Fields]:
    """Yield the flow that starts from a field, at each age."""
    nu, box, eddy_time = (float(attrs[key]) for key in ("nu", "box", "T_e"))
    xp, (tables, spectrum) = namespace(), transform(start, box)
    spectrum, done = keep(xp, tables, spectrum), 0.0
    for age in ages:
        spectrum = advance(xp, tables, spectrum, age * eddy_time - done, nu, dt=dt)
        done = age * eddy_time
        u, v = velocity_of(xp, tables, spectrum)
        vorticity = xp.fft.irfftn(spectrum, s=(tables.size, tables.size), axes=(-2, -1))
        yield Fields(vorticity, u, v, {**attrs, "age": age, "time": done, **_measured(tables, spectrum, nu)})


def _measured(tables: Grid, spectrum: Array, nu: float) -> dict[str, float]:
    """Return box averages of a snapshot and its resolution."""
    now = {key: float(value) for key, value in invariants_of(tables, spectrum)._asdict().items()}
    k_max, dissipation = 2 / 3 * math.pi * tables.size / tables.box, 2 * nu * now["palinstrophy"]
    return {**now, "kmax_over_kd_now": k_max * math.sqrt(nu) / dissipation ** (1 / 6) if nu else math.inf}


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
    return np.asarray(namespace().fft.irfftn(spectrum, s=(size, size), axes=(-2, -1)))


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
    check_medium(nu)
    # Modes beyond 3 k_peak are empty, so a grid that keeps those has the same sums as the full one.
    enough = 2 * math.floor(4.5 * k_peak + 2) if k_peak < size / 9 else size
    tables, power = _initial_power(min(size, enough), box, k_peak, rms_speed)
    vorticity = math.sqrt(2 * float(invariants_of(tables, np.sqrt(power).astype(np.complex128)).enstrophy))
    if nu == 0:
        return Scales(1 / vorticity, math.inf, math.inf)
    k_max = 2 / 3 * math.pi * size / box
    reynolds = rms_speed * box / (2 * math.pi * k_peak * nu)
    return Scales(1 / vorticity, reynolds, k_max / math.sqrt(vorticity / nu))


def _initial_power(size: int, box: float, k_peak: float, rms_speed: float) -> tuple[Grid, Field]:
    """Return the grid and the squared moduli of the initial vorticity's transform."""
    check("rms_speed", rms_speed, math.isfinite(rms_speed) and rms_speed > 0, "finite and > 0 (m/s)")
    # Twice the peak must be among the kept modes, else the spectrum would be cut where it matters.
    check("k_peak", k_peak, 1 <= k_peak < size / 6, f"in [1, size / 6) = [1, {size / 6:g})")
    tables = grid(size, float(box))
    shape = np.sqrt(tables.square) * (box / (2 * math.pi * k_peak))
    # A mode of vorticity has k^2 times the energy, and a shell of radius k about 2 pi k modes: k E(k).
    power = np.where(tables.kept & (shape <= 3), shape**8 * np.exp(-3.5 * shape**2), 0.0)
    energy = invariants_of(tables, np.sqrt(power).astype(np.complex128)).energy
    return tables, power * (rms_speed**2 / 2 / energy)
