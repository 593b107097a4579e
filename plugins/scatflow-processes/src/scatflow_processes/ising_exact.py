"""Exact thermodynamics of the two-dimensional Ising model: Kaufman's torus and Onsager's infinite lattice.

Energy E(s) = -sum over bonds of s s', coupling and Boltzmann constant 1, K = 1 / T. All results are per site
and in nats. They are what the samplers and the entropy estimates of models are judged against.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

CRITICAL_TEMPERATURE = 2.0 / math.log1p(math.sqrt(2.0))
"""Temperature 2 / ln(1 + sqrt 2) = 2.269185314213022 of the phase transition of the infinite lattice."""

Vector = npt.NDArray[np.float64]


class Thermodynamics(NamedTuple):
    """Exact quantities per site.

    Attributes
    ----------
    log_z : float
        Logarithm of the partition function, in nats.
    energy : float
        Mean energy u = -d log_z / dK, in units of the coupling.
    specific_heat : float
        c = K^2 d^2 log_z / dK^2, the variance of the energy over T^2; infinite at the critical temperature of
        the infinite lattice.
    entropy : float
        H = log_z + K u, in nats.
    """

    log_z: float
    energy: float
    specific_heat: float
    entropy: float


@dataclass(frozen=True)
class _Log:
    """The logarithm of a positive function of K with its first two derivatives."""

    value: float
    first: float
    second: float

    def __add__(self, other: _Log) -> _Log:
        """Logarithm of the product."""
        return _Log(self.value + other.value, self.first + other.first, self.second + other.second)


def torus(n: int, m: int, temperature: float) -> Thermodynamics:
    """Return the exact thermodynamics of the n x m torus with 2nm bonds.

    Parameters
    ----------
    n, m : int
        Sites along the two dims, >= 2, even or odd. With 2 sites the two bonds between them are distinct.
    temperature : float
        Temperature T = 1 / K, finite and >= 0.01.

    Returns
    -------
    Thermodynamics
        Per site, float64, relative error about 1e-13 for 0.1 <= T <= 100.

    Raises
    ------
    ValueError
        If ``n`` or ``m`` is below 2 or the temperature is not finite or below 0.01.
    TypeError
        If ``n`` or ``m`` is no whole number.

    Notes
    -----
    Kaufman [1]_: ``Z = (1/2) (2 sinh 2K)^(nm/2) (Z1 + Z2 + Z3 + Z4)`` with products over r of
    ``2 cosh(m g / 2)`` (Z1, Z3) and ``2 sinh(m g / 2)`` (Z2, Z4), g of odd index in Z1 and Z2, of even index
    in Z3 and Z4, ``cosh g_l = cosh(2K)^2 / sinh(2K) - cos(pi l / n)`` and ``g_0 = 2K + ln tanh K``, negative
    above the critical temperature. Here every product is a sum of logarithms, Z2 and Z4 are Z1 and Z3 times a
    product of hyperbolic tangents, and derivatives are carried along analytically: differences of log Z lose
    half of the digits, and the plain products overflow at n = 128.

    References
    ----------
    .. [1] B. Kaufman, "Crystal statistics II", Phys. Rev. 76 (1949) 1232, doi:10.1103/PhysRev.76.1232.

    Examples
    --------
    >>> import numpy as np
    >>> exact = torus(64, 64, CRITICAL_TEMPERATURE)
    >>> round(exact.log_z, 6), round(exact.energy, 6), round(exact.entropy, 6)
    (0.929852, -1.423938, 0.302341)
    """
    n, m = operator.index(n), operator.index(m)
    check("n and m", f"{n} x {m}", min(n, m) >= 2, ">= 2")
    k = _coupling(temperature)
    odd, even = _angles(k, n, np.arange(1, 2 * n, 2)), _angles(k, n, np.arange(2, 2 * n, 2))
    zero = _zero_angle(k)
    first, third = _log_cosh(odd, m), _log_cosh(even, m) + _log_cosh(zero, m)
    second, fourth = first + _log_tanh(odd, m), third + _log_tanh(even, m)
    total = _log_sum([first, second, third], fourth, _tanh(zero, m))
    sinh, cosh = math.sinh(2 * k), math.cosh(2 * k)
    sites = n * m
    log_z = -math.log(2) / sites + 0.5 * math.log(2 * sinh) + total.value / sites
    energy = -(cosh / sinh + total.first / sites)
    specific_heat = k * k * (-2.0 / sinh**2 + total.second / sites)
    return Thermodynamics(log_z, energy, specific_heat, log_z + k * energy)


def infinite_lattice(temperature: float) -> Thermodynamics:
    """Return the exact thermodynamics of the infinite square lattice.

    Parameters
    ----------
    temperature : float
        Temperature T = 1 / K, finite and >= 0.01.

    Returns
    -------
    Thermodynamics
        Per site, float64, relative error about 1e-12 for 0.1 <= T <= 10; the specific heat is inf at the
        critical temperature.

    Raises
    ------
    ValueError
        If the temperature is not finite or below 0.01.

    Notes
    -----
    Onsager [1]_, with ``k = 2 sinh 2K / cosh^2 2K``, ``k' = 2 tanh^2 2K - 1`` and complete elliptic integrals
    of modulus k: ``log z = ln(2 cosh 2K) + (1/pi) int_0^{pi/2} ln((1 + sqrt(1 - k^2 sin^2 t)) / 2) dt``,
    ``u = -coth(2K) (1 + (2/pi) k' F)`` with F the integral of the first kind and G that of the second,
    ``c = (4/pi) (K coth 2K)^2 (F - G - (1 - tanh^2 2K) (pi/2 + k' F))``.

    References
    ----------
    .. [1] L. Onsager, "Crystal statistics I", Phys. Rev. 65 (1944) 117, doi:10.1103/PhysRev.65.117.

    Examples
    --------
    >>> exact = infinite_lattice(CRITICAL_TEMPERATURE)
    >>> round(exact.log_z, 6), round(exact.energy, 6), round(exact.entropy, 6)
    (0.929695, -1.414214, 0.30647)
    """
    from scipy.integrate import quad  # here: sources load nothing heavy
    from scipy.special import ellipe, ellipkm1

    k = _coupling(temperature)
    tanh = math.tanh(2 * k)
    complement = 2 * tanh**2 - 1
    # 1 - k^2 = k'^2 exactly; written with k' nothing cancels near the transition.
    square = complement**2

    def integrand(t: float) -> float:
        return math.log(0.5 + 0.5 * math.sqrt(math.cos(t) ** 2 + square * math.sin(t) ** 2))

    integral, _ = quad(integrand, 0.0, math.pi / 2, epsabs=1e-15, epsrel=1e-13, limit=200)
    # ln(2 cosh 2K) without overflow at low temperature.
    log_z = 2 * k + math.log1p(math.exp(-4 * k)) + integral / math.pi
    if abs(complement) < 1e-14:
        energy, specific_heat = -1.0 / tanh, math.inf
    else:
        first, second = float(ellipkm1(square)), float(ellipe(1.0 - square))
        energy = -(1 + 2 / math.pi * complement * first) / tanh
        bracket = first - second - (1 - tanh**2) * (math.pi / 2 + complement * first)
        specific_heat = 4 / math.pi * (k / tanh) ** 2 * bracket
    return Thermodynamics(log_z, energy, specific_heat, log_z + k * energy)


def spontaneous_magnetization(temperature: float) -> float:
    """Return the magnetization per site of the infinite lattice in vanishing field.

    Parameters
    ----------
    temperature : float
        Temperature T = 1 / K, finite and >= 0.01.

    Returns
    -------
    float
        ``(1 - sinh(2K)^-4)^(1/8)`` below the critical temperature [1]_, 0 above.

    Raises
    ------
    ValueError
        If the temperature is not finite or below 0.01.

    References
    ----------
    .. [1] C. N. Yang, Phys. Rev. 85 (1952) 808, doi:10.1103/PhysRev.85.808.

    Examples
    --------
    >>> round(spontaneous_magnetization(2.0), 6), spontaneous_magnetization(2.5)
    (0.911319, 0.0)
    """
    k = _coupling(temperature)
    if temperature >= CRITICAL_TEMPERATURE:
        return 0.0
    # sinh(2K)^-4 = (2 exp(-2K) / (1 - exp(-4K)))^4, which does not overflow at low temperature.
    inverse = 2 * math.exp(-2 * k) / -math.expm1(-4 * k)
    return float((1 - inverse**4) ** 0.125)


def _coupling(temperature: float) -> float:
    # Below 0.01 every result is that of the ground state to the last digit, and sinh(2K)^3 nears overflow.
    check("temperature", temperature, math.isfinite(temperature) and temperature >= 0.01, "finite and >= 0.01")
    return 1.0 / temperature


def _angles(k: float, n: int, index: npt.NDArray[np.int_]) -> tuple[Vector, Vector, Vector]:
    """Return g_l > 0 and its derivatives in K, l >= 1."""
    sinh, cosh = math.sinh(2 * k), math.cosh(2 * k)
    # cosh g - 1 as a sum of two squares: arccosh loses half of the digits where g is small.
    excess = (sinh - 1) ** 2 / sinh + 2 * np.sin(np.pi * index / (2 * n)) ** 2
    g = 2 * np.arcsinh(np.sqrt(excess / 2))
    sinh_g = np.sqrt(excess * (excess + 2))
    slope = 2 * cosh * (1 - sinh**-2)
    curvature = 4 * (sinh - 1 / sinh) + 8 * cosh**2 / sinh**3
    first = slope / sinh_g
    second = (curvature - (1 + excess) * first**2) / sinh_g
    return g, first, second


def _zero_angle(k: float) -> tuple[Vector, Vector, Vector]:
    """Return the signed g_0 and its derivatives in K."""
    sinh, cosh = math.sinh(2 * k), math.cosh(2 * k)
    g = 2 * k + math.log(math.tanh(k))
    return np.array([g]), np.array([2 + 2 / sinh]), np.array([-4 * cosh / sinh**2])


def _log_cosh(angles: tuple[Vector, Vector, Vector], m: int) -> _Log:
    """Return sum ln 2 cosh(m g / 2)."""
    g, first, second = angles
    x = np.abs(m * g / 2)
    tanh, decay = np.tanh(m * g / 2), np.exp(-2 * x)
    sech2 = 4 * decay / (1 + decay) ** 2
    value = (x + np.log1p(decay)).sum()
    slope = (m / 2 * tanh * first).sum()
    curvature = (m / 2 * tanh * second + (m / 2) ** 2 * sech2 * first**2).sum()
    return _Log(float(value), float(slope), float(curvature))


def _log_tanh(angles: tuple[Vector, Vector, Vector], m: int) -> _Log:
    """Return sum ln tanh(m g / 2), g > 0; the derivative of ln tanh x is 2 / sinh 2x."""
    g, first, second = angles
    decay = np.exp(-m * g)
    gap = -np.expm1(-2 * m * g)  # 1 - exp(-4x)
    slope = 4 * decay / gap
    curvature = -8 * decay * (1 + decay**2) / gap**2
    value = (np.log(-np.expm1(-m * g)) - np.log1p(decay)).sum()
    return _Log(
        float(value),
        float((m / 2 * slope * first).sum()),
        float((m / 2 * slope * second + (m / 2) ** 2 * curvature * first**2).sum()),
    )


def _tanh(angles: tuple[Vector, Vector, Vector], m: int) -> tuple[float, float, float]:
    """Return tanh(m g / 2) with two derivatives for the one angle that may vanish or be negative."""
    g, first, second = (float(part[0]) for part in angles)
    tanh = math.tanh(m * g / 2)
    decay = math.exp(-abs(m * g))
    sech2 = 4 * decay / (1 + decay) ** 2
    slope = m / 2 * first
    return tanh, sech2 * slope, sech2 * (m / 2 * second - 2 * tanh * slope**2)


def _log_sum(positive: list[_Log], product: _Log, factor: tuple[float, float, float]) -> _Log:
    """Return the log of ``sum exp(positive) + factor * exp(product)``; only ``factor`` may be negative."""
    top = max(*(term.value for term in positive), product.value)
    # Slopes are counted from a common one: a factor exp(c K) has no second derivative, and on large lattices
    # the squares of the slopes would otherwise cancel to a few digits.
    center = positive[0].first
    value, slope, curvature = factor
    weights = [math.exp(term.value - top) for term in positive]
    slopes = [term.first - center for term in positive]
    share, lean = math.exp(product.value - top), product.first - center
    total = math.fsum([*weights, share * value])
    first = math.fsum([*map(math.prod, zip(weights, slopes, strict=True)), share * (value * lean + slope)])
    bends = [term.second + lift**2 for term, lift in zip(positive, slopes, strict=True)]
    last = share * (value * (product.second + lean**2) + 2 * slope * lean + curvature)
    second = math.fsum([*map(math.prod, zip(weights, bends, strict=True)), last])
    return _Log(top + math.log(total), center + first / total, second / total - (first / total) ** 2)
