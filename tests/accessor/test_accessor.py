"""``da.scatflow``: operators as methods with their own signature and help, and the record of an array."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import StoreError


@pytest.fixture
def field() -> xr.DataArray:
    return xr.DataArray(np.random.default_rng(0).standard_normal((3, 32, 32)), dims=("t", "y", "x"), name="u")


def test_methods_are_the_operators(field: xr.DataArray) -> None:
    method = field.scatflow.scattering
    xr.testing.assert_identical(method(dims=("y", "x"), J=2, L=3), sf.ops.scattering(field, dims=("y", "x"), J=2, L=3))
    assert method.__name__ == "scattering" and "Parameters" in method.__doc__
    names = list(inspect.signature(method).parameters)
    assert "J" in names and "data" not in names and names == list(inspect.signature(sf.ops.scattering).parameters)[1:]
    assert {"scattering", "wavelet", "plot", "provenance", "features", "unstack"} <= set(dir(field.scatflow))


def test_operators_of_two_inputs_take_the_second(field: xr.DataArray) -> None:
    xr.testing.assert_identical(field.scatflow.add(field), sf.ops.add(field, field))


def test_datasets_are_mapped_over_their_variables(field: xr.DataArray) -> None:
    both = xr.Dataset({"u": field, "v": 2 * field}).scatflow.modulus()
    np.testing.assert_allclose(both["v"], 2 * both["u"])


def test_unknown_names_are_attribute_errors_with_the_nearest(field: xr.DataArray) -> None:
    with pytest.raises(AttributeError, match="scattering"):
        _ = field.scatflow.scatering


def test_the_record_is_plain_data(field: xr.DataArray) -> None:
    record = field.scatflow.scattering(dims=("y", "x"), J=2).scatflow.provenance
    assert record["operators"] == [{"id": "scatflow-scattering:scattering", "version": 1}]
    assert record["schema"] == 1 and "process_graph" in record["graph"]
    with pytest.raises(StoreError, match="nothing is known"):
        _ = field.scatflow.provenance


def test_other_names_of_an_operator_lead_to_it() -> None:
    with pytest.raises(AttributeError, match="'zscore' is another name of 'standardize'"):
        _ = sf.ops.zscore
