"""Sounds as scatflow sources."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec
from scatflow_processes import random_sounds, sounds
from scatflow_processes.references_shapes import DEEP_SPECTRUM, JOINT_SCATTERING, RANDOM_NOISE
from scatflow_processes.sources.axes import time_coord
from scatflow_processes.sources.ensemble import Block, Ensemble
from scatflow_processes.streams import realization_generator

#: Highest frequency parameter; beyond it are no sounds.
_TOP = 1e6


def sound_spec(size: int, rate: float, dtype: str, attrs: Mapping[str, Any], name: str) -> ArraySpec:
    """Return the labels of a sound, without data: time in s, the sampling rate among the attributes."""
    labels = {"units": "1", "long_name": name.replace("_", " "), "sampling_rate": rate, **attrs}
    return ArraySpec(("time",), (size,), dtype, None, {"time": time_coord(sounds.times(size, rate))}, labels, name)


class Sound(Ensemble):
    """What all sounds share: a number of samples and their rate."""

    size: int = param(1 << 15, "Samples.", ge=1, le=1 << 28)
    sampling_rate: float = param(16_000.0, "Samples per second.", gt=0.0, le=_TOP, unit="Hz")
    dtype: Literal["float32", "float64"] = param("float32", "Type of the result.", choices=("float32", "float64"))

    def attributes(self) -> Mapping[str, Any]:
        """Return what defines the sound beside size, rate and seed: all other parameters."""
        own = [key for key in type(self).model_fields if key not in Sound.model_fields]
        found = {key: getattr(self, key) for key in own}
        return {key: "none" if value is None else value for key, value in found.items()}

    def sound(self, generator: np.random.Generator) -> Block:
        """Make one sound, shape (time,)."""
        raise NotImplementedError

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one sound without data."""
        return {self.name: sound_spec(self.size, self.sampling_rate, self.dtype, self.attributes(), self.name)}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Make sounds."""
        return {self.name: np.stack([self.sound(realization_generator(self.seed, index)) for index in indices])}


class _Timed(Sound):
    """A sound that is random only in when it begins."""

    onset: Literal["fixed", "random"] = param(
        "fixed", "Whether the sound begins at time 0, or each realization with random delay and phases.", choices=("fixed", "random")
    )  # fmt: skip

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.onset == "fixed" and self.realizations > 1:
            raise ValueError('all realizations would be the same; choose onset="random" or realizations=1')
        return self

    def drawn(self, generator: np.random.Generator) -> tuple[float, float]:
        """Return two numbers in [0, 1): of a period, and of a turn."""
        return (generator.random(), generator.random()) if self.onset == "random" else (0.0, 0.0)


@source("harmonic_am", version=1, references=(DEEP_SPECTRUM,))
class HarmonicAM(_Timed):
    """A pulse train through a resonance, under an envelope: harmonics with modulated amplitude.

    The lines of its spectrum are ``scatflow_processes.sounds.harmonic_lines``, with ``decay`` they are as wide as
    ``scatflow_processes.sound_spectra.decaying_spectrum`` has them.

    Examples
    --------
    >>> sound = HarmonicAM(size=16_000, f0=100.0, partials=3, dtype="float64").read({})[0]
    >>> np.flatnonzero(np.abs(np.fft.rfft(sound)) > 1).tolist()
    [100, 200, 300]
    """

    f0: float = param(220.0, "Pulses per second.", gt=0.0, le=_TOP, unit="Hz")
    partials: int = param(20, "Harmonics, all below half the sampling rate.", ge=1, le=100_000)
    resonance: float = param(1000.0, "Frequency of the resonance.", gt=0.0, le=_TOP, unit="Hz")
    damping: float = param(2e-3, "Time in which the resonance falls by e.", gt=0.0, le=1.0, unit="s")
    modulation: float = param(0.0, "Frequency of the envelope, below f0.", ge=0.0, le=_TOP, unit="Hz")
    depth: float = param(0.0, "Depth of the modulation.", ge=0.0, le=1.0)
    decay: float | None = param(None, "Time in which the envelope falls by e; default never.", gt=0.0, le=1e6, unit="s")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.modulation >= self.f0:
            raise ValueError(f"modulation must be below f0 = {self.f0:g} Hz, got {self.modulation:g}")
        highest = sounds.highest_line(self.f0, self.partials, self.modulation, self.depth)
        if not highest < self.sampling_rate / 2:
            raise ValueError(f"the highest line, {highest:g} Hz, must lie below half the sampling rate; take fewer partials")
        return self

    def sound(self, generator: np.random.Generator) -> Block:
        """Make one sound."""
        period, turn = self.drawn(generator)
        resonance = sounds.Resonance(self.resonance, self.damping)
        return sounds.harmonic_am(self.size, self.sampling_rate, self.f0, self.partials, resonance, self.modulation, self.depth,
                                  self.decay or math.inf, period / self.f0, 2 * np.pi * turn)  # fmt: skip


@source("chirp", version=1, references=(JOINT_SCATTERING,))
class Chirp(_Timed):
    """Chirps, exponential or linear, up or down, one or repeated.

    Its frequency is ``scatflow_processes.sounds.chirp_frequency``, its spectrum ``scatflow_processes.sound_spectra.chirp_energy``;
    a chirp and its reversal have the same spectrum.

    Examples
    --------
    >>> Chirp(start=1600.0, stop=200.0, duration=0.5).read({"time": slice(0, 4)}).shape
    (1, 4)
    """

    start: float = param(200.0, "First frequency.", gt=0.0, le=_TOP, unit="Hz")
    stop: float = param(1600.0, "Last frequency.", gt=0.0, le=_TOP, unit="Hz")
    duration: float | None = param(None, "Length of a sweep; default that of the sound.", gt=0.0, le=1e6, unit="s")
    law: Literal["exponential", "linear"] = param("exponential", "How the frequency changes.", choices=("exponential", "linear"))
    fade: float = param(0.1, "Share of a sweep that fades in or out.", ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.start == self.stop or not max(self.start, self.stop) < self.sampling_rate / 2:
            raise ValueError("start and stop must differ and lie below half the sampling rate, "
                             f"{self.sampling_rate / 2:g} Hz, got {self.start:g} and {self.stop:g}")  # fmt: skip
        return self

    def attributes(self) -> Mapping[str, Any]:
        """Return what defines the sound, the length of a sweep filled in."""
        return {**super().attributes(), "duration": self._length}

    @property
    def _length(self) -> float:
        return self.size / self.sampling_rate if self.duration is None else self.duration

    def sound(self, generator: np.random.Generator) -> Block:
        """Make one sound."""
        period, turn = self.drawn(generator)
        return sounds.chirp(self.size, self.sampling_rate, self.start, self.stop, self._length, self.law, self.fade,
                            period * self._length, 2 * np.pi * turn)  # fmt: skip


@source("impacts", version=1, references=(RANDOM_NOISE,))
class Impacts(Sound):
    """Clicks at Poisson times that ring: crumpling paper at tens per second, applause at hundreds and more.

    Variance 1; spectrum and kurtosis are ``scatflow_processes.random_sounds.impact_spectrum`` and ``impact_kurtosis``.

    Examples
    --------
    >>> applause = Impacts(size=4000, click_rate=800.0, resonance=1200.0, damping=4e-4, realizations=2)
    >>> applause.read({}).shape
    (2, 4000)
    """

    click_rate: float = param(20.0, "Mean number of clicks per second.", gt=0.0, le=1e7, unit="Hz")
    resonance: float = param(1000.0, "Frequency at which they ring, below half the sampling rate.", gt=0.0, le=_TOP, unit="Hz")
    damping: float = param(2e-3, "Time in which they fall by e.", gt=0.0, le=1.0, unit="s")
    spread: float = param(0.5, "Standard deviation of the logarithm of their sizes.", ge=0.0, le=3.0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.resonance < self.sampling_rate / 2:
            raise ValueError(
                f"resonance must lie below half the sampling rate, {self.sampling_rate / 2:g} Hz, got {self.resonance:g}"
            )
        return self

    def sound(self, generator: np.random.Generator) -> Block:
        """Make one sound."""
        resonance = sounds.Resonance(self.resonance, self.damping)
        return random_sounds.impacts(generator, self.size, self.sampling_rate, self.click_rate, resonance, self.spread)


@source("crowd", version=1)
class Crowd(Sound):
    """A crowd: a sum of voices, each the modulated harmonics of a resonance of its own. Variance about 1.

    Examples
    --------
    >>> Crowd(size=4000, voices=5, realizations=2).read({"realization": slice(1, 2)}).shape
    (1, 4000)
    """

    sampling_rate: float = param(16_000.0, "Samples per second.", ge=2000.0, le=_TOP, unit="Hz")
    voices: int = param(20, "How many.", ge=1, le=100_000)
    depth: float = param(1.0, "Depth of the modulation of each voice.", ge=0.0, le=1.0)

    def sound(self, generator: np.random.Generator) -> Block:
        """Make one sound."""
        return random_sounds.crowd(generator, self.size, self.sampling_rate, self.voices, self.depth)
