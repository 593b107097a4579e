"""Spectra of sounds in closed form, which judge the samples: of chirps by stationary phase, of decaying harmonics exactly."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.sounds import Lines, check_chirp

Array = npt.NDArray[np.float64]


def chirp_energy(
    frequency: npt.ArrayLike, start: float, stop: float, duration: float, law: str = "exponential", fade: float = 0.0
) -> Array:
    """Return the energy spectrum ``|X(f)|²`` of one sweep, by stationary phase: ``w² |dt / df| / 4`` between its ends.

    w is the fade of :func:`scatflow_processes.sounds.chirp` at the time when the sweep has the frequency. The spectrum is the same for a
    chirp and its reversal. True up to the ripples of ends, of relative size ``1 / sqrt(duration |stop - start|)`` without fades.

    Parameters
    ----------
    frequency : array_like of float
        In Hz, >= 0.
    start, stop, duration, law
        As for :func:`scatflow_processes.sounds.chirp_frequency`.
    fade : float
        Share of the sweep that fades in or out, in [0, 1].

    Returns
    -------
    ndarray of float64
        In s²; zero outside the band.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> chirp_energy([100.0, 500.0], 200.0, 1000.0, 2.0, "linear").tolist()
    [0.0, 0.000625]
    >>> chirp_energy([600.0, 700.0], 200.0, 1000.0, 2.0, "linear", fade=1.0).round(6).tolist()  # the middle is loudest
    [0.000625, 0.000455]
    """
    check_chirp(start, stop, duration, law)
    check("fade", fade, 0 <= fade <= 1, "in [0, 1]")
    f = np.asarray(frequency, dtype=np.float64)
    inside = (f >= min(start, stop)) & (f <= max(start, stop))
    f = np.where(inside, f, start)
    if law == "linear":
        share, slowness = (f - start) / (stop - start), np.full(f.shape, duration / abs(stop - start))
    else:
        share, slowness = np.log(f / start) / math.log(stop / start), duration / (f * abs(math.log(stop / start)))
    edge = np.minimum(share, 1 - share) / (0.5 * fade) if fade else np.ones(f.shape)
    window = np.sin(0.5 * np.pi * np.clip(edge, 0.0, 1.0)) ** 4
    return np.where(inside, window * slowness / 4, 0.0)


def decaying_spectrum(frequency: npt.ArrayLike, lines: Lines, decay: float) -> npt.NDArray[np.complex128]:
    """Return the Fourier transform of lines under an envelope ``exp(-t / decay)``, t >= 0: of a decaying harmonic sound.

    ``X(f) = 1/2 sum_k a_k [e^{i phase_k} / (1 / decay + 2 pi i (f - f_k)) + e^{-i phase_k} / (1 / decay + 2 pi i (f + f_k))]``: every
    line becomes a Lorentzian of half width ``1 / (2 pi decay)``.

    Parameters
    ----------
    frequency : array_like of float
        In Hz.
    lines : Lines
        As :func:`scatflow_processes.sounds.harmonic_lines` gives them.
    decay : float
        Time in which the sound falls by e, in s, > 0.

    Returns
    -------
    ndarray of complex128
        In s, of the shape of ``frequency``. Samples at a rate repeat it at its multiples.

    Raises
    ------
    ValueError
        If the decay is not finite and positive.

    Examples
    --------
    >>> one = Lines(np.array([100.0]), np.array([1.0]), np.array([0.0]))
    >>> round(abs(complex(decaying_spectrum(100.0, one, decay=2.0))), 3)  # half the amplitude times the decay
    1.0
    """
    check("decay", decay, 0 < decay < math.inf, "finite and > 0 s")
    f = np.asarray(frequency, dtype=np.float64)[..., None]
    weight = 0.5 * lines.amplitude * np.exp(1j * lines.phase)
    ahead = weight / (1 / decay + 2j * np.pi * (f - lines.frequency))
    behind = np.conj(weight) / (1 / decay + 2j * np.pi * (f + lines.frequency))
    return np.asarray((ahead + behind).sum(axis=-1), dtype=np.complex128)
