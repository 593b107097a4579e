"""Sounds: their lines, instantaneous frequencies and spectra are those of the formulas."""

import itertools
import json
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import hilbert

from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow_processes import random_sounds, sound_spectra, sounds
from scatflow_processes.sounds import Resonance
from scatflow_processes.sources.sounds import Chirp, Crowd, HarmonicAM, Impacts, Sound

RATE = 8000.0
RING = Resonance(900.0, 4e-3)


def test_resonance_integrals() -> None:
    """Transform and integrals of h against quadrature."""
    step = 1e-7
    t = (np.arange(2_000_000) + 0.5) * step
    h = np.exp(-t / RING.decay) * np.sin(2 * np.pi * RING.frequency * t)
    for frequency in (0.0, 450.0, 900.0, 3000.0):
        assert RING.response(frequency) == pytest.approx((h * np.exp(-2j * np.pi * frequency * t)).sum() * step, rel=1e-5)
    assert RING.energy() == pytest.approx((h**2).sum() * step, rel=1e-6)
    assert RING.fourth() == pytest.approx((h**4).sum() * step, rel=1e-6)


@pytest.mark.parametrize(("modulation", "depth"), [(0.0, 0.0), (7.0, 0.6), (25.0, 1.0)])
def test_harmonic_lines(modulation: float, depth: float) -> None:
    """Position, amplitude and phase of every line, and nothing between them: one second holds whole periods of all."""
    timbre = (200.0, 15, RING, modulation, depth)
    sound = sounds.harmonic_am(8000, RATE, *timbre, delay=1.3e-3, modulation_phase=0.4)
    lines = sounds.harmonic_lines(*timbre, delay=1.3e-3, modulation_phase=0.4)
    spectrum = np.fft.rfft(sound) / 4000
    at = lines.frequency.astype(int)
    np.testing.assert_allclose(spectrum[at], lines.amplitude * np.exp(1j * lines.phase), atol=1e-12)
    spectrum[at] = 0
    assert abs(spectrum).max() < 1e-12
    assert len(at) == (45 if depth else 15)


def test_harmonics_are_pulses_through_the_resonance() -> None:
    """With all partials that matter, the sound is a sum of delayed h, up to the mean that a train of cosines does not have."""
    rate, f0, partials = 400_000.0, 100.0, 1900
    sound = sounds.harmonic_am(4000, rate, f0, partials, RING)
    t = sounds.times(4000, rate)[:, None] + np.arange(40) / f0
    pulses = (np.exp(-t / RING.decay) * np.sin(2 * np.pi * RING.frequency * t)).sum(axis=1)
    expected = (pulses / f0 - RING.response(0.0).real) / 2 / abs(RING.response(RING.frequency))  # Poisson's summation formula
    missing = RING.frequency / (2 * math.pi * f0**2 * partials) / abs(RING.response(RING.frequency))  # sum of |H| beyond the last
    assert abs(sound - expected).max() < 1.05 * missing < 0.01 * abs(sound).max()


def test_decay_and_relative_response() -> None:
    plain = sounds.harmonic_am(800, RATE, 100.0, 5)
    fading = sounds.harmonic_am(800, RATE, 100.0, 5, decay=0.02)
    np.testing.assert_allclose(fading, plain * np.exp(-sounds.times(800, RATE) / 0.02), atol=1e-15)
    assert sounds.harmonic_lines(300.0, 9, RING).amplitude[2] == pytest.approx(1.0)  # the partial at the resonance


@pytest.mark.parametrize("law", ["exponential", "linear"])
@pytest.mark.parametrize("ends", [(300.0, 2400.0), (2400.0, 300.0)])
def test_instantaneous_frequency(law: str, ends: tuple[float, float]) -> None:
    sound = sounds.chirp(16_000, RATE, *ends, law=law, fade=0.2)
    angle = np.unwrap(np.angle(hilbert(sound)))
    measured = np.gradient(angle) * RATE / (2 * np.pi)
    expected = sounds.chirp_frequency(sounds.times(16_000, RATE), *ends, 2.0, law)
    middle = slice(2400, -2400)
    np.testing.assert_allclose(measured[middle], expected[middle], rtol=5e-3)


@pytest.mark.parametrize("law", ["exponential", "linear"])
@pytest.mark.parametrize("fade", [0.0, 0.1, 1.0])
def test_chirp_spectrum(law: str, fade: float) -> None:
    """Energy by octave thirds within 3 %, off the ends, none outside, the same up and down, and Parseval."""
    spectra = []
    for ends in ((250.0, 2000.0), (2000.0, 250.0)):
        sound = sounds.chirp(32_000, RATE, *ends, law=law, fade=fade)
        energy = np.abs(np.fft.rfft(sound) / RATE) ** 2
        spectra.append(energy)
        f = np.fft.rfftfreq(32_000, 1 / RATE)
        expected = sound_spectra.chirp_energy(f, *ends, 4.0, law, fade)
        edges = 250 * 2 ** (np.arange(10) / 3)
        for low, high in itertools.pairwise(edges[1:-1]):
            band = (f >= low) & (f < high)
            assert energy[band].sum() == pytest.approx(expected[band].sum(), rel=3e-2)
        assert energy[(f < 200) | (f > 2200)].sum() < 5e-3 * energy.sum()
        assert 2 * expected.sum() * f[1] == pytest.approx((sound**2).sum() / RATE, rel=1e-2)
    assert abs(spectra[0] - spectra[1]).sum() < 0.05 * spectra[0].sum()


def test_decaying_harmonics_have_lorentzian_lines() -> None:
    """Against the transform of samples, to the aliases that a sound which sets in at once has, 1 / rate at every frequency."""
    rate, decay = 64_000.0, 0.02
    timbre = (300.0, 4, RING, 20.0, 0.7)
    sound = sounds.harmonic_am(32_000, rate, *timbre, decay=decay, delay=4e-4, modulation_phase=0.3)
    found = np.fft.rfft(sound) / rate
    f = np.fft.rfftfreq(32_000, 1 / rate)
    lines = sounds.harmonic_lines(*timbre, delay=4e-4, modulation_phase=0.3)
    expected = sound_spectra.decaying_spectrum(f, lines, decay)
    low = f < 2000
    np.testing.assert_allclose(found[low], expected[low], atol=abs(sound[0]) / rate)
    assert abs(sound[0]) / rate < 5e-3 * abs(expected).max()
    assert 2 * (abs(expected) ** 2).sum() * f[1] == pytest.approx((sound**2).sum() / rate, rel=2e-3)
    half = 1 / (2 * np.pi * decay)
    one = sounds.harmonic_lines(300.0, 1, RING)
    peak, flank = abs(sound_spectra.decaying_spectrum([300.0, 300.0 + half], one, decay)) ** 2
    assert flank == pytest.approx(peak / 2, rel=0.03)  # less the mirror line


def test_repeated_chirps_and_delay() -> None:
    sound = sounds.chirp(8000, RATE, duration=0.25)
    np.testing.assert_allclose(sound.reshape(4, 2000), np.broadcast_to(sound[:2000], (4, 2000)), atol=1e-9)
    np.testing.assert_allclose(sounds.chirp(8000, RATE, duration=0.25, delay=0.05), np.roll(sound, 400), atol=1e-9)
    assert abs(sound[::2000]).max() < 1e-12  # faded at the seams


def clicks(sound: np.ndarray, ring: Resonance, rate: float) -> np.ndarray:
    """Where clicks set in: the resonance obeys a recursion of two terms everywhere else."""
    pole = np.exp((-1 / ring.decay + 2j * np.pi * ring.frequency) / rate)
    rest = sound[2:] - 2 * pole.real * sound[1:-1] + abs(pole) ** 2 * sound[:-2]
    hit = np.abs(rest) > 1e-9
    return np.flatnonzero(hit[1:] & ~hit[:-1])


def test_click_rate() -> None:
    """As many clicks as a Poisson law has, at independent times: 400 on average, less the few that fall together."""
    size, click_rate = 160_000, 20.0
    counts = [
        len(clicks(random_sounds.impacts(np.random.default_rng(seed), size, RATE, click_rate, RING), RING, RATE))
        for seed in range(8)
    ]
    mean = click_rate * size / RATE
    assert np.mean(counts) == pytest.approx(mean, abs=4 * math.sqrt(mean / 8))
    halves = random_sounds.impacts(np.random.default_rng(99), size, RATE, click_rate, RING)
    gaps = np.diff(clicks(halves, RING, RATE)) / RATE
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=4 / math.sqrt(len(gaps)))  # exponential


@pytest.mark.parametrize(("click_rate", "spread"), [(2000.0, 0.0), (100.0, 0.5)])
def test_impact_spectrum_and_kurtosis(click_rate: float, spread: float) -> None:
    rate, ring, size, n = 32_000.0, Resonance(1500.0, 2e-3), 8192, 120
    found = np.stack(
        [random_sounds.impacts(np.random.default_rng(seed), size, rate, click_rate, ring, spread) for seed in range(n)]
    )
    power = np.mean(found**2, axis=1)
    assert power.mean() == pytest.approx(1.0, abs=4 * power.std() / math.sqrt(n) + 1e-3)
    taper = np.hanning(size)
    spectrum = np.abs(np.fft.rfft(found * taper)) ** 2 / rate / (taper**2).sum()
    f = np.fft.rfftfreq(size, 1 / rate)
    for low, high in ((500, 1200), (1200, 1800), (1800, 3000)):
        band = (f >= low) & (f < high)
        each = spectrum[:, band].mean(axis=1)
        expected = random_sounds.impact_spectrum(f[band], ring).mean()
        assert each.mean() == pytest.approx(expected, abs=4 * each.std() / math.sqrt(n) + 0.02 * expected)
    fourth = np.mean(found**4, axis=1)
    expected = random_sounds.impact_kurtosis(click_rate, ring, spread)
    assert fourth.mean() == pytest.approx(expected, abs=4 * fourth.std() / math.sqrt(n))
    assert expected > (3.1 if click_rate > 1000 else 6)


def test_clicks_fall_between_samples() -> None:
    """At random continuous times powers of aliases add; on the samples their amplitudes would, which is another spectrum."""
    ring, size, n = Resonance(2500.0, 3e-4), 4096, 100
    found = np.stack([random_sounds.impacts(np.random.default_rng(seed), size, RATE, 2000.0, ring) for seed in range(n)])
    power = np.abs(np.fft.rfft(found * np.hanning(size))) ** 2 / RATE / (np.hanning(size) ** 2).sum()
    f = np.fft.rfftfreq(size, 1 / RATE)
    aliases = RATE * np.arange(-400, 401)[:, None]
    for low, high in ((50, 600), (3600, 3950)):
        band = (f >= low) & (f < high)
        each = power[:, band].mean(axis=1)
        added = random_sounds.impact_spectrum(f[band] + aliases, ring).sum(axis=0).mean()
        coherent = (np.abs(ring.response(f[band] + aliases).sum(axis=0)) ** 2 / ring.energy()).mean()
        error = 4 * each.std() / math.sqrt(n)
        assert each.mean() == pytest.approx(added, abs=error) and abs(coherent - added) > 2 * error


def test_clicks_ring_into_the_first_sample() -> None:
    """Variance is the same at the beginning as later."""
    ring = Resonance(500.0, 20e-3)
    found = np.stack([random_sounds.impacts(np.random.default_rng(seed), 800, RATE, 500.0, ring) for seed in range(200)])
    early, late = (found[:, part] ** 2 for part in (slice(0, 40), slice(-40, None)))
    assert early.mean() == pytest.approx(late.mean(), abs=5 * late.mean(axis=1).std() / math.sqrt(200))


def test_crowd_is_many_modulated_voices() -> None:
    def kurtosis(x: np.ndarray) -> float:
        return float(np.mean((x - x.mean()) ** 4) / x.var() ** 2)

    few, many = (random_sounds.crowd(np.random.default_rng(2), 64_000, 16_000.0, voices=n) for n in (1, 40))
    assert few.var() == pytest.approx(1.0, rel=0.1) and many.var() == pytest.approx(1.0, rel=0.3)
    assert kurtosis(few) > 4.5 and abs(kurtosis(many) - 3) < 0.6
    envelope = np.abs(hilbert(few))
    slow = np.abs(np.fft.rfft(envelope - envelope.mean()))[: 20 * 4]
    assert 2 <= slow.argmax() / 4 <= 8  # syllables per second
    spectrum = np.abs(np.fft.rfft(many)) ** 2
    assert spectrum[: 4 * 80].sum() + spectrum[4 * 5000 + 40 :].sum() < 1e-3 * spectrum.sum()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: sounds.times(0, RATE), "size"),
        (lambda: sounds.times(8, 0.0), "rate"),
        (lambda: sounds.harmonic_am(8, RATE, 1000.0, 4), "highest line, 4000 Hz"),
        (lambda: sounds.harmonic_am(8, RATE, 990.0, 4, modulation=100.0, depth=0.1), "highest line, 4060 Hz"),
        (lambda: sounds.harmonic_am(8, RATE, decay=0.0), "decay"),
        (lambda: sounds.harmonic_lines(0.0, 3), "f0"),
        (lambda: sounds.harmonic_lines(100.0, 0), "partials"),
        (lambda: sounds.harmonic_lines(100.0, 1, modulation=100.0), "modulation"),
        (lambda: sounds.harmonic_lines(100.0, 1, depth=1.1), "depth"),
        (lambda: sounds.harmonic_lines(100.0, 1, Resonance(0.0, 1.0)), "resonance"),
        (lambda: sounds.chirp(8, RATE, 200.0, 200.0), "different"),
        (lambda: sounds.chirp(8, RATE, 200.0, 4000.0), "below rate / 2"),
        (lambda: sounds.chirp(8, RATE, fade=1.5), "fade"),
        (lambda: sounds.chirp(8, 0.0), "rate must be finite and > 0"),
        (lambda: sounds.chirp(8, RATE, delay=math.nan), "delay"),
        (lambda: sounds.harmonic_am(8, RATE, delay=math.inf), "delay"),
        (lambda: random_sounds.impact_kurtosis(-1.0), "click_rate"),
        (lambda: random_sounds.impact_kurtosis(1.0, spread=-0.1), "spread"),
        (lambda: random_sounds.impact_spectrum(100.0, Resonance(1000.0, -1.0)), "resonance"),
        (lambda: sounds.chirp_frequency(0.0, 1.0, 2.0, 1.0, "cubic"), "cubic"),
        (lambda: sound_spectra.chirp_energy(1.0, 1.0, 2.0, 1.0, fade=1.1), "fade"),
        (lambda: sound_spectra.chirp_energy(1.0, 2.0, 2.0, 1.0), "different"),
        (lambda: sound_spectra.decaying_spectrum(1.0, sounds.harmonic_lines(100.0, 1), math.inf), "decay"),
        (lambda: random_sounds.impacts(np.random.default_rng(0), 8, RATE, 0.0), "click_rate"),
        (lambda: random_sounds.impacts(np.random.default_rng(0), 8, RATE, resonance=Resonance(4000.0)), "below rate / 2"),
        (lambda: random_sounds.crowd(np.random.default_rng(0), 8, RATE, 0), "voices"),
        (lambda: random_sounds.crowd(np.random.default_rng(0), 8, 100.0), "rate"),
    ],
)
def test_bad_arguments(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


SOURCES = [
    HarmonicAM(size=300, realizations=5, onset="random", modulation=20.0, depth=0.5),
    Chirp(size=300, realizations=5, onset="random"),
    Impacts(size=300, realizations=5, click_rate=500.0),
    Crowd(size=300, realizations=5, voices=3),
]


@pytest.mark.parametrize("value", SOURCES, ids=lambda value: value.name)
def test_sources(value: Sound) -> None:
    spec, whole = value.describe(), value.read({})
    assert (spec.dims, spec.shape, spec.dtype) == (("realization", "time"), (5, 300), "float32")
    assert all(abs(whole[0] - other).max() > 1e-3 for other in whole[1:])
    for region in (
        {"realization": slice(1, 4)},
        {"realization": slice(4, 5), "time": slice(30, 70)},
        {"time": slice(None, None, 3)},
    ):
        expected = whole[tuple(region.get(dim, slice(None)) for dim in spec.dims)]
        np.testing.assert_array_equal(value.read(region), expected)
    np.testing.assert_array_equal(value.replace(realizations=2).read({}), whole[:2])
    assert not (value.replace(seed=1).read({}) == whole).all()
    axis = axis_of(spec, "time")
    assert (axis.unit, axis.periodic) == ("s", False) and axis.step == pytest.approx(1 / 16_000)
    own = set(type(value).model_fields) - {"realizations", "size", "dtype"}
    assert own <= set(spec.attrs)
    json.dumps(dict(spec.attrs), allow_nan=False)
    again = pickle.loads(pickle.dumps(value))
    assert again == value and type(value)(**value.parameters()) == value


def test_sources_are_the_functions() -> None:
    tone = HarmonicAM(size=200, f0=100.0, partials=7, resonance=400.0, damping=0.01, decay=0.1, dtype="float64")
    np.testing.assert_array_equal(tone.read({})[0], sounds.harmonic_am(200, 16_000.0, 100.0, 7, Resonance(400.0, 0.01), decay=0.1))
    down = Chirp(size=200, start=900.0, stop=90.0, law="linear", dtype="float64")
    np.testing.assert_array_equal(down.read({})[0], sounds.chirp(200, 16_000.0, 900.0, 90.0, law="linear"))
    assert down.describe().attrs["duration"] == 200 / 16_000


@pytest.mark.parametrize(
    ("cls", "parameters", "match"),
    [
        (HarmonicAM, {"partials": 40}, "highest line, 8800 Hz"),
        (HarmonicAM, {"modulation": 300.0}, "modulation must be below"),
        (HarmonicAM, {"realizations": 2}, 'onset="random"'),
        (HarmonicAM, {"depth": 1.5}, "harmonic_am.depth"),
        (HarmonicAM, {"f0": 0.0}, "harmonic_am.f0"),
        (Chirp, {"start": 500.0, "stop": 500.0}, "must differ"),
        (Chirp, {"stop": 8000.0}, "below half the sampling rate"),
        (Chirp, {"law": "cubic"}, "chirp.law"),
        (Impacts, {"click_rate": 0.0}, "impacts.click_rate"),
        (Impacts, {"damping": 2.0}, "impacts.damping"),
        (Impacts, {"resonance": 8000.0}, "below half the sampling rate"),
        (Impacts, {"sampling_rate": 0.0}, "impacts.sampling_rate"),
        (Crowd, {"voices": 0}, "crowd.voices"),
        (Crowd, {"sampling_rate": 1000.0}, "crowd.sampling_rate"),
        (Crowd, {"size": 0}, "crowd.size"),
    ],
)
def test_bad_parameters(cls: type, parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        cls(**parameters)
