"""``increments`` and ``cumsum``: differences and sums along one dim, with walls between segments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scatflow import apply, ops
from scatflow.errors import ChunkError, DimensionError, ParameterError
from scatflow_arrays.increments import Cumsum, Increments, Lagged


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lag=st.integers(1, 7), chunks=st.integers(1, 8), periodic=st.booleans())
def test_differences_carry_the_later_label(field: xr.DataArray, run: Any, lag: int, chunks: int, periodic: bool) -> None:
    operator = Increments(dim="x", lag=lag, boundary="periodic" if periodic else "valid")
    result = run(operator, field, chunks={"x": chunks})
    if periodic:
        np.testing.assert_array_equal(result, field.values - np.roll(field.values, lag, axis=-1))
        np.testing.assert_array_equal(result.x, field.x)
    else:
        np.testing.assert_array_equal(result, field.values[..., lag:] - field.values[..., :-lag])
        np.testing.assert_array_equal(result.x, field.x[lag:])
        np.testing.assert_array_equal(result.zone, field.zone[lag:])
    assert result.dims == field.dims
    assert result.dtype == np.float32
    assert result.attrs["units"] == "m s-1"
    assert "long_name" not in result.attrs


def test_pairs_give_correlations_at_a_lag(field: xr.DataArray, run: Any) -> None:
    sides = [run(Lagged(dim="x", lag=3, side=side), field) for side in ("earlier", "later")]
    np.testing.assert_array_equal(sides[0], field[..., :-3])
    np.testing.assert_array_equal(sides[1], field[..., 3:])
    np.testing.assert_array_equal(sides[0].x, field.x[:-3])
    assert sides[0].attrs["units"] == "m s-1"


def test_lag_one_equals_xarrays_diff(field: xr.DataArray, run: Any) -> None:
    xr.testing.assert_equal(run(Increments(dim="time"), field).drop_attrs(), field.diff("time", label="upper"))


def test_periodic_by_default_where_the_coordinate_declares_it() -> None:
    data = xr.DataArray(np.arange(4.0), dims="x", coords={"x": ("x", np.arange(4.0) / 2, {"period": 2.0})})
    assert apply(Increments(dim="x"), data).sizes["x"] == 4
    assert apply(Increments(dim="x"), data[:3]).sizes["x"] == 2
    assert apply(Increments(dim="x", boundary="valid"), data).sizes["x"] == 3


def test_uneven_and_text_labels_are_fine() -> None:
    data = xr.DataArray([1.0, 4.0, 9.0], dims="t", coords={"t": [0.0, 1.0, 5.0]})
    np.testing.assert_array_equal(apply(Increments(dim="t"), data), [3, 5])
    np.testing.assert_array_equal(apply(Increments(dim="t"), data.assign_coords(t=["a", "b", "c"])), [3, 5])


@pytest.fixture
def sessions() -> xr.DataArray:
    """Prices of three sessions of 4, 1 and 3 samples."""
    segment = ("time", [1, 1, 1, 1, 2, 3, 3, 3])
    return xr.DataArray(np.arange(16.0).reshape(2, 8) ** 2, dims=("name", "time"), coords={"segment": segment})


def test_no_difference_spans_a_wall(sessions: xr.DataArray, run: Any) -> None:
    result = run(Increments(dim="time"), sessions, chunks={"time": 3})
    later = [1, 2, 3, 6, 7]
    np.testing.assert_array_equal(result, sessions.values[:, later] - sessions.values[:, [i - 1 for i in later]])
    np.testing.assert_array_equal(result.segment, [1, 1, 1, 3, 3])
    with pytest.raises(DimensionError, match="at most 3"):
        apply(Increments(dim="time", lag=4), sessions)
    with pytest.raises(ParameterError, match="not periodic"):
        apply(Increments(dim="time", boundary="periodic"), sessions)


def test_bad_increments(field: xr.DataArray) -> None:
    with pytest.raises(DimensionError, match="at most 7"):
        apply(Increments(dim="x", lag=8), field)
    with pytest.raises(DimensionError, match="at most 7"):
        apply(Increments(dim="x", lag=8, boundary="periodic"), field)
    with pytest.raises(DimensionError, match="no dim 'z'"):
        apply(Increments(dim="z"), field)
    for lag in (0, -1, 1.5, True):
        with pytest.raises(ParameterError):
            Increments(dim="x", lag=lag)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_sums_agree_with_numpy(field: xr.DataArray, run: Any, dtype: str) -> None:
    data = field.astype(dtype)
    result = run(Cumsum(dims="y"), data, chunks={"time": 2, "x": 3})
    np.testing.assert_allclose(result, data.cumsum("y"), rtol=1e-6)
    assert result.dtype == dtype
    assert result.dims == field.dims
    assert result.attrs["units"] == "m s-1"
    np.testing.assert_array_equal(result.time, field.time)


def test_sums_are_accumulated_in_float64() -> None:
    data = xr.DataArray(np.full(1 << 18, 0.1, "float32"), dims="t")
    result = apply(Cumsum(), data)
    np.testing.assert_allclose(result[-1], float(np.float32(0.1)) * (1 << 18), rtol=1e-7)


def test_no_data_as_openeo_defines_it() -> None:
    """The examples of the official definition of cumsum."""
    data = xr.DataArray([1.0, 3.0, np.nan, 3.0, 1.0], dims="t")
    np.testing.assert_array_equal(apply(Cumsum(), data), [1, 4, np.nan, 7, 8])
    np.testing.assert_array_equal(apply(Cumsum(ignore_nodata=False), data), [1, 4, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(apply(Cumsum(), data.fillna(5.0)), [1, 4, 9, 12, 13])


def test_sums_start_anew_in_every_segment(sessions: xr.DataArray, run: Any) -> None:
    result = run(Cumsum(dims="time"), sessions, chunks={"name": 1})
    expected = sessions.groupby("segment").cumsum()
    np.testing.assert_array_equal(result, expected)


def test_sums_undo_differences(field: xr.DataArray) -> None:
    data = field.astype("float64")
    rebuilt = data.isel(x=0, drop=True) + apply(Cumsum(dims="x"), apply(Increments(dim="x"), data))
    np.testing.assert_allclose(rebuilt.transpose(*data.dims), data[..., 1:], rtol=1e-13)


def test_a_sum_needs_its_dim_whole(field: xr.DataArray) -> None:
    with pytest.raises(ChunkError, match="chunk"):
        apply(Cumsum(dims="x"), field.chunk(x=2))
    assert apply(Cumsum(dims="x"), field.chunk(x=2), rechunk="auto").shape == field.shape


def test_a_sum_along_uneven_labels() -> None:
    data = xr.DataArray([1.0, 2.0, 3.0], dims="t", coords={"t": [0.0, 1.0, 5.0]})
    np.testing.assert_array_equal(apply(Cumsum(dims="t"), data), [1, 3, 6])


def test_paths_and_increments_say_what_they_are(field: xr.DataArray) -> None:
    """Statistics of returns refuse what says that it is a path, and the remedy has to be one."""
    path = field.assign_attrs(input="path", source="here")
    found = ops.increments(path, dim="time")
    assert "input" not in found.attrs
    assert found.attrs["source"] == "here"
    sums = ops.cumsum(field.assign_attrs(input="increments"), dims="time")
    assert sums.attrs["input"] == "path"
    assert "input" not in ops.cumsum(field, dims="time").attrs
