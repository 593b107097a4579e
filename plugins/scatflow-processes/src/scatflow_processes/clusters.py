"""Cluster updates of the Ising model: Swendsen–Wang on many lattices at once, and Wolff.

Both keep p(s) ~ exp(-E / T), E = -sum over bonds of s s', on the n x m torus. A bond between equal spins is active
with probability 1 - exp(-2 / T). What costs time is compiled where numba is installed (:mod:`scatflow_processes.cluster_loops`);
the array forms here take the same random numbers to the same spins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow_processes import cluster_loops
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE

Spins = npt.NDArray[np.int8]
Sites = npt.NDArray[np.int32]
Bonds = npt.NDArray[np.bool_]
_UNLIMITED = 2**62


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
    # float32 draws move the bond probability by at most 2^-24, a shift in temperature of about 1e-7, far below any
    # statistical error, and halve the memory of the largest array.
    probability = np.float32(-math.expm1(-2.0 / temperature))
    draws = np.empty((*spins.shape, 2), dtype=np.float32)
    wait = burn_in
    while True:
        for _ in range(wait):
            for row, rng in enumerate(rngs):
                rng.random(out=draws[row], dtype=np.float32)
            spins = cluster_signs((draws < probability) & equal_bonds(spins), rngs)
        yield spins.copy()
        wait = thin


def equal_bonds(spins: npt.NDArray[Any]) -> Bonds:
    """Tell which bonds of lattices on the torus join equal values.

    Parameters
    ----------
    spins : ndarray, shape (r, n, m)
        Signs, or anything comparable.

    Returns
    -------
    ndarray of bool, shape (r, n, m, 2)
        Bonds to the right and lower neighbor.

    Examples
    --------
    >>> import numpy as np
    >>> equal_bonds(np.array([[[1, 1], [1, -1]]]))[0].tolist()
    [[[True, True], [True, False]], [[False, True], [False, False]]]
    """
    equal = np.empty((*spins.shape, 2), dtype=bool)
    np.equal(spins[..., :-1], spins[..., 1:], out=equal[..., :-1, 0])
    np.equal(spins[..., -1], spins[..., 0], out=equal[..., -1, 0])
    np.equal(spins[:, :-1], spins[:, 1:], out=equal[:, :-1, :, 1])
    np.equal(spins[:, -1], spins[:, 0], out=equal[:, -1, :, 1])
    return equal


def cluster_signs(active: Bonds, rngs: Sequence[np.random.Generator]) -> Spins:
    """Give every cluster of active bonds a random sign.

    Parameters
    ----------
    active : ndarray of bool, shape (r, n, m, 2)
        Bonds to the right and lower neighbor.
    rngs : sequence of Generator, length r
        One per lattice; the clusters of a lattice draw in the order of their first sites.

    Returns
    -------
    ndarray of int8, shape (r, n, m)
        Signs -1 and +1, the same for all sites of a cluster.

    Examples
    --------
    >>> import numpy as np
    >>> signs = cluster_signs(np.ones((1, 3, 3, 2), dtype=bool), [np.random.default_rng(0)])
    >>> bool((signs == signs[0, 0, 0]).all())
    True
    """
    label, count = components(active)
    signs = np.empty(active.shape[:3], dtype=np.int8)
    for row, rng in enumerate(rngs):
        np.take(_signs(int(count[row]), rng), label[row], out=signs[row].reshape(-1))
    return signs


def components(active: Bonds) -> tuple[Sites, npt.NDArray[np.int64]]:
    """Number the connected components of lattices on the torus.

    Parameters
    ----------
    active : ndarray of bool, shape (r, n, m, 2)
        Bonds to the right and lower neighbor.

    Returns
    -------
    label : ndarray of int32, shape (r, nm)
        Component of every site in row order, numbered from 0 in each lattice by their first sites.
    count : ndarray of int64, shape (r,)
        Components of each lattice.

    Examples
    --------
    >>> import numpy as np
    >>> active = np.zeros((1, 2, 2, 2), dtype=bool)
    >>> active[0, 0, 0, 0] = True  # joins (0, 0) and (0, 1)
    >>> [part.tolist() for part in components(active)]
    [[[0, 0, 1, 2]], [3]]
    """
    loop = cluster_loops.compiled(cluster_loops.components)
    if loop is None:
        return _components(active)
    label = np.empty((len(active), active.shape[1] * active.shape[2]), dtype=np.int32)
    count = np.empty(len(active), dtype=np.int64)
    loop(active, label, count)
    return label, count


def _components(active: Bonds) -> tuple[Sites, npt.NDArray[np.int64]]:
    """Number components by a graph of all lattices."""
    from scipy.sparse import csr_array  # here: sources load nothing heavy
    from scipy.sparse.csgraph import connected_components

    lattices, n, m, _ = active.shape
    sites = n * m
    offsets = (np.arange(lattices, dtype=np.int32) * np.int32(sites))[:, None, None]
    ahead = _neighbors((n, m))[None, :, :2] + offsets
    bonds = active.reshape(lattices, sites, 2)
    rows = np.zeros(lattices * sites + 1, dtype=np.int32)
    np.cumsum(bonds.sum(axis=-1, dtype=np.int32).ravel(), out=rows[1:])
    columns = ahead[bonds]
    graph = csr_array((np.ones(columns.size), columns, rows), shape=(lattices * sites,) * 2)
    count, label = connected_components(graph, directed=False)
    # Components are numbered by their first site, so those of one lattice follow each other.
    label = label.reshape(lattices, sites)
    first = np.append(label[:, 0], count).astype(np.int64)
    return (label - first[:-1, None]).astype(np.int32), np.diff(first)


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
    probability = np.float32(-math.expm1(-2.0 / temperature))
    # Half of the burn-in runs until enough spins were flipped. Stopping there would be biased, since the last cluster
    # is then large more often than not; the other half, and all later steps, take a number of clusters that is fixed
    # by the mean size seen in the first.
    clusters, flipped = flip_clusters(spins, probability, _UNLIMITED, math.ceil(0.5 * burn_in * spins.size), rng)
    sweep = clusters / flipped * spins.size
    wait = math.ceil(0.5 * burn_in * sweep)
    while True:
        flip_clusters(spins, probability, wait, _UNLIMITED, rng)
        yield spins.copy()
        wait = math.ceil(thin * sweep)


def flip_clusters(spins: Spins, probability: np.float32, clusters: int, enough: int, rng: np.random.Generator) -> tuple[int, int]:
    """Flip Wolff clusters in place until there were ``clusters`` of them or ``enough`` spins flipped; return both numbers.

    Examples
    --------
    >>> import numpy as np
    >>> spins = np.ones((4, 4), dtype=np.int8)
    >>> flip_clusters(spins, np.float32(1.0), 3, 10**6, np.random.default_rng(0)), int(spins.sum())
    ((3, 48), -16)
    """
    loop = cluster_loops.compiled(cluster_loops.flip_clusters)
    if loop is None:
        return _flip_clusters(spins, probability, clusters, enough, rng)
    queue, around = np.empty(spins.size, dtype=np.int32), np.empty(4 * spins.size, dtype=np.int32)
    done, flipped = loop(spins, probability, clusters, enough, rng, queue, around)
    return int(done), int(flipped)


def _flip_clusters(spins: Spins, probability: np.float32, clusters: int, enough: int, rng: np.random.Generator) -> tuple[int, int]:
    """Flip clusters by array operations on the sites that joined last."""
    flat, neighbors = spins.reshape(-1), _neighbors((spins.shape[0], spins.shape[1]))
    done = flipped = 0
    while done < clusters and flipped < enough:
        frontier = rng.integers(0, flat.size, size=1)
        sign = flat[frontier[0]]
        while frontier.size:
            # A site flips as it joins, so the spins that still have the old sign are the ones outside. A site reached by
            # several bonds appears once per bond, and each bond gets its own draw.
            flat[frontier] = -sign
            flipped += int(frontier.size)
            around = neighbors[frontier].ravel()
            around = around[flat[around] == sign]
            frontier = np.unique(around[rng.random(around.size, dtype=np.float32) < probability])
        done += 1
    return done, flipped


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
    if temperature < CRITICAL_TEMPERATURE:
        # A random sign, because the Wolff sampler flips nearly the whole lattice at each step: after a fixed number of
        # steps from a fixed sign the magnetization would have a preferred one.
        return np.full(shape, 2 * rng.integers(0, 2) - 1, dtype=np.int8)
    return _signs(shape[0] * shape[1], rng).reshape(shape)


def _signs(count: int, rng: np.random.Generator) -> Spins:
    return 2 * rng.integers(0, 2, size=count, dtype=np.int8) - np.int8(1)
