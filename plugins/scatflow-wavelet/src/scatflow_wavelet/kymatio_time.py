"""Kymatio's filters in one dim, from their formulas: frequencies in cycles per sample, spectra of a fixed length.

The constants are the package's own: they differ from those of ``morlet`` in how many periods are added up, in the
normalization, which is that of the sampled filter, and in what is folded for coarser grids.
"""

from __future__ import annotations

import math

import numpy as np

from scatflow_wavelet.layout import Real, wrap

#: Bandwidth of a low-pass of scale 1, least top center, height at which neighbors cross.
_SIGMA_LOW, _XI_TOP, _CROSSING = 0.1, 0.35, math.sqrt(0.5)
#: A filter ends at its center plus this many bandwidths where it is decided how coarsely its plane is sampled.
_EDGE = 5.0
#: Periods are added until a Gaussian has fallen to this, and no more than so many to either side.
_NEGLIGIBLE, _PERIODS = 1e-7, 5
#: What of the low-pass, in sum of moduli, may lie beyond its support.
_BEYOND = 1e-3
#: Gaussians are evaluated over this many standard deviations: exp(-9^2 / 2) = 2.6e-18 is below float64 resolution. With 2^J up
#: to the length of the signal, none is narrower than a tenth of a bin, so that there always is one.
_DEVIATIONS = 9.0


def bank(J: int, Q: int) -> list[tuple[float, float]]:
    """Return (center, bandwidth) of the wavelets, highest first.

    Centers and bandwidths fall by 2^(1/Q) from ``max(1 / (1 + 2^(3/Q)), 0.35)`` cycles per sample until the bandwidth
    comes within that factor of 0.1 / 2^J; Q - 1 wavelets of that bandwidth follow at equal steps below the last center.
    Where even the first would be narrower there is no falling part, and the steps start at its bandwidth.

    Examples
    --------
    >>> len(bank(6, 16)), [round(xi, 4) for xi, _ in bank(3, 1)]
    (63, [0.35, 0.175, 0.0875, 0.0437])
    """
    factor = 2.0 ** (1 / Q)
    xi = max(1 / (1 + 2.0 ** (3 / Q)), _XI_TOP)
    sigma = xi * (1 - 1 / factor) / (1 + 1 / factor) / math.sqrt(2 * math.log(1 / _CROSSING))
    least = _SIGMA_LOW / 2**J
    if sigma <= least:
        return [(sigma * (1 - q / Q), least) for q in range(1, Q)]
    found = [(xi, sigma)]
    while sigma > least * factor:
        xi, sigma = xi / factor, sigma / factor
        found.append((xi, sigma))
    return found + [(xi * (1 - q / Q), least) for q in range(1, Q)]


def octave(xi: float, sigma: float) -> int:
    """Return the exponent j of the coarsest grid, of step 2^j, that a wavelet ending at ``xi + 5 sigma`` allows.

    Examples
    --------
    >>> [octave(xi, sigma) for xi, sigma in bank(3, 1)]
    [0, 0, 0, 1]
    """
    return math.floor(-math.log2(min(abs(xi) + _EDGE * sigma, 0.5))) - 1


def low_pass(n: int, T: float) -> Real:
    """Return the spectrum of the low-pass of scale T on n frequencies: a Gaussian of bandwidth 0.1 / T.

    At least three periods are added, for the bandwidth is positive.
    """
    return _normalized(_gaussian(n, 0.0, _SIGMA_LOW / T))


def wavelet(n: int, xi: float, sigma: float) -> Real:
    """Return the spectrum of a wavelet on n frequencies, real: a Gaussian minus what makes its value at 0 vanish."""
    band, base = _gaussian(n, xi, sigma), _gaussian(n, 0.0, sigma)
    return _normalized(band - band[0] / base[0] * base)


def _gaussian(n: int, xi: float, sigma: float) -> Real:
    """Return ``exp(-(f - xi)^2 / 2 sigma^2)`` at multiples of 1/n, added up over the periods [1 - P, P)."""
    periods = min(math.ceil(1 + math.sqrt(-2 * sigma**2 * math.log(_NEGLIGIBLE))), _PERIODS)
    first = max(math.ceil((xi - _DEVIATIONS * sigma) * n), (1 - periods) * n)
    stop = min(math.floor((xi + _DEVIATIONS * sigma) * n) + 1, periods * n)
    frequency = np.arange(first, stop) / n
    return np.asarray(wrap(np.exp(-((frequency - xi) ** 2) / (2 * sigma**2)), (first,), (n,)))


def _normalized(spectrum: Real) -> Real:
    """Return a spectrum divided by the sum of the moduli of the filter in time."""
    return np.asarray(spectrum / np.abs(np.fft.ifft(spectrum)).sum())


def folded(spectrum: Real, step: int, mean: bool) -> Real:
    """Return the spectrum on a grid of so many samples per step: aliases added up, or their mean."""
    aliases = spectrum.reshape(step, -1)
    return np.asarray(aliases.mean(axis=0) if mean else aliases.sum(axis=0))


def support(n: int, T: float) -> int:
    """Return to how many samples the low-pass of a signal of n samples reaches: 1e-3 of its moduli lie beyond.

    Half of the signal where it reaches further.

    Examples
    --------
    >>> support(1000, 64), support(100, 64)
    (317, 50)
    """
    half = n // 2
    modulus = np.abs(np.fft.ifft(low_pass(n, T)))[:half]
    beyond = np.cumsum(modulus[::-1])[::-1]
    small = np.flatnonzero(beyond <= _BEYOND)
    return int(small[0]) + 1 if small.size else half


def padded(n: int, T: float) -> int:
    """Return the length to which a signal of n samples is extended.

    The power of two that holds three supports of the low-pass to either side, but no more than 3n - 2 samples, which
    one reflection can fill.

    Examples
    --------
    >>> padded(1000, 64), padded(1024, 64), padded(100, 16)
    (2048, 2048, 256)
    """
    wanted = math.ceil(math.log2(n + 6 * support(n, T)))
    return 1 << min(wanted, (3 * n - 2).bit_length() - 1)
