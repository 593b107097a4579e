"""``rename``, ``drop_labels`` and ``cast``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scatflow import apply
from scatflow.errors import DataError, DimensionError, DtypeError, ParameterError
from scatflow.labels import spec_of
from scatflow_arrays.relabel import Cast, DropLabels, Rename


def test_declared_names(field: xr.DataArray) -> None:
    out = Rename(variable="v", names={"x": "column", "zone": "area"}).output(spec_of(field))
    assert out.dims == ("time", "y", "column")
    assert out.name == "v"
    assert set(out.coords) == {"time", "y", "column", "area"}
    assert out.coords["area"].dims == ("column",)
    assert out.attrs == field.attrs


def test_renamed_data(field: xr.DataArray, run: Any) -> None:
    result = run(Rename(names={"time": "t", "x": "column"}), field)
    expected = field.rename(time="t", x="column")
    np.testing.assert_array_equal(result.transpose(*expected.dims), expected)
    assert result.column.attrs == {"units": "m"}
    assert set(result.coords) == set(expected.coords)


def test_names_may_be_exchanged(field: xr.DataArray) -> None:
    out = Rename(names={"x": "y", "y": "x"}).output(spec_of(field))
    assert out.dims == ("time", "x", "y")
    assert out.coords["x"].dims == ("x",)


@pytest.mark.parametrize("dtype", ["int8", "bool", "complex64"])
def test_any_dtype_may_be_renamed(dtype: str) -> None:
    data = xr.DataArray(np.ones(3, dtype), dims="x")
    result = apply(Rename(names={"x": "t"}), data)
    assert result.dtype == data.dtype
    assert result.dims == ("t",)


def test_wrong_names(field: xr.DataArray) -> None:
    with pytest.raises(DimensionError, match="Did you mean 'time'") as caught:
        apply(Rename(names={"tme": "t"}), field)
    assert caught.value.code == "DimensionMissing"
    with pytest.raises(DimensionError, match="would be called 'y'"):
        apply(Rename(names={"x": "y"}), field)


@pytest.mark.parametrize("to", ["float64", "float32", "int16", "uint8", "complex64", "bool"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bool"])
def test_values_are_those_of_astype(run: Any, dtype: str, to: Any) -> None:
    data = xr.DataArray(np.array([0, 1, 3.7, 100]).astype(dtype), dims="x", attrs={"units": "m"}, name="a")
    result = run(Cast(to=to), data)
    np.testing.assert_array_equal(result, data.values.astype(to))
    assert result.dtype == to
    assert result.attrs.get("units") == (None if to == "bool" else "m")  # "is there or not" is no length


BOUNDS = st.one_of(st.integers(-(2**64), 2**64), st.sampled_from([127, 128, -128, -129, 255, 256, -1, 2**63 - 1, 2**63, -(2**63)]))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=BOUNDS, to=st.sampled_from(["int8", "uint8", "int64", "uint64"]), kind=st.sampled_from(["int64", "float64"]))
def test_values_that_do_not_fit_are_refused(value: int, to: Any, kind: str) -> None:
    if kind == "int64" and not -(2**63) <= value < 2**63:
        return
    data = xr.DataArray(np.array([value], kind), dims="x")
    held = int(data.item())
    info = np.iinfo(to)
    if info.min <= held <= info.max:
        assert int(apply(Cast(to=to), data).item()) == held
    else:
        with pytest.raises(DataError, match="do not fit"):
            apply(Cast(to=to), data)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 300.0])
def test_lazy_casts_refuse_when_computed(bad: float) -> None:
    lazy = apply(Cast(to="uint8"), xr.DataArray([1.0, bad], dims="x").chunk(x=1))
    with pytest.raises(DataError, match="1 values do not fit uint8"):
        lazy.compute(scheduler="synchronous")


def test_complex_is_not_silently_real(field: xr.DataArray) -> None:
    with pytest.raises(DtypeError, match="absolute"):
        apply(Cast(to="float32"), field.astype("complex64"))
    assert apply(Cast(to="complex128"), field.astype("complex64")).dtype == np.complex128


def test_the_new_dtype_is_called_to(field: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match='to="float64"'):
        apply(Cast(to="float32", dtype="float64"), field)
    with pytest.raises(ParameterError):
        Cast(to="float16")  # type: ignore[arg-type]


def test_labels_of_one_dim_are_dropped(field: xr.DataArray, run: Any) -> None:
    result = run(DropLabels(dim="x"), field)
    xr.testing.assert_equal(result, field.drop_vars(["x", "zone"]))
    with pytest.raises(DimensionError, match="no dim 'z'"):
        apply(DropLabels(dim="z"), field)
