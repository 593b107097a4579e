"""Arithmetic against xarray's, units, broadcasting by name, openEO's rules for no-data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scatflow import apply
from scatflow.contract import Operator
from scatflow.errors import DimensionError, DtypeError, ParameterError
from scatflow_arrays.arithmetic import Absolute, Add, Divide, Multiply, Power, Subtract
from scatflow_arrays.logarithm import Ln, Log

PAIRS: list[tuple[Operator, Callable[[Any, Any], Any]]] = [
    (Add(), lambda x, y: x + y),
    (Subtract(), lambda x, y: x - y),
    (Multiply(), lambda x, y: x * y),
    (Divide(), lambda x, y: x / y),
]
DTYPES = ["float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize(("operator", "formula"), PAIRS, ids=lambda item: getattr(item, "name", ""))
@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", ["float32", "complex128"])
def test_two_arrays_meet_by_dim_name(
    run: Any, operator: Operator, formula: Callable[[Any, Any], Any], first: str, second: str
) -> None:
    rng = np.random.default_rng(1)
    x = xr.DataArray(rng.normal(size=(3, 4)).astype(first), dims=("a", "b"), coords={"a": [1, 2, 3]}, name="x")
    y = xr.DataArray(rng.normal(size=(2, 4, 3)).astype(second) + 1, dims=("c", "b", "a"), name="y")
    expected = formula(x, y)
    result = run(operator, x, y, chunks={"a": 2, "b": 4})
    assert result.dims == ("a", "b", "c")
    assert result.dtype == expected.dtype
    xr.testing.assert_allclose(result, expected.transpose(*result.dims), rtol=1e-6 if "64" not in str(x.dtype) else 1e-5)
    np.testing.assert_array_equal(result.a, [1, 2, 3])


@pytest.mark.parametrize(("operator", "formula"), PAIRS, ids=lambda item: getattr(item, "name", ""))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=hnp.arrays("float64", (2, 3), elements=st.floats(-1e100, 1e100)),
    number=st.floats(-1e100, 1e100) | st.sampled_from([0.0, -0.0]),
)
def test_a_number_on_either_side(operator: Operator, formula: Callable[[Any, Any], Any], values: Any, number: float) -> None:
    array = xr.DataArray(values, dims=("a", "b"))
    scalar = np.float64(number)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(apply(operator, array, number), formula(array, scalar))
        np.testing.assert_array_equal(apply(operator, number, array), formula(scalar, array))


def test_numbers_do_not_widen_precision(field: xr.DataArray, run: Any) -> None:
    for operator in (Add(), Subtract(), Multiply(), Divide(), Power(), Log()):
        assert run(operator, field, 2.5).dtype == np.float32


@pytest.mark.parametrize(
    ("operator", "first", "second", "unit"),
    [
        (Add(), "m", "m", "m"),
        (Add(), "m/s", "m s-1", "m/s"),
        (Subtract(), "m", None, None),
        (Add(), None, None, None),
        (Multiply(), "m", "s-1", "m s-1"),
        (Multiply(), "m", "degC", None),
        (Multiply(), "m", None, None),
        (Divide(), "m", "s", "m s-1"),
        (Divide(), "m", "m", "1"),
        (Divide(), "degC", "degC", None),
        (Power(), "1", "1", "1"),
        (Power(), "m", "1", None),
        (Log(), "1", "1", "1"),
        (Log(), "m", "1", None),
    ],
)
def test_units_of_two_arrays(operator: Operator, first: str | None, second: str | None, unit: str | None) -> None:
    arrays = [
        xr.DataArray(np.full(2, 2.0), dims="x", attrs={} if text is None else {"units": text, "standard_name": "u"})
        for text in (first, second)
    ]
    result = apply(operator, *arrays)
    assert result.attrs.get("units") == unit
    assert "standard_name" not in result.attrs


def test_different_units_are_refused_with_a_remedy(field: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match=r"'m s-1' and 'km/h'.*multiply") as caught:
        apply(Add(), field, field.assign_attrs(units="km/h"))
    assert caught.value.code == "UnitsDiffer"


@pytest.mark.parametrize(
    ("operator", "inputs", "unit"),
    [
        (Add(), ("a", 2.0), "m"),
        (Multiply(), (3.0, "a"), "m"),
        (Absolute(), ("a",), "m"),
        (Ln(), ("a",), None),
    ],
)
def test_units_with_a_number(operator: Operator, inputs: tuple[Any, ...], unit: str | None) -> None:
    array = xr.DataArray(np.full(2, 2.0), dims="x", attrs={"units": "m"})
    result = apply(operator, *(array if item == "a" else item for item in inputs))
    assert result.attrs.get("units") == unit


def test_units_that_depend_on_the_number() -> None:
    """Labels see numbers where the engine hands them over; without, the unit is dropped, never wrong."""
    from scatflow.labels import spec_of

    spec = spec_of(xr.DataArray(np.ones(2), dims="x", attrs={"units": "m"}))
    assert Divide().output(spec, 2.0).attrs["units"] == "m"
    assert Divide().output(1.0, spec).attrs["units"] == "m-1"
    assert Power().output(spec, 2.0).attrs["units"] == "m2"
    assert Power().output(2.0, spec).attrs.get("units") is None
    assert Divide().output(spec).attrs.get("units") is None
    assert Power().output(spec).attrs.get("units") is None


def test_attributes_that_agree_stay(field: xr.DataArray) -> None:
    other = field.assign_attrs(run=3, source="observation")
    result = apply(Add(), field, other)
    assert "source" not in result.attrs
    assert result.attrs["run"] == 3
    assert apply(Add(), field, field).attrs["source"] == "simulation"


def test_ieee_rules_without_warnings() -> None:
    x = xr.DataArray([1.0, -1.0, 0.0, np.nan], dims="x")
    np.testing.assert_array_equal(apply(Divide(), x, 0.0), [np.inf, -np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(apply(Ln(), x), [0.0, np.nan, -np.inf, np.nan])
    np.testing.assert_array_equal(apply(Log(), x, 10.0), [0.0, np.nan, -np.inf, np.nan])
    np.testing.assert_array_equal(apply(Power(), x, -1.0), [1.0, -1.0, np.inf, np.nan])
    np.testing.assert_array_equal(apply(Power(), x, 0.5), [1.0, np.nan, 0.0, np.nan])


def test_no_data_is_passed_on_where_ieee_would_not() -> None:
    x = xr.DataArray([1.0, np.nan, 2.0], dims="x")
    np.testing.assert_array_equal(apply(Power(), x, 0.0), [1.0, np.nan, 1.0])
    np.testing.assert_array_equal(apply(Power(), 1.0, x), [1.0, np.nan, 1.0])
    np.testing.assert_array_equal(apply(Power(), x, xr.zeros_like(x)), [1.0, np.nan, 1.0])


@pytest.mark.parametrize(
    ("operator", "inputs", "value"),
    [
        (Add(), (5.0, 2.5), 7.5), (Add(), (-2.0, -4.0), -6.0), (Divide(), (5.0, 2.5), 2.0), (Divide(), (-2.0, 4.0), -0.5),
        (Power(), (0.0, 2.0), 0.0), (Power(), (2.5, 0.0), 1.0), (Power(), (3.0, 3.0), 27.0), (Power(), (5.0, -1.0), 0.2),
        (Log(), (10.0, 10.0), 1.0), (Log(), (2.0, 2.0), 1.0), (Log(), (4.0, 2.0), 2.0), (Log(), (1.0, 16.0), 0.0),
        (Absolute(), (-0.4,), 0.4),
    ],
)  # fmt: skip
def test_examples_of_the_official_definitions(operator: Operator, inputs: tuple[float, ...], value: float) -> None:
    arrays = [xr.DataArray([item], dims="x") for item in inputs]
    assert apply(operator, *arrays).item() == pytest.approx(value, abs=1e-15)


def test_logarithms_to_any_base(field: xr.DataArray, run: Any) -> None:
    x = abs(field).astype("float64") + 0.1
    np.testing.assert_allclose(run(Log(), x, 3.0), np.log(x) / np.log(3.0), rtol=1e-14)
    np.testing.assert_allclose(run(Log(), x, x * 0 + 3.0), np.log(x) / np.log(3.0), rtol=1e-14)
    np.testing.assert_array_equal(apply(Log(), 2.0 ** xr.DataArray(np.arange(-3.0, 4), dims="x"), 2.0), np.arange(-3.0, 4))
    np.testing.assert_allclose(run(Ln(), x.astype("complex64") * -1), np.log(x.values) + 1j * np.pi, rtol=1e-6)
    for base in (1.0, 0.0, -2.0):
        with pytest.raises(ParameterError, match="base"):
            apply(Log(), x, base)


def test_absolute_of_complex_data_is_real(run: Any) -> None:
    x = xr.DataArray(np.array([3 + 4j, -1j], "complex64"), dims="x", attrs={"units": "V", "long_name": "voltage"})
    result = run(Absolute(), x)
    np.testing.assert_array_equal(result, [5, 1])
    assert result.dtype == np.float32
    assert result.attrs["long_name"] == "absolute value of voltage"


def test_different_labels_are_not_joined(field: xr.DataArray) -> None:
    with pytest.raises(DimensionError, match=r"labels differ along 'x', first at index 0.*select"):
        apply(Add(), field.isel(x=slice(0, 3)), field.isel(x=slice(1, 4)))
    with pytest.raises(DimensionError, match="lengths differ along 'x'") as caught:
        apply(Add(), field, field.isel(x=slice(0, 3)))
    assert caught.value.code == "DimensionMismatch"


def test_contradicting_auxiliary_coordinates_are_left_out(field: xr.DataArray, run: Any) -> None:
    result = run(Add(), field, field.assign_coords(zone=("x", np.arange(8))))
    assert "zone" not in result.coords
    assert "x" in result.coords


def test_integers_need_a_dtype() -> None:
    x = xr.DataArray([1, 2], dims="x")
    with pytest.raises(DtypeError, match="dtype="):
        apply(Add(), x, 1.0)
    assert apply(Add(dtype="float32"), x, 1.0).dtype == np.float32


def test_two_numbers_are_not_an_operation_on_arrays() -> None:
    with pytest.raises(ParameterError):
        apply(Add(), 1.0, 2.0)
