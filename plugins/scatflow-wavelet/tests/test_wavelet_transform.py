"""The operator ``wavelet``: bands, sampling, labels, adjoint; and ``modulus``."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import array_api_strict as strict
import numpy as np
import pytest

from scatflow.arrays import asnumpy, namespace
from scatflow.errors import ParameterError
from scatflow.graph import bind
from scatflow.spec import ArraySpec, Coord, Place
from scatflow_wavelet import Bank, Grid, Morlet, Tight
from scatflow_wavelet.modulus import Modulus
from scatflow_wavelet.wavelet import Wavelet


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def whole(roles, sizes, periodic=True):
    size = dict(zip(roles, sizes, strict=True))
    core = {role: (0, n) for role, n in size.items()}
    return Place(dict.fromkeys(roles, 0), size, core, size, periodic=dict.fromkeys(roles, periodic))


def transform(operator, data, at=None, method="apply", given=None):
    """Call the kernel on a block that is periodic as it stands."""
    xp = namespace(data)
    roles = operator.signature.bind(len(operator.dims))
    sizes = tuple(data.shape[-len(roles) :])
    at = at or whole(roles, sizes)
    dtype = str(data.dtype).rpartition(".")[2]
    constants = operator.prepare(xp, ArraySpec(roles, sizes, dtype), data.device)
    arguments = (data,) if given is None else (given, data)
    return getattr(operator, method)(xp, *arguments, at=at, **constants)


@pytest.mark.parametrize("family", [Morlet(), Tight()])
@pytest.mark.parametrize("stride", [1, 2, 3, 8])
def test_bands_are_convolutions(rng, family, stride):
    data = rng.standard_normal((2, 40, 24))
    operator = Wavelet(dims=("y", "x"), J=3, L=4, filters=family, stride=stride)
    out = transform(operator, data)
    bank = Bank(family, 3, 4, aspect=(1.0, 1.0))
    filters = [bank.low_multiplier(Grid((40, 24))), *bank.psi(Grid((40, 24)))]
    for k, multiplier in enumerate(filters):
        expected = np.fft.ifft2(np.fft.fft2(data) * multiplier)[:, ::stride, ::stride]
        np.testing.assert_allclose(out[:, k], expected, atol=1e-13)


def test_octaves_are_sampled_at_their_own_rate(rng):
    data = rng.standard_normal((3, 64))
    operator = Wavelet(dims=("x",), J=4, Q=2, stride="octave", filters=Tight())
    full = transform(operator.replace(stride=1), data)
    parts = transform(operator, data)
    assert list(parts) == ["j0", "j1", "j2", "j3", "low"]
    for j in range(4):
        np.testing.assert_allclose(parts[f"j{j}"], full[:, 1 + 2 * j : 3 + 2 * j, :: 2 ** max(0, j - 1)], atol=1e-13)
    np.testing.assert_allclose(parts["low"], full[:, :1, ::8], atol=1e-13)


@pytest.mark.parametrize("dims", [("x",), ("y", "x")])
def test_tight_transform_keeps_the_norm(rng, dims):
    data = rng.standard_normal((64, 48)[: len(dims)])
    out = transform(Wavelet(dims=dims, J=4, Q=3, L=3, filters=Tight()), data)
    assert np.sum(np.abs(out) ** 2) == pytest.approx(np.sum(data**2), rel=1e-12)


CASES = [
    (("x",), (2, 96), {"J": 4, "Q": 3}),
    (("x",), (96,), {"J": 4, "stride": 5}),
    (("x",), (2, 64), {"J": 3, "Q": 2, "stride": "octave", "oversampling": 0}),
    (("y", "x"), (2, 24, 40), {"J": 3, "L": 4, "filters": Tight(), "stride": 2}),
    (("y", "x"), (24, 33 - 1), {"J": 2, "L": 3, "stride": "octave"}),
    (("y", "x"), (16, 32), {"J": 2, "L": 2, "metric": (1.0, 0.5), "paths": {"j1": 1}}),
]


@pytest.mark.parametrize(("dims", "shape", "kw"), CASES)
def test_adjoint_dot_test(rng, dims, shape, kw):
    operator = Wavelet(dims=dims, **kw)
    data = rng.standard_normal(shape)
    out = transform(operator, data)
    several = isinstance(out, dict)
    out = out if several else {"": out}
    given = {name: rng.standard_normal(v.shape) + 1j * rng.standard_normal(v.shape) for name, v in out.items()}
    (back,) = transform(operator, data, method="vjp", given=given if several else given[""])
    assert back.dtype == data.dtype and back.shape == data.shape
    left = sum(np.sum(np.conj(given[name]) * value).real for name, value in out.items())
    right = np.sum(back * data)
    size = np.sqrt(sum(np.sum(np.abs(v) ** 2) for v in out.values()) * sum(np.sum(np.abs(v) ** 2) for v in given.values()))
    assert abs(left - right) <= 1e-10 * size


def test_blocks_that_start_elsewhere_give_absolute_samples(rng):
    # A block from index -16: samples lie at absolute multiples of the stride.
    data = rng.standard_normal(96)
    operator = Wavelet(dims=("x",), J=3, stride=6)
    at = replace(whole(("x",), (96,)), start={"x": -16}, stop={"x": 80})
    out = transform(operator, data, at)
    dense = transform(operator.replace(stride=1), data, at)
    assert at.samples("x", 6).start == -12
    np.testing.assert_allclose(out, dense[:, 4::6], atol=1e-13)


def test_analytic_envelope(rng):
    # x = a(t) cos(w t) with slow a: |x * psi| = a |psi(w)| / 2.
    n = 1024
    t = np.arange(n)
    envelope = 1 + 0.3 * np.cos(2 * np.pi * t / n)
    k = 128
    operator = Wavelet(dims=("x",), J=4, Q=4, paths={"j1": 0})
    out = np.abs(transform(operator, envelope * np.cos(2 * np.pi * k / n * t)))
    bank = Bank(Morlet(), 4, 4)
    for m in range(4):
        gain = bank.band_multiplier(m, Grid((n,)))[k]
        if gain > 0.3:
            np.testing.assert_allclose(out[m], envelope * gain / 2, rtol=0.01)


def test_singularities_scale(rng):
    # A Dirac, s = -1 and a step, s = 0: the largest modulus at scale 2^j goes like 2^(j s).
    n = 4096
    operator = Wavelet(dims=("x",), J=8, paths={"order": 1})
    signals = {-1: (np.arange(n) == n // 2).astype(float), 0: (np.arange(n) >= n // 2).astype(float)}
    for s, data in signals.items():
        out = np.abs(transform(operator, data))[:, n // 4 : 3 * n // 4].max(axis=1)
        slope = np.polyfit(np.arange(2, 8), np.log2(out[2:8]), 1)[0]
        assert slope == pytest.approx(s, abs=0.1)


@pytest.mark.parametrize("kw", [{"J": 3, "L": 3}, {"J": 2, "L": 2, "stride": "octave"}, {"J": 2, "L": 2, "stride": 3}])
def test_strict_arrays_on_another_device(rng, kw):
    operator = Wavelet(dims=("y", "x"), **kw)
    data = rng.standard_normal((2, 24, 16))
    device = strict.Device("device1")
    out, expected = transform(operator, strict.asarray(data, device=device)), transform(operator, data)
    out, expected = (v if isinstance(v, dict) else {"": v} for v in (out, expected))
    for name, value in out.items():
        assert value.device == device
        np.testing.assert_allclose(asnumpy(value), expected[name], atol=1e-13)
    (back,) = transform(operator, strict.asarray(data, device=device), method="vjp", given=out if len(out) > 1 else out[""])
    assert back.device == device


def test_labels_and_shapes():
    coord = Coord(("x",), np.arange(100) * 0.5, {"units": "km"})
    spec = ArraySpec(("t", "x"), (3, 100), "float32", coords={"x": coord}, attrs={"units": "K", "standard_name": "air_temperature"})
    out = Wavelet(dims=("x",), J=4, Q=2, stride=8).output(spec)
    assert out.dims == ("t", "path", "x") and out.dtype == "complex64" and out.sizes["x"] == 13
    assert out.coords["order"].values.tolist()[:2] == [0, 1] and out.coords["xi1"].attrs["units"] == "1/km"
    assert out.attrs["units"] == "K" and "standard_name" not in out.attrs
    np.testing.assert_allclose(out.coords["x"].values, np.arange(13) * 4.0)
    parts = Wavelet(dims=("x",), J=4, Q=2, stride="octave").output(spec)
    assert {name: part.sizes["x"] for name, part in parts.items()} == {
        "j0": 100,
        "j1": 100,
        "j2": 50,
        "j3": 25,
        "j4": 13,
        "low": 13,
    }
    with pytest.raises(ParameterError, match="stride"):
        Wavelet(dims=("x",), stride=0).output(spec)
    with pytest.raises(ParameterError, match="J <= 6"):
        Wavelet(dims=("x",), J=7).output(spec)


def test_modulus(rng):
    a, b = (rng.standard_normal(50) + 1j * rng.standard_normal(50) for _ in range(2))
    operator = Modulus()
    np.testing.assert_allclose(operator.apply(np, a), np.abs(a))
    assert np.linalg.norm(operator.apply(np, a) - operator.apply(np, b)) <= np.linalg.norm(a - b)
    spec = ArraySpec(("x",), (4,), "complex64", attrs={"units": "m", "long_name": "height"})
    assert operator.output(spec).dtype == "float32"
    assert operator.output(spec).attrs == {"units": "m", "long_name": "modulus of height"}
    g = rng.standard_normal(50)
    (back,) = operator.vjp(np, g, a)
    step = 1e-6 * b
    numeric = np.sum(g * (np.abs(a + step) - np.abs(a - step))) / 2e-6
    assert np.sum((np.conj(back) * b).real) == pytest.approx(numeric, rel=1e-7)
    assert operator.vjp(np, np.ones(2), np.array([0.0, -2.0]))[0].tolist() == [0.0, -1.0]


def test_shares_of_long_averages_need_no_square_matrix() -> None:
    """Averages over 2^10 samples reach 6000: all weights of a few thousand samples are a gigabyte, those of some rows are not."""
    signal = ArraySpec(("time",), (8192,), "float32")
    tracemalloc.start()
    kernel = bind(Wavelet(dims=("time",), J=10, Q=1, stride=1), signal)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    share = kernel.outputs[""].coords["valid_fraction"].values
    assert peak < 200 * 2**20
    np.testing.assert_allclose(share[[0, -1]], 0.5, atol=1e-3)
    np.testing.assert_allclose(share, share[::-1], atol=1e-12)
    assert 0.98 < share[4096] < 1  # both ends are 4096 samples away, less than the reach
