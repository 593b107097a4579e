"""Conjugate mirror filters with the fewest taps for their number of vanishing moments, computed from their definition."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

Taps = tuple[float, ...]


@cache
def low_taps(moments: int) -> Taps:
    r"""Return the low-pass filter ``h`` with ``moments`` vanishing moments and minimal phase, ``sum h = sqrt(2)``.

    The squared modulus of its transform is ``2 cos(w/2)^(2p) P(sin(w/2)^2)`` with
    ``P(y) = sum over k < p of binomial(p - 1 + k, k) y^k`` (I. Daubechies, Comm. Pure Appl. Math. 41, 1988, section 4). A root y
    of P stands for the pair z, 1/z with ``z + 1/z = 2 - 4 y``; ``h`` takes the one inside the unit circle.

    Parameters
    ----------
    moments : int
        p, at least 1; 1 is the Haar filter. The taps are orthonormal to their shifts by two to 1e-12 for p <= 8.

    Returns
    -------
    tuple of float, 2 p taps

    Examples
    --------
    >>> [round(4 * 2**0.5 * tap, 6) for tap in low_taps(2)]  # 1 + sqrt 3, 3 + sqrt 3, 3 - sqrt 3, 1 - sqrt 3
    [2.732051, 4.732051, 1.267949, -0.732051]
    """
    polynomial = [math.comb(moments - 1 + k, k) for k in range(moments)]
    taps = np.array([1.0])
    for root in _roots(np.array(polynomial[::-1], dtype=np.float64)):
        half = 1 - 2 * root
        z = half + np.sqrt(half * half - 1)
        taps = np.convolve(taps, [1, -(z if abs(z) < 1 else 1 / z)])
    for _ in range(moments):
        taps = np.convolve(taps, [1, 1])
    taps = taps.real * (math.sqrt(2) / taps.real.sum())
    return tuple(float(tap) for tap in taps)


def high_taps(low: Taps) -> Taps:
    """Return the mirror filter ``g(k) = (-1)^k h(L - 1 - k)``, orthonormal to ``h`` and to its own shifts by two.

    Examples
    --------
    >>> high_taps((0.7, 0.5))
    (0.5, -0.7)
    """
    return tuple((-1) ** k * tap for k, tap in enumerate(reversed(low)))


def _roots(polynomial: np.ndarray) -> np.ndarray:
    """Return the roots of a polynomial, those of its companion matrix made as exact as doubles are by Newton's method."""
    roots = np.roots(polynomial).astype(np.complex128)
    slope = np.polyder(polynomial)
    for _ in range(4):
        roots = roots - np.polyval(polynomial, roots) / np.polyval(slope, roots)
    return roots
