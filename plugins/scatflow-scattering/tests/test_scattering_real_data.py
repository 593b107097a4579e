"""Recorded sound, photographed textures and relief, where they lie beside the project: against the peer and against themselves."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.io import wavfile

import scatflow as sf

DATA = Path(__file__).parents[4] / "shared" / "data"
PLANE = ("y", "x")


def found(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"not run: no file shared/data/{name} beside the checkout")
    return DATA / name


@pytest.fixture
def sound() -> xr.DataArray:
    """Two and a half seconds of a machine, 44.1 kHz."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks of the file that are not sound
        rate, samples = wavfile.read(found("audio/cc0_sonicpi_loop_3d_printer.wav"))
    part = samples[: 5 * rate // 2].astype("float64") / 2**15
    return xr.DataArray(part, dims="time", coords={"time": ("time", np.arange(part.size) / rate, {"units": "s"})})


@pytest.fixture
def textures() -> xr.DataArray:
    images = np.load(found("textures_miniworld_gray512.npz"))
    values = np.stack([images[name][:200, :168] for name in sorted(images)[:4]]).astype("float64")
    return xr.DataArray(values, dims=("texture", *PLANE))


def peer(name: str, **parameters: object):
    package = pytest.importorskip("kymatio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(package, name)(**parameters)


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert np.linalg.norm(ours - theirs) <= 1e-6 * np.linalg.norm(theirs)


def test_sound_with_16_bands_per_octave_as_by_the_peer(sound):
    theirs = peer("Scattering1D", J=10, shape=sound.size, Q=(16, 1))(sound.values)
    ours = sf.ops.scattering(sound, dims="time", J=10, Q=(16, 1), filters="kymatio-0.3")
    close(ours.transpose("path", "time").values, theirs)


def test_loud_frequencies_of_a_sound_are_where_its_spectrum_has_them(sound):
    S = sf.ops.scattering(sound, dims="time", J=10, Q=(16, 1), order=1)
    first = S.sel(path=S.order == 1).mean("time")
    power = np.abs(np.fft.rfft(sound.values)) ** 2
    frequency = np.fft.rfftfreq(sound.size, 1 / 44100)
    density = [
        np.sum(power * np.exp(-(((frequency - xi) / sigma) ** 2)))
        for xi, sigma in zip(first.xi1.values, first.sigma1.values, strict=True)
    ]
    assert np.corrcoef(np.log(first), 0.5 * np.log(density))[0, 1] > 0.97
    ratio = sf.ops.scattering(sound, dims="time", J=10, Q=(16, 1), normalize="parent")
    assert np.isfinite(ratio).all() and float(ratio.sel(path=ratio.order == 2).max()) < 1


def test_textures_as_by_the_peer_and_by_our_own_filters(textures):
    theirs = peer("Scattering2D", J=4, shape=(200, 168), L=8)(textures.values)
    close(sf.ops.scattering(textures, dims=PLANE, J=4, filters="kymatio").transpose("texture", "path", *PLANE).values, theirs)
    single, double = (sf.ops.scattering(textures.astype(dtype), dims=PLANE, J=4) for dtype in ("float32", "float64"))
    for order in range(3):
        a, b = (S.sel(path=S.order == order).values for S in (single, double))
        assert np.linalg.norm(a - b) <= 1e-5 * np.linalg.norm(b)


def test_planes_of_a_texture_average_to_its_coefficients(textures):
    kw = {"dims": PLANE, "J": 3, "L": 4, "boundary": "periodic"}
    planes = sf.ops.scattering(textures, T=0, **kw)
    means = sf.ops.scattering(textures, T="global", **kw)
    total = sum(float(node.data_vars[name].mean(PLANE).sum()) for node in planes.children.values() for name in node.data_vars)
    assert total == pytest.approx(float(means.sum()), rel=1e-12)


def test_relief_comes_back_from_its_bands():
    arrays = np.load(found("etopo20_m.npz"))
    values = max((arrays[name] for name in arrays), key=np.size)
    field = xr.DataArray(values[:512, :1024].astype("float64"), dims=PLANE)
    bands = sf.ops.wavelet(field, dims=PLANE, J=5, L=4, filters="tight", boundary="periodic")
    back = sf.ops.inverse_wavelet(bands, dims=PLANE, J=5, L=4, filters="tight")
    assert float(abs(back - field).max()) < 1e-10 * float(abs(field).max())
