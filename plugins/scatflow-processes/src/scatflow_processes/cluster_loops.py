"""Loops over lattice sites, in plain Python, that are worth compiling: connected components and Wolff's cluster.

Array operations need a graph in memory for what a loop does in place, which costs several times as much
(``benchmarks/ising.py``). The loops are compiled where numba is installed; without it :mod:`scatflow_processes.clusters`
has array forms of them, which give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np


@cache
def compiled(loop: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return a function of this module compiled, None without numba.

    Compiled at the first call and kept on disk where that is writable; without the interpreter's lock, since tasks run
    in threads.

    Examples
    --------
    >>> import numpy as np
    >>> run = compiled(components) or components
    >>> label, count = np.empty((1, 4), np.int32), np.empty(1, np.int64)
    >>> active = np.zeros((1, 2, 2, 2), np.bool_)
    >>> active[0, 0, 1, 1] = True  # joins (0, 1) and (1, 1)
    >>> run(active, label, count)
    >>> label.tolist(), count.tolist()
    ([[0, 1, 2, 1]], [3])
    """
    try:
        import numba
    except ImportError:
        return None
    try:
        found: Callable[..., Any] = numba.njit(nogil=True, cache=True)(loop)
    except RuntimeError:  # no folder for the cache is writable
        found = numba.njit(nogil=True)(loop)
    return found


def components(active: Any, label: Any, count: Any) -> None:
    """Number the connected components of lattices on the torus, by their first site in row order.

    A forest in place of a graph: every site points to an earlier one of its component, the first site to itself.

    Parameters
    ----------
    active : bool, shape (r, n, m, 2)
        Bonds to the right and lower neighbor.
    label : int32, shape (r, nm)
        Written: component of every site, from 0 in each lattice.
    count : int64, shape (r,)
        Written: components of each lattice.
    """
    lattices, n, m, _ = active.shape
    for row in range(lattices):
        parent = label[row]
        for site in range(n * m):
            parent[site] = site
        for y in range(n):
            for x in range(m):
                for way in range(2):
                    if active[row, y, x, way]:
                        a = y * m + x
                        b = y * m + (x + 1 if x + 1 < m else 0) if way == 0 else (y + 1 if y + 1 < n else 0) * m + x
                        while parent[a] != a:
                            parent[a] = parent[parent[a]]
                            a = parent[a]
                        while parent[b] != b:
                            parent[b] = parent[parent[b]]
                            b = parent[b]
                        if a < b:
                            parent[b] = a
                        else:
                            parent[a] = b
        found = 0
        for site in range(n * m):
            # Parents come first, so theirs is already the number of the component.
            if parent[site] == site:
                parent[site] = found
                found += 1
            else:
                parent[site] = parent[parent[site]]
        count[row] = found


def flip_clusters(spins: Any, probability: Any, clusters: int, enough: int, rng: Any, queue: Any, around: Any) -> tuple[int, int]:
    """Flip Wolff clusters until there were ``clusters`` of them, or ``enough`` spins flipped.

    Parameters
    ----------
    spins : int8, shape (n, m)
        Changed in place.
    probability : float32
        Of a bond between equal spins.
    clusters, enough : int
        Limits.
    rng : Generator
        Draws the first site, and in each round one number for each bond to a spin that still has the old sign.
    queue : int32, shape (nm,)
        Room for the sites of one cluster.
    around : int32, shape (4nm,)
        Room for the neighbors of those that joined last.

    Returns
    -------
    (int, int)
        Clusters and spins flipped.
    """
    n, m = spins.shape
    flat = spins.ravel()
    done = flipped = 0
    while done < clusters and flipped < enough:
        first = rng.integers(0, n * m)
        sign = flat[first]
        flat[first] = -sign
        queue[0] = first
        start, stop = 0, 1
        while start < stop:
            count = 0
            for place in range(start, stop):
                site = queue[place]
                y, x = site // m, site % m
                for way in range(4):
                    if way == 0:
                        other = site + 1 if x + 1 < m else site + 1 - m
                    elif way == 1:
                        other = site + m if y + 1 < n else x
                    elif way == 2:
                        other = site - 1 if x > 0 else site + m - 1
                    else:
                        other = site - m if y > 0 else site + (n - 1) * m
                    if flat[other] == sign:
                        around[count] = other
                        count += 1
            draws = rng.random(count, np.float32)
            start = stop
            for place in range(count):
                other = around[place]
                if draws[place] < probability and flat[other] == sign:
                    flat[other] = -sign
                    queue[stop] = other
                    stop += 1
            queue[start:stop].sort()
        done += 1
        flipped += stop
    return done, flipped
