"""The glue as users meet it: by name, through the accessor, on arrays of any kind."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from scatflow import Pipeline, ops


def _installed() -> bool:
    try:
        distribution("scatflow-arrays")
    except PackageNotFoundError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _installed(), reason="names are found through the installed distribution")


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("something was computed")


CALLS: dict[str, Callable[[xr.DataArray], Any]] = {
    "select": lambda u: ops.select(u, isel={"time": slice(0, 6, 2)}, sel={"zone": [1, 2], "y": {"min": 0.5}}),
    "rename": lambda u: ops.rename(u, names={"x": "column"}),
    "drop_labels": lambda u: ops.drop_labels(u, dim="x"),
    "lagged": lambda u: ops.lagged(u, dim="x", lag=2),
    "cast": lambda u: ops.cast(u, to="float64"),
    "add": lambda u: ops.add(u, 1.0),
    "subtract": lambda u: ops.subtract(x=u, y=u),
    "multiply": lambda u: ops.multiply(u, u),
    "divide": lambda u: ops.divide(1.0, u),
    "power": lambda u: ops.power(u, 2.0),
    "absolute": lambda u: ops.absolute(u),
    "log": lambda u: ops.log(ops.absolute(u), 10.0),
    "ln": lambda u: ops.ln(ops.absolute(u)),
    "norm": lambda u: ops.norm(u, dims="y"),
    "reduce": lambda u: ops.reduce(u, over=("time", "x"), statistic="var"),
    "center": lambda u: ops.center(u, ops.reduce(u, over="time")),
    "rescale": lambda u: ops.rescale(u, 3.0, 2.0),
    "demean": lambda u: ops.demean(u, over="time"),
    "standardize": lambda u: ops.standardize(u, over=("time", "y")),
    "detrend": lambda u: ops.detrend(u, dims=("y", "x")),
    "taper": lambda u: ops.taper(u, dims=("y", "x")),
    "increments": lambda u: ops.increments(u, dim="time", lag=2),
    "cumsum": lambda u: ops.cumsum(u, dims="x"),
}


@pytest.mark.parametrize("name", CALLS)
def test_lazy_equals_eager_and_computes_nothing(field: xr.DataArray, name: str) -> None:
    eager = CALLS[name](field)
    with dask.config.set(scheduler=_refuse):
        lazy = CALLS[name](field.chunk(time=2).assign_coords(zone=field.zone))
    assert dask.is_dask_collection(lazy)
    computed = lazy.compute(scheduler="synchronous")
    xr.testing.assert_allclose(eager, computed, rtol=1e-5)
    assert eager.dtype == computed.dtype


def test_a_chain_reads_like_a_sentence(field: xr.DataArray) -> None:
    vorticity_like = (
        field.scatflow.select(sel={"zone": [1, 2]})
        .scatflow.demean(over=("y", "x"))
        .scatflow.multiply(2.0)
        .scatflow.reduce(over=("y", "x"), statistic="std")
    )
    inner = field[..., 2:].astype("float64")
    np.testing.assert_allclose(vorticity_like, 2 * inner.std(("y", "x")), rtol=1e-6)


def test_coordinates_in_chunks_stay_lazy_where_nobody_selects_by_them(field: xr.DataArray) -> None:
    chunked = field.chunk(x=2)
    assert dask.is_dask_collection(chunked.zone.data)
    with dask.config.set(scheduler=_refuse):
        result = ops.standardize(ops.add(chunked, chunked), over="time")
    assert dask.is_dask_collection(result.zone.data)


def test_bare_arrays(field: xr.DataArray) -> None:
    result = ops.add(np.ones((2, 3)), 1.0)
    assert result.dims == ("dim_0", "dim_1")
    assert isinstance(ops.add(np.ones(2), np.ones(2), labels=False), np.ndarray)


def test_a_dataset_is_mapped_over_its_variables(field: xr.DataArray) -> None:
    data = xr.Dataset({"u": field, "v": 2 * field})
    result = ops.demean(data, over="time")
    assert set(result.data_vars) == {"u", "v"}
    np.testing.assert_allclose(result.v, 2 * result.u, rtol=1e-5, atol=1e-6)


def test_count_comes_beside_the_statistic(field: xr.DataArray) -> None:
    result = ops.reduce(field.where(field > 2), over="time", skipna=True, count=True)
    assert set(result.data_vars) == {"mean", "count"}
    np.testing.assert_array_equal(result["count"], (field > 2).sum("time"))


def test_a_pipeline_of_the_glue(field: xr.DataArray, tmp_path: Path) -> None:
    """The same graph as data: select, increments, standardize, power, with a number as an argument."""
    field.chunk(time=2, x=5).drop_encoding().to_dataset().to_zarr(tmp_path / "u.zarr", zarr_format=3, consolidated=False)
    nodes = {
        "u": ("open_zarr", {"path": str(tmp_path / "u.zarr"), "variable": "u"}),
        "part": ("select", {"data": "u", "isel": {"time": {"start": 1}}, "sel": {"x": {"min": 0.2}}}),
        "step": ("increments", {"data": "part", "dim": "x", "lag": 2}),
        "unit": ("standardize", {"data": "step", "over": ["time"]}),
        "square": ("power", {"base": "unit", "p": 2}),
    }
    graph: dict[str, Any] = {}
    for name, (process, arguments) in nodes.items():
        refers = {key: {"from_node": value} if key in ("data", "base") else value for key, value in arguments.items()}
        graph[name] = {"process_id": process, "arguments": refers}
    graph["square"]["result"] = True
    with dask.config.set(scheduler=_refuse):
        lazy = Pipeline.from_document({"process_graph": graph}).lazy()
    part = field[1:, :, 2:].astype("float64")
    step = part.values[..., 2:] - part.values[..., :-2]
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), ((step - step.mean(0)) / step.std(0)) ** 2, rtol=1e-4)
