"""Scattering of volumes: the definition, symmetries of the cube, directions, blocks with a halo, moments, limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import ChunkError, ParameterError
from scatflow_scattering.properties import report
from scatflow_scattering.scattering import Scattering
from scatflow_scattering.stability import commutator, cropped, wavelet_stability
from scatflow_wavelet.icosahedron import COUNTS, axes
from scatflow_wavelet.wavelet import Wavelet

VOLUME = ("z", "y", "x")
CUBE = (1.0, 1.0, 1.0)


def periodic(function: Any, far: float, step: int, shape: tuple[int, ...], aspect: tuple[float, ...]) -> np.ndarray:
    """Return samples of a function of space every ``step`` samples, times the volume of a cell, summed over periods."""
    n = [np.arange(-math.ceil(far * a / step), math.ceil(far * a / step) + 1) for a in aspect]
    u = np.meshgrid(*(step * axis / a for axis, a in zip(n, aspect, strict=True)), indexing="ij", sparse=True)
    out = np.zeros(shape, complex)
    np.add.at(out, np.ix_(*(axis % size for axis, size in zip(n, shape, strict=True))), step**3 / math.prod(aspect) * function(*u))
    return out


def morlet(e: tuple[float, ...], j: int, aspect: tuple[float, ...]) -> tuple[Any, float]:
    """Return ``G(u) (exp(i xi e.u) - kappa)`` with kappa from the sums over all samples, and where it is negligible."""
    sigma, xi, s = 0.8 * 2**j, 0.75 * math.pi * 2.0**-j, 0.5
    far = 9 * sigma / s

    def envelope(z: Any, y: Any, x: Any) -> Any:
        along = e[0] * z + e[1] * y + e[2] * x
        return (
            s**2 / ((2 * math.pi) ** 1.5 * sigma**3) * np.exp(-(along**2 + s**2 * (z**2 + y**2 + x**2 - along**2)) / (2 * sigma**2))
        )

    def wave(z: Any, y: Any, x: Any) -> Any:
        return np.exp(1j * xi * (e[0] * z + e[1] * y + e[2] * x))

    one = (1, 1, 1)
    kappa = periodic(lambda *u: envelope(*u) * wave(*u), far, 1, one, aspect) / periodic(envelope, far, 1, one, aspect)
    return lambda *u: envelope(*u) * (wave(*u) - kappa), far


def convolved(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.fft.ifftn(np.fft.fftn(plane, axes=(-3, -2, -1)) * np.fft.fftn(kernel), axes=(-3, -2, -1))


def direct(operator: Scattering, block: Any, aspect: tuple[float, ...]) -> np.ndarray:
    """Evaluate the definition on an extended periodic block, plane by plane."""
    shape, L = block.data.shape[-3:], operator.L
    bands = [(j, *morlet(e, j, aspect)) for j in range(operator.J) for e in axes(L)]
    width = 0.4 * (2**operator.J if operator.T is None else operator.T)

    def averaged(plane: np.ndarray, step: int) -> np.ndarray:
        raw = periodic(lambda z, y, x: np.exp(-(z**2 + y**2 + x**2) / (2 * width**2)), 9 * width, step, plane.shape[-3:], aspect)
        mass = periodic(lambda z, y, x: np.exp(-(z**2 + y**2 + x**2) / (2 * width**2)), 9 * width, 1, (1, 1, 1), aspect)
        keep = tuple(slice(None, None, operator.step() // step) for _ in range(3))
        return convolved(plane, raw / mass).real[(..., *keep)]

    found: dict[tuple[int, ...], tuple[np.ndarray, int]] = {(): (block.data, 1)}
    for _ in range(operator.order):
        for path, (plane, step) in list(found.items()):
            for n, (j, psi, far) in enumerate(bands):
                if (*path, n) in found or len(path) == operator.order or (path and bands[path[-1]][0] >= j):
                    continue
                finer = 2 ** max(0, j - operator.oversampling)
                kernel = periodic(psi, far, step, tuple(size // step for size in shape), aspect)
                every = (slice(None, None, finer // step),) * 3
                found[*path, n] = (np.abs(convolved(plane, kernel))[(..., *every)], finer)
    rows = [averaged(*found[path]) for path in sorted(found, key=lambda path: (len(path), path))]
    return np.stack(rows, axis=1)


@pytest.mark.parametrize(
    ("J", "L", "order", "a", "stride", "shape", "aspect"),
    [
        (2, 6, 2, 1, 4, (7, 8, 5), CUBE),
        (2, 6, 2, 0, 2, (8, 5, 4), CUBE),
        (1, 15, 1, 1, 2, (3, 7, 5), CUBE),
        (2, 10, 1, 0, 4, (5, 8, 6), (1.0, 1.0, 1.5)),
        (1, 6, 1, 0, 1, (4, 5, 9), CUBE),
    ],
)
def test_kernel_equals_the_definition(bench, rng, J, L, order, a, stride, shape, aspect):
    metric = "space" if aspect == CUBE else tuple(1 / x for x in aspect)
    operator = Scattering(dims=VOLUME, J=J, L=L, order=order, oversampling=a, stride=stride, pad=1, metric=metric)
    data = rng.standard_normal((2, *shape))
    block = bench.block(operator, data)
    expected = direct(operator, block, aspect)
    bench.holds(operator, data, expected)


@pytest.mark.parametrize("L", COUNTS)
def test_symmetries_of_the_cube_permute_orientations(bench, rng, L):
    """Cyclic permutations of the axes, and a mirror: the icosahedron shares them with the grid."""
    vectors = np.array(axes(L))

    def moved(tree: Any, image: np.ndarray) -> list[int]:
        to = np.abs(image @ vectors.T).argmax(axis=1)  # e and -e are one orientation of real data
        np.testing.assert_allclose(np.abs(np.sum(image * vectors[to], axis=1)), 1, atol=1e-14)
        return [tree.position[tuple(n // L * L + int(to[n % L]) for n in path)] for path in tree.paths]

    operator = Scattering(dims=VOLUME, J=2, L=L, order=2 if L == 6 else 1)
    tree, data = operator.paths_of(3), rng.standard_normal((16, 16, 16))
    out = bench(operator, data, "periodic")
    cycled = bench(operator, np.transpose(data, (2, 0, 1)), "periodic")[moved(tree, np.roll(vectors, 1, axis=1))]
    np.testing.assert_allclose(cycled, np.transpose(out, (0, 3, 1, 2)), atol=1e-13)
    mirrored = bench(operator, np.roll(np.flip(data, 1), 1, 1), "periodic")[moved(tree, vectors * [1, -1, 1])]
    np.testing.assert_allclose(mirrored, np.roll(np.flip(out, 2), 1, 2), atol=1e-13)


@pytest.mark.parametrize("L", COUNTS)
def test_a_plane_wave_is_strongest_along_its_own_axis(L):
    n = np.arange(24.0)
    for number, e in enumerate(axes(L)):
        phase = 0.75 * math.pi / 2 * sum(part * axis for part, axis in zip(e, np.ix_(n, n, n), strict=True))
        wave = xr.DataArray(np.cos(phase), dims=VOLUME)
        out = sf.ops.scattering(wave, dims=VOLUME, J=2, L=L, order=1, paths={"order": 1}).isel(z=3, y=3, x=3)
        best = out.isel(path=int(out.argmax("path")))
        assert (int(best.j1), int(best.l1)) == (1, number)


@pytest.mark.parametrize("L", [None, 10])
def test_counts(L):
    voices = L or 6
    x = xr.DataArray(np.zeros((2, 16, 9, 12), "float32"), dims=("t", *VOLUME))
    out = sf.ops.scattering(x, dims=VOLUME, J=3, L=L)
    assert out.sizes == {"t": 2, "z": 2, "y": 2, "x": 2, "path": 1 + 3 * voices + 3 * voices**2} and out.dtype == "float32"
    complex_input = sf.ops.scattering(x.astype("complex64"), dims=VOLUME, J=3, L=L)
    assert complex_input.sizes["path"] == 1 + 6 * voices + 6 * voices**2


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 9, 5), (1 + 16, 8, 2)])
@pytest.mark.parametrize("boundary", ["reflect", "periodic", "zero", "symmetric"])
def test_one_octave_of_odd_and_flat_volumes(rng, shape, boundary):
    x = xr.DataArray(rng.standard_normal(shape), dims=VOLUME)
    out = sf.ops.scattering(x, dims=VOLUME, J=1, boundary=boundary)
    assert out.shape == (*(-(-n // 2) for n in shape), 7) and bool(np.isfinite(out).all())
    single = sf.ops.scattering(x.astype("float32"), dims=VOLUME, J=1, boundary=boundary)
    assert float(abs(single - out).max()) < 1e-5 * float(abs(out).max())
    if boundary == "periodic":
        assert float(out.isel(path=0).mean()) == pytest.approx(float(x.mean()), abs=0.2)


def test_a_constant_volume_has_its_mean_and_nothing_else():
    x = xr.DataArray(np.full((9, 8, 10), 3.0), dims=VOLUME)
    out = sf.ops.scattering(x, dims=VOLUME, J=2)
    np.testing.assert_allclose(out.isel(path=0), 3.0, rtol=1e-12)
    assert float(abs(out.isel(path=slice(1, None))).max()) < 1e-13


@pytest.mark.parametrize("tol", [1e-2, 1e-4])
def test_blocks_with_a_halo_give_the_numbers_of_the_whole(rng, tol):
    """Core dims in chunks: the reach is that of the operator as a whole, so every order keeps the tolerance."""
    operator = Scattering(dims=VOLUME, J=1)
    depth = operator.depth(tol)["z"][0]
    assert depth == math.ceil({1e-2: 2.55, 1e-4: 3.75}[tol] * 2)
    n = 48
    data = rng.standard_normal((2, n, n // 2, n // 2))
    start, stop = 16 - -(-depth // 2) * 2, 32 + -(-depth // 2) * 2
    x = xr.DataArray(data, dims=("t", *VOLUME))
    whole = sf.ops.scattering(x, dims=VOLUME, J=1, boundary="periodic").isel(z=slice(8, 16))
    part = sf.ops.scattering(x.isel(z=slice(start, stop)), dims=VOLUME, J=1, boundary=("zero", "periodic", "periodic"), pad=4)
    part = part.isel(z=slice((16 - start) // 2, (16 - start) // 2 + 8))
    for order in (0, 1):
        a, b = (values.sel(path=values.order == order).values for values in (part, whole))
        assert 0 < np.sqrt(np.mean((a - b) ** 2)) < tol * np.sqrt(np.mean(b**2))


def test_chunks_along_batch_and_core(rng):
    x = xr.DataArray(rng.standard_normal((3, 40, 12, 10)), dims=("t", *VOLUME))
    kw: dict[str, Any] = {"dims": VOLUME, "J": 1, "boundary": ("reflect", "reflect", "periodic")}
    whole = sf.ops.scattering(x, **kw)
    np.testing.assert_allclose(sf.ops.scattering(x.chunk({"t": 1}), **kw), whole, atol=1e-13)
    np.testing.assert_allclose(sf.ops.scattering(x.chunk({"z": 20, "t": 2}), rechunk="auto", **kw), whole, atol=1e-13)


def test_moments_are_the_means_of_the_planes(rng):
    x = xr.DataArray(rng.standard_normal((4, 16, 12, 8)), dims=("t", *VOLUME))
    kw: dict[str, Any] = {"dims": VOLUME, "J": 2, "boundary": "periodic"}
    moments = sf.ops.scattering_moments(x, over=("t",), **kw)
    planes = sf.ops.scattering(x, T="global", **kw)
    np.testing.assert_allclose(moments["mean"], planes.mean("t"), atol=1e-14)
    assert moments.sizes["path"] == 1 + 12 + 36 and {"ez1", "ey2", "l2"} <= set(moments.coords)
    split = sf.ops.scattering_moments(x.chunk({"t": 2}), over=("t",), **kw)
    np.testing.assert_allclose(split["mean"], moments["mean"], rtol=1e-13)
    with pytest.raises(ChunkError, match="'z'"):
        sf.ops.scattering_moments(x.chunk({"z": 8}), over=("t",), **kw)


def test_ratios_and_unaveraged_planes(rng):
    x = xr.DataArray(rng.standard_normal((8, 12, 16)), dims=VOLUME)
    ratios = sf.ops.scattering(x, dims=VOLUME, J=2, normalize="parent")
    plain = sf.ops.scattering(x, dims=VOLUME, J=2)
    second, first = int(np.flatnonzero(plain.order == 2)[0]), int(np.flatnonzero(plain.order == 1)[0])
    np.testing.assert_allclose(ratios.isel(path=second), plain.isel(path=second) / plain.isel(path=first), rtol=1e-12)
    planes = sf.ops.scattering(x, dims=VOLUME, J=2, T=0, order=1)
    assert planes["j0"]["scattering"].shape == (8, 12, 16, 6)


@pytest.mark.parametrize("operator", ["scattering", "scattering_moments"])
@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"L": 8}, ["6 (vertices), 10 (faces) or 15 (edges)", "got 8"]),
        ({"L": 1}, ["6 (vertices), 10 (faces) or 15 (edges)"]),
        ({"filters": "tight"}, ["one and two dims"]),
        ({"J": 5}, ["J <= 3"]),
        ({"paths": {"theta1": 0}}, ["chosen by their number: l1, l2"]),
    ],
)
def test_bad_input(operator, keywords, words):
    x = xr.DataArray(np.zeros((8, 9, 10)), dims=VOLUME)
    with pytest.raises(ParameterError) as caught:
        getattr(sf.ops, operator)(x, **{"dims": VOLUME, "J": 1, **keywords})
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("filters", ["kymatio", "kymatio-0.3", "gammatone"])
def test_families_without_a_bank_of_volumes(filters):
    with pytest.raises(ParameterError, match="dim"):
        sf.ops.scattering(xr.DataArray(np.zeros((8, 9, 10)), dims=VOLUME), dims=VOLUME, J=1, filters=filters)


def test_properties_are_reported_of_volumes(rng):
    x = xr.DataArray(rng.standard_normal((2, 32, 32, 32)), dims=("t", *VOLUME))
    phi, names = Scattering(dims=VOLUME, J=2, order=1, boundary="periodic"), ("contraction", "energy", "translation")
    found = report(phi, x, properties=names)
    assert tuple(finding.name for finding in found.findings) == names and all(finding.passed for finding in found.findings[:2])
    with pytest.raises(ParameterError, match="cannot be asked for 'commutator'"):
        report(phi, x, properties=("commutator",))


def test_wavelets_of_volumes_hardly_move_under_deformations(rng):
    found = wavelet_stability(Wavelet(dims=VOLUME, J=2), xr.DataArray(np.zeros((16, 16, 16)), dims=VOLUME), interpolation="linear")
    assert found.passed and len(found.details["bands"]) == len(found.details["waves"]) == 12
    assert max(found.details["bands"][6:]) < max(found.details["waves"])


def test_wavelets_of_volumes_nearly_commute_with_deformations(rng):
    x = xr.DataArray(rng.standard_normal((2, 20, 16, 16)), dims=("t", *VOLUME))
    wavelet, part = cropped(Wavelet(dims=VOLUME, J=3), x, None)
    assert (wavelet.J, part.shape) == (1, (2, 16, 16, 16))
    assert commutator(wavelet, part, scales=(1,), iterations=2).passed
