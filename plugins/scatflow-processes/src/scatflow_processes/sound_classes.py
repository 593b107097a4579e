"""Eight classes of sounds that differ in spectrum, in modulation rate, or in nothing but the direction of time.

Statistics of the spectrum tell the first, second-order statistics of its bands also the second, and only joint statistics of
time and frequency the third. For this the amplitude rises and falls over all of a sweep and sweeps are slow: ends of a band and
sweeps that filters cannot follow would else tell fast from slow in the spectrum too.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.sounds import chirp

#: Class names in order of label: band, sweeps per second, direction.
CLASSES = tuple("_".join(words) for words in itertools.product(("low", "high"), ("slow", "fast"), ("up", "down")))
#: Ends of the bands in Hz and sweeps per second; each sound's own are within a factor 2^(1/8) of them.
BANDS, SWEEPS = {"low": (300.0, 1200.0), "high": (900.0, 3600.0)}, {"slow": 1.5, "fast": 6.0}
_FACTOR = 2**0.125
#: Lowest sampling rate at which all classes can be told apart.
LOWEST_RATE = 8000.0


def class_sound(
    generator: np.random.Generator, label: int, size: int = 1 << 15, rate: float = 16_000.0, noise: float = 0.05
) -> npt.NDArray[np.float64]:
    """Return a random sound of a class: repeated exponential chirps in white noise, each rising to amplitude 1 and falling.

    The law of a class that goes down is that of its partner with time reversed. The spectrum of a chirp depends on its band and
    length only, so sounds that sweep slowly and fast have the same spectrum, and the same mean moduli of bands that are wide enough to
    follow a sweep: up to 4 per octave. Narrower ones ring longer than a fast sweep stays in them, which shows in mean moduli.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    label : int
        Position among ``CLASSES``: band (300 to 1200 or 900 to 3600 Hz), sweeps per second (1.5 or 6), direction.
    size : int
        Samples; two seconds or more to tell the rates.
    rate : float
        Samples per second, at least 8000.
    noise : float
        Standard deviation of the noise, >= 0.

    Returns
    -------
    ndarray of float64, shape (size,)

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> CLASSES[5]
    'high_slow_down'
    >>> class_sound(np.random.default_rng(0), 5, size=4000).shape
    (4000,)
    """
    if not 0 <= label < len(CLASSES):
        raise ValueError(f"sounds are 0 to {len(CLASSES) - 1}, got {label}")
    check("rate", rate, rate >= LOWEST_RATE, f">= {LOWEST_RATE:g} Hz")
    check("noise", noise, 0 <= noise < math.inf, "finite and >= 0")
    band, sweeps, direction = CLASSES[label].split("_")
    shift, hurry = _FACTOR ** generator.uniform(-1, 1, 2)
    ends = [shift * end for end in BANDS[band]]
    start, stop = ends if direction == "up" else ends[::-1]
    duration = 1 / (hurry * SWEEPS[sweeps])
    delay, phase = duration * generator.random(), 2 * np.pi * generator.random()
    sweep = chirp(size, rate, start, stop, duration, fade=1.0, delay=delay, phase=phase)
    return sweep + noise * generator.standard_normal(size)
