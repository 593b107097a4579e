"""Random sounds with known spectra: impacts at random times, from crumpled paper to applause, and a crowd of voices.

Every function returns samples at times n / rate of a stationary process with variance 1; frequencies are in Hz, times in seconds.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.sounds import RESONANCE, Resonance, check_resonance, harmonic_am, harmonic_lines, times

Array = npt.NDArray[np.float64]
#: How long a resonance is followed before the first sample, in decay times; exp(-30) is 1e-13.
_MEMORY = 30.0
#: Of the voices of a crowd: pulses per second, resonance, its decay, syllables per second; no partials above the last.
_PITCH, _FORMANT, _DAMPING, _SYLLABLES, _HIGHEST = (90.0, 260.0), (400.0, 2400.0), 1.5e-3, (2.0, 8.0), 5000.0


def impacts(
    generator: np.random.Generator,
    size: int,
    rate: float,
    click_rate: float = 20.0,
    resonance: Resonance = RESONANCE,
    spread: float = 0.5,
) -> Array:
    """Return clicks at Poisson times, each of which rings: shot noise (Rice, 1944).

    ``x(t) = sum_k A_k h(t - t_k)`` with h the resonance and A of random sign and lognormal size. Few clicks per decay time sound like
    crumpling paper, many like applause; in the limit x is Gaussian with the same spectrum. The
    times are continuous, not rounded to samples, and clicks before the first sample ring on in it.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    size : int
        Samples.
    rate : float
        Samples per second.
    click_rate : float
        Mean number of clicks per second, > 0.
    resonance : Resonance
        What each click sounds like; its frequency lies below rate / 2.
    spread : float
        Standard deviation of log |A|, in [0, 3].

    Returns
    -------
    ndarray of float64, shape (size,)
        Of mean 0 and variance 1 over realizations; spectrum :func:`impact_spectrum`, kurtosis :func:`impact_kurtosis`.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> sound = impacts(np.random.default_rng(0), 8000, 8000.0, click_rate=50.0)
    >>> sound.shape, bool(np.abs(sound).max() > 4)
    ((8000,), True)
    """
    from scipy.signal import lfilter

    _check_clicks(click_rate, resonance, spread)
    if not resonance.frequency < rate / 2:
        raise ValueError(f"the resonance, {resonance.frequency:g} Hz, must lie below rate / 2 = {rate / 2:g} Hz")
    before = math.ceil(_MEMORY * resonance.decay * rate)
    length = times(size, rate).size + before  # in samples; the first of them are not returned
    count = generator.poisson(click_rate * length / rate)
    when, size_of = length * generator.random(count), np.exp(spread * generator.standard_normal(count))
    strength = size_of * generator.choice([-1.0, 1.0], count) / math.sqrt(click_rate * math.exp(2 * spread**2) * resonance.energy())
    pole = (-1 / resonance.decay + 2j * np.pi * resonance.frequency) / rate
    first = np.ceil(when).astype(int)
    heard = first < length
    onset = (strength * np.exp(pole * (first - when)))[heard]
    drive = np.bincount(first[heard], onset.real, length) + 1j * np.bincount(first[heard], onset.imag, length)
    ringing: Array = np.asarray(lfilter([1.0], [1.0, -np.exp(pole)], drive))[before:].imag
    return ringing


def impact_spectrum(frequency: npt.ArrayLike, resonance: Resonance = RESONANCE) -> Array:
    """Return the two-sided power spectral density of :func:`impacts`, ``|H(f)|² / integral of h²`` by Campbell's theorem.

    Parameters
    ----------
    frequency : array_like of float
        In Hz.
    resonance : Resonance
        What each click sounds like.

    Returns
    -------
    ndarray of float64
        In 1/Hz, of integral 1; samples add what lies above rate / 2, which is small for resonances well below.

    Raises
    ------
    ValueError
        If the resonance has no positive frequency or decay.

    Examples
    --------
    >>> f = np.linspace(-50_000, 50_000, 1_000_001)
    >>> round(float(np.trapezoid(impact_spectrum(f), f)), 3)
    1.0
    """
    check_resonance(resonance)
    return np.abs(resonance.response(frequency)) ** 2 / resonance.energy()


def impact_kurtosis(click_rate: float, resonance: Resonance = RESONANCE, spread: float = 0.5) -> float:
    """Return the kurtosis of :func:`impacts`: 3 plus ``exp(4 spread²) integral h⁴ / (click_rate (integral h²)²)``.

    Parameters
    ----------
    click_rate, resonance, spread
        As for :func:`impacts`.

    Returns
    -------
    float
        The fourth standardized moment, 3 for a Gaussian.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> round(impact_kurtosis(1e9), 3), impact_kurtosis(20.0) > 30
    (3.0, True)
    """
    _check_clicks(click_rate, resonance, spread)
    return 3 + math.exp(4 * spread**2) * resonance.fourth() / (click_rate * resonance.energy() ** 2)


def crowd(generator: np.random.Generator, size: int, rate: float, voices: int = 20, depth: float = 1.0) -> Array:
    """Return a crowd: a sum of voices, each the modulated harmonics of a resonance of its own.

    Each voice is a ``scatflow_processes.sounds.harmonic_am`` with pitch (90 to 260 Hz), resonance (400 to 2400 Hz)
    and modulation (2 to 8 Hz) uniform in their logarithms, random delay and phase, all partials up to 5 kHz and rate / 2.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    size : int
        Samples.
    rate : float
        Samples per second, at least 2000.
    voices : int
        How many, >= 1; with many the sound becomes Gaussian.
    depth : float
        Depth of the modulation, in [0, 1].

    Returns
    -------
    ndarray of float64, shape (size,)
        Each voice has power ``1 / voices`` over long times.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> crowd(np.random.default_rng(0), 4000, 8000.0, voices=3).shape
    (4000,)
    """
    check("voices", voices, voices >= 1, ">= 1")
    check("depth", depth, 0 <= depth <= 1, "in [0, 1]")
    check("rate", rate, 2000 <= rate < math.inf, "finite and >= 2000 Hz")
    sound = np.zeros(size)
    for _ in range(voices):
        f0, formant, syllables = (math.exp(generator.uniform(*np.log(limits))) for limits in (_PITCH, _FORMANT, _SYLLABLES))
        resonance = Resonance(min(formant, 0.4 * rate), _DAMPING)
        partials = max(1, int((min(_HIGHEST, 0.499 * rate) - syllables) / f0))
        timbre = (f0, partials, resonance, syllables, depth)
        power = 0.5 * float(np.sum(harmonic_lines(*timbre).amplitude ** 2))
        voice = harmonic_am(size, rate, *timbre, delay=generator.random() / f0, modulation_phase=2 * np.pi * generator.random())
        sound += voice / math.sqrt(power * voices)
    return sound


def _check_clicks(click_rate: float, resonance: Resonance, spread: float) -> None:
    check_resonance(resonance)
    check("click_rate", click_rate, 0 < click_rate < math.inf, "finite and > 0 per second")
    check("spread", spread, 0 <= spread <= 3, "in [0, 3]")
