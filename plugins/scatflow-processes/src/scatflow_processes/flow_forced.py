"""Forced two-dimensional turbulence: energy enters on a ring of wave numbers, linear drag takes it from the large scales and
viscosity from the small ones, and after a spin-up the flow is statistically steady.

    dw/dt + u . grad w = nu lap w - mu w + f

A run is a chain of equal intervals of equal steps: those of the spin-up, then one for each further snapshot. Its state between two
intervals is all that the rest depends on, so a run can be cut, stored and continued there with the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from scatflow.arrays import asnumpy, namespace
from scatflow_processes.bounds import check
from scatflow_processes.flow_kernels import Array, Step, decay, grid, refuse_large_step, step, tendency, velocity_of
from scatflow_processes.flow_solver import check_medium
from scatflow_processes.forcing import HALF_WIDTH, Amplitudes, Ring

FASTEST = 7.0
"""Largest |u| + |v| that the default step allows, in root mean squares of the speed that drag alone would leave. Runs of the default
parameters reach 5, at the rim of vortices."""


@dataclass(frozen=True)
class Forced:
    """Parameters of a run.

    Parameters
    ----------
    size : int
        Samples per side, even, > 3 (k_forcing + 1).
    nu : float
        Viscosity in m^2/s, >= 0.
    drag : float
        Linear drag mu in 1/s, > 0.
    power : float
        Power per mass that a white force injects, in m^2/s^3, > 0, see `scatflow_processes.forcing.Ring`.
    k_forcing : float
        Radius of the forced ring in wavelengths per box, >= 2; its half width is 1.
    correlation_time : float
        Correlation time of the force in s, >= 0; 0 is white in time.
    box : float
        Side of the box in m, > 0.
    spin_up : float
        Time from rest to the first snapshot in units of 1 / (2 mu), > 0, rounded up to whole intervals. Energy approaches
        its mean as 1 - exp(-spin_up): the default leaves 2 %.
    spacing : float
        Time between snapshots in units of the eddy time, >= 1.
    snapshots : int
        Number of snapshots, >= 1.
    dt : float, optional
        Largest time step in s; default from the speed that drag alone would leave, see `FASTEST`.
    dtype : {"float32", "float64"}
        Precision of the arithmetic and of the snapshots.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or drag and viscosity take the forced scale down faster than it turns over.

    Examples
    --------
    >>> run = Forced(size=256)
    >>> round(run.eddy_time, 3), round(run.reynolds), round(run.resolution, 2), run.intervals_before
    (0.251, 63, 1.35, 32)
    """

    size: int
    nu: float = 1e-3
    drag: float = 0.25
    power: float = 1.0
    k_forcing: float = 8.0
    correlation_time: float = 0.0
    box: float = 2 * math.pi
    spin_up: float = 4.0
    spacing: float = 1.0
    snapshots: int = 1
    dt: float | None = None
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        check_medium(self.nu, self.drag)
        check("dtype", self.dtype, self.dtype in ("float32", "float64"), "float32 or float64")
        for name, value in (("drag", self.drag), ("spin_up", self.spin_up)):
            check(name, value, math.isfinite(value) and value > 0, "finite and > 0")
        check("spacing", self.spacing, math.isfinite(self.spacing) and self.spacing >= 1, "finite and >= 1")
        check("snapshots", self.snapshots, self.snapshots >= 1 and self.snapshots == self.snapshots // 1, "a whole number >= 1")
        check("dt", self.dt, self.dt is None or 0 < self.dt < math.inf, "finite and > 0 (s)")
        if self.size % 2 or not 3 * (self.ring.k_forcing + HALF_WIDTH) < self.size:
            raise ValueError(f"size must be even and > 3 (k_forcing + 1) = {3 * (self.k_forcing + 1):g}, got {self.size}")
        if not 1 / self.eddy_time > (rate := self.drag + self.nu * self.ring.mean_square):
            raise ValueError(f"drag and viscosity at the forced scale, {rate:.4g} / s, must be slower than the eddies of the forcing, "
                             f"{1 / self.eddy_time:.4g} / s: no turbulence otherwise; lower drag or nu, or raise power")  # fmt: skip

    @cached_property
    def ring(self) -> Ring:
        """Return the forcing."""
        return Ring(self.power, self.k_forcing, self.correlation_time, self.box)

    @property
    def eddy_time(self) -> float:
        """Return T_e = (power <k^2>)^(-1/3) in s, from the injected enstrophy.

        That of the flow, 1 / w_rms, is shorter: w_rms^2 is several times the 2/3 power of the enstrophy flux, as all scales
        of the direct cascade contribute. So snapshots one T_e apart are more than one turnover apart.
        """
        return float((self.power * self.ring.mean_square) ** (-1 / 3))

    @property
    def reynolds(self) -> float:
        """Return Re = 1 / (nu <k^2> T_e), the rate of turnover over that of viscous decay at the forced scale; inf without viscosity."""
        return 1 / (self.nu * self.ring.mean_square * self.eddy_time) if self.nu else math.inf

    @property
    def resolution(self) -> float:
        """Return k_max / k_d, k_max = (2/3) pi size / box and k_d = T_e^(-1/2) nu^(-1/2), the wave number where viscosity would
        dissipate all injected enstrophy; drag takes some, so the flow is resolved a little better. inf without viscosity."""
        return 2 / 3 * math.pi * self.size / self.box * math.sqrt(self.nu * self.eddy_time) if self.nu else math.inf

    @property
    def steps_between(self) -> int:
        """Return the number of time steps of an interval."""
        longest = self.box / self.size / (FASTEST * math.sqrt(self.power / self.drag)) if self.dt is None else self.dt
        return math.ceil(self.spacing * self.eddy_time / longest)

    @property
    def step_length(self) -> float:
        """Return the time step in s, the same throughout."""
        return self.spacing * self.eddy_time / self.steps_between

    @property
    def intervals_before(self) -> int:
        """Return the number of intervals before the first snapshot."""
        return math.ceil(self.spin_up / (2 * self.drag) / (self.spacing * self.eddy_time))

    @property
    def intervals(self) -> int:
        """Return the number of intervals of the whole run."""
        return self.intervals_before + self.snapshots - 1

    def times(self, intervals: Sequence[int]) -> list[float]:
        """Return the times in s since the flow was at rest, after so many intervals."""
        return [count * self.steps_between * self.step_length for count in intervals]

    def attrs(self) -> dict[str, float | int | str]:
        """Return what describes the data: parameters, and scales that follow from them (T_e, Re, kmax_over_kd, see above)."""
        kind = "white in time" if self.correlation_time == 0 else "Ornstein-Uhlenbeck"
        first = self.times([self.intervals_before])[0]
        return {
            "nu": self.nu, "drag": self.drag, "forcing": f"ring, {kind}", "power": self.power, "k_forcing": self.k_forcing,
            "correlation_time": self.correlation_time, "age": first / self.eddy_time, "T_e": self.eddy_time, "Re": self.reynolds,
            "kmax_over_kd": self.resolution, "box": self.box, "spin_up": first, "initial": "at rest",
            "spacing": self.spacing * self.eddy_time, "dt": self.step_length,
        }  # fmt: skip


class State(NamedTuple):
    """A run between two intervals.

    Attributes
    ----------
    intervals : int
        Intervals done.
    spectrum : array of complex, shape (realizations, n, n // 2 + 1)
        Transform of the vorticity.
    amplitudes : ndarray of complex128, shape (realizations, modes)
        State of the forcing at the last step.
    """

    intervals: int
    spectrum: Array
    amplitudes: Amplitudes


def at_rest(run: Forced, realizations: int = 1, xp: Any = None) -> State:
    """Return the state that every run starts from: no flow, a force that is yet to be drawn."""
    xp, shape = xp or namespace(), (realizations, run.size, run.size // 2 + 1)
    dtype = xp.complex64 if run.dtype == "float32" else xp.complex128
    return State(0, xp.zeros(shape, dtype=dtype), np.zeros((realizations, run.ring.modes.shape[1]), dtype=np.complex128))


def states(run: Forced, seed: int, realizations: Sequence[int], state: State | None = None, xp: Any = None) -> Iterator[State]:
    """Run to the end, yielding the state after every interval; those from ``run.intervals_before`` on are the snapshots.

    Parameters
    ----------
    run : Forced
        Parameters.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : sequence of int
        Absolute indices, >= 0; a member does not depend on which others are beside it.
    state : State, optional
        Where to continue; default at rest.
    xp : namespace, optional
        Where to compute, as :func:`scatflow.arrays.namespace` gives it; default NumPy.

    Yields
    ------
    State

    Raises
    ------
    ValueError
        If seed or index is negative (at the call, not at the first state), or the Courant number exceeds 1; the message gives
        the admissible step.

    Examples
    --------
    >>> run = Forced(size=32, nu=1e-2, k_forcing=4, snapshots=2, spin_up=0.5)
    >>> [state.intervals - run.intervals_before for state in states(run, seed=1, realizations=[0])]
    [-2, -1, 0, 1]
    """
    for name, least in (("seed", seed), ("realization", min(realizations, default=0))):
        check(name, least, least >= 0, ">= 0")
    xp = xp or namespace()
    return _later(xp, run, seed, realizations, at_rest(run, len(realizations), xp) if state is None else state)


def _later(xp: Any, run: Forced, seed: int, realizations: Sequence[int], state: State) -> Iterator[State]:
    """Yield the states after one, to the end of the run."""
    while state.intervals < run.intervals:
        state = interval(xp, run, seed, realizations, state)
        yield state


def interval(xp: Any, run: Forced, seed: int, realizations: Sequence[int], state: State) -> State:
    """Return the state one interval later; a pure function of its arguments."""
    tables, dt = grid(run.size, run.box, run.dtype).on(xp), run.step_length
    half = decay(xp, tables, dt, run.nu, run.drag)
    spectrum, amplitudes = state.spectrum, state.amplitudes
    begin = state.intervals * run.steps_between
    for number in range(begin, begin + run.steps_between):
        amplitudes = run.ring.amplitudes(seed, realizations, number, dt, amplitudes if number else None)
        force = xp.asarray(run.ring.force(amplitudes, dt, run.size), dtype=spectrum.dtype)
        now = Step(tables, dt, half, force)
        first, rate = tendency(xp, now, spectrum)
        refuse_large_step(dt, float(xp.max(rate)))
        spectrum = step(xp, spectrum, now, first)
    return State(state.intervals + 1, spectrum, amplitudes)


def fields(run: Forced, state: State) -> dict[str, np.ndarray[Any, Any]]:
    """Return ``vorticity`` (1/s), ``u`` and ``v`` (m/s) of a state as NumPy arrays, shape (realizations, n, n)."""
    xp = namespace(state.spectrum)
    tables = grid(run.size, run.box, run.dtype).on(xp)
    u, v = velocity_of(xp, tables, state.spectrum)
    vorticity = xp.fft.irfftn(state.spectrum, s=(run.size, run.size), axes=(-2, -1))
    return {"vorticity": asnumpy(vorticity), "u": asnumpy(u), "v": asnumpy(v)}


def simulate(run: Forced, seed: int, realization: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return all snapshots of one run.

    Parameters
    ----------
    run : Forced
        Parameters.
    seed, realization : int
        Seed of the ensemble and absolute index of this member, >= 0; nothing else decides the forcing.

    Returns
    -------
    dict of ndarray, shape (snapshots, n, n)
        ``vorticity`` (1/s), ``u`` and ``v`` (m/s), dims (time, y, x), at the times
        ``run.times(range(run.intervals_before, run.intervals + 1))``.

    Raises
    ------
    ValueError
        As `states`.

    Examples
    --------
    >>> run = Forced(size=32, nu=1e-2, k_forcing=4, snapshots=2, spin_up=0.5)
    >>> flow = simulate(run, seed=1, realization=0)
    >>> flow["u"].shape, flow["u"].dtype.name
    ((2, 32, 32), 'float32')
    """
    found = [fields(run, state) for state in states(run, seed, [realization]) if state.intervals >= run.intervals_before]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}
