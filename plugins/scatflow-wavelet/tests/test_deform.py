"""The operators ``deform`` and ``warp``: closed forms, inverses, adjoints, chunks, refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scatflow as sf
from scatflow.arrays import namespace
from scatflow.errors import ChunkError, DimensionError, DtypeError, ParameterError
from scatflow.spec import ArraySpec
from scatflow.testing import block
from scatflow_wavelet.deform import Deform
from scatflow_wavelet.displacement import Displacement, Family, spline_matrix
from scatflow_wavelet.interpolation import Kind, interpolate, interpolate_adjoint, sharpening
from scatflow_wavelet.warp import gradient_norm

KINDS = ("linear", "cubic", "spectral")


def noise(*sizes: int, seed: int = 0) -> xr.DataArray:
    dims = ("z", "y", "x")[3 - len(sizes) :]
    return xr.DataArray(np.random.default_rng(seed).standard_normal(sizes), dims=dims)


def band_limited(*sizes: int, wavelength: float = 16.0, seed: int = 0) -> xr.DataArray:
    """Noise without waves shorter than ``wavelength`` samples."""
    x = noise(*sizes, seed=seed)
    radius = np.sqrt(sum(w**2 for w in np.meshgrid(*(np.fft.fftfreq(n) for n in sizes), indexing="ij")))
    values = np.fft.ifftn(np.fft.fftn(x.values) * (radius < 1 / wavelength)).real
    return x.copy(data=values / np.std(values))


def deform(x: xr.DataArray, **parameters: Any) -> xr.DataArray:
    return sf.ops.deform(x, **{"boundary": "periodic", **parameters})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.sampled_from(KINDS), st.data())
def test_integer_translations_are_exact(sizes: list[int], kind: str, data: st.DataObject) -> None:
    x = noise(*sizes)
    moves = tuple(data.draw(st.integers(-12, 12)) for _ in sizes)
    moved = deform(x, family="translate", size=tuple(map(float, moves)), interpolation=kind)
    np.testing.assert_allclose(moved, np.roll(x, moves, tuple(range(len(sizes)))), atol=1e-13)


@pytest.mark.parametrize("size", [0.25, -3.7])
def test_spectral_translations_are_those_of_the_trigonometric_polynomial(size: float) -> None:
    t = np.arange(60)
    waves = [(3, 0.4), (11, 1.0), (29, 2.0)]
    x = xr.DataArray(sum(np.cos(2 * np.pi * k * t / 60 + p) for k, p in waves), dims="t")
    expected = sum(np.cos(2 * np.pi * k * (t - size) / 60 + p) for k, p in waves)
    np.testing.assert_allclose(deform(x, family="translate", size=size, interpolation="spectral"), expected, atol=1e-12)
    there = deform(noise(31), family="translate", size=size, interpolation="spectral")
    np.testing.assert_allclose(deform(there, family="translate", size=-size, interpolation="spectral"), noise(31), atol=1e-12)


@pytest.mark.parametrize(("kind", "per_wave", "limit"), [
    ("linear", 8, 8e-2), ("linear", 16, 2e-2), ("cubic", 8, 1.5e-3), ("cubic", 16, 8e-5), ("spectral", 2.5, 1e-8), ("spectral", 16, 1e-8),
])  # fmt: skip
def test_accuracy_of_interpolation_is_as_stated(kind: str, per_wave: float, limit: float) -> None:
    n, amplitude, period = 320, 5.0, 160.0
    v = np.arange(n) - (n - 1) / 2
    x = xr.DataArray(np.cos(2 * np.pi * np.arange(n) / per_wave), dims="x")
    expected = np.cos(2 * np.pi * (np.arange(n) - amplitude * np.sin(2 * np.pi * v / period)) / per_wave)
    error = np.abs(deform(x, family="time_warp", size=amplitude, scale=period, interpolation=kind) - expected).max()
    assert limit / 100 < error < limit or (kind == "spectral" and error < limit)


@pytest.mark.parametrize("kind", KINDS)
def test_dilations_are_about_the_center(kind: str) -> None:
    v = np.arange(257) - 128.0
    x = xr.DataArray(np.exp(-0.5 * (v / 20) ** 2) * np.cos(0.3 * v), dims="x")
    expected = np.exp(-0.5 * (0.95 * v / 20) ** 2) * np.cos(0.3 * 0.95 * v)
    out = sf.ops.deform(x, family="dilate", size=0.05, interpolation=kind)
    np.testing.assert_allclose(out, expected, atol={"linear": 2e-2, "cubic": 1e-4, "spectral": 1e-7}[kind])
    assert out.deformation_gradient == 0.05


@pytest.mark.parametrize("ndim", [2, 3])
def test_rotations_turn_a_wave_from_x_towards_y(ndim: int) -> None:
    angle, n = 0.3, 65
    v = np.arange(n) - (n - 1) / 2
    y, x = np.meshgrid(v, v, indexing="ij")
    bell = np.exp(-0.5 * (x**2 + y**2) / 6**2)
    wave = bell * np.cos(0.4 * x)
    turned = bell * np.cos(0.4 * (math.cos(angle) * x + math.sin(angle) * y))  # its wave vector at this angle
    field = xr.DataArray(np.stack([wave] * 3), dims=("z", "y", "x"))
    out = sf.ops.deform(field, dims=("z", "y", "x")[3 - ndim :], family="rotate", size=angle, interpolation="cubic")
    np.testing.assert_allclose(out[1], turned, atol=2e-4)
    assert out.deformation_gradient == pytest.approx(2 * math.sin(angle / 2), abs=1e-15)


def test_geometry_is_that_of_the_coordinates_unless_samples_are_asked_for() -> None:
    x = noise(30, 20).assign_coords(y=np.arange(30) * 0.5, x=np.arange(20.0))
    out = deform(x, family="translate", size=(1.0, 1.0))
    np.testing.assert_allclose(out, np.roll(x, (2, 1), (0, 1)), atol=1e-12)  # y has two samples to one of the coarsest
    out = deform(x, family="translate", size=(1.0, 1.0), metric="index")
    np.testing.assert_allclose(out, np.roll(x, (1, 1), (0, 1)), atol=1e-12)


@pytest.mark.parametrize("parameters", [
    {"family": "dilate", "size": 0.06}, {"family": "rotate", "size": -0.2}, {"family": "translate", "size": 1.4},
])  # fmt: skip
def test_inverse_deformations_return_band_limited_fields(parameters: dict[str, Any]) -> None:
    x = band_limited(96, 80)
    inverse = -parameters["size"] / (1 - parameters["size"]) if parameters["family"] == "dilate" else -parameters["size"]
    back = deform(deform(x, **parameters), **{**parameters, "size": inverse})
    inner = (slice(16, -16),) * 2  # beyond the edges another period was seen
    np.testing.assert_allclose(back[inner], x[inner], atol=1e-3)


def test_the_inverse_of_a_smooth_warp_returns_a_band_limited_field() -> None:
    # The inverse displacement solves sigma(v) = -tau(v - sigma(v)), a contraction as the gradient is below 1.
    x = band_limited(40, 40)
    tau = Displacement("smooth_random", (2.0,), 16.0, seed=3)
    v = [np.arange(40) - 19.5] * 2
    places = [np.asarray(p) for p in np.meshgrid(*v, indexing="ij")]
    sigma = [np.zeros((40, 40))] * 2
    for _ in range(8):
        sources = [p - s for p, s in zip(places, sigma, strict=True)]
        sigma = [-field for field in at_points(tau, sources)]
    inverse = xr.DataArray(np.stack(sigma), dims=("component", "y", "x"), coords={"component": ["y", "x"]})
    there = deform(x, family="smooth_random", size=2.0, scale=16.0, seed=3)
    back = sf.ops.warp(there, inverse, dims=("y", "x"), boundary="periodic")
    inner = (slice(6, -6),) * 2
    np.testing.assert_allclose(back[inner], x[inner], atol=1e-3)
    assert np.abs(there - x).max() > 0.3


def at_points(tau: Displacement, points: list[np.ndarray]) -> list[np.ndarray]:
    """The random field at scattered points, one at a time."""
    flat = np.stack([p.ravel() for p in points], -1)
    values = [tau.field(np, [np.array([c]) for c in point]) for point in flat]
    return [np.reshape([value[i].item() for value in values], points[0].shape) for i in range(len(points))]


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_the_recorded_gradient_of_a_random_field_is_that_of_the_field(ndim: int) -> None:
    n, size, scale = (400, 100, 30)[ndim - 1], 2.0, 9.0
    out = sf.ops.deform(noise(*(n,) * ndim), family="smooth_random", size=size, scale=scale, interpolation="linear")
    tau = Displacement("smooth_random", (size,), scale)
    fields = tau.field(np, [np.arange(n) - (n - 1) / 2] * ndim)
    assert all(np.abs(field).max() <= size for field in fields) and np.abs(fields[0]).max() > 0.3 * size
    # Central differences over two samples flatten a spline of this width by about 2 %.
    assert out.deformation_gradient == pytest.approx(gradient_norm(np, fields), rel=0.05)


def test_closed_forms_of_the_gradient_are_those_of_the_fields() -> None:
    v = np.arange(81) - 40.0
    cases: list[tuple[Family, float, float, int, float]] = [
        ("dilate", -0.2, 0.0, 3, 0.2), ("rotate", 0.5, 0.0, 2, 2 * math.sin(0.25)), ("time_warp", 3.0, 60.0, 1, math.pi / 10),
        ("translate", 4.0, 0.0, 1, 0.0),
    ]  # fmt: skip
    for family, size, scale, ndim, expected in cases:
        tau = Displacement(family, (size,), scale)
        fields = np.broadcast_arrays(*tau.field(np, [v] * ndim))
        assert tau.steepness([80.0] * ndim) == pytest.approx(expected, abs=1e-14)
        assert gradient_norm(np, list(fields)) == pytest.approx(expected, rel=2e-3, abs=1e-12)


def test_splines_are_a_partition_of_unity_with_their_derivatives() -> None:
    places = np.linspace(-2, 3, 101)
    assert np.allclose(spline_matrix(places, 0).weights.sum(1), 1) and np.allclose(spline_matrix(places, 1).weights.sum(1), 0)
    step = 1e-6
    slopes = (spline_matrix(places[1:-1] + step, 0).weights[:, 2:-2] - spline_matrix(places[1:-1] - step, 0).weights[:, 2:-2]) / (
        2 * step
    )
    np.testing.assert_allclose(slopes, spline_matrix(places[1:-1], 1).weights[:, 2:-2], atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turn", [0.0, 0.3])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_axes_that_go_by_themselves_are_summed_one_after_the_other(kind: Kind, turn: float, dtype: str) -> None:
    rng, shape = np.random.default_rng(4), (5, 6, 7)
    x = (rng.standard_normal((2, *shape)) * (1 if dtype == "float64" else 1 + 1j)).astype(dtype)
    z, y, u = np.ix_(*(np.arange(float(n)) for n in shape))
    positions = [0.9 * z + 0.4, y + turn * u, u - turn * y]  # a dilation, or a turn around z
    sharpen = sharpening(kind, shape)
    apart = interpolate(namespace(x), x, positions, kind, sharpen)
    together = interpolate(namespace(x), x, [np.broadcast_to(p, shape) for p in positions], kind, sharpen)
    assert apart.dtype == dtype and apart.shape == x.shape
    np.testing.assert_allclose(apart, together, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1,), (7,), (12,), (5, 6), (4, 3, 5)])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_adjoint_is_the_adjoint(kind: Kind, shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(5)

    def drawn(*sizes: int) -> np.ndarray:
        values = rng.standard_normal(sizes)
        return values if dtype == "float64" else values + 1j * rng.standard_normal(sizes)

    x, y = drawn(2, *shape), drawn(2, *shape)
    where = [rng.uniform(-20, 20, shape) for _ in shape]
    xp, sharpen = namespace(x), sharpening(kind, shape)
    left = np.vdot(y, interpolate(xp, x, where, kind, sharpen)).real
    right = np.vdot(interpolate_adjoint(xp, y, where, shape, kind, sharpen), x).real
    assert left == pytest.approx(right, rel=1e-12, abs=1e-12)


def test_random_fields_belong_to_positions_not_to_blocks() -> None:
    tau = Displacement("smooth_random", (2.0,), 7.0, seed=11)
    v, w = np.arange(50) - 24.5, np.arange(33) - 16.0
    whole = tau.field(np, [v, w])
    part = tau.field(np, [v[13:29], w[20:]])
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_allclose(other, one[13:29, 20:], atol=1e-15)
    other_seed = replace(tau, seed=12).field(np, [v, w])
    assert not np.allclose(whole[0], other_seed[0]) and not np.allclose(whole[0], whole[1])


def test_chunks_of_other_dims_change_nothing() -> None:
    x = noise(3, 24, 20).rename(z="item")
    eager = sf.ops.deform(x, dims=("x", "y"), family="smooth_random", size=1.0, scale=8.0)
    lazy = sf.ops.deform(x.chunk(item=1), dims=("y", "x"), family="smooth_random", size=1.0, scale=8.0)
    assert lazy.chunks is not None
    np.testing.assert_allclose(lazy.compute(), eager, atol=1e-14)
    with pytest.raises(ChunkError, match="rechunk"):
        sf.ops.deform(x.chunk(x=5), dims=("y", "x"))


@pytest.mark.parametrize("parameters", [{"family": "dilate", "size": 0.05}, {"family": "smooth_random", "size": 1.0, "scale": 6.0}])
def test_segments_are_deformed_apart_about_their_own_centers(parameters: dict[str, Any]) -> None:
    x = noise(50).assign_coords(segment=("x", [0] * 20 + [1] * 30))
    apart = [sf.ops.deform(x[part].drop_vars("segment"), dims="x", **parameters) for part in (slice(0, 20), slice(20, 50))]
    np.testing.assert_allclose(sf.ops.deform(x, dims="x", **parameters), np.concatenate(apart), atol=1e-7)


def test_single_precision_stays_single_and_units_stay() -> None:
    x = noise(40).astype("float32").assign_attrs(units="m")
    out = sf.ops.deform(x, family="translate", size=0.5)
    assert out.dtype == "float32" and out.units == "m"
    np.testing.assert_allclose(out, sf.ops.deform(x.astype("float64"), family="translate", size=0.5), atol=2e-6)


@pytest.mark.parametrize(("parameters", "dims", "error", "words"), [
    ({"family": "dilate", "size": 1.0}, ("x",), ParameterError, "may fold"),
    ({"family": "rotate", "size": math.pi / 3 + 1e-6}, ("y", "x"), ParameterError, "gradient below 1"),
    ({"family": "smooth_random", "size": 30.0, "scale": 8.0}, ("y", "x"), ParameterError, "may fold"),
    ({"family": "time_warp", "size": 5.0, "scale": 30.0}, ("x",), ParameterError, "may fold"),
    ({"family": "dilate", "size": float("nan")}, ("x",), ParameterError, "may fold"),
    ({"family": "smooth_random"}, ("x",), ParameterError, "deform.scale"),
    ({"family": "dilate", "scale": 5.0}, ("x",), ParameterError, "deform.scale"),
    ({"family": "translate", "size": (1.0, 2.0)}, ("x",), ParameterError, "deform.size"),
    ({"family": "dilate", "size": (0.1, 0.1)}, ("y", "x"), ParameterError, "deform.size"),
    ({"family": "rotate"}, ("x",), DimensionError, "wrong number of core dims"),
    ({"family": "time_warp", "scale": 40.0}, ("y", "x"), DimensionError, "wrong number of core dims"),
])  # fmt: skip
def test_refusals(parameters: dict[str, Any], dims: tuple[str, ...], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        sf.ops.deform(noise(20, 20), dims=dims, **parameters)


def test_an_unknown_family_and_a_reach_without_end_are_refused() -> None:
    with pytest.raises(ParameterError, match="family"):
        Deform(family="shear")
    with pytest.raises(ChunkError, match="cubic"):
        Deform(interpolation="spectral").depth()
    with pytest.raises(ChunkError, match="length of the data"):
        Deform(family="dilate").depth()


def test_displacement_beyond_the_halo_is_refused() -> None:
    one = block(Deform(dims="x", family="translate", size=12.0, interpolation="linear", boundary="zero"), noise(30))
    narrow = replace(one.at, start={"x": -5}, stop={"x": 35})
    with pytest.raises(ChunkError, match="beyond the halo"):
        one.operator.apply(namespace(np.zeros(40)), np.zeros(40), at=narrow, axis0=np.ones(40))


def test_declared_reach_is_the_displacement_and_the_interpolation() -> None:
    spec = ArraySpec(("x",), (1001,), "float64")
    assert Deform(family="translate", size=2.5, interpolation="linear").replace(dims=("x",)).depth() == {"x": (4, 1)}
    assert Deform(family="dilate", size=0.02, interpolation="linear").resolve(spec).depth() == {"x": (11, 11)}


def rotation(n: int, m: int, angle: float) -> xr.DataArray:
    y, x = np.meshgrid(np.arange(n) - (n - 1) / 2, np.arange(m) - (m - 1) / 2, indexing="ij")
    cos, sin = math.cos(angle), math.sin(angle)
    tau = np.stack([(1 - cos) * x - sin * y, (1 - cos) * y + sin * x])
    return xr.DataArray(tau, dims=("component", "y", "x"), coords={"component": ["x", "y"]})


@pytest.mark.parametrize("boundary", ["reflect", "symmetric", "zero", "periodic"])
def test_warp_by_the_array_of_a_family_is_that_family(boundary: str) -> None:
    x, tau = noise(3, 30, 25).rename(z="item"), rotation(30, 25, 0.1)
    expected = sf.ops.deform(x, dims=("y", "x"), family="rotate", size=0.1, boundary=boundary)
    np.testing.assert_allclose(sf.ops.warp(x, tau, dims=("x", "y"), boundary=boundary), expected, atol=1e-8)
    amounts = xr.DataArray([0.0, 1.0, 0.5], dims="item")
    each = sf.ops.warp(x, (tau * amounts).transpose("item", "component", ...), dims=("y", "x"), boundary=boundary)
    np.testing.assert_allclose(each[0], x[0], atol=1e-12)
    np.testing.assert_allclose(each[1], expected[1], atol=1e-8)


def test_warp_refusals() -> None:
    x, tau = noise(20, 20), rotation(20, 20, 0.1)
    with pytest.raises(DimensionError, match="names the core dims"):
        sf.ops.warp(x, tau.drop_vars("component"), dims=("y", "x"))
    with pytest.raises(DimensionError, match="names the core dims"):
        sf.ops.warp(x, tau.assign_coords(component=["x", "z"]), dims=("y", "x"))
    with pytest.raises(DimensionError, match="core dims"):
        sf.ops.warp(x, tau.isel(y=0, drop=True), dims=("y", "x"))
    with pytest.raises(DtypeError, match="real numbers"):
        sf.ops.warp(x, tau + 0j, dims=("y", "x"))
    with pytest.raises(ParameterError, match="may fold"):
        sf.ops.warp(x, 15 * tau, dims=("y", "x"))
    with pytest.raises(ParameterError, match="not a number"):
        sf.ops.warp(x, tau.where(tau.x > 3), dims=("y", "x"))


def test_every_family_has_an_example() -> None:
    assert {example.family for example in Deform.examples()} == set(get_args(Family))
