"""Daubechies' filters, the orthogonal transform with its inverse, and the averaging pyramid."""

from __future__ import annotations

import itertools
import math
from typing import get_args

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import scatflow as sf
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec
from scatflow.testing import check_operator
from scatflow_wavelet.daubechies import high_taps, low_taps
from scatflow_wavelet.mirror import analyze, pair, synthesize
from scatflow_wavelet.orthogonal import Filter, OrthogonalWavelet

FILTERS = get_args(Filter)
SHAPES = {("x",): (256,), ("y", "x"): (32, 64), ("z", "y", "x"): (8, 16, 24)}


def noise(dims, seed=0, dtype="float64"):
    shape = SHAPES[dims]
    values = np.random.default_rng(seed).standard_normal((2, *shape)).astype(dtype)
    coords = {dim: (dim, 0.25 * np.arange(n), {"units": "m"}) for dim, n in zip(dims, shape, strict=True)}
    return xr.DataArray(values, dims=("run", *dims), coords=coords, name="u", attrs={"units": "m s-1"})


def energy(values):
    return float((np.abs(np.asarray(values)) ** 2).sum())


@pytest.mark.parametrize("moments", range(1, 9))
def test_filters_are_orthonormal_and_their_moments_vanish(moments):
    h = np.array(low_taps(moments))
    g, size = np.array(high_taps(low_taps(moments))), 2 * moments
    assert len(h) == size and h.sum() == pytest.approx(math.sqrt(2), rel=1e-14)
    for m in range(moments):
        tail = slice(2 * m, None), slice(None, size - 2 * m)
        assert abs(h[tail[0]] @ h[tail[1]] - (m == 0)) <= 1e-12
        assert abs(g[tail[0]] @ g[tail[1]] - (m == 0)) <= 1e-12
        assert max(abs(h[tail[0]] @ g[tail[1]]), abs(g[tail[0]] @ h[tail[1]])) <= 1e-12
        centered = (np.arange(size) - moments) / moments
        assert abs(g @ centered**m) <= 1e-12
    # The next moment does not vanish, and of all filters with this modulus the energy comes first: minimal phase.
    assert abs(g @ ((np.arange(size) - moments) / moments) ** moments) > 1e-8
    assert (np.cumsum(h**2) >= np.cumsum(h[::-1] ** 2) - 1e-12).all()


def test_two_vanishing_moments_in_closed_form():
    root = math.sqrt(3)
    np.testing.assert_allclose(low_taps(2), np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4 * math.sqrt(2)), atol=1e-15)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("dims", SHAPES)
def test_energy_is_kept_and_the_inverse_is_exact(dims, filters):
    x = noise(dims)
    kw = {"dims": dims, "J": 3, "filters": filters}
    w = sf.ops.orthogonal_wavelet(x, **kw)
    assert w.shape == x.shape and w.dims == x.dims and w.units == "m s-1"
    assert energy(w) == pytest.approx(energy(x), rel=1e-14 if filters == "haar" else 1e-12)
    for normalize in ("orthonormal", "mean"):
        w = sf.ops.orthogonal_wavelet(x, normalize=normalize, **kw)
        back = sf.ops.inverse_orthogonal_wavelet(w, normalize=normalize, **kw)
        assert set(back.coords) == set(x.coords)
        np.testing.assert_allclose(back, x, rtol=0, atol=1e-14 if filters == "haar" else 1e-12)


@given(
    st.sampled_from(FILTERS),
    st.integers(0, 5),
    st.integers(1, 5),
    st.sampled_from([(1,), (2, 1), (1, 3, 2)]),
    st.integers(0, 2**32 - 1),
)
def test_transform_is_orthogonal_on_every_length(filters, J, multiple, factors, seed):
    # Filters longer than the axis wrap around it more than once.
    J = min(J, 5 if len(factors) == 1 else 2)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(tuple(multiple * k * 2**J for k in factors))
    z, ndim, taps = rng.standard_normal(x.shape), x.ndim, pair(FILTERS.index(filters) + 1)
    forward, back = analyze(np, x, taps, J, ndim), synthesize(np, z, taps, J, ndim)
    assert np.sum(forward * z) == pytest.approx(np.sum(x * back), rel=1e-11, abs=1e-11)
    np.testing.assert_allclose(synthesize(np, forward, taps, J, ndim), x, atol=1e-12)


@pytest.mark.parametrize("filters", FILTERS)
def test_coefficients_are_inner_products(filters):
    # d_1, and a_2 by the cascade of its definition, from periodic sums over all taps.
    x = np.random.default_rng(3).standard_normal(64)
    h = np.array(low_taps(FILTERS.index(filters) + 1))
    g = np.array(high_taps(tuple(h)))

    def step(values, taps):
        n = len(values)
        return np.array([sum(tap * values[(2 * i + k) % n] for k, tap in enumerate(taps)) for i in range(n // 2)])

    w = sf.ops.orthogonal_wavelet(xr.DataArray(x, dims="x"), dims="x", J=2, filters=filters)
    np.testing.assert_allclose(w[1::2], step(x, g), atol=1e-13)
    np.testing.assert_allclose(w[2::4], step(step(x, h), g), atol=1e-13)
    np.testing.assert_allclose(w[::4], step(step(x, h), h), atol=1e-13)


def test_bands_in_two_dims():
    # A product of functions of one dim transforms into products: LH, HL and HH of every octave.
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal(16), rng.standard_normal(32)
    field = xr.DataArray(np.outer(a, b), dims=("y", "x"))
    w = sf.ops.orthogonal_wavelet(field, dims=("y", "x"), J=2, filters="db3")
    wa = {J: sf.ops.orthogonal_wavelet(xr.DataArray(a, dims="y"), J=J, filters="db3").values for J in (1, 2)}
    wb = {J: sf.ops.orthogonal_wavelet(xr.DataArray(b, dims="x"), J=J, filters="db3").values for J in (1, 2)}
    for J, (p, q) in itertools.product((1, 2), ((0, 1), (1, 0), (1, 1))):
        rows, columns = (slice(p * 2 ** (J - 1), None, 2**J) for p in (p, q))
        np.testing.assert_allclose(w[rows, columns], np.outer(wa[J][rows], wb[J][columns]), atol=1e-13)
        level = (J if p else 3), (J if q else 3)
        labels = w.isel(y=rows, x=columns)
        low = J if J == 2 else None  # at the finest octave a low-passed place holds a level of later octaves
        assert set(labels.level_y.values) == ({level[0]} if p or low else {2, 3})
        assert set(labels.level_x.values) == ({level[1]} if q or low else {2, 3})
    np.testing.assert_allclose(w[::4, ::4], np.outer(wa[2][::4], wb[2][::4]), atol=1e-13)


def test_levels_select_details():
    x = noise(("x",)).isel(run=0)
    w = sf.ops.orthogonal_wavelet(x, dims="x", J=3, filters="db2")
    assert w.level_x.dtype == np.int8 and w.level_x.values[:8].tolist() == [4, 1, 2, 1, 3, 1, 2, 1]
    xr.testing.assert_equal(w.where(w.level_x == 2, drop=True), w.isel(x=slice(2, None, 4)))


@pytest.mark.parametrize("dims", SHAPES)
def test_constants_have_no_details(dims):
    x = xr.full_like(noise(dims), 2.5)
    w = sf.ops.orthogonal_wavelet(x, dims=dims, J=3, normalize="mean")
    average = xr.ones_like(w, dtype=bool)
    for dim in dims:
        average = average & (w[f"level_{dim}"] == 4)
    assert float(abs(w.where(~average, 0.0)).max()) == 0.0
    np.testing.assert_array_equal(w.where(average, 2.5), 2.5)


@given(st.integers(0, 255), st.integers(1, 8))
def test_a_dirac_has_one_detail_per_level(place, J):
    x = xr.DataArray((np.arange(256) == place).astype(float), dims="x")
    w = sf.ops.orthogonal_wavelet(x, dims="x", J=J)
    found = w.level_x.values[np.abs(w.values) > 1e-15]
    assert sorted(found.tolist()) == list(range(1, J + 2))
    np.testing.assert_allclose(
        np.sort(np.abs(w.values[np.abs(w.values) > 1e-15])), np.sort([*2.0 ** (-np.arange(1, J + 1) / 2), 2.0 ** (-J / 2)])
    )


@pytest.mark.parametrize("filters", FILTERS)
def test_polynomials_of_low_degree_have_no_details_inside(filters):
    moments = FILTERS.index(filters) + 1
    x = np.linspace(-1, 1, 256) ** (moments - 1)
    w = sf.ops.orthogonal_wavelet(xr.DataArray(x, dims="x"), dims="x", J=2, filters=filters)
    inside = w.isel(x=slice(0, 256 - 3 * 2 * moments))  # wavelets beyond meet the seam
    assert float(abs(inside.where(inside.level_x < 3, 0.0)).max()) <= 1e-12


def test_operations_grow_linearly():
    flops = [
        OrthogonalWavelet(dims=("x",), J=J, filters="db4").cost(ArraySpec(("x",), (2**J,), "float64")).flops for J in (8, 12, 16)
    ]
    assert flops[1] / flops[0] == pytest.approx(16, rel=0.01) and flops[2] / flops[1] == pytest.approx(16, rel=0.01)


@pytest.mark.parametrize(("factor", "found"), [(2, "economy"), (0.5, "halo_blocks")])
def test_the_declared_reach_is_the_true_one(factor, found):
    # Coefficients of all octaves stand side by side; the kit looks for the one that reaches furthest.
    class Other(OrthogonalWavelet):
        """The same with another promise."""

        def depth(self, tol=1e-4):
            return {role: tuple(int(factor * n) for n in pair) for role, pair in super().depth(tol).items()}

    operator = {"dims": ("x",), "J": 2, "filters": "db2"}
    names = ["economy", "halo_blocks"]
    assert not check_operator(OrthogonalWavelet(**operator), only=names).failed
    assert set(check_operator(Other(**operator), only=names).failed) == {found}


def test_chunks_and_precision():
    x = noise(("y", "x"), dtype="float32")
    kw = {"dims": ("y", "x"), "J": 3, "filters": "db4"}
    whole = sf.ops.orthogonal_wavelet(x, **kw)
    lazy = sf.ops.orthogonal_wavelet(x.chunk(run=1), **kw)
    assert whole.dtype == np.float32 and lazy.chunks is not None
    xr.testing.assert_equal(lazy.compute(), whole)
    back = sf.ops.inverse_orthogonal_wavelet(whole, **kw)
    np.testing.assert_allclose(back, x, atol=1e-5)
    z = x.astype("complex128") * (1 + 2j)
    np.testing.assert_allclose(sf.ops.orthogonal_wavelet(z, **kw), whole * (1 + 2j), atol=1e-5)


def test_segments_are_transformed_apart():
    x = noise(("x",)).isel(run=0).assign_coords(segment=("x", np.repeat([7, 8], [64, 192])))
    kw = {"dims": "x", "J": 3, "filters": "db4"}
    w = sf.ops.orthogonal_wavelet(x, **kw)
    for part in (slice(64), slice(64, None)):
        np.testing.assert_allclose(w[part], sf.ops.orthogonal_wavelet(x[part].drop_vars("segment"), **kw), atol=1e-14)
    np.testing.assert_allclose(sf.ops.inverse_orthogonal_wavelet(w, **kw), x, atol=1e-12)
    shifted = x.assign_coords(segment=("x", np.repeat([7, 8], [60, 196])))
    with pytest.raises(ParameterError, match="segment of 'x' from sample 0 to 60"):
        sf.ops.orthogonal_wavelet(shifted, **kw)


def test_pyramid_holds_means_of_blocks():
    x = noise(("y", "x"))
    tree = sf.ops.averaging_pyramid(x, dims=("y", "x"), J=3)
    for j in (1, 2, 3):
        found = next(iter(tree[f"a{j}"].dataset.data_vars.values()))
        np.testing.assert_allclose(found, x.coarsen(y=2**j, x=2**j).mean(), atol=1e-15)
        np.testing.assert_array_equal(found.x, x.x[:: 2**j])
        assert found.units == "m s-1"


@pytest.mark.parametrize("normalize", ["mean", "orthonormal"])
def test_pyramid_is_the_low_pass_of_haar(normalize):
    x = noise(("x",))
    tree = sf.ops.averaging_pyramid(x, dims="x", J=4, normalize=normalize)
    for j in range(1, 5):
        haar = sf.ops.orthogonal_wavelet(x, dims="x", J=j, normalize=normalize)
        found = next(iter(tree[f"a{j}"].dataset.data_vars.values()))
        np.testing.assert_allclose(found, haar[:, :: 2**j], atol=1e-14)


def test_bad_input():
    x = noise(("x",))
    for name in ("orthogonal_wavelet", "inverse_orthogonal_wavelet", "averaging_pyramid"):
        call = getattr(sf.ops, name)
        with pytest.raises(ParameterError, match="length of 96 or 104, or J <= 2") as caught:
            call(x.isel(x=slice(100)), dims="x", J=3)
        assert caught.value.code == "LengthNotDyadic"
        with pytest.raises(ParameterError, match="boundary"):
            call(x, dims="x", J=3, boundary="reflect")
        with pytest.raises(ParameterError, match="J"):
            call(x, dims="x", J=-1)
    with pytest.raises(ParameterError, match="expected a length of 512, or J <= 8"):
        sf.ops.orthogonal_wavelet(x, dims="x", J=9)
    with pytest.raises(ParameterError, match="filters"):
        sf.ops.orthogonal_wavelet(x, dims="x", filters="db9")
    with pytest.raises(ParameterError, match="other levels along 'x'"):
        sf.ops.inverse_orthogonal_wavelet(sf.ops.orthogonal_wavelet(x, dims="x", J=3), dims="x", J=2)


def test_no_octaves_change_nothing():
    x = noise(("x",))
    np.testing.assert_array_equal(sf.ops.orthogonal_wavelet(x, dims="x", J=0), x)
    odd = x.isel(x=slice(7))
    np.testing.assert_array_equal(sf.ops.inverse_orthogonal_wavelet(odd, dims="x", J=0), odd)


def test_a_job_gives_the_data_back(tmp_path):
    x = noise(("y", "x"))
    x.to_dataset(name="u").chunk(run=1).to_zarr(tmp_path / "in.zarr", consolidated=False)
    arguments = {"dims": ["y", "x"], "J": 3, "filters": "db4"}
    graph = {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "in.zarr"), "variable": "u"}},
        "w": {"process_id": "orthogonal_wavelet", "arguments": {"data": {"from_node": "u"}, **arguments}},
        "b": {"process_id": "inverse_orthogonal_wavelet", "arguments": {"data": {"from_node": "w"}, **arguments}, "result": True},
    }
    result = sf.Pipeline({"process_graph": graph}).run(tmp_path / "out.zarr")
    (name,) = result.data_vars
    np.testing.assert_allclose(result[name].transpose(*x.dims), x, atol=1e-12)
