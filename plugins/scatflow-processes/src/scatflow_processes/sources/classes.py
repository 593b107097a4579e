"""Labelled data sets as scatflow sources: digits, textures and sounds, made where they are read.

Realization i has class i modulo the number of classes, so any stretch of them is balanced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import digits, sound_classes, textures
from scatflow_processes.references_shapes import JOINT_SCATTERING
from scatflow_processes.sources.ensemble import Block, Ensemble
from scatflow_processes.sources.shapes import image_spec
from scatflow_processes.sources.sounds import sound_spec
from scatflow_processes.streams import realization_generator


class Labelled(Ensemble):
    """Base of data sets for classification: a coordinate ``class`` along realization, and two disjoint splits."""

    #: Names of the classes in order of label.
    classes: ClassVar[tuple[str, ...]] = ()

    realizations: int = param(100, "Number of examples, of all classes together.", ge=1, le=10**9)
    split: Literal["train", "test"] = param("train", "Which of the two sets.", choices=("train", "test"))
    dtype: Literal["float32", "float64"] = param("float32", "Type of the result.", choices=("float32", "float64"))

    def example(self, generator: np.random.Generator, label: int) -> Block:
        """Make one example of a class."""
        raise NotImplementedError

    def describe(self) -> ArraySpec:
        """Return the labelled array without data."""
        spec = super().describe()
        assert isinstance(spec, ArraySpec)
        labels = (np.arange(self.realizations) % len(self.classes)).astype(np.int8)
        meanings = {"long_name": "class", "flag_values": list(range(len(self.classes))), "flag_meanings": " ".join(self.classes)}
        return replace(
            spec.with_coords({"class": Coord(("realization",), labels, meanings)}), attrs={**spec.attrs, "split": self.split}
        )

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Make examples; the seeds of train and test are the even and the odd numbers, so no example is in both."""
        seed = 2 * self.seed + (self.split == "test")
        found = [self.example(realization_generator(seed, index), index % len(self.classes)) for index in indices]
        return {self.name: np.stack(found)}


@source("stroke_digits", version=1)
class StrokeDigits(Labelled):
    """Images of digits 0 to 9 drawn by strokes, jittered and bent: white on black, values in [0, 1], row 0 on top.

    Examples
    --------
    >>> data = StrokeDigits(realizations=20, split="test")
    >>> data.read({"realization": slice(10, 12)}).shape, data.describe().coords["class"].values[10:12].tolist()
    ((2, 28, 28), [0, 1])
    """

    classes = tuple("0123456789")

    size: int = param(28, "Pixels along y and along x.", ge=8, le=4096)
    deformation: float = param(1.5, "Largest displacement by bending.", ge=0.0, le=digits.MAX_DEFORMATION, unit="pixel")
    jitter: float = param(1.0, "Share of the full range of thickness, rotation, shear, stretching and shift.", ge=0.0, le=1.0)

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one image without data."""
        attrs = {"long_name": "digit", "deformation": self.deformation, "jitter": self.jitter}
        return {self.name: image_spec(self.size, self.dtype, False, attrs, self.name)}

    def example(self, generator: np.random.Generator, label: int) -> Block:
        """Draw one digit."""
        return digits.digit(generator, label, self.size, self.deformation, self.jitter)


@source("texture_classes", version=1)
class TextureClasses(Labelled):
    """Images of ten textures in five families, each at a random angle, magnification and illumination; values in [0, 1].

    Stripes, spots, cells, bars and noise, each in two variants; what they are is said in ``scatflow_processes.textures``.

    Examples
    --------
    >>> data = TextureClasses(size=32, realizations=30)
    >>> data.read({"realization": slice(0, 3)}).shape
    (3, 32, 32)
    >>> data.describe().coords["class"].attrs["flag_meanings"].split()[:2]
    ['stripes_straight', 'stripes_wavy']
    """

    classes = textures.CLASSES

    size: int = param(64, "Pixels along y and along x.", ge=8, le=4096)
    wavelength: float = param(8.0, "Typical distance of like features before scaling.", ge=4.0, le=1024.0, unit="pixel")
    rotation: float = param(180.0, "Angles are uniform within this on either side.", ge=0.0, le=180.0, unit="degree")
    scaling: float = param(2**0.5, "Magnifications lie between the inverse of this and this.", ge=1.0, le=2.0)
    dimming: float = param(0.5, "Gains are uniform between 1 less this and 1.", ge=0.0, lt=1.0)

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one image without data."""
        attrs = {key: getattr(self, key) for key in ("wavelength", "rotation", "scaling", "dimming")}
        return {self.name: image_spec(self.size, self.dtype, False, {"long_name": "texture", **attrs}, self.name)}

    def example(self, generator: np.random.Generator, label: int) -> Block:
        """Make one texture."""
        return textures.texture(generator, label, self.size, self.wavelength, self.rotation, self.scaling, self.dimming)


@source("sound_classes", version=1, references=(JOINT_SCATTERING,))
class SoundClasses(Labelled):
    """Sounds of eight classes: repeated chirps, in a low or high band, slow or fast, up or down.

    The band shows in the spectrum and in order 1 of time scattering, the rate in order 2 (also in order 1 with more than 4 bands per
    octave, which fast sweeps cross before they answer), the direction only jointly in time and frequency.

    Examples
    --------
    >>> data = SoundClasses(size=8000, realizations=16, seed=4)
    >>> data.read({"realization": slice(3, 4)}).shape
    (1, 8000)
    >>> data.describe().coords["class"].attrs["flag_meanings"].split()[3]
    'low_fast_down'
    """

    classes = sound_classes.CLASSES

    size: int = param(1 << 15, "Samples.", ge=1, le=1 << 28)
    sampling_rate: float = param(16_000.0, "Samples per second.", ge=sound_classes.LOWEST_RATE, le=1e6, unit="Hz")
    noise: float = param(0.05, "Standard deviation of white noise, of chirps that rise to amplitude 1.", ge=0.0, le=1e3)

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one sound without data."""
        return {self.name: sound_spec(self.size, self.sampling_rate, self.dtype, {"noise": self.noise}, self.name)}

    def example(self, generator: np.random.Generator, label: int) -> Block:
        """Make one sound."""
        return sound_classes.class_sound(generator, label, self.size, self.sampling_rate, self.noise)
