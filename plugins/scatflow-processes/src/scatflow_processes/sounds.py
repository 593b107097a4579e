"""Sounds with known spectra: modulated harmonics of a resonance, and chirps.

Every function returns samples at times n / rate, n = 0, 1, ...; frequencies are in Hz, times in seconds, phases in radians.
The spectra that judge them are in :mod:`scatflow_processes.sound_spectra`, lines here.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check, check_choice

Array = npt.NDArray[np.float64]


class Resonance(NamedTuple):
    """A damped oscillation ``h(t) = exp(-t / decay) sin(2 pi frequency t)``, t >= 0.

    Attributes
    ----------
    frequency : float
        Frequency in Hz, > 0.
    decay : float
        Time in which the amplitude falls by e, in s, > 0; the half width of its line is ``1 / (2 pi decay)`` Hz.
    """

    frequency: float = 1000.0
    decay: float = 2e-3

    def response(self, frequency: npt.ArrayLike) -> npt.NDArray[np.complex128]:
        """Return the Fourier transform of h, in s.

        Examples
        --------
        >>> peak = Resonance(1000.0, 0.01).response(1000.0)
        >>> round(abs(complex(peak)), 5)  # about decay / 2
        0.005
        """
        rise = 1 / self.decay + 2j * np.pi * np.asarray(frequency, dtype=np.float64)
        omega = 2 * np.pi * self.frequency
        return np.asarray(omega / (rise**2 + omega**2), dtype=np.complex128)

    def energy(self) -> float:
        """Return the integral of h², in s."""
        turn = (2 * np.pi * self.frequency * self.decay) ** 2
        return self.decay / 4 * turn / (1 + turn)

    def fourth(self) -> float:
        """Return the integral of h⁴, in s."""
        omega, rate = 2 * np.pi * self.frequency, 4 / self.decay
        return 3 / 8 / rate - 0.5 * rate / (rate**2 + 4 * omega**2) + rate / 8 / (rate**2 + 16 * omega**2)


#: A resonance in the middle of what people hear best.
RESONANCE = Resonance()


class Lines(NamedTuple):
    """Lines of a spectrum: the sound is the sum of ``amplitude cos(2 pi frequency t + phase)``.

    Attributes
    ----------
    frequency : ndarray of float64, shape (n,)
        In Hz, not decreasing: where the modulation is half of f0, lines of neighbors meet.
    amplitude : ndarray of float64, shape (n,)
        Positive.
    phase : ndarray of float64, shape (n,)
        In radians.
    """

    frequency: Array
    amplitude: Array
    phase: Array


def times(size: int, rate: float) -> Array:
    """Return the times of the samples in s.

    Raises
    ------
    ValueError
        If there is no sample, or the rate is not positive.

    Examples
    --------
    >>> times(3, 10.0).tolist()
    [0.0, 0.1, 0.2]
    """
    check("size", size, size >= 1, ">= 1 sample")
    check("rate", rate, 0 < rate < math.inf, "finite and > 0 Hz")
    return np.arange(size) / rate


def harmonic_lines(
    f0: float,
    partials: int,
    resonance: Resonance = RESONANCE,
    modulation: float = 0.0,
    depth: float = 0.0,
    delay: float = 0.0,
    modulation_phase: float = 0.0,
) -> Lines:
    """Return the spectrum of :func:`harmonic_am` without decay: each partial with a line on either side.

    Partial k at ``k f0`` has the resonance's response there, relative to that at its own frequency; the modulation
    ``1 + depth cos`` adds lines of ``depth / 2`` of it at a distance of ``modulation`` Hz.

    Parameters
    ----------
    f0, partials, resonance, modulation, depth, delay, modulation_phase
        As for :func:`harmonic_am`.

    Returns
    -------
    Lines
        ``partials`` lines, or three times as many with modulation.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> lines = harmonic_lines(100.0, 2, modulation=5.0, depth=0.5)
    >>> lines.frequency.tolist()
    [95.0, 100.0, 105.0, 195.0, 200.0, 205.0]
    >>> (lines.amplitude / lines.amplitude[1]).round(3)[:3].tolist()
    [0.25, 1.0, 0.25]
    """
    _check_harmonic(f0, partials, resonance, modulation, depth)
    frequency = f0 * np.arange(1.0, partials + 1)
    weight = resonance.response(frequency) / abs(resonance.response(resonance.frequency))
    weight = weight * np.exp(-2j * np.pi * frequency * delay)
    if depth > 0:
        side = 0.5 * depth * np.exp(1j * modulation_phase)
        weight = np.stack([weight * np.conj(side), weight, weight * side], axis=1).ravel()
        frequency = (frequency[:, None] + modulation * np.array([-1.0, 0.0, 1.0])).ravel()
        order = np.argsort(frequency, kind="stable")
        frequency, weight = frequency[order], weight[order]
    return Lines(frequency, np.abs(weight), np.angle(weight))


def highest_line(f0: float, partials: int, modulation: float, depth: float) -> float:
    """Return the frequency of the last of the :func:`harmonic_lines`, in Hz.

    Examples
    --------
    >>> highest_line(100.0, 2, modulation=5.0, depth=0.5), highest_line(100.0, 2, modulation=5.0, depth=0.0)
    (205.0, 200.0)
    """
    return partials * f0 + (modulation if depth else 0.0)


def harmonic_am(
    size: int,
    rate: float,
    f0: float = 220.0,
    partials: int = 20,
    resonance: Resonance = RESONANCE,
    modulation: float = 0.0,
    depth: float = 0.0,
    decay: float = math.inf,
    delay: float = 0.0,
    modulation_phase: float = 0.0,
) -> Array:
    """Return ``a(t) (e * h)(t)``: a pulse train through a resonance, under an envelope (Andén and Mallat, 2014).

    ``e`` are the first partials of a train of pulses every 1 / f0 s, ``h`` the resonance, relative to its response at its own
    frequency, and ``a(t) = (1 + depth cos(2 pi modulation t + modulation_phase)) exp(-t / decay)``.

    Parameters
    ----------
    size : int
        Samples.
    rate : float
        Samples per second.
    f0 : float
        Pulses per second, in Hz, > 0.
    partials : int
        Harmonics of the train, >= 1; the highest line must lie below rate / 2.
    resonance : Resonance
        The filter.
    modulation : float
        Frequency of the envelope in Hz, >= 0, below f0.
    depth : float
        Depth of the modulation, in [0, 1].
    decay : float
        Time in which the envelope falls by e, in s; infinite for none.
    delay : float
        Time of the first pulse in s.
    modulation_phase : float
        Phase of the envelope at time 0.

    Returns
    -------
    ndarray of float64, shape (size,)

    Raises
    ------
    ValueError
        If a parameter is out of range or a line lies at or above rate / 2.

    Examples
    --------
    >>> sound = harmonic_am(8000, 8000.0, f0=100.0, partials=3)
    >>> np.flatnonzero(np.abs(np.fft.rfft(sound)) > 1).tolist()
    [100, 200, 300]
    """
    _check_harmonic(f0, partials, resonance, modulation, depth)
    check("decay", decay, decay > 0, "> 0 s")
    check("delay", delay, math.isfinite(delay), "finite")
    highest = highest_line(f0, partials, modulation, depth)
    if not highest < rate / 2:
        raise ValueError(f"the highest line, {highest:g} Hz, must lie below rate / 2 = {rate / 2:g} Hz; take fewer partials")
    t, sound = times(size, rate), np.zeros(size)
    lines = harmonic_lines(f0, partials, resonance, delay=delay)
    for frequency, amplitude, phase in zip(*lines, strict=True):  # one at a time: a matrix of all may not fit
        sound += amplitude * np.cos(2 * np.pi * frequency * t + phase)
    envelope = 1 + depth * np.cos(2 * np.pi * modulation * t + modulation_phase) if depth else 1.0
    return sound * envelope * np.exp(-t / decay)


def chirp_frequency(time: npt.ArrayLike, start: float, stop: float, duration: float, law: str = "exponential") -> Array:
    """Return the frequency of a chirp at some time, in Hz.

    Parameters
    ----------
    time : array_like of float
        Times in s since it began.
    start, stop : float
        Frequencies at times 0 and ``duration``, in Hz, > 0.
    duration : float
        In s, > 0.
    law : {"exponential", "linear"}
        ``start (stop / start)^(t / duration)`` or ``start + (stop - start) t / duration``.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> chirp_frequency([0.0, 0.5, 1.0], 100.0, 400.0, 1.0).round(6).tolist()
    [100.0, 200.0, 400.0]
    """
    check_chirp(start, stop, duration, law)
    share = np.asarray(time, dtype=np.float64) / duration
    return start * (stop / start) ** share if law == "exponential" else start + (stop - start) * share


def chirp(
    size: int,
    rate: float,
    start: float = 200.0,
    stop: float = 1600.0,
    duration: float | None = None,
    law: str = "exponential",
    fade: float = 0.1,
    delay: float = 0.0,
    phase: float = 0.0,
) -> Array:
    """Return a chirp, up or down, repeated without end.

    Each sweep is ``w(t) cos(phase + 2 pi integral of f)`` with f as :func:`chirp_frequency` and w rising and falling as a squared
    sine over the first and last ``fade / 2`` of it.

    Parameters
    ----------
    size : int
        Samples.
    rate : float
        Samples per second.
    start, stop : float
        First and last frequency in Hz, > 0 and below rate / 2, different.
    duration : float, optional
        Length of a sweep in s; default that of the sound.
    law : {"exponential", "linear"}
        How the frequency changes.
    fade : float
        Share of a sweep that fades in or out, in [0, 1].
    delay : float
        When a sweep begins, in s; others go before and follow.
    phase : float
        Phase at the beginning of a sweep.

    Returns
    -------
    ndarray of float64, shape (size,)
        Values in [-1, 1].

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> up, down = chirp(4096, 8192.0), chirp(4096, 8192.0, 1600.0, 200.0)
    >>> bool(np.abs(np.fft.rfft(up)).sum() > 0), down.shape
    (True, (4096,))
    """
    t = times(size, rate)
    length = size / rate if duration is None else duration
    check_chirp(start, stop, length, law)
    if not max(start, stop) < rate / 2:
        raise ValueError(f"frequencies must lie below rate / 2 = {rate / 2:g} Hz, got {start:g} to {stop:g}")
    check("fade", fade, 0 <= fade <= 1, "in [0, 1]")
    check("delay", delay, math.isfinite(delay), "finite")
    t = (t - delay) % length
    if law == "exponential":
        turns = length * start / math.log(stop / start) * np.expm1(t / length * math.log(stop / start))
    else:
        turns = start * t + 0.5 * (stop - start) * t**2 / length
    edge = np.minimum(t, length - t) / (0.5 * fade * length) if fade else np.ones(size)
    window: Array = np.sin(0.5 * np.pi * np.clip(edge, 0.0, 1.0)) ** 2
    return window * np.cos(2 * np.pi * turns + phase)


def _check_harmonic(f0: float, partials: int, resonance: Resonance, modulation: float, depth: float) -> None:
    check_resonance(resonance)
    check("f0", f0, f0 > 0, "> 0 Hz")
    check("partials", partials, partials >= 1, ">= 1")
    check("depth", depth, 0 <= depth <= 1, "in [0, 1]")
    check("modulation", modulation, 0 <= modulation < f0, f"in [0, f0) = [0, {f0:g}) Hz")


def check_chirp(start: float, stop: float, duration: float, law: str) -> None:
    """Raise ValueError where a sweep has no law, no length, or does not go from one frequency > 0 to another."""
    check_choice("law", law, ("exponential", "linear"))
    if not (start > 0 and stop > 0 and start != stop and duration > 0):
        raise ValueError(f"start and stop must be > 0 and different, duration > 0, got {start}, {stop} and {duration}")


def check_resonance(resonance: Resonance) -> None:
    """Raise ValueError where a resonance has no positive, finite frequency and decay time."""
    if not (0 < resonance.frequency < math.inf and 0 < resonance.decay < math.inf):
        raise ValueError(f"a resonance has a positive frequency and decay, got {resonance}")
