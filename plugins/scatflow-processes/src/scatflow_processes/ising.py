"""Samplers of the two-dimensional Ising model on the torus.

Spins s = ±1 on an n x m torus with energy E(s) = -sum over the 2nm bonds of s s', probability exp(-E / T) / Z
(coupling and Boltzmann constant are 1). Cluster updates are used because a local update needs about n^2.17
sweeps near the critical temperature, while clusters need a few; the heat bath is there for lattices larger than memory
(`scatflow_processes.stored_lattice`) and as a check.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes import heat_bath
from scatflow_processes.bounds import check
from scatflow_processes.clusters import Spins, swendsen_wang, wolff
from scatflow_processes.lattice import sides
from scatflow_processes.streams import realization_generator

Sampler = Literal["swendsen_wang", "wolff", "heat_bath"]
CLUSTERS: tuple[Sampler, ...] = ("swendsen_wang", "wolff")
SAMPLERS: tuple[Sampler, ...] = (*CLUSTERS, "heat_bath")
MAX_SIZE = 8192  # one lattice and its bond graph must fit a task: at most 90 bytes per site while sweeping, without numba
_SITES_TOGETHER = 1 << 16  # beyond, the arrays of a sweep leave the cache and joining lattices gains nothing


def default_sweeps(size: int | tuple[int, int], temperature: float, sampler: Sampler = "swendsen_wang") -> int:
    """Return the default number of sweeps from the start to the first sample.

    Parameters
    ----------
    size, temperature, sampler
        As for `sample`.

    Returns
    -------
    int
        `burn_in_sweeps` of clusters; of the heat bath ``25 (T - T_c)^-2`` between 50 and 2000.

    Examples
    --------
    >>> default_sweeps(64, 2.6), default_sweeps(64, 2.6, "heat_bath")
    (60, 229)
    """
    return heat_bath.default_sweeps(temperature) if sampler == "heat_bath" else burn_in_sweeps(size)


def burn_in_sweeps(size: int | tuple[int, int]) -> int:
    """Return the default number of sweeps of clusters from the start to the first sample.

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
    side = max(sides(size, MAX_SIZE))
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
        Sweeps before the configuration is taken, >= 1; default `default_sweeps`. One sweep of the Wolff
        sampler is as many clusters as flip one lattice's worth of spins on average.
    sampler : {"swendsen_wang", "wolff", "heat_bath"}
        Swendsen–Wang [1]_ gives every cluster of activated bonds a random sign; Wolff [2]_ grows one cluster
        from a random site and flips it; the heat bath redraws spins one by one, on a checkerboard of even sides.

    Returns
    -------
    ndarray of int8, shape (n, m)
        Spins -1 and +1, dims (y, x).

    Raises
    ------
    ValueError
        If a parameter is outside its range, or a side odd with the heat bath.

    Warns
    -----
    UserWarning
        If the heat bath is asked for below temperature 2.3, where it hardly comes to equilibrium.

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
    (spins,) = ensemble(size, temperature, seed, [realization], sweeps, sampler)
    return np.asarray(spins)


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
    shape = sides(size, MAX_SIZE)
    burn_in = _checked(shape, temperature, sweeps, sampler)
    indices = list(realizations)
    rngs = [realization_generator(seed, index) for index in indices]
    spins = np.empty((len(rngs), *shape), dtype=np.int8)
    if sampler == "heat_bath":
        for row, index in enumerate(indices):
            spins[row] = next(heat_bath.heat_bath(shape, temperature, seed, index, burn_in, 1))
        return spins
    if sampler == "wolff":
        for row, rng in enumerate(rngs):
            spins[row] = next(wolff(shape, temperature, rng, burn_in, 1))
        return spins
    # Small lattices are swept together: one call of the cluster search for many of them costs little more than one
    # for each, and they stay independent because every one keeps its own generator.
    together = max(1, _SITES_TOGETHER // (shape[0] * shape[1]))
    for start in range(0, len(rngs), together):
        part = slice(start, start + together)
        spins[part] = next(swendsen_wang(shape, temperature, rngs[part], burn_in, 1))
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
        Sweeps before the first configuration; default `default_sweeps`.

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
    shape = sides(size, MAX_SIZE)
    burn_in = _checked(shape, temperature, sweeps, sampler)
    check("thin", thin, thin >= 1, ">= 1")
    rng = realization_generator(seed, realization)
    if sampler == "heat_bath":
        return heat_bath.heat_bath(shape, temperature, seed, realization, burn_in, thin)
    if sampler == "wolff":
        return wolff(shape, temperature, rng, burn_in, thin)
    return (states[0] for states in swendsen_wang(shape, temperature, [rng], burn_in, thin))


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


def _checked(shape: tuple[int, int], temperature: float, sweeps: int | None, sampler: Sampler) -> int:
    """Check what all samplers need and return the burn-in."""
    check("temperature", temperature, math.isfinite(temperature) and temperature > 0, "finite and > 0")
    check("sampler", repr(sampler), sampler in SAMPLERS, f"one of {', '.join(SAMPLERS)}")
    if sampler == "heat_bath":
        heat_bath.check_sides(shape)
        heat_bath.warn_if_slow(temperature)
    burn_in = default_sweeps(shape, temperature, sampler) if sweeps is None else sweeps
    check("sweeps", burn_in, burn_in >= 1, ">= 1")
    return burn_in
