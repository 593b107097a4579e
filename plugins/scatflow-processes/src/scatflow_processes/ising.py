"""Cluster samplers of the two-dimensional Ising model on the torus.

Spins s = ±1 on an n x m torus with energy E(s) = -sum over the 2nm bonds of s s', probability exp(-E / T) / Z
(coupling and Boltzmann constant are 1). Cluster updates are used because a local update needs about n^2.17
sweeps near the critical temperature, while clusters need a few.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE
from scatflow_processes.streams import realization_generator

Spins = npt.NDArray[np.int8]
Sampler = Literal["swendsen_wang", "wolff"]
SAMPLERS: tuple[Sampler, ...] = ("swendsen_wang", "wolff")
MAX_SIZE = 8192  # one lattice and its bond graph must fit a task: about 50 bytes per site while sweeping


def burn_in_sweeps(size: int | tuple[int, int]) -> int:
    """Return the default number of sweeps from the start to the first sample.

    Parameters
    ----------
    size : int or (int, int)
        Lattice side(s) in sites; the longer one counts.

    Returns
    -------
    int
        60 up to side 128, ``10 n^0.35 ln n`` beyond. The autocorrelation time of Swendsen–Wang clusters at
        the critical temperature is about 5 sweeps at n = 64 and grows slower than n^0.35 [1]_, so both leave
        more than ten of them.

    References
    ----------
    .. [1] U. Wolff, "Comparison between cluster Monte Carlo algorithms in the Ising model", Phys. Lett. B 228
       (1989) 379, doi:10.1016/0370-2693(89)91563-3.

    Examples
    --------
    >>> burn_in_sweeps(64), burn_in_sweeps(256)
    (60, 387)
    """
    side = max(_shape(size))
    return 60 if side <= 128 else math.ceil(10 * side**0.35 * math.log(side))


def sample(
    size: int | tuple[int, int],
    temperature: float,
    seed: int,
    realization: int,
    sweeps: int | None = None,
    sampler: Sampler = "swendsen_wang",
) -> Spins:
    """Draw one independent configuration.

    Parameters
    ----------
    size : int or (int, int)
        Sites along y and x (one number: a square), each from 2 to 8192. With 2 sites the two bonds between
        them are distinct, as in the formula of the exact partition function.
    temperature : float
        Temperature in units of coupling / Boltzmann constant, > 0; critical at 2.269185.
    seed, realization : int
        Seed of the ensemble and absolute index of this member; nothing else decides the numbers.
    sweeps : int, optional
        Sweeps before the configuration is taken, >= 1; default `burn_in_sweeps`. One sweep of the Wolff
        sampler is as many clusters as flip one lattice's worth of spins on average.
    sampler : {"swendsen_wang", "wolff"}
        Swendsen–Wang [1]_ gives every cluster of activated bonds a random sign; Wolff [2]_ grows one cluster
        from a random site and flips it.

    Returns
    -------
    ndarray of int8, shape (n, m)
        Spins -1 and +1, dims (y, x).

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    .. [1] R. H. Swendsen, J.-S. Wang, Phys. Rev. Lett. 58 (1987) 86, doi:10.1103/PhysRevLett.58.86.
    .. [2] U. Wolff, Phys. Rev. Lett. 62 (1989) 361, doi:10.1103/PhysRevLett.62.361.

    Examples
    --------
    >>> spins = sample(16, 2.5, seed=1, realization=0)
    >>> spins.shape, sorted(set(spins.ravel().tolist()))
    ((16, 16), [-1, 1])
    """
    return next(chain(size, temperature, seed, realization, sweeps=sweeps, sampler=sampler))


def ensemble(
    size: int | tuple[int, int],
    temperature: float,
    seed: int,
    realizations: Iterable[int],
    sweeps: int | None = None,
    sampler: Sampler = "swendsen_wang",
) -> Spins:
    """Draw the members of an ensemble with the given absolute indices.

    Parameters
    ----------
    size, temperature, seed, sweeps, sampler
        As for `sample`.
    realizations : iterable of int
        Absolute indices, in any order; the members do not depend on which others are asked for.

    Returns
    -------
    ndarray of int8, shape (len(realizations), n, m)
        Dims (realization, y, x).

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> whole = ensemble(8, 3.0, seed=5, realizations=range(4))
    >>> bool((whole[2:] == ensemble(8, 3.0, seed=5, realizations=[2, 3])).all())
    True
    """
    indices = list(realizations)
    spins = np.empty((len(indices), *_shape(size)), dtype=np.int8)
    for row, realization in enumerate(indices):
        spins[row] = sample(size, temperature, seed, realization, sweeps, sampler)
    return spins


def chain(
    size: int | tuple[int, int],
    temperature: float,
    seed: int,
    realization: int,
    thin: int = 1,
    sweeps: int | None = None,
    sampler: Sampler = "swendsen_wang",
) -> Iterator[Spins]:
    """Run one Markov chain without end, yielding a configuration every ``thin`` sweeps after burn-in.

    Parameters
    ----------
    size, temperature, seed, realization, sampler
        As for `sample`, whose configuration is the first one of the chain.
    thin : int
        Sweeps between two configurations, >= 1.
    sweeps : int, optional
        Sweeps before the first configuration; default `burn_in_sweeps`.

    Yields
    ------
    ndarray of int8, shape (n, m)
        A copy of the current configuration. Successive ones are correlated; errors of averages need the
        integrated autocorrelation time (`scatflow_processes.autocorrelation`).

    Raises
    ------
    ValueError
        If a parameter is outside its range (at the call, not at the first configuration).

    Examples
    --------
    >>> from itertools import islice
    >>> states = list(islice(chain(8, 2.3, seed=0, realization=0, thin=2), 3))
    >>> len(states), states[0].dtype.name
    (3, 'int8')
    """
    shape = _shape(size)
    burn_in = burn_in_sweeps(shape) if sweeps is None else sweeps
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be finite and > 0, got {temperature}")
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {sampler!r}")
    if burn_in < 1 or thin < 1:
        raise ValueError(f"sweeps and thin must be >= 1, got sweeps={burn_in}, thin={thin}")
    rng = realization_generator(seed, realization)
    run = _swendsen_wang_chain if sampler == "swendsen_wang" else _wolff_chain
    return run(shape, temperature, rng, burn_in, thin)


def energy_per_site(spins: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return E / (nm) with E = -sum over bonds of s s'.

    Parameters
    ----------
    spins : ndarray, shape (..., n, m)
        Spins ±1 of any real dtype.

    Returns
    -------
    ndarray of float64, shape (...)
        Between -2 (ordered) and 2.

    Examples
    --------
    >>> import numpy as np
    >>> float(energy_per_site(np.ones((4, 6), dtype=np.int8)))
    -2.0
    """
    bonds = spins * np.roll(spins, -1, axis=-1) + spins * np.roll(spins, -1, axis=-2)
    return -np.asarray(bonds.mean(axis=(-2, -1), dtype=np.float64))


def magnetization_per_site(spins: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the signed magnetization per site, the mean of the spins.

    Parameters
    ----------
    spins : ndarray, shape (..., n, m)
        Spins ±1 of any real dtype.

    Returns
    -------
    ndarray of float64, shape (...)
        Between -1 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> float(magnetization_per_site(-np.ones((4, 6), dtype=np.int8)))
    -1.0
    """
    return np.asarray(spins.mean(axis=(-2, -1), dtype=np.float64))


def _shape(size: int | tuple[int, int]) -> tuple[int, int]:
    shape = (int(size), int(size)) if isinstance(size, int | np.integer) else (int(size[0]), int(size[1]))
    if not all(2 <= side <= MAX_SIZE for side in shape):
        raise ValueError(f"size must lie in [2, {MAX_SIZE}] along each dim, got {shape}")
    return shape


@lru_cache(maxsize=4)
def _neighbors(shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Return the flat indices of the right, lower, left and upper neighbor of each site, shape (nm, 4)."""
    site = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    shifts = ((-1, 1), (-1, 0), (1, 1), (1, 0))
    table = np.stack([np.roll(site, by, axis).ravel() for by, axis in shifts], axis=1)
    table.setflags(write=False)
    return table


def _start(shape: tuple[int, int], temperature: float, rng: np.random.Generator) -> Spins:
    """Return a start on the right side of the transition: ordered below it, random above."""
    count = shape[0] * shape[1]
    if temperature < CRITICAL_TEMPERATURE:
        # A random sign, because the Wolff sampler flips nearly the whole lattice at each step: after a fixed
        # number of steps from a fixed sign the magnetization would have a preferred one.
        return np.full(count, 2 * rng.integers(0, 2) - 1, dtype=np.int8)
    return _signs(count, rng)


def _signs(count: int, rng: np.random.Generator) -> Spins:
    return 2 * rng.integers(0, 2, size=count, dtype=np.int8) - np.int8(1)


def _bond_probability(temperature: float) -> float:
    return -math.expm1(-2.0 / temperature)


def _swendsen_wang_chain(
    shape: tuple[int, int], temperature: float, rng: np.random.Generator, burn_in: int, thin: int
) -> Iterator[Spins]:
    spins = _start(shape, temperature, rng)
    probability = _bond_probability(temperature)
    # Each bond once: the one to the right and the one below.
    ahead = np.ascontiguousarray(_neighbors(shape)[:, :2])
    wait = burn_in
    while True:
        for _ in range(wait):
            spins = _swendsen_wang_sweep(spins, probability, ahead, rng)
        yield spins.reshape(shape).copy()
        wait = thin


def _swendsen_wang_sweep(
    spins: Spins, probability: float, ahead: npt.NDArray[np.int32], rng: np.random.Generator
) -> Spins:
    # float32 draws move the bond probability by at most 2^-24, a shift in temperature of about 1e-7, far
    # below any statistical error, and halve the memory of the largest array.
    open_bonds = rng.random(ahead.shape, dtype=np.float32) < probability
    open_bonds &= spins[ahead] == spins[:, None]
    row_ends = np.cumsum(open_bonds.sum(axis=1, dtype=np.int32), dtype=np.int32)
    rows = np.concatenate([np.zeros(1, dtype=np.int32), row_ends])
    columns = ahead[open_bonds]
    graph = csr_array((np.ones(columns.size), columns, rows), shape=(spins.size, spins.size))
    count, label = connected_components(graph, directed=False)
    return np.asarray(_signs(count, rng)[label])


def _wolff_chain(
    shape: tuple[int, int], temperature: float, rng: np.random.Generator, burn_in: int, thin: int
) -> Iterator[Spins]:
    spins = _start(shape, temperature, rng)
    probability = _bond_probability(temperature)
    neighbors = _neighbors(shape)
    flipped = clusters = 0
    # Half of the burn-in runs until enough spins were flipped. Stopping there would be biased, since the
    # last cluster is then large more often than not; the other half, and all later steps, take a number of
    # clusters that is fixed by the mean size seen in the first.
    while flipped < 0.5 * burn_in * spins.size:
        flipped += _wolff_cluster(spins, probability, neighbors, rng)
        clusters += 1
    sweep = clusters / flipped * spins.size
    wait = math.ceil(0.5 * burn_in * sweep)
    while True:
        for _ in range(wait):
            _wolff_cluster(spins, probability, neighbors, rng)
        yield spins.reshape(shape).copy()
        wait = math.ceil(thin * sweep)


def _wolff_cluster(
    spins: Spins, probability: float, neighbors: npt.NDArray[np.int32], rng: np.random.Generator
) -> int:
    """Grow one cluster, flip it in place and return its size."""
    frontier = rng.integers(0, spins.size, size=1)
    sign = spins[frontier[0]]
    spins[frontier] = -sign
    size = 1
    while frontier.size:
        # A site flips as it joins, so the spins that still have the old sign are the ones outside. A site
        # reached by several bonds appears once per bond, and each bond gets its own draw.
        around = neighbors[frontier].ravel()
        around = around[spins[around] == sign]
        frontier = np.unique(around[rng.random(around.size, dtype=np.float32) < probability])
        spins[frontier] = -sign
        size += int(frontier.size)
    return size
