"""Probability and entropy of Ising configurations, exact on the torus of any size.

What a model of spins is judged by: the negative log-probability of what it makes under the true law, the entropy, which is the mean
of that for true samples, and the floor, which is how far a single true sample lies from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow_processes.ising import energy_per_site
from scatflow_processes.ising_exact import torus
from scatflow_processes.lattice import sides


def neg_log_prob(spins: npt.NDArray[Any], temperature: float) -> npt.NDArray[np.float64]:
    """Return ``-log p(s) / d = E(s) / (d T) + log(Z) / d`` of configurations with d sites.

    Parameters
    ----------
    spins : ndarray, shape (..., n, m)
        Spins ±1 of any real dtype, n and m >= 2.
    temperature : float
        Temperature, finite and >= 0.01.

    Returns
    -------
    ndarray of float64, shape (...)
        Nats per site.

    Raises
    ------
    ValueError
        If a value is neither -1 nor +1, or the temperature outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> states = 2 * ((np.arange(64)[:, None] >> np.arange(6)) & 1).reshape(64, 2, 3) - 1
    >>> bool(abs(np.exp(-6 * neg_log_prob(states, 2.0)).sum() - 1) < 1e-12)
    True
    """
    if spins.ndim < 2:
        raise ValueError(f"spins must have shape (..., n, m), got {spins.shape}")
    wrong = int(np.count_nonzero(np.abs(spins) != 1))
    if wrong:
        raise ValueError(f"spins must be -1 or +1, got {wrong} other values of {spins.size}; of occupations x take 2 x - 1")
    return energy_per_site(spins) / temperature + torus(spins.shape[-2], spins.shape[-1], temperature).log_z


def entropy(size: int | tuple[int, int], temperature: float) -> float:
    """Return the entropy of the Ising law on the torus.

    Parameters
    ----------
    size : int or (int, int)
        Sites along y and x, >= 2.
    temperature : float
        Temperature, finite and >= 0.01.

    Returns
    -------
    float
        ``H = u / T + log(Z) / d`` in nats per site, the mean of `neg_log_prob`.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> round(entropy(64, 3.0), 6)
    0.543446
    """
    return torus(*sides(size), temperature).entropy


def floor(size: int | tuple[int, int], temperature: float) -> float:
    """Return the error of the entropy rate that single true samples have.

    Parameters
    ----------
    size : int or (int, int)
        Sites along y and x, >= 2.
    temperature : float
        Temperature, finite and >= 0.01.

    Returns
    -------
    float
        ``c / (d H^2)``: the mean of ``(neg_log_prob - H)^2 / H^2``, c being the specific heat per site.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> f"{floor(64, 3.0):.2e}"
    '3.32e-04'
    """
    n, m = sides(size)
    exact = torus(n, m, temperature)
    return exact.specific_heat / (n * m * exact.entropy**2)
