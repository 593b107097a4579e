"""Signals back from octaves sampled at their own rates."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import scatflow as sf
from scatflow.errors import ParameterError
from scatflow_wavelet import Gammatone, bands_of_octaves

PLANE, LINE = ("y", "x"), ("x",)


def noise(dims, shape, seed=0, whole=True):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((2, *shape)) + (1j * rng.standard_normal((2, *shape)) if whole else 0)
    coords = {dim: (dim, 0.25 * np.arange(n), {"units": "m"}) for dim, n in zip(dims, shape, strict=True)}
    return xr.DataArray(values, dims=("run", *dims), coords=coords, name="w", attrs={"units": "m s-1"})


def octaves(x, dims, **kw):
    return sf.ops.wavelet(x, dims=dims, stride="octave", boundary="periodic", **kw)


def distance(a, b):
    return float(np.sqrt((abs(a - b) ** 2).sum() / (abs(b) ** 2).sum()))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("scaling", [None, "energy"])
@pytest.mark.parametrize(
    ("dims", "shape", "kw", "oversampling", "tol"),
    [
        (LINE, (192,), {"J": 6, "Q": 8, "filters": "tight"}, 1, 1e-10),  # measured: 6e-16
        (PLANE, (48, 32), {"J": 3, "L": 4, "filters": "tight"}, 0, 1e-10),  # 6e-16
        (LINE, (256,), {"J": 5, "Q": 1}, 1, 1e-10),  # 5e-16
        (LINE, (1024,), {"J": 6, "Q": 8}, 1, 1e-10),  # 4e-14
        (PLANE, (64, 32), {"J": 3, "L": 4}, 1, 1e-3),  # 3e-4
        (PLANE, (64, 32), {"J": 3, "L": 4}, 2, 1e-10),  # 2e-12
        (LINE, (256,), {"J": 4, "Q": 2, "filters": Gammatone(), "metric": "index"}, 1, 1e-3),  # 3e-4
    ],
)
def test_a_signal_comes_back(dims, shape, kw, oversampling, tol, scaling, whole):
    x = noise(dims, shape, whole=whole)
    tree = octaves(x, dims, scaling=scaling, oversampling=oversampling, **kw)
    back = sf.ops.inverse_wavelet(bands_of_octaves(tree, scaling=scaling), dims=dims, **kw)
    assert back.dtype == x.dtype and back.dims == x.dims and back.units == "m s-1"
    xr.testing.assert_equal(back.x, x.x)
    assert distance(back, x) <= tol


@given(
    st.integers(1, 4), st.integers(2, 9), st.tuples(st.integers(1, 3), st.integers(1, 3)), st.booleans(), st.integers(0, 2**32 - 1)
)
def test_a_plane_comes_back_whatever_the_tight_bank(J, L, multiple, whole, seed):
    x, kw = noise(PLANE, tuple(m * 2**J for m in multiple), seed, whole), {"J": J, "L": L, "filters": "tight"}
    tree = octaves(x, PLANE, scaling="energy", oversampling=0, **kw)
    assert distance(sf.ops.inverse_wavelet(bands_of_octaves(tree, "energy"), dims=PLANE, **kw), x) <= 1e-10


def test_bands_stay_in_place_with_zeros_between():
    x, kw = noise(PLANE, (32, 48)), {"J": 3, "L": 3, "filters": "tight"}
    full = sf.ops.wavelet(x, dims=PLANE, boundary="periodic", **kw)
    bands = bands_of_octaves(octaves(x, PLANE, oversampling=0, **kw)).transpose(*full.dims)
    for name in ("order", "j1", "l1", "theta1", "xi1", "x", "y"):
        xr.testing.assert_equal(bands[name].variable.to_base_variable(), full[name].variable.to_base_variable())
    for path in range(full.sizes["path"]):
        step = 2 ** (3 if path == 0 else int(full.j1[path]))
        held = bands[..., path].values.copy()
        np.testing.assert_allclose(held[:, ::step, ::step], step**2 * full.values[:, ::step, ::step, path], atol=1e-13)
        held[:, ::step, ::step] = 0
        assert not held.any()


@pytest.mark.parametrize("steps", [(1.0, 1.0), (-1.0, 1.0)])
def test_directions_keep_their_order_where_a_coordinate_decreases(steps):
    x = noise(PLANE, (32, 32))
    x = x.assign_coords({dim: step * np.arange(32) for dim, step in zip(PLANE, steps, strict=True)})
    for each in (x, x.real):
        tree = octaves(each, PLANE, J=2, L=5, filters="tight")
        assert distance(sf.ops.inverse_wavelet(bands_of_octaves(tree), dims=PLANE, J=2, L=5, filters="tight"), each) <= 1e-10


def test_lazy_octaves_stay_lazy():
    x = noise(LINE, (64,))
    bands = bands_of_octaves(octaves(x.chunk(run=1), LINE, J=3, filters="tight"))
    assert isinstance(bands.data, da.Array)
    assert distance(sf.ops.inverse_wavelet(bands, dims="x", J=3, filters="tight").compute(), x) <= 1e-10


def test_changed_octaves_change_the_signal_as_they_do_at_full_rate():
    # Thresholds in a tight frame: what is left of the signal has no more energy than what is left of the bands.
    x, kw = noise(LINE, (256,)), {"J": 4, "Q": 1, "filters": "tight"}
    tree = octaves(x, LINE, scaling="energy", **kw)
    kept = tree.map_over_datasets(lambda group: group.where(abs(group) > 1.0, 0.0) if group.data_vars else group)
    left = sum(float((abs(array) ** 2).sum()) for node in kept.children.values() for array in node.data_vars.values())
    back = sf.ops.inverse_wavelet(bands_of_octaves(kept, "energy"), dims="x", **kw)
    assert 0 < float((abs(back) ** 2).sum()) <= left < float((abs(x) ** 2).sum())


def test_what_cannot_be_joined():
    x = noise(LINE, (64,))
    with pytest.raises(ParameterError, match=r"group 'low'.*without paths"):
        bands_of_octaves(octaves(x, LINE, J=3, paths={"order": 1}))
    tree = octaves(x, LINE, J=3, Q=2, paths=({"n1": (0, 2, 4)}, {"order": 0}))
    with pytest.raises(ParameterError, match="labels"):
        sf.ops.inverse_wavelet(bands_of_octaves(tree), dims="x", J=3, Q=2)
    odd = octaves(x.isel(x=slice(62)), LINE, J=3, oversampling=0)
    with pytest.raises(ParameterError, match=r"whole multiples.*multiple of 2\^J"):
        bands_of_octaves(odd)
    bare = xr.DataTree.from_dict({"j0": x.to_dataset(name="a"), "low": x.to_dataset(name="a")})
    with pytest.raises(ParameterError, match="one variable"):
        bands_of_octaves(bare)
