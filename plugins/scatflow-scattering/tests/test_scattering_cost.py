"""Declared bytes against measured ones."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from scatflow.arrays import prepared_cache
from scatflow.spec import ArraySpec
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.gammatone import Gammatone
from scatflow_wavelet.kymatio import Kymatio
from scatflow_wavelet.tight import Tight
from scatflow_wavelet.wavelet import Wavelet

VOLUME, PLANE, LINE = ("z", "y", "x"), ("y", "x"), ("x",)
CASES = [
    (Scattering(dims=PLANE, J=3, L=8), (2, 128, 128)),
    (Scattering(dims=PLANE, J=3), (8, 64, 64)),
    (Scattering(dims=PLANE, J=4, L=4, order=1), (1, 256, 256)),
    (Scattering(dims=PLANE, J=3, L=4, stride=1), (2, 64, 64)),
    (Scattering(dims=PLANE, J=3, L=4, stride=5), (2, 96, 96)),
    (Scattering(dims=PLANE, J=3, L=3, order=3, T="global"), (2, 96, 96)),
    (Scattering(dims=PLANE, J=3, L=6, filters=Tight(), oversampling=0), (2, 96, 96)),
    (Scattering(dims=LINE, J=8, Q=8), (4, 16384)),
    (Scattering(dims=LINE, J=5), (100, 1000)),
    (Wavelet(dims=PLANE, J=4, L=4), (2, 128, 128)),
    (Wavelet(dims=PLANE, J=4, L=4, stride="octave"), (2, 128, 128)),
    (Wavelet(dims=PLANE, J=4, L=4, stride=16), (2, 128, 128)),
    (Wavelet(dims=LINE, J=8, Q=8), (2, 16384)),
    (Scattering(dims=LINE, J=5, filters=Gammatone()), (100, 1000)),
    (Scattering(dims=LINE, J=6, Q=8, filters=Gammatone(), stride=1), (4, 16384)),
    (Wavelet(dims=LINE, J=6, Q=4, filters=Gammatone()), (2, 16384)),
    (Scattering(dims=PLANE, J=5, L=8, filters=Kymatio()), (1, 320, 320)),
    (Scattering(dims=LINE, J=6, Q=8, filters=Kymatio()), (2, 16384)),
    (Scattering(dims=VOLUME, J=3, boundary="periodic"), (1, 48, 48, 32)),
    (Scattering(dims=VOLUME, J=1, L=15, stride=1), (2, 24, 16, 20)),
    (Scattering(dims=VOLUME, J=2, L=10, order=1, oversampling=2), (1, 32, 32, 32)),
    (Wavelet(dims=VOLUME, J=2, boundary="periodic"), (1, 32, 32, 32)),
    (Wavelet(dims=VOLUME, J=2, stride="octave"), (2, 20, 20, 20)),
]


@pytest.mark.parametrize(("operator", "shape"), CASES)
def test_declared_bytes(bench, rng, operator, shape):
    """What the kernel holds beside its input: filters, planes, the result before it is trimmed."""
    check_bytes(bench, operator, rng.standard_normal(shape).astype(np.float32))


COMPLEX_CASES = [
    (Scattering(dims=PLANE, J=3, L=8), (2, 128, 128)),
    (Wavelet(dims=PLANE, J=4, L=4), (2, 128, 128)),
    (Wavelet(dims=PLANE, J=4, L=4, stride="octave", scaling="energy"), (2, 128, 128)),
    (Wavelet(dims=PLANE, J=4, L=4, stride=16), (8, 128, 128)),
    (Wavelet(dims=LINE, J=8, Q=8), (2, 16384)),
    (Wavelet(dims=LINE, J=6, Q=4, filters=Gammatone()), (2, 16384)),
    (Scattering(dims=VOLUME, J=2), (1, 32, 24, 32)),
]


@pytest.mark.parametrize(("operator", "shape"), COMPLEX_CASES)
def test_declared_bytes_of_complex_data(bench, rng, operator, shape):
    values = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    check_bytes(bench, operator, values.astype(np.complex64))


def check_bytes(bench, operator, data):
    block = bench.block(operator, data)
    operator.apply(block.xp, block.data, at=block.at, **block.constants)  # kernels are compiled once, whatever the data
    block.constants.clear()
    prepared_cache().clear()  # what a family keeps counts too
    spec = ArraySpec(tuple(block.at.size), tuple(block.data.shape[-len(operator.dims) :]), data.dtype.name)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        constants = operator.prepare(block.xp, spec, None)
        operator.apply(block.xp, block.data, at=block.at, **constants)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    cost = operator.cost(ArraySpec(("t", *operator.dims), tuple(block.data.shape), data.dtype.name))
    assert 0.25 * cost.bytes < peak < 1.15 * cost.bytes
    assert cost.flops > 0


def test_flops_grow_with_items_and_fall_with_selection():
    spec = ArraySpec(("t", "y", "x"), (4, 128, 128), "float32")
    operator = Scattering(dims=PLANE, J=4)
    one = operator.cost(ArraySpec(("y", "x"), (128, 128), "float32"))
    assert operator.cost(spec).flops == pytest.approx(4 * one.flops)
    assert operator.replace(order=1).cost(spec).flops < 0.5 * operator.cost(spec).flops
    assert operator.replace(paths=({"order": 2, "j1": 2, "l1": 0},)).cost(spec).flops < 0.1 * operator.cost(spec).flops


def test_flops_of_the_orders_add_up_and_are_those_of_smaller_transforms():
    spec = ArraySpec(("y", "x"), (128, 128), "float32")
    operator = Scattering(dims=PLANE, J=4)
    cost = operator.cost(spec)
    assert list(cost.parts) == ["order 0", "order 1", "order 2"] and sum(cost.parts.values()) == pytest.approx(cost.flops)
    assert operator.replace(order=0).cost(spec).flops == pytest.approx(cost.parts["order 0"])
    assert operator.replace(order=1).cost(spec).parts["order 1"] <= cost.parts["order 1"] < cost.parts["order 2"]
