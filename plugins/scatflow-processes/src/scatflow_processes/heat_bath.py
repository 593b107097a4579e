"""Checkerboard heat bath of the Ising model on blocks with a halo of one site: lattices cut in any way, the same spins.

A half sweep redraws the spins of one color from their neighbors, which all have the other. Every random number belongs to a
seed, a realization, a half sweep and a site, never to a block; and since the spins of a color do not depend on one another, nor on
what they were, blocks may be done in any order, in place, and done again.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from scatflow.arrays import uniform
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE

Spins = npt.NDArray[np.int8]

#: Half sweeps that make the start; those of the dynamics follow.
START = 2
#: Below, local updates forget so slowly that clusters should be used.
SLOW_BELOW = 2.3


def half_sweep(
    block: Spins, temperature: float, seed: int, realization: int, half: int, start: tuple[int, int], size: tuple[int, int]
) -> Spins:
    """Redraw the spins of one color in a block of a periodic lattice.

    Parameters
    ----------
    block : ndarray of int8, shape (h + 2, w + 2)
        Spins ±1 of the block and one site around it; corners are not used. The start (half sweeps 0 and 1) needs no values.
    temperature : float
        Temperature, > 0.
    seed, realization : int
        Seed of the ensemble and absolute index of the lattice.
    half : int
        Absolute number of the half sweep; sites with y + x of its parity are redrawn. 0 and 1 are the start: random spins
        from the critical temperature on, below it all spins alike, of a random sign.
    start : (int, int)
        Where the block without its halo begins on the lattice.
    size : (int, int)
        Sides of the whole lattice, even.

    Returns
    -------
    ndarray of int8, shape (h, w)
        The block after the half sweep.

    Notes
    -----
    A spin is +1 with probability ``1 / (1 + exp(-2 h / T))``, h the sum of its neighbors. Site (y, x) uses the uniform number
    ``(half n + y) m / 2 + x // 2`` of the stream ``realization`` (:func:`scatflow.arrays.uniform`).

    Examples
    --------
    >>> import numpy as np
    >>> block = np.ones((6, 6), dtype=np.int8)
    >>> new = half_sweep(block, 0.1, seed=0, realization=0, half=2, start=(0, 0), size=(4, 4))
    >>> int(new.sum())  # nothing turns against four neighbors at this temperature
    16
    """
    core = block[1:-1, 1:-1]
    h, w = core.shape
    mask = (np.add.outer(np.arange(start[0], start[0] + h), np.arange(start[1], start[1] + w)) + half) % 2 == 0
    if half < START and temperature < CRITICAL_TEMPERATURE:
        up = np.full((h, w), bool(uniform(seed, 0, 1, realization)[0] < 0.5))
    else:
        draws = np.ones((h, w))
        draws[mask] = _draws(seed, realization, half, start, (h, w), size)
        up = draws < (0.5 if half < START else _up_table(temperature)[_neighbor_sum(block) // 2 + 2])
    return np.where(mask, np.where(up, np.int8(1), np.int8(-1)), core)


def sweep_lattice(spins: Spins, temperature: float, seed: int, realization: int, halves: range) -> Spins:
    """Return a whole lattice after some half sweeps.

    Parameters
    ----------
    spins : ndarray of int8, shape (n, m)
        Spins before; not used by the start.
    temperature, seed, realization
        As for `half_sweep`.
    halves : range
        Absolute numbers of the half sweeps.

    Returns
    -------
    ndarray of int8, shape (n, m)

    Examples
    --------
    >>> import numpy as np
    >>> sweep_lattice(np.empty((4, 6), dtype=np.int8), 3.0, 0, 0, range(10)).shape
    (4, 6)
    """
    size = (spins.shape[0], spins.shape[1])
    for half in halves:
        spins = half_sweep(np.pad(spins, 1, mode="wrap"), temperature, seed, realization, half, (0, 0), size)
    return spins


def heat_bath(shape: tuple[int, int], temperature: float, seed: int, realization: int, burn_in: int, thin: int) -> Iterator[Spins]:
    """Run a heat-bath chain, one sweep being two half sweeps.

    Parameters
    ----------
    shape : (int, int)
        Sites along y and x, even.
    temperature : float
        Temperature, > 0.
    seed, realization : int
        Seed of the ensemble and absolute index of the lattice.
    burn_in, thin : int
        Sweeps before the first configuration and between two, >= 1.

    Yields
    ------
    ndarray of int8, shape (n, m)
        The configurations.

    Raises
    ------
    ValueError
        If a side is odd (at the first configuration).

    Examples
    --------
    >>> next(heat_bath((4, 6), 3.0, seed=0, realization=0, burn_in=5, thin=1)).dtype.name
    'int8'
    """
    check_sides(shape)
    spins = np.empty(shape, dtype=np.int8)
    done, todo = 0, START + 2 * burn_in
    while True:
        spins = sweep_lattice(spins, temperature, seed, realization, range(done, done + todo))
        yield spins
        done, todo = done + todo, 2 * thin


def default_sweeps(temperature: float) -> int:
    """Return the default number of sweeps before the first configuration: ``25 (T - T_c)^-2`` between 50 and 2000.

    From temperature 2.6 on these are ten autocorrelation times of \\|m\\| and more, on lattices of any size.

    Examples
    --------
    >>> default_sweeps(2.6), default_sweeps(5.0), default_sweeps(2.27)
    (229, 50, 2000)
    """
    distance = abs(temperature - CRITICAL_TEMPERATURE)
    return max(50, math.ceil(min(2000.0, 25 / max(distance, 0.1) ** 2)))


def check_sides(shape: tuple[int, int]) -> None:
    """Refuse odd sides, on which neighbors across the seam have the same color.

    Raises
    ------
    ValueError
        If a side is odd.
    """
    if shape[0] % 2 or shape[1] % 2:
        raise ValueError(f"the checkerboard heat bath needs even sides, got {shape}; use sampler 'swendsen_wang' for odd ones")


def warn_if_slow(temperature: float) -> None:
    """Warn where local updates forget too slowly.

    Warns
    -----
    UserWarning
        Below temperature 2.3.
    """
    if temperature < SLOW_BELOW:
        warnings.warn(
            f"the heat bath is slow at temperature {temperature:g} < {SLOW_BELOW} (critical slowing down, domains): configurations "
            "may not be in equilibrium; use sampler 'swendsen_wang'", stacklevel=3,
        )  # fmt: skip


def _neighbor_sum(block: Spins) -> Spins:
    vertical = block[:-2, 1:-1] + block[2:, 1:-1]
    return np.asarray(vertical + block[1:-1, :-2] + block[1:-1, 2:])


def _up_table(temperature: float) -> npt.NDArray[np.float64]:
    """Return the probability of +1 for neighbor sums -4, -2, 0, 2, 4."""
    # As tanh, because exp overflows at low temperature.
    return np.array([0.5 + 0.5 * math.tanh(total / temperature) for total in (-4, -2, 0, 2, 4)])


def _draws(
    seed: int, realization: int, half: int, start: tuple[int, int], shape: tuple[int, int], size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Return the numbers of the sites of one color in a block, in row order."""
    pairs = size[1] // 2
    if shape[1] == size[1]:
        return uniform(seed, (half * size[0] + start[0]) * pairs, shape[0] * pairs, realization)
    rows = []
    for y in range(start[0], start[0] + shape[0]):
        odd = (y + half) % 2
        first, last = ((edge + 1 - odd) // 2 for edge in (start[1], start[1] + shape[1]))
        rows.append(uniform(seed, (half * size[0] + y) * pairs + first, last - first, realization))
    return np.concatenate(rows)
