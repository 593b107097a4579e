"""``select`` against xarray's own isel and sel."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scatflow import apply
from scatflow.errors import DimensionError, ParameterError
from scatflow_arrays.selection import Selection

INDEX = st.one_of(
    st.integers(-4, 3),
    st.lists(st.integers(-4, 3), min_size=1, max_size=6),
    st.tuples(st.integers(-5, 5) | st.none(), st.integers(-5, 5) | st.none(), st.sampled_from([1, 2, 3, -1, -2])).map(
        lambda item: slice(*item)
    ),
)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a=INDEX, b=INDEX, chunks=st.sampled_from([1, 3, 4]))
def test_positions_agree_with_isel(run: Any, a: Any, b: Any, chunks: int) -> None:
    data = xr.DataArray(np.arange(16).reshape(4, 4), dims=("a", "b"), coords={"a": [3, 1, 4, 0]}, name="n")
    expected = data.isel(a=a, b=b)
    operator = Selection(isel={"a": a, "b": b})
    if 0 in expected.shape:
        with pytest.raises(DimensionError, match="nothing is selected"):
            apply(operator, data)
        return
    result = run(operator, data, chunks={"a": chunks, "b": chunks})
    xr.testing.assert_identical(result.drop_attrs(), expected)
    assert result.dtype == data.dtype


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(low=st.floats(-0.125, 0.875, width=32), width=st.floats(0, 0.875, width=32), step=st.integers(1, 3))
def test_ranges_of_labels_include_both_ends(field: xr.DataArray, low: float, width: float, step: int) -> None:
    inside = (field.x.values >= np.float32(low)) & (field.x.values <= np.float32(low + width))
    operator = Selection(sel={"x": {"min": low, "max": low + width, "step": step}})
    if not inside.any():
        with pytest.raises(DimensionError) as caught:
            apply(operator, field)
        assert caught.value.code == "SelectionEmpty"
        return
    np.testing.assert_array_equal(apply(operator, field), field.values[..., np.flatnonzero(inside)[::step]])


def test_order_of_the_coordinate_does_not_matter_to_a_range(field: xr.DataArray, run: Any) -> None:
    result = run(Selection(sel={"y": {"min": 0.5, "max": 1.5}}), field)
    xr.testing.assert_identical(result.y, field.y.sel(y=slice(1.5, 0.5)))


def test_a_label_drops_its_dim_and_stays_as_a_scalar(field: xr.DataArray, run: Any) -> None:
    result = run(Selection(sel={"x": 0.3, "time": "2001-02-01"}), field)
    assert result.dims == ("y",)
    np.testing.assert_array_equal(result, field.isel(x=3, time=2))
    assert result.x.item() == field.x[3].item()
    assert result.zone.item() == 1
    assert result.attrs["units"] == "m s-1"


def test_a_month_means_all_of_it(field: xr.DataArray) -> None:
    assert apply(Selection(sel={"time": {"max": "2001-01"}}), field).sizes["time"] == 2
    assert apply(Selection(sel={"time": {"min": "2001-02", "max": "2001-02-01"}}), field).sizes["time"] == 1


def test_several_labels_keep_their_order(field: xr.DataArray, run: Any) -> None:
    result = run(Selection(sel={"y": [0.5, 2.0]}), field)
    np.testing.assert_array_equal(result, field.sel(y=[0.5, 2.0]))
    text = xr.DataArray(np.arange(3.0), dims="name", coords={"name": ["u", "v", "w"]})
    np.testing.assert_array_equal(run(Selection(sel={"name": ["w", "u"]}), text), [2, 0])


def test_nearest_label_within_tolerance(field: xr.DataArray) -> None:
    result = apply(Selection(sel={"x": {"nearest": 0.33, "tolerance": 0.05}, "y": {"nearest": [1.9, 0.1]}}), field)
    np.testing.assert_array_equal(result, field.sel(x=0.33, method="nearest").sel(y=[1.9, 0.1], method="nearest"))
    late = Selection(sel={"time": {"nearest": "2001-02-01T05:00", "tolerance": 6 * 3600}})
    np.testing.assert_array_equal(apply(late, field), field.isel(time=2))
    with pytest.raises(DimensionError, match=r"no label within the tolerance.*0\.3") as caught:
        apply(Selection(sel={"x": {"nearest": 0.34, "tolerance": 0.01}}), field)
    assert caught.value.code == "LabelMissing"


@pytest.fixture
def coefficients() -> xr.DataArray:
    """An array like scattering coefficients, with labels on the dim ``path``."""
    order, j1, j2 = [0, 1, 1, 1, 2, 2, 2], [-1, 0, 1, 2, 0, 0, 1], [-1, -1, -1, -1, 1, 2, 2]
    coords = {name: ("path", np.array(values, "int16")) for name, values in (("order", order), ("j1", j1), ("j2", j2))}
    return xr.DataArray(np.arange(14.0).reshape(2, 7), dims=("time", "path"), coords=coords)


def test_conditions_on_labels_of_a_dim_without_coordinate(coefficients: xr.DataArray, run: Any) -> None:
    result = run(Selection(sel={"order": 2, "j1": [0, 1]}), coefficients)
    np.testing.assert_array_equal(result.j2, [1, 2, 2])
    assert result.dims == ("time", "path")
    assert run(Selection(sel={"order": [1, 2], "j1": {"max": 0}}), coefficients).sizes["path"] == 3
    assert run(Selection(sel={"order": 0}), coefficients).sizes["path"] == 1
    with pytest.raises(DimensionError, match="no sample meets all"):
        apply(Selection(sel={"order": 0, "j1": 2}), coefficients)


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({"isel": {"z": 0}}, "DimensionMissing", "no dim 'z'"),
        ({"isel": {"tim": 0}}, "DimensionMissing", "Did you mean 'time'"),
        ({"isel": {"x": 8}}, "SelectionInvalid", "-8 to 7"),
        ({"isel": {"x": ()}}, "SelectionEmpty", "nothing is selected"),
        ({"isel": {"x": {"start": 5, "stop": 2}}}, "SelectionEmpty", "nothing is selected"),
        ({"sel": {"x": 0.35}}, "LabelMissing", r"nearest labels are 0\.3 and 0\.4"),
        ({"sel": {"time": "2001-02-01T01:00"}}, "LabelMissing", "2001-02-01T00:00"),
        ({"sel": {"x": {"min": 5}}}, "SelectionEmpty", r"labels from 0\.0 to 0\.7"),
        ({"sel": {"zon": 1}}, "CoordinateMissing", "Did you mean 'zone'"),
    ],
)
def test_what_is_not_there_is_named(field: xr.DataArray, parameters: Any, code: str, words: str) -> None:
    with pytest.raises(DimensionError, match=words) as caught:
        apply(Selection(**parameters), field)
    assert caught.value.code == code


def test_a_misspelt_text_label_gets_near_ones() -> None:
    data = xr.DataArray(np.zeros(2), dims="name", coords={"name": np.array(["AAPL", "MSFT"], dtype=object)})
    with pytest.raises(DimensionError, match="Did you mean 'AAPL'"):
        apply(Selection(sel={"name": "APPL"}), data)


def test_a_dim_without_coordinate_points_to_isel(coefficients: xr.DataArray) -> None:
    with pytest.raises(DimensionError, match="isel="):
        apply(Selection(sel={"path": 3}), coefficients)


def test_repeated_label_is_not_guessed() -> None:
    data = xr.DataArray(np.zeros(3), dims="x", coords={"x": [1, 1, 2]})
    with pytest.raises(DimensionError, match="occurs 2 times"):
        apply(Selection(sel={"x": 1}), data)


@pytest.mark.parametrize(
    "parameters",
    [
        {"isel": {"x": 1.0}},
        {"isel": {"x": True}},
        {"isel": {"x": {"begin": 1}}},
        {"isel": {"x": {"step": 0}}},
        {"sel": {"x": "0.1"}},
        {"sel": {"time": 3}},
        {"sel": {"time": "yesterday"}},
        {"sel": {"x": slice(0, 1)}},
        {"sel": {"x": {"min": 0, "step": 0}}},
        {"sel": {"x": {"nearest": 0.1, "tolerance": -1.0}}},
        {"sel": {"zone": 1}, "isel": {"x": 0}},
        {"indices": 3},
    ],
)
def test_malformed_parameters_are_refused(field: xr.DataArray, parameters: Any) -> None:
    with pytest.raises(ParameterError):
        apply(Selection(**parameters), field)


def test_value_survives_json_and_pickle() -> None:
    operator = Selection(isel={"x": slice(0, 4, 2)}, sel={"order": 2, "y": {"min": 0.5}, "t": {"nearest": [1, 2]}})
    assert Selection(**json.loads(json.dumps(operator.parameters()))) == operator
    assert pickle.loads(pickle.dumps(operator)) == operator
    assert operator.parameters()["isel"] == {"x": {"start": 0, "stop": 4, "step": 2}}


def test_labels_of_every_kind() -> None:
    data = xr.DataArray(
        np.arange(4.0),
        dims="s",
        coords={
            "s": np.array([0, 60, 120, 180], "m8[s]").astype("m8[ns]"),
            "good": ("s", [True, False, True, True]),
            "level": ("s", np.array([0, 1, 200, 255], "uint8")),
        },
    )
    assert apply(Selection(sel={"s": 120}), data).item() == 2
    np.testing.assert_array_equal(apply(Selection(sel={"good": True}), data), [0, 2, 3])
    np.testing.assert_array_equal(apply(Selection(sel={"level": {"min": 1, "max": 254}}), data), [1, 2])
    assert apply(Selection(sel={"level": {"nearest": 100}}), data.swap_dims(s="level")).item() in (1.0, 2.0)
    with pytest.raises(ParameterError, match="true or false"):
        apply(Selection(sel={"good": 1}), data)
