"""Complex data: bands of all directions, their labels, norms, adjoint and inverse; and sums of squares at any stride."""

from __future__ import annotations

import array_api_strict as strict
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import scatflow as sf
from scatflow.arrays import asnumpy, namespace
from scatflow.errors import FrameError, ParameterError
from scatflow.spec import ArraySpec
from scatflow.testing import adjoint_error, block
from scatflow_wavelet import Bank, Gammatone, Grid, Morlet, Tight
from scatflow_wavelet.wavelet import Wavelet

PLANE, LINE = ("y", "x"), ("x",)
PERIODIC = {"boundary": "periodic"}
BANKS = [
    (LINE, (256,), {"J": 5, "Q": 1}),
    (LINE, (192,), {"J": 6, "Q": 8, "filters": Tight()}),
    (LINE, (128,), {"J": 3, "Q": 2, "filters": Gammatone(), "metric": "index"}),
    (PLANE, (48, 32), {"J": 3, "L": 4}),
    (PLANE, (32, 64), {"J": 4, "L": 8, "filters": Tight()}),
    (PLANE, (32, 32), {"J": 2, "L": 6, "metric": (1.0, 0.5)}),
]


def noise(dims, shape, seed=0, dtype="complex128", batch=2):
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal((batch, *shape)) + 1j * rng.standard_normal((batch, *shape))).astype(dtype)
    coords = {dim: (dim, 0.25 * np.arange(n), {"units": "m"}) for dim, n in zip(dims, shape, strict=True)}
    return xr.DataArray(values, dims=("run", *dims), coords=coords, name="w", attrs={"units": "m s-1"})


def energy(array):
    return float((abs(array) ** 2).sum())


def pieces(tree):
    return {name: array for name, node in tree.children.items() for array in node.data_vars.values()}


def distance(a, b):
    return np.sqrt(energy(a - b) / energy(b))


# Bands


@pytest.mark.parametrize(("dims", "shape", "kw"), BANKS)
@pytest.mark.parametrize("stride", [1, 3, 4])
def test_bands_are_products_with_the_filters_of_the_full_circle(dims, shape, kw, stride):
    z = noise(dims, shape)
    found = sf.ops.wavelet(z, dims=dims, stride=stride, **kw, **PERIODIC).transpose("run", "path", *dims)
    family, aspect = kw.get("filters", Morlet()), (1.0, 2.0) if "metric" in kw and len(dims) == 2 else (1.0,) * len(dims)
    bank = Bank(family, kw["J"], kw.get("Q", kw.get("L")), aspect=aspect, full_circle=True)
    axes, kept = tuple(range(1, 1 + len(dims))), (slice(None), *(slice(None, None, stride),) * len(dims))
    spectrum = np.fft.fftn(z.values, axes=axes)
    filters = [bank.low_multiplier(Grid(shape)), *(bank.band_multiplier(n, Grid(shape)) for n in range(len(bank.bands)))]
    assert found.dtype == np.complex128 and found.sizes["path"] == len(filters) and found.units == "m s-1"
    for k, multiplier in enumerate(filters):
        expected = np.fft.ifftn(spectrum * multiplier, axes=axes)[kept]
        np.testing.assert_allclose(found[:, k], expected, atol=1e-13)


@pytest.mark.parametrize(("dims", "shape", "kw"), BANKS)
def test_bands_of_a_complex_signal_are_those_of_its_parts(dims, shape, kw):
    # W is linear over complex numbers, bands of the first half are those of real data over the root of two, and the
    # others, by conjugate filters, are the conjugates of those.
    u, v = noise(dims, shape).real, noise(dims, shape, seed=1).real
    parts = [sf.ops.wavelet(part, dims=dims, **kw, **PERIODIC).transpose("path", ...).values for part in (u, v)]
    whole = sf.ops.wavelet(u + 1j * v, dims=dims, **kw, **PERIODIC).transpose("path", ...).values
    count = len(parts[0]) - 1
    np.testing.assert_allclose(whole[0], parts[0][0] + 1j * parts[1][0], atol=1e-13)
    np.testing.assert_allclose(whole[1 : 1 + count], (parts[0] + 1j * parts[1])[1:] / np.sqrt(2), atol=1e-13)
    np.testing.assert_allclose(whole[1 + count :], (np.conj(parts[0]) + 1j * np.conj(parts[1]))[1:] / np.sqrt(2), atol=1e-13)


@pytest.mark.parametrize(("dims", "kw"), [(PLANE, {"L": 4}), (LINE, {"Q": 3})])
def test_labels_are_those_of_scattering(dims, kw):
    z = noise(PLANE, (32, 32)) if dims == PLANE else noise(LINE, (64,))
    bands = sf.ops.wavelet(z, dims=dims, J=3, **kw)
    first = sf.ops.scattering(z, dims=dims, J=3, order=1, **kw)
    for name in ("order", "j1", "l1", "xi1", "sigma1", "scale1", "theta1" if dims == PLANE else "n1"):
        xr.testing.assert_identical(bands[name].drop_vars(bands[name].coords), first[name].drop_vars(first[name].coords))
    voices = 4 if dims == PLANE else 3
    opposite = bands.sel(path=bands.l1 >= voices)
    assert 2 * opposite.sizes["path"] == bands.sizes["path"] - 1
    if dims == PLANE:
        assert float(opposite.theta1.min()) == 180 and float(bands.theta1.max()) == 315
    else:
        assert (opposite.xi1 < 0).all() and set(np.abs(bands.xi1.values[1:])) == set(-opposite.xi1.values)


def test_a_rotating_vector_is_seen_on_its_side():
    # u + iv = exp(-i w t) turns clockwise: all its energy is in bands of negative frequency.
    z = xr.DataArray(np.exp(-2j * np.pi * 20 / 256 * np.arange(256)), dims="t")
    bands = sf.ops.wavelet(z, dims="t", J=5, Q=4, filters="tight", paths={"order": 1}, **PERIODIC)
    share = (abs(bands) ** 2).mean("t")
    assert float(share.sum()) == pytest.approx(1, rel=1e-12)
    assert float(share.sel(path=share.xi1 > 0).max()) < 1e-28
    assert float(share.xi1[int(share.argmax("path"))]) == pytest.approx(-20 / 256, rel=0.2)


def test_paths_choose_directions():
    z = noise(PLANE, (32, 32))
    whole = sf.ops.wavelet(z, dims=PLANE, J=2, L=4)
    some = sf.ops.wavelet(z, dims=PLANE, J=2, L=4, paths={"j1": 1, "l1": (2, 6)})
    assert some.theta1.values.tolist() == [90.0, 270.0]
    np.testing.assert_allclose(some, whole.sel(path=(whole.j1 == 1) & whole.l1.isin([2, 6])), atol=1e-14)


@pytest.mark.parametrize(("dims", "shape", "kw"), BANKS)
def test_octaves_are_samples_of_the_transform(dims, shape, kw):
    z = noise(dims, shape)
    whole = sf.ops.wavelet(z, dims=dims, **kw, **PERIODIC)
    tree = pieces(sf.ops.wavelet(z, dims=dims, stride="octave", **kw, **PERIODIC))
    assert list(tree)[-1] == "low" and sum(piece.sizes["path"] for piece in tree.values()) == whole.sizes["path"]
    for name, piece in tree.items():
        of = whole.sel(path=(whole.order == 0) if name == "low" else (whole.j1 == int(name[1:])))
        step = shape[-1] // piece.sizes["x"]
        expected = of.isel({dim: slice(None, None, step) for dim in dims})
        np.testing.assert_allclose(piece.transpose(*expected.dims), expected, atol=1e-13)
        np.testing.assert_array_equal(piece.l1, of.l1)


def test_single_precision_and_lazy_data():
    z = noise(PLANE, (32, 32))
    kw = {"dims": PLANE, "J": 3, "L": 4}
    whole = sf.ops.wavelet(z, **kw)
    single = sf.ops.wavelet(z.astype("complex64"), **kw)
    assert single.dtype == np.complex64 and distance(single, whole) <= 1e-6
    lazy = sf.ops.wavelet(z.chunk(run=1), **kw)
    assert isinstance(lazy.data, da.Array) and distance(lazy.compute(), whole) <= 1e-14


# Norms


@pytest.mark.parametrize(("dims", "shape", "kw"), BANKS)
def test_energy_lies_between_the_frame_bounds(dims, shape, kw):
    z = noise(dims, shape)
    family, aspect = kw.get("filters", Morlet()), (1.0, 2.0) if "metric" in kw and len(dims) == 2 else (1.0,) * len(dims)
    low, high = Bank(family, kw["J"], kw.get("Q", kw.get("L")), aspect=aspect).bounds(Grid(shape))
    ratio = energy(sf.ops.wavelet(z, dims=dims, **kw, **PERIODIC)) / energy(z)
    assert low * (1 - 1e-12) <= ratio <= high * (1 + 1e-12)
    if isinstance(family, Tight):
        assert ratio == pytest.approx(1, abs=1e-10)


@given(st.integers(1, 6), st.integers(1, 12), st.integers(2, 5), st.integers(1, 3), st.booleans(), st.integers(0, 2**32 - 1))
def test_scaled_octaves_keep_the_energy_in_one_dim(J, Q, multiple, oversampling, whole, seed):
    z = noise(LINE, (multiple * 2**J,), seed=seed, batch=1)
    z = z if whole else z.real
    kw = {"dims": LINE, "J": J, "Q": Q, "filters": "tight", "oversampling": oversampling, **PERIODIC}
    tree = pieces(sf.ops.wavelet(z, stride="octave", scaling="energy", **kw))
    assert sum(energy(piece) for piece in tree.values()) == pytest.approx(energy(z), rel=1e-10)


@given(
    st.integers(1, 4), st.integers(2, 6), st.tuples(st.integers(1, 3), st.integers(1, 3)), st.integers(0, 2), st.booleans(),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_scaled_octaves_keep_the_energy_in_two_dims(J, L, multiple, oversampling, whole, seed):
    z = noise(PLANE, tuple(m * 2**J for m in multiple), seed=seed, batch=1)
    z = z if whole else z.real
    kw = {"dims": PLANE, "J": J, "L": L, "filters": "tight", "oversampling": oversampling, **PERIODIC}
    tree = pieces(sf.ops.wavelet(z, stride="octave", scaling="energy", **kw))
    assert sum(energy(piece) for piece in tree.values()) == pytest.approx(energy(z), rel=1e-10)


@pytest.mark.parametrize(("dims", "shape"), [(LINE, (96,)), (PLANE, (48, 24))])
@pytest.mark.parametrize("stride", [1, 3, 8, "octave"])
def test_scaling_is_the_root_of_the_samples_that_one_stands_for(dims, shape, stride):
    z, kw = noise(dims, shape), {"dims": dims, "J": 3, "Q": 2, "L": 3, "stride": stride}
    plain, scaled = (sf.ops.wavelet(z, **kw, scaling=word) for word in (None, "energy"))
    plain, scaled = (pieces(found) if stride == "octave" else {"": found} for found in (plain, scaled))
    for name, piece in plain.items():
        samples = np.prod([n / piece.sizes[dim] for dim, n in zip(dims, shape, strict=True)])
        np.testing.assert_allclose(scaled[name], np.sqrt(samples) * piece, rtol=1e-13)


# Derivative, devices, cost


@pytest.mark.parametrize(
    ("dims", "shape", "kw"),
    [
        *((dims, shape, {**kw, "stride": stride}) for dims, shape, kw in BANKS[1:5] for stride in (1, "octave")),
        (LINE, (100,), {"J": 3, "stride": 5, "scaling": "energy"}),
        (PLANE, (24, 40), {"J": 2, "L": 3, "stride": "octave", "scaling": "energy", "paths": ({"l1": 4}, {"order": 0})}),
    ],
)
def test_the_derivative_is_the_adjoint(dims, shape, kw):
    z = noise(dims, shape)
    operator = sf.ops.wavelet.operator(dims=dims, **kw)
    assert adjoint_error(block(operator, z)) <= 1e-12
    assert adjoint_error(block(operator, z.real)) <= 1e-12


@pytest.mark.parametrize("kw", [{"stride": 1}, {"stride": "octave", "scaling": "energy"}])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_strict_arrays_on_another_device(kw, dtype):
    operator, device = Wavelet(dims=PLANE, J=2, L=3, **kw), strict.Device("device1")
    ready = block(operator, noise(PLANE, (24, 16), dtype=dtype))
    (data,) = ready.arrays
    other = strict.asarray(np.asarray(data), device=device)
    xp, at = namespace(other), ready.at
    spec = ArraySpec(tuple(at.start), tuple(data.shape[-2:]), dtype)
    out = operator.apply(xp, other, at=at, **operator.prepare(xp, spec, device))
    known = operator.apply(namespace(data), data, at=at, **operator.prepare(namespace(data), spec, None))
    out, known = (found if isinstance(found, dict) else {"": found} for found in (out, known))
    for name, value in out.items():
        assert value.device == device and str(value.dtype).endswith(dtype)
        np.testing.assert_allclose(asnumpy(value), known[name], atol=(1e-5 if dtype == "complex64" else 1e-13))


# Inverse


@pytest.mark.parametrize(("dims", "shape", "kw"), BANKS)
def test_a_complex_signal_comes_back(dims, shape, kw):
    z = noise(dims, shape)
    back = sf.ops.inverse_wavelet(sf.ops.wavelet(z, dims=dims, **kw, **PERIODIC), dims=dims, **kw)
    assert back.dims == z.dims and back.dtype == z.dtype and back.units == "m s-1"
    assert distance(back, z) <= 1e-10  # measured: 8e-12 where A falls to 1e-6, else 1e-15


@pytest.mark.parametrize(("dims", "shape", "kw"), BANKS[:5])  # of the last one A falls to 1e-6
def test_single_precision_comes_back(dims, shape, kw):
    z = noise(dims, shape, dtype="complex64")
    back = sf.ops.inverse_wavelet(sf.ops.wavelet(z, dims=dims, **kw, **PERIODIC), dims=dims, **kw)
    assert back.dtype == np.complex64 and distance(back, z) <= 1e-4  # measured: at most 4e-7


@given(st.integers(1, 6), st.integers(1, 12), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_a_complex_signal_comes_back_whatever_the_bank(J, Q, multiple, seed):
    z, kw = noise(LINE, (multiple * 2**J,), seed=seed, batch=1), {"dims": "x", "J": J, "Q": Q, "filters": "tight"}
    assert distance(sf.ops.inverse_wavelet(sf.ops.wavelet(z, **kw, **PERIODIC), **kw), z) <= 1e-10


def test_changed_bands_of_complex_data_are_projected():
    # x = argmin ||W x - y|| over complex x: the residual is orthogonal to every transform, real factors or not.
    kw = {"dims": LINE, "J": 4, "Q": 2}
    bands = sf.ops.wavelet(noise(LINE, (128,)), **kw, **PERIODIC)
    changed = bands.where(abs(bands) > 0.3, 0.0)
    best = sf.ops.inverse_wavelet(changed, **kw)
    residual = (changed - sf.ops.wavelet(best, **kw, **PERIODIC)).transpose(*bands.dims).values
    assert abs(np.vdot(bands.values, residual)) <= 1e-12 * np.linalg.norm(bands.values) * np.linalg.norm(changed.values)
    assert np.linalg.norm(residual) > 0.01 * np.linalg.norm(changed.values)


def test_the_gradient_of_the_inverse_is_its_adjoint():
    kw = {"dims": LINE, "J": 3, "Q": 2}
    bands = sf.ops.wavelet(noise(LINE, (64,)), **kw, **PERIODIC)
    assert adjoint_error(block(sf.ops.inverse_wavelet.operator(**kw), bands)) <= 1e-12


def test_bands_of_half_the_directions_are_those_of_a_real_signal():
    # Which signal bands belong to is told by their labels alone.
    z, kw = noise(PLANE, (32, 32)), {"dims": PLANE, "J": 2, "L": 4, "filters": "tight"}
    bands = sf.ops.wavelet(z, **kw, **PERIODIC)
    half = bands.sel(path=bands.l1 < 4)
    assert sf.ops.inverse_wavelet(half, **kw).dtype == np.float64
    with pytest.raises(ParameterError, match="labels 'l1'"):
        sf.ops.inverse_wavelet(bands.isel(path=[0, *range(9, 17), *range(1, 9)]), **kw)
    with pytest.raises(ParameterError, match="labels"):
        sf.ops.inverse_wavelet(bands.sel(path=bands.l1 < 7), **kw)


def test_what_has_no_inverse():
    z = noise(PLANE, (32, 32))
    with pytest.raises(ParameterError, match=r"J.*tells real from complex.*at least 1"):
        sf.ops.inverse_wavelet(sf.ops.wavelet(z, dims=PLANE, J=0, **PERIODIC), dims=PLANE, J=0)
    with pytest.raises(FrameError, match="lower frame bound"):
        sf.ops.inverse_wavelet(sf.ops.wavelet(z, dims=PLANE, J=3, L=1, **PERIODIC), dims=PLANE, J=3, L=1)


# What cannot be


@pytest.mark.parametrize("profile", ["kymatio", "kymatio-0.3"])
def test_profiles_are_refused_before_data_are_read(profile):
    def refuse():
        raise AssertionError("data were read")

    data = da.Array({("unread", 0): (refuse,)}, "unread", ((64,),), dtype="complex128", meta=np.empty(0, "complex128"))
    x = xr.DataArray(data, dims="x")
    for name in ("wavelet", "scattering_moments", "scattering"):
        with pytest.raises(ParameterError, match=r"filters|complex") as caught:
            getattr(sf.ops, name)(x, dims="x", J=3, filters=profile)
        assert caught.value.code == "ProfileLacks" and 'filters="morlet"' in str(caught.value)


def test_an_unknown_scaling_is_refused():
    with pytest.raises(ParameterError, match="scaling"):
        sf.ops.wavelet(noise(LINE, (64,)), dims="x", scaling="energi")
