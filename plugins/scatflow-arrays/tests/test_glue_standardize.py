"""Anomalies and standardization, from the data or from frozen statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatflow import apply
from scatflow.errors import DimensionError, ParameterError
from scatflow_arrays.reduction import Reduction
from scatflow_arrays.standardization import Center, Demean, Rescale, Standardize


@pytest.mark.parametrize("over", ["time", ("x", "y")])
def test_demean_removes_the_mean(field: xr.DataArray, run: Any, over: Any) -> None:
    result = run(Demean(over=over), field, rtol=1e-6)
    wide = field.astype("float64")
    np.testing.assert_allclose(result, wide - wide.mean(over), atol=1e-6)
    assert result.dtype == np.float32
    assert result.dims == field.dims
    assert result.attrs["units"] == "m s-1"
    assert result.attrs["long_name"] == "deviation of velocity"


def test_standardize_gives_zero_mean_and_unit_variance(field: xr.DataArray, run: Any) -> None:
    result = run(Standardize(over=("time", "x"), ddof=1), field, rtol=1e-5).astype("float64")
    np.testing.assert_allclose(result.mean(("time", "x")), 0, atol=1e-6)
    np.testing.assert_allclose(result.std(("time", "x"), ddof=1), 1, rtol=1e-6)
    assert result.attrs["units"] == "1"


def test_missing_samples_stay_out_of_statistics() -> None:
    data = xr.DataArray([[1.0, 2.0, np.nan, 3.0], [5.0, 5.0, 5.0, 5.0]], dims=("a", "b"))
    result = apply(Demean(over="b", skipna=True), data)
    np.testing.assert_array_equal(result, [[-1, 0, np.nan, 1], [0, 0, 0, 0]])
    assert np.isnan(apply(Demean(over="b"), data)[0]).all()
    result = apply(Standardize(over="b", skipna=True), data)
    np.testing.assert_allclose(result[0, [0, 1, 3]], np.array([-1, 0, 1]) / np.sqrt(2 / 3))
    assert np.isnan(result[1]).all()


def test_frozen_statistics_are_arrays(field: xr.DataArray, run: Any) -> None:
    train, test = field.isel(time=slice(0, 4)), field.isel(time=slice(4, 6))
    mean = apply(Reduction(over="time"), train)
    std = apply(Reduction(over="time", statistic="std"), train)
    result = run(Rescale(), test, mean, std, rtol=1e-6)
    wide = train.astype("float64")
    np.testing.assert_allclose(result, (test - wide.mean("time")) / wide.std("time"), rtol=1e-5, atol=1e-6)
    assert result.dtype == np.float32
    assert result.attrs["units"] == "1"
    centered = run(Center(), test, mean, rtol=1e-6)
    assert centered.dtype == np.float32
    np.testing.assert_allclose(centered, test - wide.mean("time"), rtol=1e-5, atol=1e-6)


def test_frozen_statistics_equal_own_ones(field: xr.DataArray) -> None:
    statistics = [apply(Reduction(over="time", statistic=name), field) for name in ("mean", "std")]
    np.testing.assert_array_equal(apply(Rescale(), field, *statistics), apply(Standardize(over="time"), field))


def test_frozen_statistics_as_numbers(field: xr.DataArray, run: Any) -> None:
    np.testing.assert_allclose(run(Rescale(), field, 3.0, 2.0), (field - 3) / 2, rtol=1e-6)
    np.testing.assert_allclose(run(Center(), field, 3.0), field - 3, rtol=1e-6)
    assert not np.isfinite(apply(Rescale(), field, 3.0, 0.0)).any()


def test_statistics_must_fit(field: xr.DataArray) -> None:
    mean = field.mean("time").assign_attrs(units="m s-1")
    with pytest.raises(DimensionError, match="'member' that the data lack"):
        apply(Center(), field, mean.expand_dims(member=2))
    with pytest.raises(ParameterError, match="units of data and location differ") as caught:
        apply(Rescale(), field, mean.assign_attrs(units="km/h"), 1.0)
    assert caught.value.code == "UnitsDiffer"
    with pytest.raises(DimensionError, match="labels differ"):
        apply(Center(), field, mean.assign_coords(x=mean.x + 1))


def test_statistics_in_other_dim_order(field: xr.DataArray) -> None:
    mean = field.mean("time").transpose("x", "y")
    result = apply(Center(), field, mean)
    assert result.dims == field.dims
    np.testing.assert_allclose(result, field - mean, rtol=1e-6)


def test_dims_are_required() -> None:
    with pytest.raises(ParameterError) as caught:
        Demean()  # type: ignore[call-arg]
    assert caught.value.code == "ParameterRequired"
