"""The scalar field phi^4 on the periodic square lattice: clusters of signs and Hamiltonian trajectories.

``p(phi) ~ exp(-E)``, ``E = -beta sum over bonds of phi_u phi_v + sum over sites of [phi^2 + lam (phi^2 - 1)^2]``. With lam = 1 it is critical
near beta = 0.68, with lam = 0 Gaussian, and for large lam the Ising model at temperature 1 / beta. Given the moduli the signs are an
Ising model with couplings beta |phi_u phi_v|, so that Swendsen–Wang clusters apply [1]_; the moduli move along trajectories of a
Hamiltonian [2]_, accepted or not as a whole. Together they decorrelate in a few sweeps, also near the critical point.

References
----------
.. [1] R. C. Brower, P. Tamayo, "Embedded dynamics for phi^4 theory", Phys. Rev. Lett. 62 (1989) 1087, doi:10.1103/PhysRevLett.62.1087.
.. [2] S. Duane, A. D. Kennedy, B. J. Pendleton, D. Roweth, "Hybrid Monte Carlo", Phys. Lett. B 195 (1987) 216,
   doi:10.1016/0370-2693(87)91197-X.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.clusters import cluster_signs, equal_bonds
from scatflow_processes.lattice import sides
from scatflow_processes.streams import realization_generator

Fields = npt.NDArray[np.float64]
MAX_SIZE = 4096  # one lattice and its trajectory must fit a task: at most 100 bytes per site
_SITES_TOGETHER = 1 << 16  # beyond, the arrays of a trajectory leave the cache and joining lattices gains nothing
_REACH = 1.25  # length of a trajectory in the time scale of the stiffest mode, and its steps: about 80 % are accepted


def ensemble(
    size: int | tuple[int, int], beta: float, lam: float, seed: int, realizations: Iterable[int], sweeps: int | None = None
) -> Fields:
    """Draw the members of an ensemble with the given absolute indices.

    Parameters
    ----------
    size : int or (int, int)
        Sites along y and x (one number: a square), each from 2 to 4096.
    beta : float
        Coupling of neighbors, >= 0; below 1/2 where ``lam`` is 0, since there is no such law beyond.
    lam : float
        Strength of the quartic term, >= 0.
    seed : int
        Seed of the ensemble.
    realizations : iterable of int
        Absolute indices, in any order; the members do not depend on which others are asked for.
    sweeps : int, optional
        Sweeps before a configuration is taken, >= 1: each a cluster update and a trajectory; default `default_sweeps`.

    Returns
    -------
    ndarray of float64, shape (len(realizations), n, m)
        Dims (realization, y, x).

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> fields = ensemble(8, beta=0.5, lam=1.0, seed=3, realizations=range(4))
    >>> bool((fields[2:] == ensemble(8, 0.5, 1.0, 3, [2, 3])).all())
    True
    """
    shape = sides(size, MAX_SIZE)
    burn_in = _checked(shape, beta, lam, sweeps)
    rngs = [realization_generator(seed, index) for index in realizations]
    fields = np.empty((len(rngs), *shape))
    together = max(1, _SITES_TOGETHER // (shape[0] * shape[1]))
    for start in range(0, len(rngs), together):
        part = slice(start, start + together)
        fields[part] = next(_run(shape, beta, lam, rngs[part], burn_in, 1))
    return fields


def chain(
    size: int | tuple[int, int], beta: float, lam: float, seed: int, realization: int, thin: int = 1, sweeps: int | None = None
) -> Iterator[Fields]:
    """Run one Markov chain without end, yielding a configuration every ``thin`` sweeps after burn-in.

    Parameters
    ----------
    size, beta, lam, seed, sweeps
        As for `ensemble`, whose member ``realization`` is the first configuration.
    realization : int
        Absolute index.
    thin : int
        Sweeps between two configurations, >= 1.

    Yields
    ------
    ndarray of float64, shape (n, m)
        Successive configurations, correlated.

    Raises
    ------
    ValueError
        If a parameter is outside its range (at the call, not at the first configuration).

    Examples
    --------
    >>> from itertools import islice
    >>> [state.shape for state in islice(chain(8, 0.6, 1.0, seed=0, realization=0), 2)]
    [(8, 8), (8, 8)]
    """
    shape = sides(size, MAX_SIZE)
    burn_in = _checked(shape, beta, lam, sweeps)
    check("thin", thin, thin >= 1, ">= 1")
    states = _run(shape, beta, lam, [realization_generator(seed, realization)], burn_in, thin)
    return (fields[0] for fields in states)


def default_sweeps(size: int | tuple[int, int], beta: float, lam: float) -> int:
    """Return the default number of sweeps before the first configuration.

    180 up to side 128 and ``30 n^0.35 ln n`` beyond, as clusters have it at the critical point, three times over for the moduli;
    near the end of the Gaussian law (lam = 0, beta -> 1/2), where no sign is frozen, ``16 (1 + 2 beta) / (1 - 2 beta)`` if more.

    Examples
    --------
    >>> default_sweeps(64, 0.68, 1.0), default_sweeps(64, 0.48, 0.0)
    (180, 784)
    """
    side = max(sides(size, MAX_SIZE))
    least = 180 if side <= 128 else math.ceil(30 * side**0.35 * math.log(side))
    return max(least, math.ceil(16 * (1 + 2 * beta) / (1 - 2 * beta))) if lam == 0 else least


def energy_per_site(fields: npt.NDArray[Any], beta: float, lam: float) -> Fields:
    """Return ``E / (nm)``.

    Parameters
    ----------
    fields : ndarray of real, shape (..., n, m)
        Configurations.
    beta, lam : float
        As for `ensemble`.

    Returns
    -------
    ndarray of float64, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> float(energy_per_site(np.ones((4, 4)), beta=0.5, lam=1.0))
    0.0
    """
    phi = np.asarray(fields, dtype=np.float64)
    return np.asarray(_density(phi, beta, lam).mean(axis=(-2, -1)))


def gradient(fields: npt.NDArray[Any], beta: float, lam: float) -> Fields:
    """Return ``dE / dphi`` at every site.

    The mean of ``phi dE/dphi`` is exactly 1 per site, for any beta and lam.

    Parameters
    ----------
    fields : ndarray of real, shape (..., n, m)
        Configurations.
    beta, lam : float
        As for `ensemble`.

    Returns
    -------
    ndarray of float64, shape (..., n, m)

    Examples
    --------
    >>> import numpy as np
    >>> float(gradient(np.ones((4, 4)), beta=0.5, lam=1.0)[0, 0])
    0.0
    """
    phi = np.asarray(fields, dtype=np.float64)
    around = np.roll(phi, 1, -1) + np.roll(phi, -1, -1) + np.roll(phi, 1, -2) + np.roll(phi, -1, -2)
    return np.asarray(2.0 * phi + (4.0 * lam) * phi * (phi * phi - 1.0) - beta * around)


def gaussian_spectrum(size: int | tuple[int, int], beta: float) -> Fields:
    """Return the exact spectrum of the Gaussian law (lam = 0): ``<|phi(k)|^2> / (nm) = 1 / (2 - 2 beta (cos k_y + cos k_x))``.

    Parameters
    ----------
    size : int or (int, int)
        Sites along y and x.
    beta : float
        Coupling, 0 <= beta < 1/2.

    Returns
    -------
    ndarray of float64, shape (n, m)
        In the order of ``numpy.fft.fft2``.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> float(gaussian_spectrum(4, 0.25)[0, 0])
    1.0
    """
    shape = sides(size, MAX_SIZE)
    _checked(shape, beta, 0.0, 1)
    cosines = [np.cos(2 * np.pi * np.arange(side) / side) for side in shape]
    return np.asarray(1.0 / (2.0 - 2.0 * beta * np.add.outer(*cosines)))


def check_normalizable(beta: float, lam: float) -> None:
    """Raise ValueError where there is no such law: the Gaussian one ends at beta = 1/2."""
    check("beta", beta, lam > 0 or beta < 0.5, "below 1/2 where lam is 0 (the law is not normalizable)")


def _run(
    shape: tuple[int, int], beta: float, lam: float, rngs: Sequence[np.random.Generator], burn_in: int, thin: int
) -> Iterator[Fields]:
    """Run chains side by side; a chain's numbers do not depend on the others."""
    phi = np.stack([rng.choice([-1.0, 1.0], size=shape) for rng in rngs])
    wait = burn_in
    while True:
        for _ in range(wait):
            phi = _trajectory(_new_signs(phi, beta, rngs), beta, lam, rngs)
        yield phi.copy()
        wait = thin


def _new_signs(phi: Fields, beta: float, rngs: Sequence[np.random.Generator]) -> Fields:
    """Give clusters of equal signs random ones; a bond is active with probability ``1 - exp(-2 beta phi_u phi_v)``."""
    active = equal_bonds(phi > 0)
    for row, rng in enumerate(rngs):
        products = np.stack([phi[row] * np.roll(phi[row], -1, 1), phi[row] * np.roll(phi[row], -1, 0)], axis=-1)
        active[row] &= rng.random(products.shape) < -np.expm1(-2.0 * beta * np.abs(products))
    return np.asarray(np.abs(phi) * cluster_signs(active, rngs))


def _trajectory(phi: Fields, beta: float, lam: float, rngs: Sequence[np.random.Generator]) -> Fields:
    """Follow Hamilton's equations from random momenta by leapfrog steps, and keep the end of each lattice or its start."""
    sites = phi.shape[1] * phi.shape[2]
    root = sites**0.25
    momenta = np.stack([rng.standard_normal(phi.shape[1:]) for rng in rngs])
    # Steps vary, since a mode whose period they divide would never change its energy.
    spread = np.array([rng.uniform(0.8, 1.2) for rng in rngs])[:, None, None]
    step = _REACH / (root * math.sqrt(2.0 + 4.0 * beta + 12.0 * lam)) * spread
    new, momentum = phi.copy(), momenta - 0.5 * step * gradient(phi, beta, lam)
    steps = max(3, math.ceil(root))
    for number in range(steps):
        new += step * momentum
        momentum -= (step if number + 1 < steps else 0.5 * step) * gradient(new, beta, lam)
    before, after = (_density(p, beta, lam) + 0.5 * v * v for p, v in ((phi, momenta), (new, momentum)))
    for row, rng in enumerate(rngs):
        # Sums of one lattice at a time, so that its company does not change their order.
        if not math.log(1.0 - rng.random()) < float(before[row].sum()) - float(after[row].sum()):
            new[row] = phi[row]
    return new


def _density(phi: Fields, beta: float, lam: float) -> Fields:
    """Return the energy of every site, with its bonds to the right and lower neighbor."""
    square = phi * phi
    potential = square + lam * (square - 1.0) ** 2
    return np.asarray(potential - beta * phi * (np.roll(phi, -1, -1) + np.roll(phi, -1, -2)))


def _checked(shape: tuple[int, int], beta: float, lam: float, sweeps: int | None) -> int:
    """Check the law and return the burn-in."""
    check("beta", beta, math.isfinite(beta) and beta >= 0, "finite and >= 0")
    check("lam", lam, math.isfinite(lam) and lam >= 0, "finite and >= 0")
    check_normalizable(beta, lam)
    burn_in = default_sweeps(shape, beta, lam) if sweeps is None else sweeps
    check("sweeps", burn_in, burn_in >= 1, ">= 1")
    return burn_in
