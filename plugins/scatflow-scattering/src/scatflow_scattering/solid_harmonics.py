"""The family of solid harmonic wavelets: a Gaussian times the homogeneous harmonic polynomials of one degree.

As polynomials they need no angles, have no singularity at frequency zero, and are sums of products of functions of one
frequency each: a filter of a whole volume is a few short tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Literal

import numpy as np

from scatflow.contract import FilterFamily, Reference, family, param
from scatflow_wavelet.layout import Real

#: Exponents of (wz, wy, wx) -> coefficient.
Polynomial = Mapping[tuple[int, int, int], float]

SOLID_HARMONIC_SCATTERING = Reference(
    ("Eickenberg, Michael", "Exarchakis, Georgios", "Hirn, Matthew", "Mallat, Stéphane", "Thiry, Louis"),
    "Solid harmonic wavelet scattering for predictions of molecule properties",
    2018,
    "J. Chem. Phys.",
    "148",
    number="24",
    pages="241732",
    doi="10.1063/1.5023798",
)


@family("solid-harmonic", version=1, references=(SOLID_HARMONIC_SCATTERING,))
class SolidHarmonic(FilterFamily):
    """Solid harmonics under a Gaussian, in three dims.

    ``psi_jlm(w) = C_l (2 pi)^(3/2) (-i)^l r^l exp(-r^2 / 2) Y_lm(w / |w|)`` with ``r = |w| sigma0 2^j``, w in radians per
    sample, and ``C_l = 1 / (2 pi sqrt(l + 1/2) (l + 1)!!)`` for even l, ``1 / (2^((l + 3) / 2) sqrt(pi (2 l + 1)) ((l + 1) / 2)!)``
    for odd l: the integral of ``sqrt(sum_m |psi_jlm|^2)`` over space is then 1 for all l, and l = 0 is the Gaussian
    low-pass of unit gain.

    Parameters
    ----------
    sigma0 : float, optional
        Standard deviation of the Gaussian of scale j = 0, in samples of the coarsest core axis; default 1.
    profile : {"scatflow", "kymatio"}, optional
        ``"kymatio"`` takes all conventions of that package for comparison with it: multipliers end at the Nyquist
        frequency instead of being summed over the periods of the grid, no plane is subsampled, and results are sums over
        samples instead of means. Along axes of odd length that package shifts its frequencies by one, which is not imitated.

    Examples
    --------
    >>> SolidHarmonic(sigma0=1.5).profile
    'scatflow'
    """

    sigma0: float = param(1.0, "Standard deviation of the Gaussian at j = 0.", ge=0.1, le=1e6, unit="sample")
    profile: Literal["scatflow", "kymatio"] = param(
        "scatflow", 'Conventions of sampling and averaging; "kymatio" gives the numbers of that package.'
    )

    def axis(self, n: int, step: float, scale: int, degree: int) -> Real:
        """Return the factors of one axis for the powers 0 to ``degree``.

        Parameters
        ----------
        n : int
            Samples along the axis.
        step : float
            Distance between them in samples of the coarsest axis.
        scale : int
            The exponent j.
        degree : int
            Highest power.

        Returns
        -------
        array of float64, shape (degree + 1, n)
            ``r^a exp(-r^2 / 2)`` in FFT order, with ``r = w sigma0 2^j``; summed over the periods ``2 pi / step`` of w.

        Examples
        --------
        >>> SolidHarmonic(sigma0=2.0).axis(4, 1.0, 0, 1).round(3).tolist()
        [[1.0, 0.007, 0.0, 0.007], [0.0, 0.023, 0.0, -0.023]]
        """
        sigma = self.sigma0 * 2.0**scale
        period = 2 * np.pi / step * sigma
        near = np.asarray(np.fft.fftfreq(n) * period, dtype=np.float64)
        if self.profile == "kymatio":
            return _powers(near, degree)
        # At 12 deviations even r^20 is below 1e-10 of its peak, and what float64 resolves of lower powers is gone.
        reach = math.ceil(12.0 / period + 0.5)
        periods = np.arange(-reach, reach + 1) * period
        return np.asarray(_powers(near + periods[:, None], degree).sum(axis=1))


def _powers(r: Real, degree: int) -> Real:
    """Return ``r^a exp(-r^2 / 2)`` for a = 0 to ``degree``, along a first axis."""
    return np.stack([r**a for a in range(degree + 1)]) * np.exp(-(r**2) / 2)


def scaling(degree: int) -> float:
    """Return ``C_l (2 pi)^(3/2)`` of a degree l, the constant before ``r^l exp(-r^2 / 2) Y_lm``.

    Examples
    --------
    >>> round(scaling(0) / math.sqrt(4 * math.pi), 12)
    1.0
    """
    if degree % 2:
        inverse = 2 ** ((degree + 3) / 2) * math.sqrt(math.pi * (2 * degree + 1)) * math.factorial((degree + 1) // 2)
    else:
        inverse = 2 * math.pi * math.sqrt(degree + 0.5) * math.prod(range(degree + 1, 0, -2))
    return float((2 * math.pi) ** 1.5 / inverse)


@lru_cache(maxsize=64)
def harmonics(degree: int) -> tuple[Polynomial, ...]:
    """Return the 2 l + 1 real solid harmonics ``r^l Y_lm`` of a degree l as polynomials in (wz, wy, wx).

    Their squares add up to ``(2 l + 1) / (4 pi) r^(2 l)``. They span what the complex ones do, by a unitary change of m, so
    sums over m of squared moduli are the same.

    Notes
    -----
    With z along the polar axis, ``r^l Y_lm = N_lm Pi_lm(z, r) Re or Im (x + i y)^m`` and
    ``Pi_lm = sum_k (-1)^k 2^-l binom(l, k) binom(2 l - 2 k, l) (l - 2 k)! / (l - 2 k - m)! r^(2 k) z^(l - 2 k - m)``,
    ``N_lm^2 = (2 - [m = 0]) (2 l + 1) / (4 pi) (l - m)! / (l + m)!``: Rodrigues' formula for Legendre functions.

    Examples
    --------
    >>> [sorted(polynomial) for polynomial in harmonics(1)]
    [[(1, 0, 0)], [(0, 0, 1)], [(0, 1, 0)]]
    """
    found = []
    for m in range(degree + 1):
        polar = _polar(degree, m)
        found += [_clean(_times(polar, part)) for part in _around(m) if part]
    return tuple(MappingProxyType(polynomial) for polynomial in found)


def _polar(degree: int, m: int) -> Polynomial:
    """Return ``N_lm Pi_lm`` with the powers of r multiplied out."""
    norm = math.sqrt((2 - (m == 0)) * (2 * degree + 1) / (4 * math.pi) * math.factorial(degree - m) / math.factorial(degree + m))
    total: dict[tuple[int, int, int], float] = {}
    for k in range((degree - m) // 2 + 1):
        legendre = (-1) ** k * math.comb(degree, k) * math.comb(2 * degree - 2 * k, degree) / 2**degree
        legendre *= math.factorial(degree - 2 * k) / math.factorial(degree - 2 * k - m)
        for y in range(k + 1):
            for x in range(k - y + 1):
                many = math.factorial(k) / (math.factorial(x) * math.factorial(y) * math.factorial(k - x - y))
                power = (degree - 2 * k - m + 2 * (k - x - y), 2 * y, 2 * x)
                total[power] = total.get(power, 0.0) + norm * legendre * many
    return total


def _around(m: int) -> tuple[Polynomial, Polynomial]:
    """Return the real and the imaginary part of ``(x + i y)^m``."""
    terms = [((0, k, m - k), math.comb(m, k) * (-1) ** (k // 2), k % 2) for k in range(m + 1)]
    real, imaginary = ({power: float(value) for power, value, odd in terms if odd == part} for part in (0, 1))
    return real, imaginary


def _times(a: Polynomial, b: Polynomial) -> dict[tuple[int, int, int], float]:
    total: dict[tuple[int, int, int], float] = {}
    for (p, u), (q, v) in product(a.items(), b.items()):
        power = (p[0] + q[0], p[1] + q[1], p[2] + q[2])
        total[power] = total.get(power, 0.0) + u * v
    return total


def _clean(polynomial: Polynomial) -> dict[tuple[int, int, int], float]:
    """Drop what cancels but for rounding."""
    least = 1e-12 * max(map(abs, polynomial.values()))
    return {power: value for power, value in polynomial.items() if abs(value) > least}
