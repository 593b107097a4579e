r"""Integrated autocorrelation times of the Ising samplers, from a table: what a chain needs is known before it runs.

Sources write them on their data while a graph is built, so they may cost nothing. The table was measured with the samplers of this
package by ``benchmarks/ising_times.py`` (chains in equilibrium; points, sweeps and errors are in its result file): single points are
known to 3–9 %, half of them to 4 %, and lie 3 % (Swendsen–Wang) and 5 % (Wolff, heat bath) about the table, root mean square.
It is made by finite-size scaling [1]_: on the torus of side n a time depends on n and on ``n g`` with

.. math:: g = 2 K + \ln \tanh K, \qquad K = 1 / T,

which vanishes at the critical temperature and is else the inverse of the correlation length of the infinite lattice (above, with a minus),
or twice that (below). A lattice of more than 8 of these lengths is as slow as one of 8, but for \|m\| of clusters above the critical
temperature, whose memory fades as the number of correlated areas grows; where g is large the times go to limits that can be told: of
single spins at high temperature, of single turned spins in an ordered lattice at low temperature.
Beyond the largest lattice of the table, times of clusters grow by as much per octave as in its last two: a logarithm, as the relaxation
of the energy was seen to have up to n = 8192 [2]_. Those of the heat bath grow as ``n^2.167`` [3]_.

References
----------
.. [1] P. C. Hohenberg, B. I. Halperin, "Theory of dynamic critical phenomena", Rev. Mod. Phys. 49 (1977) 435,
   doi:10.1103/RevModPhys.49.435.
.. [2] J. Du, B. Zheng, J.-S. Wang, "Dynamic critical exponents of Swendsen-Wang and Wolff algorithms by nonequilibrium relaxation",
   J. Stat. Mech. (2006) P05004, arXiv:cond-mat/0603038.
.. [3] M. P. Nightingale, H. W. J. Blöte, "Dynamic exponent of the two-dimensional Ising model and Monte Carlo computation of the
   subdominant eigenvalue from the stochastic matrix", Phys. Rev. Lett. 76 (1996) 4548, doi:10.1103/PhysRevLett.76.4548.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from scatflow_processes.bounds import check, check_choice

Known = Literal["table", "scaling beyond the table"]
Rows = tuple[tuple[float, ...], ...]

#: Sides of the lattices that were measured, by sampler.
SIZES: Mapping[str, tuple[int, ...]] = {
    "swendsen_wang": (4, 8, 16, 32, 64, 128),
    "wolff": (4, 8, 16, 32, 64, 128),
    "heat_bath": (4, 8, 16, 32),
}
#: Sides in correlation lengths, n g: positive below the critical temperature.
LENGTHS = (-8.0, -5.5, -4.0, -3.0, -2.0, -1.25, 0.0, 1.25, 2.0, 4.0, 8.0)
OBSERVABLES = ("energy", "abs_magnetization")
#: Limits of both times at high and at low temperature.
LIMITS: Mapping[str, tuple[float, float]] = {"swendsen_wang": (0.5, 1.5), "wolff": (0.52, 0.5), "heat_bath": (0.5, 0.5)}
#: Dynamic exponent of local updates.
EXPONENT = 2.167
#: Autocorrelation times after which a start is forgotten.
ENOUGH = 10


class Times(NamedTuple):
    """Integrated autocorrelation times in sweeps, 1/2 for independent configurations.

    Attributes
    ----------
    energy, abs_magnetization : float
        Of the energy and of \\|m\\|.
    known : {"table", "scaling beyond the table"}
        How they are known.
    """

    energy: float
    abs_magnetization: float
    known: Known

    @property
    def longest(self) -> float:
        """The longer of the two."""
        return max(self.energy, self.abs_magnetization)


def autocorrelation_times(size: int, temperature: float, sampler: str = "swendsen_wang") -> Times:
    """Return the times of a sampler on a square lattice.

    Parameters
    ----------
    size : int
        Sites along y and x, >= 2.
    temperature : float
        Temperature, finite and > 0.
    sampler : {"swendsen_wang", "wolff", "heat_bath"}
        As for `scatflow_processes.ising.sample`.

    Returns
    -------
    Times
        Within 10 % of what `scatflow_processes.autocorrelation.integrated_time` finds along long chains where the table knows them: of
        Swendsen–Wang clusters, and of the heat bath from temperature 2.6 on. Within 30 % of the heat bath below, where rare turns of
        the whole lattice decide, and of Wolff's clusters, whose sweep is a whole number of them, at least as many as turn one lattice's
        worth of spins (a step of a chain with ``thin=1``). Clusters at twice the largest side: within 20 %; beyond, nothing was measured.
        The sign of the magnetization is another matter: in an ordered lattice the heat bath keeps it for very long.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> times = autocorrelation_times(64, 2.5)
    >>> round(times.energy), times.known
    (2, 'table')
    >>> round(autocorrelation_times(64, 1e6).energy, 3)
    0.5
    """
    check("size", size, size >= 2, ">= 2")
    check("temperature", temperature, 0 < temperature < math.inf, "finite and > 0")
    check_choice("sampler", sampler, SIZES)
    distance = inverse_length(temperature)
    longest = LENGTHS[-1]
    side = float(size) if abs(size * distance) <= longest else longest / abs(distance)
    length = math.copysign(min(abs(size * distance), longest), distance)
    energy, magnetization = (_time(sampler, name, side, length, distance) for name in OBSERVABLES)
    if sampler != "heat_bath" and distance < 0:
        # Clusters get new signs, so that |m| remembers only how large they were: of many, the sum of squares hardly fluctuates.
        magnetization = 0.5 + (magnetization - 0.5) * (side / size) ** 2
    return Times(energy, magnetization, "table" if side <= SIZES[sampler][-1] else "scaling beyond the table")


def inverse_length(temperature: float) -> float:
    """Return ``g = 2 K + ln tanh K``: 0 at the critical temperature, above it minus the inverse correlation length.

    Examples
    --------
    >>> from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE
    >>> abs(inverse_length(CRITICAL_TEMPERATURE)) < 1e-15, round(inverse_length(4.0), 3)
    (True, -0.907)
    """
    k = 1.0 / temperature
    return 2.0 * k + math.log(math.tanh(k))


def _time(sampler: str, name: str, side: float, length: float, distance: float) -> float:
    """Return a time at a side of at most 8 correlation lengths."""
    sizes = SIZES[sampler]
    # Powers of the correlation length are straight in the logarithm of n g where that is large.
    at, nodes = math.asinh(length), [math.asinh(node) for node in LENGTHS]
    rows = [_between(nodes, [math.log(time) for time in row], at) for row in TABLE[sampler][name]]
    if side < sizes[0]:
        # Off the critical point: exp(-|g|) falls from its value in the first lattice to 0 in the limit.
        limit = math.log(LIMITS[sampler][distance > 0])
        near = math.exp(LENGTHS[-1] / sizes[0] - abs(distance)) if abs(length) == LENGTHS[-1] else 1.0
        return math.exp(limit + near * (rows[0] - limit))
    if side <= sizes[-1]:
        return math.exp(_between([math.log(size) for size in sizes], rows, math.log(side)))
    beyond = math.log(side / sizes[-1])
    if sampler == "heat_bath":
        return math.exp(rows[-1] + EXPONENT * beyond)
    last, before = math.exp(rows[-1]), math.exp(rows[-3])
    return last + max(0.0, last - before) * beyond / math.log(sizes[-1] / sizes[-3])


def _between(nodes: Sequence[float], values: Sequence[float], at: float) -> float:
    """Return values on straight lines between nodes."""
    i = min(max(bisect_right(nodes, at) - 1, 0), len(nodes) - 2)
    part = (at - nodes[i]) / (nodes[i + 1] - nodes[i])
    return (1 - part) * values[i] + part * values[i + 1]


#: Times in sweeps by sampler and observable: a row per side of `SIZES`, a column per length of `LENGTHS`.
TABLE: Mapping[str, Mapping[str, Rows]] = {
    "swendsen_wang": {
        "energy": (
            (0.61, 0.78, 0.96, 1.21, 1.65, 1.79, 2.01, 2.0, 1.81, 1.54, 1.51),
            (0.86, 1.07, 1.34, 1.66, 2.13, 2.43, 2.54, 2.35, 2.09, 1.77, 1.58),
            (1.2, 1.45, 1.8, 2.19, 2.73, 3.18, 3.19, 2.78, 2.46, 2.1, 1.75),
            (1.66, 1.94, 2.36, 2.82, 3.44, 4.01, 3.95, 3.31, 2.96, 2.55, 2.06),
            (2.28, 2.54, 2.98, 3.51, 4.28, 4.88, 4.85, 3.97, 3.65, 3.19, 2.56),
            (3.1, 3.26, 3.65, 4.24, 5.25, 5.71, 5.89, 4.79, 4.6, 4.1, 3.36),
        ),
        "abs_magnetization": (
            (0.57, 0.69, 0.85, 1.13, 1.52, 1.7, 1.97, 2.0, 1.84, 1.52, 1.5),
            (0.63, 0.79, 1.06, 1.39, 1.84, 2.17, 2.41, 2.31, 2.12, 1.86, 1.59),
            (0.67, 0.9, 1.27, 1.66, 2.19, 2.68, 2.88, 2.66, 2.44, 2.24, 1.76),
            (0.71, 0.99, 1.45, 1.94, 2.57, 3.18, 3.38, 3.06, 2.82, 2.65, 2.04),
            (0.74, 1.06, 1.6, 2.2, 2.96, 3.65, 3.88, 3.54, 3.27, 3.09, 2.46),
            (0.76, 1.11, 1.68, 2.43, 3.35, 4.03, 4.36, 4.09, 3.79, 3.54, 3.1),
        ),
    },
    "wolff": {
        "energy": (
            (0.51, 0.54, 0.57, 0.55, 0.56, 0.68, 0.65, 0.56, 0.51, 0.5, 0.51),
            (0.58, 0.65, 0.7, 0.76, 0.85, 0.93, 0.95, 0.76, 0.66, 0.55, 0.5),
            (0.7, 0.81, 0.87, 1.01, 1.17, 1.2, 1.23, 0.99, 0.85, 0.64, 0.54),
            (0.88, 1.04, 1.12, 1.29, 1.47, 1.47, 1.43, 1.25, 1.08, 0.8, 0.64),
            (1.17, 1.38, 1.46, 1.59, 1.68, 1.69, 1.49, 1.53, 1.36, 1.07, 0.82),
            (1.64, 1.88, 1.96, 1.87, 1.76, 1.83, 1.39, 1.82, 1.69, 1.54, 1.16),
        ),
        "abs_magnetization": (
            (0.5, 0.54, 0.53, 0.52, 0.54, 0.63, 0.65, 0.57, 0.51, 0.51, 0.51),
            (0.51, 0.53, 0.53, 0.59, 0.68, 0.79, 0.89, 0.76, 0.67, 0.55, 0.51),
            (0.52, 0.52, 0.54, 0.65, 0.81, 0.92, 1.08, 0.96, 0.84, 0.62, 0.55),
            (0.53, 0.52, 0.56, 0.69, 0.89, 1.0, 1.17, 1.13, 0.99, 0.74, 0.63),
            (0.53, 0.52, 0.6, 0.73, 0.91, 1.02, 1.12, 1.27, 1.12, 0.92, 0.78),
            (0.52, 0.53, 0.66, 0.75, 0.87, 0.97, 0.95, 1.35, 1.18, 1.21, 1.03),
        ),
    },
    "heat_bath": {
        "energy": (
            (0.5, 0.63, 0.82, 1.1, 1.44, 1.66, 1.63, 1.28, 1.02, 0.65, 0.52),
            (0.75, 1.16, 1.87, 2.71, 4.0, 4.6, 4.46, 3.06, 1.96, 1.08, 0.66),
            (1.41, 2.5, 4.54, 7.42, 12.1, 14.21, 13.06, 7.8, 4.87, 2.18, 1.08),
            (3.39, 6.21, 11.86, 22.75, 40.04, 49.04, 40.89, 21.32, 15.79, 5.42, 2.23),
        ),
        "abs_magnetization": (
            (0.56, 0.76, 1.01, 1.29, 1.65, 1.9, 1.94, 1.63, 1.28, 0.69, 0.52),
            (1.26, 2.07, 3.12, 4.32, 5.83, 6.77, 6.98, 5.74, 3.77, 1.34, 0.7),
            (3.86, 7.05, 11.81, 17.38, 24.06, 27.07, 28.0, 22.28, 14.99, 3.9, 1.52),
            (15.84, 30.41, 54.6, 83.83, 115.92, 121.14, 125.22, 95.2, 80.47, 17.12, 5.18),
        ),
    },
}
