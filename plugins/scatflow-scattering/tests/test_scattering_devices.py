"""The kernel on a strict array library and its fake device: no copy to the host, nothing outside the standard."""

from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest
import xarray as xr

from scatflow import blocks
from scatflow.arrays import asnumpy
from scatflow.graph import bind
from scatflow.labels import spec_of
from scatflow_scattering.moments import ScatteringMoments
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.tight import Tight

CASES = [
    (("x",), (3, 61), {"J": 3, "Q": (2, 1)}),
    (("y", "x"), (2, 26, 19), {"J": 2, "L": 3}),
    (("y", "x"), (24, 24), {"J": 2, "L": 3, "stride": 3, "filters": Tight()}),
    (("y", "x"), (2, 24, 24), {"J": 2, "L": 2, "T": "global"}),
    (("x",), (3, 61), {"J": 2, "normalize": "parent"}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("dims", "shape", "kw"), CASES)
def test_strict_arrays_on_another_device(bench, rng, dims, shape, kw, dtype):
    operator = Scattering(dims=dims, **kw)
    data = rng.standard_normal(shape).astype(dtype)
    device = strict.Device("device1")
    block = bench.block(operator, strict.asarray(data, device=device))
    out = operator.apply(block.xp, block.data, at=block.at, **block.constants)
    assert out.device == device and out.dtype == getattr(strict, dtype)
    host = bench.block(operator, data)
    expected = operator.apply(host.xp, host.data, at=host.at, **host.constants)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(asnumpy(out), expected, atol=tolerance * np.abs(expected).max())
    cotangent = rng.standard_normal(expected.shape).astype(dtype)
    given = strict.asarray(cotangent, device=device)
    (gradient,) = operator.vjp(block.xp, given, block.data, at=block.at, **block.constants)
    (known,) = operator.vjp(host.xp, cotangent, host.data, at=host.at, **host.constants)
    assert gradient.device == device
    np.testing.assert_allclose(asnumpy(gradient), known, atol=10 * tolerance * np.abs(known).max())


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize(("dims", "kw"), [(("x",), {"J": 3}), (("y", "x"), {"J": 2, "L": 3, "T": 0})])
def test_complex_blocks_on_another_device(bench, rng, dims, kw, dtype):
    operator = Scattering(dims=dims, **kw)
    data = (rng.standard_normal((2, 24, 31)) + 1j * rng.standard_normal((2, 24, 31))).astype(dtype)
    block, host = bench.block(operator, strict.asarray(data, device=strict.Device("device1"))), bench.block(operator, data)
    out, expected = (operator.apply(b.xp, b.data, at=b.at, **b.constants) for b in (block, host))
    if kw.get("T") != 0:
        out, expected = {"": out}, {"": expected}
    for name, value in expected.items():
        assert out[name].device == block.data.device and str(out[name].dtype).endswith(value.dtype.name)
        np.testing.assert_allclose(asnumpy(out[name]), value, atol=(2e-5 if dtype == "complex64" else 1e-12) * np.abs(value).max())
    (gradient,) = operator.vjp(block.xp, out if kw.get("T") == 0 else out[""], block.data, at=block.at, **block.constants)
    (known,) = operator.vjp(host.xp, expected if kw.get("T") == 0 else expected[""], host.data, at=host.at, **host.constants)
    np.testing.assert_allclose(asnumpy(gradient), known, atol=(2e-4 if dtype == "complex64" else 1e-11) * np.abs(known).max())


def test_same_bytes_whatever_comes_after_in_the_batch(bench, rng):
    # Groups are counted from the first item of the block, so that full groups never depend on the rest.
    operator = Scattering(dims=("x",), J=3)
    data = rng.standard_normal((600, 160)).astype(np.float32)
    whole = bench(operator, data)
    again = bench(operator, data)
    assert whole.tobytes() == again.tobytes()
    np.testing.assert_allclose(bench(operator, data[:7]), whole[:7], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("dims", "shape", "kw"),
    [
        (("x",), (50, 3000), {"J": 5, "Q": (4, 1)}),  # several groups of items
        (("x",), (1, 5000), {"J": 4, "T": "global"}),
        (("y", "x"), (1, 260, 300), {"J": 3, "L": 4, "order": 3}),  # one group, several branches
        (("y", "x"), (7, 24, 24), {"J": 2, "tree": "all", "oversampling": 2, "paths": ({"order": 2, "j1": 1},)}),
    ],
)
def test_same_bytes_in_any_number_of_threads(rng, dims, shape, kw):
    from scatflow.blocks import evaluate

    data = rng.standard_normal(shape).astype(np.float32)
    kernel = bind(Scattering(dims=dims, **kw), spec_of(xr.DataArray(data, dims=("t", *dims)))).kernel
    first, *others = (evaluate(kernel, [data], threads=threads)[""].tobytes() for threads in (1, 2, 5))
    assert others == [first, first]


@pytest.mark.parametrize(("dims", "shape", "kw"), [
    (("x",), (2, 200), {"J": 3, "Q": 2}),
    (("y", "x"), (2, 40, 48), {"J": 2, "L": 3, "covariance": True}),
    (("y", "x"), (5, 32, 32), {"J": 2, "L": 2, "over": ("t",), "normalize": "ensemble"}),
    (("x",), (2, 128), {"J": 3, "normalize": "each", "nan": "mask"}),
])  # fmt: skip
def test_moments_on_another_device(rng, dims, shape, kw):
    data = rng.standard_normal(shape)
    if kw.get("nan") == "mask":
        data[0, 40:44] = np.nan
    call = bind(ScatteringMoments(dims=dims, **kw), spec_of(xr.DataArray(data, dims=("t", *dims))))
    device = strict.Device("device1")
    there = blocks.finalize(call.kernel, blocks.partial(call.kernel, [strict.asarray(data, device=device)]))
    here = blocks.finalize(call.kernel, blocks.partial(call.kernel, [data]))
    for name, value in here.items():
        assert there[name].device == device
        np.testing.assert_allclose(asnumpy(there[name]), value, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("policy", ["propagate", "mask"])
def test_gaps_on_another_device(rng, policy):
    data = rng.standard_normal((3, 80))
    data[0, 30:33], data[1, :7] = np.nan, np.nan
    call = bind(Scattering(dims=("x",), J=3, nan=policy), spec_of(xr.DataArray(data, dims=("t", "x"))))
    device = strict.Device("device1")
    there = blocks.evaluate(call.kernel, [strict.asarray(data, device=device)])
    for name, value in blocks.evaluate(call.kernel, [data]).items():
        assert there[name].device == device
        np.testing.assert_allclose(asnumpy(there[name]), value, atol=1e-10)
