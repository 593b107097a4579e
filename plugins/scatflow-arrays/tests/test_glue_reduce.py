"""``reduce`` and ``norm`` against xarray, whatever the chunks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scatflow import apply
from scatflow.errors import DimensionError, DtypeError, ParameterError
from scatflow_arrays.reduction import Norm, Reduction

STATISTICS = ["mean", "var", "std", "min", "max", "sum"]


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("over", [("time",), ("x", "y"), ("x", "time"), ("time", "y", "x")])
def test_agrees_with_xarray(field: xr.DataArray, run: Any, statistic: Any, over: tuple[str, ...]) -> None:
    result = run(Reduction(over=over, statistic=statistic), field, rtol=1e-14)
    expected = getattr(field.astype("float64"), statistic)(over)
    np.testing.assert_allclose(result, expected, rtol=1e-13)
    assert result.dims == expected.dims
    assert result.dtype == np.float64
    assert set(result.coords) == set(expected.coords)


@pytest.mark.parametrize("statistic", STATISTICS)
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), chunks=st.integers(1, 9), skipna=st.booleans(), share=st.sampled_from([0.0, 0.3, 0.9]))
def test_missing_samples_and_any_chunks(run: Any, statistic: Any, seed: int, chunks: int, skipna: bool, share: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, 9))
    values[rng.random(values.shape) < share] = np.nan
    data = xr.DataArray(values, dims=("a", "b"))
    operator = Reduction(over="b", statistic=statistic, skipna=skipna, count=True)
    result = run(operator, data, chunks={"a": 2, "b": chunks}, rtol=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = getattr(data, statistic)("b", skipna=skipna)
    np.testing.assert_allclose(result[statistic], expected, rtol=1e-12)
    count = data.notnull().sum("b") if skipna else xr.full_like(data.isel(b=0), 9)
    np.testing.assert_array_equal(result["count"], count)


def test_a_large_mean_costs_no_digits(run: Any) -> None:
    rng = np.random.default_rng(3)
    data = xr.DataArray(1e8 + rng.normal(size=4096), dims="t")
    result = run(Reduction(over="t", statistic="var"), data, chunks={"t": 100}, rtol=1e-9)
    assert result.item() == pytest.approx(float(np.var(data.values)), rel=1e-9)


def test_sums_are_float64_and_partials_do_not_depend_on_chunks(run: Any) -> None:
    data = xr.DataArray(np.full(1 << 16, 0.1, "float32"), dims="t")
    result = run(Reduction(over="t", statistic="sum"), data, chunks={"t": 1000}, rtol=1e-14)
    assert result.item() == pytest.approx(float(np.float32(0.1)) * (1 << 16), rel=1e-14)


def test_complex_mean_and_variance(run: Any) -> None:
    rng = np.random.default_rng(5)
    data = xr.DataArray((rng.normal(size=(2, 50)) + 1j * rng.normal(size=(2, 50))).astype("complex64"), dims=("a", "b"))
    mean = run(Reduction(over="b"), data, chunks={"b": 7}, rtol=1e-13)
    assert mean.dtype == np.complex128
    np.testing.assert_allclose(mean, data.values.astype("complex128").mean(axis=1), rtol=1e-13)
    variance = run(Reduction(over="b", statistic="var"), data, chunks={"b": 7}, rtol=1e-13)
    assert variance.dtype == np.float64
    np.testing.assert_allclose(variance, data.values.astype("complex128").var(axis=1), rtol=1e-13)
    with pytest.raises(DtypeError, match="no order"):
        apply(Reduction(over="b", statistic="max"), data)


def test_spins_and_masks_are_counted_exactly() -> None:
    spins = xr.DataArray(np.array([[1, -1, 1, 1]], "int8"), dims=("a", "b"))
    assert apply(Reduction(over=("a", "b")), spins).item() == 0.5
    assert apply(Reduction(over=("a", "b"), statistic="sum"), spins > 0).item() == 3


def test_degrees_of_freedom() -> None:
    data = xr.DataArray([[1.0, 2.0, 4.0], [np.nan, np.nan, 3.0]], dims=("a", "b"))
    result = apply(Reduction(over="b", statistic="std", ddof=1, skipna=True), data)
    np.testing.assert_allclose(result, [np.std([1, 2, 4], ddof=1), np.nan])
    with pytest.raises(ParameterError, match="ddof"):
        apply(Reduction(over="b", statistic="mean", ddof=1), data)


def test_units_and_cell_methods(field: xr.DataArray) -> None:
    assert apply(Reduction(over="time"), field).attrs == {**field.attrs, "cell_methods": "time: mean"} | {
        key: value for key, value in apply(Reduction(over="time"), field).attrs.items() if key == "scatflow"
    }
    variance = apply(Reduction(over=("x", "time"), statistic="var"), field.assign_attrs(cell_methods="z: mean"))
    assert variance.attrs["units"] == "m2 s-2"
    assert variance.attrs["cell_methods"].startswith("z: mean ")
    assert variance.attrs["cell_methods"].endswith(": variance")
    assert "units" not in apply(Reduction(over="x", statistic="var"), field.assign_attrs(units="degC")).attrs


def test_dims_must_be_named_and_exist(field: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match="over=") as caught:
        apply(Reduction(), field)
    assert caught.value.code == "ParameterRequired"
    with pytest.raises(DimensionError):
        apply(Reduction(over="z"), field)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_norm_over_named_components(run: Any, dtype: str) -> None:
    rng = np.random.default_rng(2)
    data = xr.DataArray(
        rng.normal(size=(3, 5)).astype(dtype),
        dims=("component", "x"),
        coords={"component": ["u", "v", "w"], "x": np.arange(5.0)},
        attrs={"units": "m s-1", "long_name": "velocity"},
    )
    result = run(Norm(), data, chunks={"x": 2})
    np.testing.assert_allclose(result, np.sqrt((abs(data.values) ** 2).sum(axis=0)), rtol=1e-6)
    assert result.dims == ("x",)
    assert result.dtype == data.real.dtype
    assert result.attrs["units"] == "m s-1"
    assert result.attrs["long_name"] == "magnitude of velocity"


def test_norm_neither_over_nor_underflows() -> None:
    data = xr.DataArray(np.array([[3e30, 3e-30, 0, np.nan, np.inf], [4e30, 4e-30, 0, 1, 1]], "float32"), dims=("c", "x"))
    np.testing.assert_allclose(apply(Norm(dims="c"), data), [5e30, 5e-30, 0, np.nan, np.inf], rtol=1e-6)


def test_norm_names_the_missing_dim(field: xr.DataArray) -> None:
    with pytest.raises(DimensionError, match="component"):
        apply(Norm(), field)
