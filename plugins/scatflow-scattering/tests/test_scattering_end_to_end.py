"""Through the engine: labelled arrays in, labelled arrays out."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import ParameterError
from scatflow_scattering.scattering import Scattering


@pytest.fixture
def field(rng):
    return xr.DataArray(
        rng.standard_normal((3, 48, 40)).astype("float32"),
        dims=("time", "y", "x"),
        coords={
            "time": [10, 20, 30],
            "y": ("y", 3.0 - 0.5 * np.arange(48), {"units": "m"}),
            "x": ("x", 0.5 * np.arange(40), {"units": "m"}),
        },
        attrs={"units": "m s-1", "long_name": "velocity"},
        name="u",
    )


def test_labelled_result(field):
    out = sf.ops.scattering(field, dims=("y", "x"), J=3, L=4)
    assert out.dims == ("time", "y", "x", "path") and out.shape == (3, 6, 5, 61) and out.dtype == "float32"
    assert out.attrs["units"] == "m s-1" and out.attrs["long_name"] == "scattering coefficients of velocity"
    np.testing.assert_allclose(out.y, field.y[::8])
    np.testing.assert_allclose(out.theta1[1:5], [0, 135, 90, 45])
    np.testing.assert_allclose(out.isel(path=0).mean(), field.mean(), atol=0.05)
    assert out.valid_fraction.sizes == {"y": 6, "x": 5}
    assert 0 < float(out.valid_fraction.min()) < 0.5 and float(out.valid_fraction.max()) > 0.98


def test_layout_and_order_of_dims_do_not_matter(field):
    out = sf.ops.scattering(field, dims=("y", "x"), J=2, L=3)
    other = sf.ops.scattering(field.transpose("x", "time", "y"), dims=("x", "y"), J=2, L=3)
    np.testing.assert_allclose(other.transpose(*out.dims), out, rtol=1e-5, atol=1e-7)
    xr.testing.assert_equal(other.theta2.drop_vars("x", errors="ignore"), out.theta2)


def test_lazy_equals_eager_and_reads_nothing_early(field):
    eager = sf.ops.scattering(field, dims=("y", "x"), J=2, L=3)

    def refuse(block):
        raise AssertionError("data were read")

    sf.ops.scattering(
        field.copy(
            data=dask.array.from_array(field.values, chunks=(1, 48, 40)).map_blocks(
                refuse, dtype="f4", meta=np.empty((0, 0, 0), "f4")
            )
        ),
        dims=("y", "x"),
        J=2,
        L=3,
    )
    lazy = sf.ops.scattering(field.chunk(time=2), dims=("y", "x"), J=2, L=3)
    assert isinstance(lazy.data, dask.array.Array)
    np.testing.assert_allclose(lazy.compute(), eager, rtol=1e-5, atol=1e-6)


def test_periodic_coordinates_need_no_extension(rng):
    n = 64
    x = xr.DataArray(rng.standard_normal(n), dims="x", coords={"x": ("x", np.arange(n) / n, {"period": 1.0})})
    out = sf.ops.scattering(x, dims="x", J=3)
    rolled = sf.ops.scattering(x.copy(data=np.roll(x.values, 16)), dims="x", J=3)
    np.testing.assert_allclose(rolled, np.roll(out, 2, 0), atol=1e-13)
    assert out.attrs["boundary"] == "periodic"


def test_support_along_a_time_axis(rng):
    t = xr.DataArray(rng.standard_normal(512), dims="t", coords={"t": ("t", np.arange(512) * 0.1, {"units": "s"})})
    out = sf.ops.scattering(t, dims="t", J=3)
    reach = Scattering(dims=("x",), J=3).depth(1e-4)["x"][0]
    assert float(out.support_end[20] - out.t[20]) == pytest.approx(0.1 * reach)
    assert float(out.support_start[0]) == 0 and float(out.support_end[-1]) == pytest.approx(51.1)


def test_nothing_beyond_the_reach_changes_a_value(rng):
    data = rng.standard_normal(1024)
    x = xr.DataArray(data, dims="t")
    out = sf.ops.scattering(x, dims="t", J=3)
    k = 64
    low, high = int(out.support_start[k]), int(out.support_end[k])
    changed = data.copy()
    changed[:low] = rng.standard_normal(low)
    changed[high + 1 :] = rng.standard_normal(1023 - high)
    again = sf.ops.scattering(x.copy(data=changed), dims="t", J=3)
    order = out.order.values
    for m in range(3):
        part = out[k].values[order == m]
        assert np.linalg.norm(again[k].values[order == m] - part) < 3e-4 * np.sqrt(
            np.mean(out.values[:, order == m] ** 2)
        ) * np.sqrt(part.size)


def test_global_average_and_order_zero(field):
    out = sf.ops.scattering(field, dims=("y", "x"), J=2, L=2, T="global", dtype="float64")
    assert out.dims == ("time", "path")
    np.testing.assert_allclose(out.isel(path=0), field.mean(("y", "x"), dtype="float64"), rtol=1e-5)


def test_tight_family_by_name(field):
    out = sf.ops.scattering(
        field, dims=("y", "x"), J=2, L=3, filters="tight", boundary="periodic", stride=1, oversampling=2, tree="all"
    )
    share = float((out.astype("f8") ** 2).sum() / (field.astype("f8") ** 2).sum())
    assert 0.9 < share < 1 + 1e-6


def test_errors_before_any_data(field):
    with pytest.raises(ParameterError, match="Use J=5 or less"):
        sf.ops.scattering(field, dims=("y", "x"), J=6)
    with pytest.raises(ParameterError, match="at least 2"):
        sf.ops.scattering(field, dims=("y", "x"), filters="tight", L=1)


def test_wavelet_then_modulus_is_the_first_order_before_averaging(field):
    bands = sf.ops.wavelet(field, dims=("y", "x"), J=2, L=3, paths={"order": 1})
    envelope = sf.ops.modulus(bands)
    assert envelope.dtype == "float32" and envelope.attrs["units"] == "m s-1"
    out = sf.ops.scattering(field, dims=("y", "x"), J=2, L=3, order=1, T="global", oversampling=2, paths={"order": 1})
    np.testing.assert_allclose(envelope.mean(("y", "x")), out, rtol=1e-4)
