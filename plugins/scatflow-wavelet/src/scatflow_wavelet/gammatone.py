"""Gammatone banks in one dim: causal wavelets and a one-sided low-pass, so that no result knows what comes later."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar

import numpy as np

from scatflow.contract import family
from scatflow.errors import ParameterError
from scatflow_wavelet import reach as tables
from scatflow_wavelet.family import WaveletFamily
from scatflow_wavelet.layout import Band, Complex, Grid, Layout, Real
from scatflow_wavelet.morlet import constant_q
from scatflow_wavelet.references import GAMMATONE_FILTERBANK, JOINT_SCATTERING

#: Order of the gammatones: envelopes are t^3 exp(-alpha t).
_ORDER = 4
#: Bandwidth of a low-pass of scale 1 in cycles per sample, as that of the Morlet bank.
_SIGMA_LOW = 0.1
#: Envelopes are summed to this many times 1/alpha: below 1e-18 of their peak.
_LENGTHS = 60.0
#: Samples per 1/alpha of a sum that stands for a finer one: what it misses is below 1e-12.
_PER_LENGTH = 256
#: Halvings of an interval until it is as narrow as rounding.
_HALVINGS = 60


@family(
    "gammatone",
    version=1,
    references=(JOINT_SCATTERING.part("causal wavelets"), GAMMATONE_FILTERBANK),
)
class Gammatone(WaveletFamily):
    """Causal wavelets, derivatives of gammatones, and a one-sided low-pass: results that never look ahead.

    One dim only. Impulse responses start at 0 and are sampled at t = 0, 1, 2, ... With
    ``g(t) = t^3 exp((-alpha + i xi_c) t)``, a band is proportional to

    ``psi(t) = g'(t) = (3 t^2 + c t^3) exp((-alpha + i xi_c) t)``, ``c = -alpha + i xi_c``,

    where c is replaced by the number, close to that, for which the samples sum to zero exactly. Centers and bandwidths
    are those of the one-dimensional Morlet bank, Q per octave and then at equal steps: alpha and xi_c are such that
    ``|psi_hat(w)|``, proportional to ``w / |alpha + i (w - xi_c)|^4``, has its peak at the labelled center ``xi``, and
    ``sigma`` for half its width at exp(-1/2) of the peak. Bands have unit L1 norm. The low-pass is proportional to
    ``t^3 exp(-beta t)``, of unit mean and of half width ``0.1 / T`` cycles per sample; its weight lies
    ``4 / beta = 3.4 T`` in the past on average, with a standard deviation of 1.7 T.

    Notes
    -----
    On a grid of step s the filter is the one sampled every s samples, which stays causal. Its mean, exactly zero on the
    array's own grid, is then about ``(s alpha)^4 / 180`` of its peak, less than what subsampling costs anyway.

    Decay in time is exponential and in frequency a power, so that all frequencies are kept. Littlewood-Paley functions
    lie between 0.154 and 1 for one band per octave; with four they reach down to 0.006, at the Nyquist frequency (Morlet:
    0.154 and less than 0.001). They exceed 1 only below ``2^J = Q / 2``. A mirror at the beginning would show a filter
    what comes later, so that the default boundary is ``zero``.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_wavelet import Bank, Gammatone, Grid
    >>> bank = Bank(Gammatone(), J=4, voices=1)
    >>> response = np.fft.ifft(bank.band_multiplier(3, Grid((1024,))))
    >>> float(abs(response[512:]).max()) < 1e-12 and abs(complex(response.sum())) < 1e-15
    True
    """

    causal: ClassVar[bool] = True

    def check(self, layout: Layout, subject: str) -> None:
        """Raise ParameterError for more than one dim or no voice."""
        if layout.ndim != 1:
            raise ParameterError(
                f"{subject}.filters", "gammatones are causal, and past and future exist along one dim only", expected="one core dim",
                got=layout.ndim, remedy='Use filters="morlet", or transform one dim at a time.', code="FamilyOneDim",
            )  # fmt: skip
        if layout.voices < 1:
            raise ParameterError(f"{subject}.Q", "at least one is needed", got=layout.voices)

    def bands(self, layout: Layout) -> tuple[Band, ...]:
        """Return the bands, finest octave first."""
        q = layout.voices
        return tuple(Band(n, n // q, n % q, xi, sigma) for n, (xi, sigma, _, _) in enumerate(_shapes(layout.J, q)))

    def band(self, layout: Layout, band: Band, grid: Grid) -> Complex:
        """Return the multiplier of one band on a grid: the transform of the sampled impulse response."""
        _, _, alpha, carrier = _shapes(layout.J, layout.voices)[band.n]
        step, slope = grid.step, _slope(alpha, carrier)
        rate = complex(-alpha, carrier) * step
        turn = _turns(grid)
        out = (_ORDER - 1) * power_sum(_ORDER - 2, rate - turn, alpha * step)
        out += slope * power_sum(_ORDER - 1, rate - turn, alpha * step)
        out *= step / _l1_norm(alpha, carrier)
        if step == 1:
            out[0] = 0.0  # the two sums agree there up to rounding; a wavelet's mean is exactly zero
        return out

    def low(self, layout: Layout, grid: Grid) -> Complex:
        """Return the multiplier of the low-pass on a grid; its value at 0 is 1 for step 1, so averages are means."""
        beta, step = self.decay(layout), grid.step
        turn = _turns(grid)
        mass = power_sum(_ORDER - 1, np.array([complex(-beta)]), beta)[0]
        out = step * power_sum(_ORDER - 1, -beta * step - turn, beta * step) / mass
        if step == 1:
            out[0] = 1.0
        return np.asarray(out)

    def profile(self, layout: Layout, distance: Real) -> Real:
        """Return the low-pass at distances into the past; zero for the future."""
        u = self.decay(layout) * np.maximum(distance, 0.0)
        return np.asarray(u ** (_ORDER - 1) * np.exp(-u))

    def extent(self, layout: Layout) -> tuple[float, float] | None:
        """Return where the low-pass has fallen below 1e-18 of its peak, in the past alone."""
        return _LENGTHS / self.decay(layout), 0.0

    def reach(self, layout: Layout, order: int, tol: float) -> float:
        """Return how far into the past results depend on the input by more than ``tol``."""
        return tables.gammatone(layout, order, tol)

    def decay(self, layout: Layout) -> float:
        """Return beta of the low-pass, per sample."""
        return 2 * math.pi * _SIGMA_LOW / (layout.T * math.sqrt(math.expm1(1 / _ORDER)))


def _turns(grid: Grid) -> Complex:
    """Return i times the phase per sample of a grid at its frequencies."""
    return np.asarray(2j * math.pi * np.fft.fftfreq(grid.shape[0]), dtype=np.complex128)


@lru_cache(maxsize=64)
def _shapes(J: int, Q: int) -> tuple[tuple[float, float, float, float], ...]:
    """Return (center, bandwidth, alpha, carrier) of the bands, all in radians per sample."""
    numbers = 2 * math.pi * np.array(constant_q(J, Q))
    center, wanted = numbers[:, 0], numbers[:, 1] / numbers[:, 0]
    # Beyond this alpha no carrier puts the peak where it belongs: the wavelet is real, and as wide as it gets.
    low, high = np.zeros_like(wanted), np.full_like(wanted, math.sqrt(_ORDER - 1))
    widest, _ = _half_width(high)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        narrow = _half_width(middle)[0] < wanted
        low, high = np.where(narrow, middle, low), np.where(narrow, high, middle)
    alpha = np.where(wanted < widest, low, math.sqrt(_ORDER - 1))
    width, carrier = _half_width(alpha)
    return tuple(zip(*(map(float, row) for row in (center, width * center, alpha * center, carrier * center)), strict=True))


def _half_width(alpha: Real) -> tuple[Real, Real]:
    """Return half the width at exp(-1/2) of ``w / |alpha + i (w - carrier)|^4``, and the carrier that puts its peak at 1."""
    carrier = 1 - 0.5 * (_ORDER - np.sqrt(np.maximum(_ORDER**2 - 4 * alpha**2, 0.0)))

    def level(w: Real) -> Real:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(w) - 0.5 * _ORDER * np.log(alpha**2 + (w - carrier) ** 2))

    height = level(np.ones_like(alpha)) - 0.5
    sides = []
    for outside in (0.0, 8.0):
        inner, outer = np.ones_like(alpha), np.full_like(alpha, outside)
        for _ in range(_HALVINGS):
            middle = 0.5 * (inner + outer)
            above = level(middle) > height
            inner, outer = np.where(above, middle, inner), np.where(above, outer, middle)
        sides.append(inner)
    return 0.5 * (sides[1] - sides[0]), carrier


def _slope(alpha: float, carrier: float) -> complex:
    """Return c / alpha for which the samples of a wavelet sum to zero; ``-1 + i carrier / alpha`` in the limit."""
    rate = np.array([complex(-alpha, carrier)])
    return complex(-(_ORDER - 1) * power_sum(_ORDER - 2, rate, alpha)[0] / power_sum(_ORDER - 1, rate, alpha)[0])


@lru_cache(maxsize=1024)
def _l1_norm(alpha: float, carrier: float) -> float:
    """Return the sum over all samples of the modulus of a wavelet; of a part of them that stands for the rest if long."""
    step = max(1, math.floor(1 / (_PER_LENGTH * alpha)))
    u = alpha * step * np.arange(math.ceil(_LENGTHS / (alpha * step)))
    envelope = np.abs((_ORDER - 1) + _slope(alpha, carrier) * u) * u ** (_ORDER - 2) * np.exp(-u)
    return step * float(envelope.sum())


def power_sum(power: int, logarithm: Complex, scale: float) -> Complex:
    """Return ``sum over n >= 0 of (scale n)^power q^n`` for |q| < 1, as a rational function of q.

    Parameters
    ----------
    power : int
        Exponent, at least 1.
    logarithm : ndarray of complex
        log q; given instead of q so that 1 - q keeps its digits where q is close to 1.
    scale : float
        Factor that keeps large sums finite.

    Returns
    -------
    ndarray of complex

    Notes
    -----
    ``sum n^k q^n = q A_k(q) / (1 - q)^(k + 1)`` with the Eulerian polynomial A_k.

    Examples
    --------
    >>> import numpy as np
    >>> q = np.array([0.5 + 0j])
    >>> round(float(power_sum(2, np.log(q), 1.0)[0].real), 12)  # 0 + 1/2 + 4/4 + 9/8 + 16/16 + ...
    6.0
    """
    q, rest = np.exp(logarithm), -np.expm1(logarithm)
    total = np.zeros_like(q)
    for coefficient in reversed(_eulerian(power)):
        total = total * q + coefficient
    return np.asarray(total * q * (scale / rest) ** power / rest)


@lru_cache(maxsize=16)
def _eulerian(power: int) -> tuple[int, ...]:
    """Return the coefficients of the Eulerian polynomial, lowest first."""
    row = [1]
    for n in range(2, power + 1):
        row = [(k + 1) * (row[k] if k < n - 1 else 0) + (n - k) * (row[k - 1] if k else 0) for k in range(n)]
    return tuple(row)
