"""Random forcing of two-dimensional flow on a ring of wave numbers, white or correlated in time.

The force at a step is decided by the seed, the realization and the number of the step, whatever else is computed beside it. It is
constant over a step. Every mode of the ring injects the same power on average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

Amplitudes = npt.NDArray[np.complex128]

HALF_WIDTH = 1.0
"""Half width of the ring, in wavelengths per box."""


@dataclass(frozen=True)
class Ring:
    """Isotropic forcing of the modes with ``|k| box / (2 pi)`` within 1 of ``k_forcing``.

    Parameters
    ----------
    power : float
        Mean power per mass that a white force injects, in m^2/s^3, > 0.
    k_forcing : float
        Radius of the ring in wavelengths per box, >= 2.
    correlation_time : float
        Time in s over which a mode forgets its phase and amplitude, >= 0: 0 is white in time, random phases of fixed modulus;
        otherwise each mode is an Ornstein–Uhlenbeck process, whose amplitude is that of a white force of the given power, as
        the limit of short correlation demands: ``integral of <f(0) f(t)> dt`` is the same. What it injects then depends
        on the flow, less the longer the correlation.
    box : float
        Side of the box in m, > 0.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    A kick of mean square s^2 per step dt, its mode in vorticity being k times one in velocity, adds the energy
    ``s^2 dt^2 / 2``; autocorrelation ``r^|m|`` over m steps multiplies that by ``(1 + r) / (1 - r)``.

    Examples
    --------
    >>> ring = Ring(power=1.0, k_forcing=4.0)
    >>> ring.modes.shape[1], round(ring.mean_square, 2)
    (28, 17.0)
    """

    power: float
    k_forcing: float
    correlation_time: float = 0.0
    box: float = 2 * math.pi

    def __post_init__(self) -> None:
        for name, unit in (("power", "m^2/s^3"), ("box", "m")):
            value = getattr(self, name)
            check(name, value, math.isfinite(value) and value > 0, f"finite and > 0 ({unit})")
        k, time = self.k_forcing, self.correlation_time
        check("k_forcing", k, math.isfinite(k) and k >= 2, "finite and >= 2 (wavelengths per box)")
        check("correlation_time", time, math.isfinite(time) and time >= 0, "finite and >= 0 (s)")

    @cached_property
    def modes(self) -> npt.NDArray[np.int64]:
        """Return the forced modes of the half plane, shape (2, modes): ky, then kx, in wavelengths per box."""
        reach = math.floor(self.k_forcing + HALF_WIDTH)
        ky, kx = np.meshgrid(np.arange(-reach, reach + 1), np.arange(reach + 1), indexing="ij")
        near = np.abs(np.hypot(ky, kx) - self.k_forcing) <= HALF_WIDTH
        return np.stack((ky, kx))[:, near & ((kx > 0) | (ky > 0))]

    @cached_property
    def mean_square(self) -> float:
        """Return the mean of k^2 over the ring in (rad/m)^2: injected enstrophy over injected energy."""
        return float((self.modes**2).sum(axis=0).mean()) * (2 * math.pi / self.box) ** 2

    def amplitudes(
        self, seed: int, realizations: Sequence[int], number: int, dt: float, last: Amplitudes | None = None
    ) -> Amplitudes:
        """Return the state of the forcing at a step.

        Parameters
        ----------
        seed : int
            Seed of the ensemble, >= 0.
        realizations : sequence of int
            Absolute indices, >= 0.
        number : int
            Number of the step, from 0.
        dt : float
            Length of the steps in s.
        last : ndarray of complex128, optional
            The state at the step before, which a force that is correlated in time needs from step 1 on.

        Returns
        -------
        ndarray of complex128, shape (realizations, modes)
            Mean square modulus 1.

        Examples
        --------
        >>> ring = Ring(power=1.0, k_forcing=4.0)
        >>> both = ring.amplitudes(7, [0, 3], number=12, dt=0.1)
        >>> bool((both[1:] == ring.amplitudes(7, [3], number=12, dt=0.1)).all())
        True
        """
        fresh = np.stack([_phases(seed, index, number, self.modes.shape[1]) for index in realizations])
        memory = self._memory(dt)
        return fresh if memory == 0 or last is None else memory * last + math.sqrt(1 - memory**2) * fresh

    def force(self, amplitudes: Amplitudes, dt: float, size: int) -> npt.NDArray[np.complex128]:
        """Return the transform of f in 1/s^2 on a grid of ``size``, as `flow_kernels.Step.force` has it.

        Parameters
        ----------
        amplitudes : ndarray of complex128, shape (realizations, modes)
            As `amplitudes` returns them.
        dt : float
            Length of the steps in s.
        size : int
            Samples per side of the flow.

        Returns
        -------
        ndarray of complex128, shape (realizations, 2 K + 1, K + 1)
        """
        (ky, kx), reach = self.modes, math.floor(self.k_forcing + HALF_WIDTH)
        memory = self._memory(dt)
        kick = 0.5 * dt * (1 + memory) / (1 - memory)  # energy per mean square of the force
        modulus = math.sqrt(self.power / (2 * len(ky) * kick)) * (2 * math.pi / self.box) * np.hypot(ky, kx)
        block: npt.NDArray[Any] = np.zeros((len(amplitudes), 2 * reach + 1, reach + 1), dtype=np.complex128)
        block[:, ky + reach, kx] = size**2 * modulus * amplitudes
        # The column kx = 0 holds each mode and its mirror image; they must be conjugate for the force to be real.
        block[:, :reach, 0] = np.conj(block[:, :reach:-1, 0])
        return block

    def _memory(self, dt: float) -> float:
        """Return the correlation of the states at successive steps."""
        return math.exp(-dt / self.correlation_time) if self.correlation_time > 0 else 0.0


def _phases(seed: int, realization: int, number: int, count: int) -> Amplitudes:
    """Return random phase factors of one realization and step; the key is disjoint from those of `streams`, which have one word."""
    sequence = np.random.SeedSequence(entropy=int(seed), spawn_key=(int(realization), int(number)))
    return np.asarray(np.exp(2j * np.pi * np.random.Generator(np.random.Philox(sequence)).random(count)))
