"""Wavelets of volumes: the axes of an icosahedron, frame bounds, labels in the sense of the coordinates, the inverse, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import DimensionError, FrameError, ParameterError
from scatflow_wavelet import Bank, Grid, Morlet, bands_of_octaves
from scatflow_wavelet.icosahedron import COUNTS, axes
from scatflow_wavelet.wavelet import Wavelet

VOLUME = ("z", "y", "x")
CUBE = (1.0, 1.0, 1.0)


def noise(*shape: int, dtype: str = "float64", **coords: np.ndarray) -> xr.DataArray:
    rng = np.random.default_rng(3)
    values = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if dtype.startswith("complex") else 0)
    return xr.DataArray(values.astype(dtype), dims=("t", *VOLUME)[-len(shape) :], coords=coords)


@pytest.mark.parametrize(("count", "nearest"), [(6, 63.435), (10, 41.810), (15, 36.0)])
def test_axes_of_the_icosahedron(count, nearest):
    vectors = np.array(axes(count))
    assert vectors.shape == (count, 3) and sorted(axes(count)) == list(axes(count))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-15)
    cosines = np.abs(vectors @ vectors.T)[~np.eye(count, dtype=bool)]
    assert math.degrees(math.acos(cosines.max())) == pytest.approx(nearest, abs=1e-3)
    # Evenly spread: the mean of e e' is that of all directions.
    np.testing.assert_allclose(vectors.T @ vectors / count, np.eye(3) / 3, atol=1e-15)
    assert all(vector[np.flatnonzero(vector)[0]] > 0 for vector in vectors)
    # A turn by 72 degrees about a vertex is a symmetry.
    e = np.array(axes(6)[0])
    cross = np.array([[0, -e[2], e[1]], [e[2], 0, -e[0]], [-e[1], e[0], 0]])
    angle = 2 * math.pi / 5
    turn = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    assert np.abs(np.abs((vectors @ turn.T) @ vectors.T).max(axis=1) - 1).max() < 1e-14


def multiplier(e: np.ndarray, j: int, shape: tuple[int, ...], aspect: tuple[float, ...]) -> np.ndarray:
    """The definition in space, sampled and summed over periods, then transformed: unit integral of the envelope."""
    sigma, xi, s = 0.8 * 2**j, 0.75 * math.pi * 2.0**-j, 0.5
    u = [np.arange(-math.ceil(10 * sigma / s * a), math.ceil(10 * sigma / s * a) + 1) for a in aspect]
    z, y, x = np.meshgrid(*(axis / a for axis, a in zip(u, aspect, strict=True)), indexing="ij", sparse=True)
    along = e[0] * z + e[1] * y + e[2] * x
    across = z**2 + y**2 + x**2 - along**2
    envelope = s**2 / ((2 * math.pi) ** 1.5 * sigma**3 * math.prod(aspect)) * np.exp(-(along**2 + s**2 * across) / (2 * sigma**2))
    wave = np.exp(1j * xi * along)
    psi = envelope * (wave - np.sum(envelope * wave) / np.sum(envelope))
    periodic = np.zeros(shape, complex)
    np.add.at(periodic, np.ix_(*(axis % n for axis, n in zip(u, shape, strict=True))), psi)
    return np.fft.fftn(periodic)


@pytest.mark.parametrize(("count", "aspect"), [(6, CUBE), (10, (1.0, 1.5, 1.0)), (15, CUBE)])
def test_multipliers_are_those_of_the_definition(count, aspect):
    bank, shape = Bank(Morlet(), J=2, voices=count, aspect=aspect), (12, 15, 10)
    for n in (0, count - 1, count + 2):
        found = bank.band_multiplier(n, Grid(shape))
        np.testing.assert_allclose(found, multiplier(np.array(axes(count)[n % count]), n // count, shape, aspect), atol=1e-13)
        assert found[0, 0, 0] == 0
    assert bank.low_multiplier(Grid(shape))[0, 0, 0] == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(("L", "cube", "ball"), [(6, 1.48e-12, 1.61e-4), (10, 3.20e-5, 5.64e-4), (15, 6.61e-6, 2.36e-3)])
def test_frame_bounds(L, cube, ball):
    bank = Bank(Morlet(), J=3, voices=L, aspect=CUBE)
    low, high = bank.bounds(Grid((64, 64, 64)))
    assert low == pytest.approx(cube, rel=0.01) and high == pytest.approx(1, abs=1e-3)
    assert bank.bounds(Grid((64, 64, 64)), disc=True)[0] == pytest.approx(ball, rel=0.01)


@pytest.mark.parametrize(("T", "aspect"), [(None, CUBE), (2.0, CUBE), (2.0, (1.0, 2.0, 1.0)), (8.0, CUBE)])
@pytest.mark.parametrize("L", COUNTS)
def test_the_contractive_bank_never_exceeds_one(T, aspect, L):
    grid = Grid((40, 32, 36))
    plain = Bank(Morlet(), 2, L, T, aspect).bounds(grid)[1]
    high = Bank(Morlet(contractive=True), 2, L, T, aspect).bounds(grid)[1]
    assert high <= 1 + 1e-12 and high >= 0.97 * min(1.0, plain)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("L", [6, 15])
def test_energy_lies_between_the_frame_bounds(dtype, L):
    x = noise(16, 20, 24, dtype=dtype)
    low, high = Bank(Morlet(), 2, L, aspect=CUBE).bounds(Grid((16, 20, 24)))
    ratio = float((abs(sf.ops.wavelet(x, dims=VOLUME, J=2, L=L, boundary="periodic")) ** 2).sum() / (abs(x) ** 2).sum())
    assert low < ratio < high and ratio > 0.02


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (1, 1, -1)])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_labels_are_wave_vectors_in_the_sense_of_the_coordinates(signs, dtype):
    n = 32
    coords = {dim: 0.5 * sign * np.arange(n) for dim, sign in zip(VOLUME, signs, strict=True)}
    grid = np.meshgrid(*coords.values(), indexing="ij", sparse=True)
    for e in axes(6)[::2]:
        k = 0.75 * math.pi / 2 / 0.5  # center of octave 1 in rad per unit
        wave = np.exp(1j * k * sum(part * axis for part, axis in zip(e, grid, strict=True)))
        x = xr.DataArray(wave if dtype == "complex128" else wave.real, dims=VOLUME, coords=coords)
        bands = abs(sf.ops.wavelet(x, dims=VOLUME, J=2, paths=({"order": 1},)).isel(z=n // 2, y=n // 2, x=n // 2))
        best = bands.isel(path=int(bands.argmax("path")))
        found = np.array([best[f"e{component}1"] for component in "zyx"])
        np.testing.assert_allclose(found, e, atol=1e-12)  # half a sphere: the representative with a positive first component
        assert int(best.j1) == 1 and float(best.xi1) == pytest.approx(k / (2 * math.pi))
        if dtype == "complex128":
            opposite = bands.sel(path=(bands.j1 == 1) & (bands.l1 == (best.l1 + 6) % 12))
            np.testing.assert_allclose([float(opposite[f"e{c}1"].squeeze()) for c in "zyx"], -found, atol=1e-12)
            assert float(opposite.squeeze()) < 0.03 * float(best)  # exp(-(0.6 pi)^2) = 0.029, by kappa


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("frequency", [0.1, -0.1])
def test_frequencies_of_complex_series_are_in_the_sense_of_the_coordinate(sign, frequency):
    time = 0.5 * sign * np.arange(256)
    wave = xr.DataArray(np.exp(2j * np.pi * frequency * time), dims="time", coords={"time": time})
    bands = abs(sf.ops.wavelet(wave, J=4, Q=4, paths=({"order": 1},)).isel(time=128))
    best = bands.isel(path=int(bands.argmax("path")))
    assert float(best.xi1) == pytest.approx(frequency, rel=0.1)
    assert float(best.scale1) == pytest.approx(1 / abs(float(best.xi1)))


def test_directions_of_complex_planes_are_in_the_sense_of_the_coordinates():
    for y, x in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        coords = {"y": y * np.arange(48.0), "x": x * np.arange(48.0)}
        for degrees in (0.0, 45.0, 225.0):
            angle, k = math.radians(degrees), 0.75 * math.pi / 2
            phase = k * (math.sin(angle) * coords["y"][:, None] + math.cos(angle) * coords["x"][None, :])
            wave = xr.DataArray(np.exp(1j * phase), dims=("y", "x"), coords=coords)
            bands = abs(sf.ops.wavelet(wave, dims=("y", "x"), J=2, L=4, paths=({"j1": 1},)).isel(y=24, x=24))
            assert float(bands.theta1[int(bands.argmax("path"))]) == pytest.approx(degrees)


def test_counts_labels_and_defaults():
    x = noise(2, 9, 8, 10)
    out = sf.ops.wavelet(x, dims=VOLUME, J=2)
    assert out.dims == ("t", *VOLUME, "path") and out.sizes["path"] == 1 + 2 * 6
    assert "theta1" not in out.coords and "n1" not in out.coords
    assert out.l1.values.tolist() == [-1, *range(6), *range(6)]
    assert np.isnan(out.ez1.values[0]) and out.ez1.attrs["units"] == "1"
    assert sf.ops.wavelet(x.astype("complex64"), dims=VOLUME, J=2).sizes["path"] == 1 + 2 * 12
    xr.testing.assert_identical(sf.ops.wavelet(x, dims=("x", "z", "y"), J=2).drop_attrs(), out.drop_attrs())
    # What is left out is the default of so many dims, and of the record.
    assert Wavelet(dims=VOLUME).L == 6 and Wavelet(dims=("y", "x")).L == Wavelet(dims="x").L == 8 and Wavelet().L is None
    assert Wavelet(dims=VOLUME, L=6) == Wavelet(dims=VOLUME) and Wavelet(L=10).replace(dims=VOLUME).L == 10
    assert sf.ops.wavelet(x[0], J=2).equals(out[0])


def test_any_chunking_along_the_batch_and_single_precision():
    x = noise(3, 10, 9, 12)
    whole = sf.ops.wavelet(x, dims=VOLUME, J=1, stride=2)
    np.testing.assert_allclose(sf.ops.wavelet(x.chunk({"t": 1}), dims=VOLUME, J=1, stride=2), whole, atol=1e-13)
    single = sf.ops.wavelet(x.astype("float32"), dims=VOLUME, J=1, stride=2)
    assert single.dtype == "complex64" and float(abs(single - whole).max()) < 1e-5 * float(abs(whole).max())


@pytest.mark.parametrize(("dtype", "L", "limit"), [("float64", 15, 1e-10), ("complex128", 10, 1e-9)])
def test_the_inverse_gives_the_volume_back(dtype, L, limit):
    x = noise(2, 8, 12, 16, dtype=dtype)
    kw = {"dims": VOLUME, "J": 2, "L": L}
    bands = sf.ops.wavelet(x, boundary="periodic", **kw)
    back = sf.ops.inverse_wavelet(bands, **kw)
    assert back.dtype == dtype and back.dims == x.dims
    assert float(abs(back - x).max() / abs(x).max()) < limit


def test_octaves_at_their_own_rates_come_back_in_order():
    for dtype in ("float64", "complex128"):
        x = noise(16, 16, 8, dtype=dtype)
        kw = {"dims": VOLUME, "J": 2, "boundary": "periodic"}
        tree = sf.ops.wavelet(x, stride="octave", oversampling=2, **kw)
        whole = sf.ops.wavelet(x, **kw)
        together = bands_of_octaves(tree)
        for name in ("order", "j1", "l1", "ez1", "ey1", "ex1"):
            np.testing.assert_array_equal(together[name], whole[name])
        np.testing.assert_allclose(together, whole, atol=1e-12)


BAD = {
    "eight axes": ({"L": 8}, ParameterError, ["wavelet.L", "6 (vertices), 10 (faces) or 15 (edges)", "got 8"]),
    "tight": ({"filters": "tight"}, ParameterError, ["one and two dims", 'filters="morlet"']),
    "gammatone": ({"filters": "gammatone"}, ParameterError, ["one dim"]),
    "a whole transform": ({"filters": "kymatio"}, ParameterError, ["wavelet.filters"]),
    "large J": ({"J": 4}, ParameterError, ["J <= 3"]),
    "an angle": ({"paths": {"theta1": 0}}, ParameterError, ["'theta1'", "chosen by their number: l1"]),
    "a component": ({"paths": {"ez1": 0}}, ParameterError, ["'ez1'", "chosen by their number: l1"]),
    "no such axis": ({"paths": {"l1": 6}}, ParameterError, ["no path"]),
    "two steps": ({"metric": (1.0, 2.0)}, ParameterError, ["one positive step per core dim", "expected 3"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    keywords, error, words = BAD[name]
    with pytest.raises(error) as caught:
        sf.ops.wavelet(noise(8, 9, 10), **{"dims": VOLUME, "J": 1, **keywords})
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_four_dims_and_bands_that_determine_nothing():
    with pytest.raises(DimensionError, match="1 or 2 or 3"):
        sf.ops.wavelet(noise(2, 8, 8, 8), J=1)
    x = noise(8, 8, 8)
    with pytest.raises(FrameError, match="do not determine"):
        sf.ops.inverse_wavelet(sf.ops.wavelet(x, dims=VOLUME, J=2, boundary="periodic"), dims=VOLUME, J=2)
