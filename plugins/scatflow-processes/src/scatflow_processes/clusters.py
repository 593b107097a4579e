"""Cluster updates of the Ising model: Swendsen–Wang on many lattices at once, and Wolff.

Both keep p(s) ~ exp(-E / T), E = -sum over bonds of s s', on the n x m torus. A bond between equal spins is active
with probability 1 - exp(-2 / T).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE

Spins = npt.NDArray[np.int8]
Sites = npt.NDArray[np.int32]


def swendsen_wang(
    shape: tuple[int, int], temperature: float, rngs: Sequence[np.random.Generator], burn_in: int, thin: int
) -> Iterator[Spins]:
    """Run independent Swendsen–Wang chains side by side: every cluster of active bonds gets a random sign.

    Parameters
    ----------
    shape : (int, int)
        Sites along y and x, >= 2.
    temperature : float
        Temperature, > 0.
    rngs : sequence of Generator, length r
        One per chain; a chain's numbers do not depend on the others.
    burn_in, thin : int
        Sweeps before the first configuration and between two, >= 1.

    Yields
    ------
    ndarray of int8, shape (r, n, m)
        Copies of the configurations.

    Examples
    --------
    >>> import numpy as np
    >>> rngs = [np.random.default_rng(seed) for seed in range(3)]
    >>> next(swendsen_wang((4, 6), 2.5, rngs, burn_in=10, thin=1)).shape
    (3, 4, 6)
    """
    spins = np.stack([_start(shape, temperature, rng) for rng in rngs])
    probability = -math.expm1(-2.0 / temperature)
    # Each bond once: the one to the right and the one below, in a graph that holds all lattices.
    offsets = np.arange(len(rngs), dtype=np.int32)[:, None, None] * np.int32(spins.shape[1])
    ahead = (_neighbors(shape)[None, :, :2] + offsets).reshape(-1, 2)
    wait = burn_in
    while True:
        for _ in range(wait):
            spins = _sweep(spins, probability, ahead, rngs)
        yield spins.reshape(-1, *shape).copy()
        wait = thin


def _sweep(spins: Spins, probability: float, ahead: Sites, rngs: Sequence[np.random.Generator]) -> Spins:
    lattices, sites = spins.shape
    # float32 draws move the bond probability by at most 2^-24, a shift in temperature of about 1e-7, far below any
    # statistical error, and halve the memory of the largest array.
    draws = np.empty((lattices, sites, 2), dtype=np.float32)
    for row, rng in enumerate(rngs):
        rng.random(out=draws[row], dtype=np.float32)
    flat = spins.ravel()
    active = (draws < probability).reshape(-1, 2)
    active &= flat[ahead] == flat[:, None]
    row_ends = np.cumsum(active.sum(axis=1, dtype=np.int32), dtype=np.int32)
    rows = np.concatenate([np.zeros(1, dtype=np.int32), row_ends])
    columns = ahead[active]
    graph = csr_array((np.ones(columns.size), columns, rows), shape=(flat.size, flat.size))
    count, label = connected_components(graph, directed=False)
    # Components are numbered by their first site, so those of one lattice follow each other.
    first = np.append(label.reshape(spins.shape)[:, 0], count)
    signs = [_signs(int(clusters), rng) for clusters, rng in zip(np.diff(first), rngs, strict=True)]
    return np.asarray(np.concatenate(signs)[label].reshape(spins.shape))


def wolff(shape: tuple[int, int], temperature: float, rng: np.random.Generator, burn_in: int, thin: int) -> Iterator[Spins]:
    """Run a Wolff chain: a cluster grown from a random site is flipped.

    Parameters
    ----------
    shape : (int, int)
        Sites along y and x, >= 2.
    temperature : float
        Temperature, > 0.
    rng : Generator
        Source of all random numbers.
    burn_in, thin : int
        Sweeps before the first configuration and between two, >= 1; a sweep is as many clusters as flip one lattice's
        worth of spins on average.

    Yields
    ------
    ndarray of int8, shape (n, m)
        Copies of the configuration.

    Examples
    --------
    >>> import numpy as np
    >>> next(wolff((4, 6), 2.5, np.random.default_rng(0), burn_in=10, thin=1)).shape
    (4, 6)
    """
    spins = _start(shape, temperature, rng)
    probability = -math.expm1(-2.0 / temperature)
    neighbors = _neighbors(shape)
    flipped = clusters = 0
    # Half of the burn-in runs until enough spins were flipped. Stopping there would be biased, since the last cluster
    # is then large more often than not; the other half, and all later steps, take a number of clusters that is fixed
    # by the mean size seen in the first.
    while flipped < 0.5 * burn_in * spins.size:
        flipped += _flip_cluster(spins, probability, neighbors, rng)
        clusters += 1
    sweep = clusters / flipped * spins.size
    wait = math.ceil(0.5 * burn_in * sweep)
    while True:
        for _ in range(wait):
            _flip_cluster(spins, probability, neighbors, rng)
        yield spins.reshape(shape).copy()
        wait = math.ceil(thin * sweep)


def _flip_cluster(spins: Spins, probability: float, neighbors: Sites, rng: np.random.Generator) -> int:
    """Grow one cluster, flip it in place and return its size."""
    frontier = rng.integers(0, spins.size, size=1)
    sign = spins[frontier[0]]
    spins[frontier] = -sign
    size = 1
    while frontier.size:
        # A site flips as it joins, so the spins that still have the old sign are the ones outside. A site reached by
        # several bonds appears once per bond, and each bond gets its own draw.
        around = neighbors[frontier].ravel()
        around = around[spins[around] == sign]
        frontier = np.unique(around[rng.random(around.size, dtype=np.float32) < probability])
        spins[frontier] = -sign
        size += int(frontier.size)
    return size


@lru_cache(maxsize=4)
def _neighbors(shape: tuple[int, int]) -> Sites:
    """Return the flat indices of the right, lower, left and upper neighbor of each site, shape (nm, 4)."""
    site = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    shifts = ((-1, 1), (-1, 0), (1, 1), (1, 0))
    table = np.stack([np.roll(site, by, axis).ravel() for by, axis in shifts], axis=1)
    table.setflags(write=False)
    return table


def _start(shape: tuple[int, int], temperature: float, rng: np.random.Generator) -> Spins:
    """Return a start on the right side of the transition: ordered below it, random above."""
    sites = shape[0] * shape[1]
    if temperature < CRITICAL_TEMPERATURE:
        # A random sign, because the Wolff sampler flips nearly the whole lattice at each step: after a fixed number of
        # steps from a fixed sign the magnetization would have a preferred one.
        return np.full(sites, 2 * rng.integers(0, 2) - 1, dtype=np.int8)
    return _signs(sites, rng)


def _signs(count: int, rng: np.random.Generator) -> Spins:
    return 2 * rng.integers(0, 2, size=count, dtype=np.int8) - np.int8(1)
