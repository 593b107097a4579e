"""The ends of what can be asked: one octave, scales as long as the signal, one orientation, orders without paths, odd lengths."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.graph import bind
from scatflow.graph.kernel import extended_place
from scatflow.labels import spec_of
from scatflow_scattering.scattering import Scattering

PLANE = ("y", "x")


def noise(shape: tuple[int, ...], dims: tuple[str, ...], dtype: str = "float64") -> xr.DataArray:
    return xr.DataArray(np.random.default_rng(3).standard_normal(shape).astype(dtype), dims=dims)


@pytest.mark.parametrize(("shape", "dims", "kw"), [
    ((64,), ("x",), {"J": 6}),  # 2^J is the length
    ((32, 32), PLANE, {"J": 5, "L": 4}),
    ((100,), ("x",), {"J": 1, "Q": 4}),
    ((24, 30), PLANE, {"J": 1, "L": 8}),
    ((24, 30), PLANE, {"J": 2, "L": 1}),
    ((7,), ("x",), {"J": 2}),
    ((1,), ("x",), {"J": 0}),
    ((1000,), ("x",), {"J": 6, "Q": (16, 1)}),  # as for sound
    ((997,), ("x",), {"J": 5, "T": 997.0}),
    ((33, 17), PLANE, {"J": 2, "L": 3, "order": 0}),
    ((40,), ("x",), {"J": 3, "order": 4, "tree": "all", "oversampling": 3}),
    ((128,), ("x",), {"J": 5, "order": 4}),
])  # fmt: skip
def test_constants_and_noise(shape, dims, kw):
    x = noise(shape, dims)
    S = sf.ops.scattering(x, dims=dims, **kw)
    step = 2 ** kw["J"]
    assert np.isfinite(S).all() and [S.sizes[dim] for dim in dims] == [-(-n // step) for n in shape]
    assert (S.sel(path=S.order > 0) >= 0).all()
    constant = sf.ops.scattering(0 * x + 2.5, dims=dims, **kw)
    np.testing.assert_allclose(constant.sel(path=constant.order == 0), 2.5, rtol=1e-12)
    assert np.abs(constant.sel(path=constant.order > 0).values).max(initial=0) < 1e-12


def test_orders_beyond_the_octaves_have_no_paths():
    # Octaves increase along a path, so that J of them allow J wavelets in two dims.
    x = noise((32, 32), PLANE)
    low, high = (sf.ops.scattering(x, dims=PLANE, J=2, L=3, order=order) for order in (2, 4))
    assert int(high.order.max()) == 2 and high.sizes["path"] == low.sizes["path"] == 1 + 6 + 9
    assert (high.j3 == -1).all() and np.isnan(high.xi4).all()
    np.testing.assert_array_equal(high, low)


def test_lengths_are_not_padded_to_powers_of_two():
    x = xr.DataArray(np.empty((384, 300_000), np.float32), dims=("channel", "time"))
    kernel = bind(Scattering(dims=("time",), J=8, Q=(8, 1)), spec_of(x)).kernel
    place = extended_place(kernel, {})
    (length,) = (place.stop[role] - place.start[role] for role in place.start)
    assert 300_000 + 2 * 5 * 256 <= length < 1.03 * 300_000


def test_many_long_channels():
    x = noise((5, 30_000), ("channel", "time"), "float32")
    whole = sf.ops.scattering(x, dims="time", J=8, Q=(8, 1))
    assert whole.shape == (5, 118, whole.sizes["path"]) and whole.dtype == "float32"
    lazy = sf.ops.scattering(x.chunk(channel=2), dims="time", J=8, Q=(8, 1))
    np.testing.assert_allclose(lazy, whole, rtol=1e-5, atol=1e-6)
