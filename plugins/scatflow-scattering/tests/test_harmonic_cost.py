"""Memory of solid harmonic scattering: declared, measured, and a few volumes; and its kernel on a strict library."""

from __future__ import annotations

import tracemalloc

import array_api_strict as strict
import numpy as np
import pytest
import xarray as xr

from scatflow import blocks
from scatflow.arrays import asnumpy
from scatflow.graph import bind
from scatflow.labels import spec_of
from scatflow.spec import ArraySpec
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.solid_harmonics import SolidHarmonic

DIMS = ("z", "y", "x")
PEER = SolidHarmonic(profile="kymatio")


@pytest.mark.parametrize(("shape", "parameters", "volumes"), [
    ((1, 64, 64, 64), {"J": 3, "L": 3}, 11), ((1, 64, 64, 64), {"J": 3, "L": 3, "oversampling": 0}, 11),
    ((1, 64, 64, 64), {"J": 2, "L": 1}, 9), ((1, 64, 64, 64), {"J": 2, "L": 3, "order": 1}, 11), ((1, 48, 96, 64), {"J": 2, "L": 5}, 16),
    ((1, 64, 64, 64), {"J": 2, "L": 3, "filters": PEER}, 15), ((16, 16, 16, 16), {"J": 1, "L": 2}, 16),
])  # fmt: skip
def test_declared_bytes(rng, shape, parameters, volumes):
    data = rng.standard_normal(shape).astype(np.float32)
    operator = HarmonicScattering(dims=DIMS, **parameters)
    kernel = bind(operator, ArraySpec(("t", *DIMS), shape, "float32")).kernel
    blocks.evaluate(kernel, [data])  # tables that any block of this shape shares
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        blocks.evaluate(kernel, [data])
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    cost = operator.cost(ArraySpec(("t", *DIMS), shape, "float32"))
    assert 0.25 * cost.bytes < peak < 1.25 * cost.bytes
    assert peak < volumes * data.nbytes


def test_flops_of_the_orders_add_up_and_grow_with_the_volumes():
    spec = ArraySpec(DIMS, (64, 64, 64), "float32")
    operator = HarmonicScattering(dims=DIMS, J=3)
    cost = operator.cost(spec)
    assert list(cost.parts) == ["order 0", "order 1", "order 2"] and sum(cost.parts.values()) == pytest.approx(cost.flops)
    assert operator.cost(ArraySpec(("t", *DIMS), (4, 64, 64, 64), "float32")).flops == pytest.approx(4 * cost.flops)
    assert operator.replace(oversampling=0).cost(spec).flops < 0.7 * cost.flops
    assert list(operator.replace(order=1).cost(spec).parts) == ["order 0", "order 1"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "parameters", [{"J": 2, "L": 2}, {"J": 1, "L": 2, "filters": PEER}, {"J": 2, "L": 1, "boundary": "reflect", "oversampling": 0}]
)
def test_strict_arrays_on_another_device(rng, parameters, dtype):
    data = np.exp(rng.standard_normal((2, 8, 12, 16))).astype(dtype)
    operator = HarmonicScattering(dims=DIMS, **parameters)
    call = bind(operator, spec_of(xr.DataArray(data, dims=("t", *DIMS))))
    device = strict.Device("device1")
    there = blocks.evaluate(call.kernel, [strict.asarray(data, device=device)])
    here = blocks.evaluate(call.kernel, [data])
    for name, value in here.items():
        assert there[name].device == device and there[name].dtype == getattr(strict, dtype)
        np.testing.assert_allclose(asnumpy(there[name]), value, rtol=1e-5 if dtype == "float32" else 1e-10)
