"""How long Ising chains need: autocorrelation times of energy and |m|, and whether the default burn-in is enough.

This simulates the lattice that is asked for. Attributes of sources, which are made while a graph is built and may cost nothing, have
the times from a table (:mod:`scatflow_processes.ising_times`). The source ``ising_chain`` with the operator ``integrated_time`` gives
measured ones lazily and at any length.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from scatflow_processes.autocorrelation import average, integrated_time
from scatflow_processes.bounds import check
from scatflow_processes.ising import Sampler, chain, default_sweeps, energy_per_site, magnetization_per_site
from scatflow_processes.ising_exact import torus
from scatflow_processes.lattice import sides


class Thermalization(NamedTuple):
    """What a chain tells about itself.

    Attributes
    ----------
    energy_time, magnetization_time : float
        Integrated autocorrelation times of the energy and of |m|, in sweeps; 1/2 for independent configurations.
    burn_in : int
        Default sweeps before the first configuration.
    sufficiency : float
        Burn-in over the longer of the two times; from 10 on the start is forgotten.
    energy_deviation : float
        Mean energy less the exact one, in standard errors (autocorrelation included).
    """

    energy_time: float
    magnetization_time: float
    burn_in: int
    sufficiency: float
    energy_deviation: float


def thermalization(
    size: int | tuple[int, int], temperature: float, seed: int = 0, length: int = 2000, sampler: Sampler = "swendsen_wang"
) -> Thermalization:
    """Measure the autocorrelation times of a chain in equilibrium.

    Parameters
    ----------
    size : int or (int, int)
        Sites along y and x.
    temperature : float
        Temperature, finite and >= 0.01.
    seed : int
        Seed of the chain.
    length : int
        Sweeps measured, one configuration each, >= 8; some hundred times the result for times good to 10 %.
    sampler : {"swendsen_wang", "wolff", "heat_bath"}
        As for `scatflow_processes.ising.sample`.

    Returns
    -------
    Thermalization

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> found = thermalization(8, 2.5, length=500)
    >>> 0.5 <= found.energy_time < 10, found.burn_in, abs(found.energy_deviation) < 4
    (True, 60, True)
    """
    check("length", length, length >= 8, ">= 8")
    states = itertools.islice(chain(size, temperature, seed, 0, sampler=sampler), length)
    energy, magnetization = np.array([(energy_per_site(state), abs(magnetization_per_site(state))) for state in states]).T
    mean, times = average(energy), (integrated_time(energy), integrated_time(magnetization))
    apart = mean.mean - torus(*sides(size), temperature).energy
    deviation = apart / mean.error if mean.error > 0 else math.copysign(math.inf, apart) if apart else 0.0
    burn_in = default_sweeps(size, temperature, sampler)
    return Thermalization(*times, burn_in, burn_in / max(times), deviation)
