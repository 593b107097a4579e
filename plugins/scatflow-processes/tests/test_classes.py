"""Labelled surrogates: balanced, reproducible, disjoint splits, neither trivial nor hopeless."""

import hashlib
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow_processes import digits, sound_classes, textures
from scatflow_processes.sources.classes import Labelled, SoundClasses, StrokeDigits, TextureClasses

SOURCES = [
    StrokeDigits(realizations=23, size=16, deformation=1.0),
    TextureClasses(realizations=23, size=16),
    SoundClasses(realizations=23, size=400),
]


def nearest_mean_accuracy(train: np.ndarray, test: np.ndarray, labels: tuple[np.ndarray, np.ndarray]) -> float:
    """Share of test features whose nearest class mean, in units of the training's spread, is their own."""
    center, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    means = np.stack([(train[labels[0] == c] - center).mean(axis=0) for c in np.unique(labels[0])]) / spread
    distance = ((((test - center) / spread)[:, None] - means) ** 2).sum(axis=-1)
    return float((distance.argmin(axis=1) == labels[1]).mean())


def both(value: Labelled) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    parts = [value, value.replace(split="test")]
    return (parts[0].read({}), parts[1].read({})), tuple(part.describe().coords["class"].values for part in parts)


@pytest.mark.parametrize("value", SOURCES, ids=lambda value: value.name)
def test_sources(value: Labelled) -> None:
    spec, whole = value.describe(), value.read({})
    labels, count = spec.coords["class"], len(value.classes)
    assert labels.dims == ("realization",) and labels.values.dtype == np.int8
    assert np.ptp(np.bincount(labels.values, minlength=count)) <= 1
    assert len(labels.attrs["flag_meanings"].split()) == len(labels.attrs["flag_values"]) == count
    assert (spec.attrs["split"], spec.attrs["seed"], spec.dtype, whole.dtype.name) == ("train", 0, "float32", "float32")
    for region in ({"realization": slice(3, 9)}, {"realization": slice(20, 23), spec.dims[-1]: slice(3, 7)}):
        expected = whole[tuple(region.get(dim, slice(None)) for dim in spec.dims)]
        np.testing.assert_array_equal(value.read(region), expected)
    np.testing.assert_array_equal(value.replace(realizations=2).read({}), whole[:2])
    for item in (spec.attrs, *(coord.attrs for coord in spec.coords.values())):
        json.dumps(dict(item), allow_nan=False)
    own = set(type(value).model_fields) - {"realizations", "size", "dtype"}
    assert own <= set(spec.attrs)
    again = pickle.loads(pickle.dumps(value))
    assert again == value and type(value)(**value.parameters()) == value
    assert not axis_of(spec, spec.dims[-1]).periodic


@pytest.mark.parametrize("value", SOURCES, ids=lambda value: value.name)
def test_no_example_is_in_two_sets(value: Labelled) -> None:
    sets = [value.replace(split=split, seed=seed).read({}) for split in ("train", "test") for seed in (0, 1, 2)]
    prints = {hashlib.sha256(example.tobytes()).hexdigest() for one in sets for example in one}
    assert len(prints) == 6 * 23


def test_digits_can_be_told_but_not_trivially() -> None:
    """Nearest class mean of means over 4 x 4 pixels: far above chance, and with errors left for better features."""
    images, labels = both(StrokeDigits(realizations=200))
    coarse = [image.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49) for image in images]
    assert 0.7 < nearest_mean_accuracy(*coarse, labels) < 0.995
    bent, labels = both(StrokeDigits(realizations=200, deformation=3.0))
    harder = [image.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49) for image in bent]
    assert 0.5 < nearest_mean_accuracy(*harder, labels) < nearest_mean_accuracy(*coarse, labels)


@pytest.mark.parametrize("label", range(10))
def test_digits_lie_inside(label: int) -> None:
    """Strokes cover a plausible share and are not cut off; without jitter there is one image."""
    images = [digits.digit(np.random.default_rng(seed), label) for seed in range(12)]
    assert all(0.05 < image.mean() < 0.4 and image.max() > 0.9 for image in images)
    frame = np.ones((28, 28), dtype=bool)
    frame[1:-1, 1:-1] = False
    assert np.mean([image[frame].mean() for image in images]) < 0.01
    plain = [digits.digit(np.random.default_rng(seed), label, deformation=0.0, jitter=0.0) for seed in (1, 2)]
    np.testing.assert_array_equal(*plain)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), amplitude=st.floats(0, 3))
def test_bending_is_bounded_and_smooth(seed: int, amplitude: float) -> None:
    bend = digits.Bend(np.random.default_rng(seed), amplitude)
    points = np.random.default_rng(seed + 1).random((200, 2))
    assert np.hypot(*(bend(points) - points).T).max() <= amplitude * (1 + 1e-12)
    step = 1e-4
    aside = np.array([step, 0.0])
    stretch = (bend(points + aside) - bend(points) - aside) / step
    assert np.abs(stretch).max() <= 2 * np.pi * 1.2 * amplitude + 1e-10


def spectrum_features(images: np.ndarray) -> np.ndarray:
    """Marginal moments and the share of power by octave rings: neither depends on direction."""
    flat = images.reshape(len(images), -1)
    flat = flat / flat.max(axis=1, keepdims=True)
    z = (flat - flat.mean(axis=1, keepdims=True)) / flat.std(axis=1, keepdims=True)
    power = np.abs(np.fft.fft2(z.reshape(images.shape) * np.hanning(images.shape[1])[:, None] * np.hanning(images.shape[1]))) ** 2
    f = np.hypot(np.fft.fftfreq(images.shape[1])[:, None], np.fft.fftfreq(images.shape[1]))
    rings = [power[:, (f >= low) & (f < low * 1.5)].sum(axis=1) for low in (0.03, 0.05, 0.075, 0.11, 0.17, 0.25)]
    return np.stack([flat.mean(axis=1), (z**3).mean(axis=1), (z**4).mean(axis=1), *np.log(rings)], axis=1)


def test_texture_families_differ() -> None:
    images, labels = both(TextureClasses(realizations=200, size=48))
    features = [spectrum_features(image) for image in images]
    assert 0.45 < nearest_mean_accuracy(*features, labels) < 0.97
    families = tuple(part // 2 for part in labels)
    confused = nearest_mean_accuracy(*features, families)
    assert 0.6 < confused < 0.99


def test_stripes_show_angle_scale_and_gain() -> None:
    """The peak of their spectrum lies at the wavelength, at random angles within those asked, and gains are within range."""

    def peak(image: np.ndarray) -> tuple[float, float]:
        taper = np.hanning(96)[:, None] * np.hanning(96)
        power = np.abs(np.fft.fft2((image - image.mean()) * taper, (384, 384))) ** 2
        row, column = np.unravel_index(power[:, :192].argmax(), (384, 192))
        fy, fx = np.fft.fftfreq(384)[row], column / 384
        return float(np.hypot(fy, fx)), float(np.degrees(np.arctan2(fy, fx)))

    fixed = textures.texture(np.random.default_rng(0), 0, 96, rotation=0.0, scaling=1.0, dimming=0.0)
    assert peak(fixed) == (pytest.approx(1 / 8, rel=0.05), pytest.approx(0, abs=5)) and fixed.max() > 0.99
    found = [peak(textures.texture(np.random.default_rng(seed), 0, 96, rotation=30.0, dimming=0.0)) for seed in range(24)]
    sizes, angles = np.array(found).T
    assert sizes.min() > 0.92 / 8 / 2**0.5 and sizes.max() < 1.08 / 8 * 2**0.5 and sizes.max() / sizes.min() > 1.5
    assert np.abs(angles).max() < 36 and np.ptp(angles) > 35
    gains = [textures.texture(np.random.default_rng(seed), 0, 64, dimming=0.4).max() for seed in range(24)]
    assert min(gains) > 0.58 and max(gains) <= 1 and np.ptp(gains) > 0.25


def test_textures_do_not_repeat_and_fill_the_range() -> None:
    for label in range(len(textures.CLASSES)):
        image = textures.texture(np.random.default_rng(3), label, 64, dimming=0.0)
        assert 0.03 < image.mean() < 0.8 and image.std() > 0.08 and image.min() >= 0 and image.max() <= 1
        other = np.fft.ifft2(np.abs(np.fft.fft2(image - image.mean())) ** 2).real / image.size / image.var()
        other[:6, :6] = other[-6:, :6] = other[:6, -6:] = other[-6:, -6:] = 0
        assert other.max() < 0.97  # stripes and lattices come near


def spectrogram(sounds: np.ndarray, window: int = 256) -> np.ndarray:
    """Power by (sound, frame, frequency) of half overlapping Hann windows of 16 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(sounds, window, axis=-1)[:, :: window // 2]
    return np.abs(np.fft.rfft(frames * np.hanning(window))) ** 2


def test_sounds_differ_as_they_say() -> None:
    """Spectrum tells the band only; modulation of bands also the rate; the drift of the centroid the direction."""
    value = SoundClasses(realizations=64, size=1 << 15)
    power, labels = spectrogram(value.read({})), value.describe().coords["class"].values
    band, rate, direction = labels >> 2, labels >> 1 & 1, labels & 1
    f = np.fft.rfftfreq(256, 1 / 16_000)
    mean = power.mean(axis=1)
    centroid = (mean * f).sum(axis=1) / mean.sum(axis=1)
    assert centroid[band == 0].max() < centroid[band == 1].min()
    middle = power[np.arange(64), :, np.where(band == 0, np.argmin(abs(f - 600)), np.argmin(abs(f - 1800)))]
    modulation = np.abs(np.fft.rfft(middle - middle.mean(axis=1, keepdims=True)))
    beats = np.fft.rfftfreq(middle.shape[1], 128 / 16_000)
    slow, fast = (modulation[:, (beats > low) & (beats < high)].max(axis=1) for low, high in ((1, 2), (5, 7)))
    assert (slow[rate == 0] > 0.7 * fast[rate == 0]).all() and (slow[rate == 1] < 0.4 * fast[rate == 1]).all()
    drift = np.diff((power * f).sum(axis=2) / power.sum(axis=2), axis=1)
    loud = np.minimum(power[:, 1:].sum(axis=2), power[:, :-1].sum(axis=2))
    assert (((drift * loud).sum(axis=1) < 0) == (direction == 1)).all()  # they fall back where they are silent
    for group, lowest in ((0, 300.0), (1, 900.0)):  # of rates and of directions the spectrum shows nothing
        octaves = [(f >= lowest * 2**k) & (f < lowest * 2 ** (k + 1)) for k in (0, 1)]
        levels = np.log(np.stack([mean[:, octave].mean(axis=1) for octave in octaves]))
        for other in (rate, direction):
            one, two = (levels[:, (band == group) & (other == value)] for value in (0, 1))
            error = np.sqrt(one.var(axis=1, ddof=1) / one.shape[1] + two.var(axis=1, ddof=1) / two.shape[1])
            assert (error < 0.1).all() and (abs(one.mean(axis=1) - two.mean(axis=1)) < 4 * error).all()


def test_down_is_up_reversed() -> None:
    for label in (0, 2, 4, 6):
        up = sound_classes.class_sound(np.random.default_rng(1), label, noise=0.0)
        down = sound_classes.class_sound(np.random.default_rng(1), label + 1, noise=0.0)
        spectra = [np.abs(np.fft.rfft(x)) ** 2 for x in (up, down)]
        smooth = [np.add.reduceat(s, np.arange(0, len(s), 200)) for s in spectra]
        assert abs(smooth[0] - smooth[1]).sum() < 0.15 * smooth[0].sum()
        assert abs(np.corrcoef(up, down)[0, 1]) < 0.3


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: digits.template(10), "0 to 9"),
        (lambda: digits.digit(np.random.default_rng(0), 3, deformation=3.5), "deformation"),
        (lambda: digits.digit(np.random.default_rng(0), 3, jitter=1.5), "jitter"),
        (lambda: textures.texture(np.random.default_rng(0), 10), "0 to 9"),
        (lambda: textures.texture(np.random.default_rng(0), 0, wavelength=3.0), "wavelength must be finite and >= 4"),
        (lambda: textures.texture(np.random.default_rng(0), 0, dimming=1.0), "dimming"),
        (lambda: sound_classes.class_sound(np.random.default_rng(0), -1), "0 to 7"),
        (lambda: sound_classes.class_sound(np.random.default_rng(0), 0, noise=np.inf), "noise"),
        (lambda: sound_classes.class_sound(np.random.default_rng(0), 0, rate=4000.0), "rate must be >= 8000"),
    ],
)
def test_bad_arguments(call, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize(
    ("cls", "parameters", "match"),
    [
        (StrokeDigits, {"split": "validation"}, "stroke_digits.split"),
        (StrokeDigits, {"deformation": 3.1}, "stroke_digits.deformation"),
        (StrokeDigits, {"size": 4}, "stroke_digits.size"),
        (TextureClasses, {"scaling": 0.5}, "texture_classes.scaling"),
        (TextureClasses, {"rotation": 200.0}, "texture_classes.rotation"),
        (TextureClasses, {"wavelength": 2.0}, "texture_classes.wavelength"),
        (SoundClasses, {"sampling_rate": 4000.0}, "sound_classes.sampling_rate"),
        (SoundClasses, {"noise": -0.1}, "sound_classes.noise"),
        (SoundClasses, {"seed": -1}, "sound_classes.seed"),
    ],
)
def test_bad_parameters(cls: type, parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        cls(**parameters)
