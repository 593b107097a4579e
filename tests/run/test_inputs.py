"""Stores as people have them, read in parts: shards, chunks of any length, and stores that change meanwhile."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from scatflow import cluster
from scatflow.errors import JobError, PlanError
from scatflow.pipeline import Pipeline
from scatflow.plan import Strategy
from scatflow.run import open_result
from scatflow.store import state

#: Lengths are multiples neither of chunks nor of strides nor of powers of two.
FIELD, SERIES = (45, 39), (3, 301)
#: What a store may be cut into: (chunks, shards) of a field, and of series.
GRIDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "shards": ({"chunks": (4, 8), "shards": (32, 16)}, {"chunks": (1, 8), "shards": (3, 128)}),
    "shards longer than the field": ({"chunks": (15, 13), "shards": (60, 52)}, {"chunks": (1, 60), "shards": (4, 360)}),
    "ragged against regions": ({"chunks": (13, 17)}, {"chunks": (2, 47)}),
    "single samples": ({"chunks": (1, 1)}, {"chunks": (1, 1)}),
    "rows": ({"chunks": (1, 39)}, {"chunks": (1, 301)}),
    "columns": ({"chunks": (45, 1)}, {"chunks": (3, 5)}),
    "shorter than the halo": ({"chunks": (3, 2)}, {"chunks": (3, 4)}),
    "much longer than a region": ({"chunks": (45, 39)}, {"chunks": (3, 301)}),
    "longer than the field": ({"chunks": (128, 128)}, {"chunks": (8, 512)}),
}


def stored(path: Path, values: np.ndarray, **grid: Any) -> str:
    """Write an array as zarr does, with names of its dims and nothing else, as other programs do."""
    dims = ("y", "x") if values.shape == FIELD else ("item", "x")
    zarr.create_group(path)
    array = zarr.create_array(path / "u", shape=values.shape, dtype=values.dtype, dimension_names=dims, **grid)
    array[:] = values
    return str(path)


def field_job(path: str) -> Pipeline:
    return Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": path}},
        "s": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "u"}, "dims": ["y", "x"], "radius": 6, "stride": 4},
              "result": True},
    }})  # fmt: skip


def series_job(path: str) -> Pipeline:
    return Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": path}},
        "s": {"process_id": "toy_twice", "arguments": {"data": {"from_node": "u"}, "dims": ["x"], "radius": 9, "boundary": "periodic"},
              "result": True},
    }})  # fmt: skip


def values_of(found: xr.Dataset) -> np.ndarray:
    (name,) = found.data_vars
    return np.asarray(found[name].values)


@pytest.mark.parametrize("grid", GRIDS)
def test_parts_of_any_store_are_the_whole(toys: None, tmp_path: Path, rng: np.random.Generator, grid: str) -> None:
    of_field, of_series = GRIDS[grid]
    field = field_job(stored(tmp_path / "field.zarr", rng.standard_normal(FIELD), **of_field))
    options: dict[str, Any] = {"strategy": "halo", "region": {"y": 16, "x": 12}, "verify": True}
    parts, whole = field.run(tmp_path / "parts.zarr", **options), field.run(tmp_path / "whole.zarr", strategy="batch")
    np.testing.assert_allclose(values_of(parts), values_of(whole), atol=1e-13)
    series = series_job(stored(tmp_path / "series.zarr", rng.standard_normal(SERIES), **of_series))
    levels = series.run(tmp_path / "levels.zarr", strategy="pyramid", region={"x": 64}, verify=True)
    np.testing.assert_allclose(values_of(levels), values_of(series.run(tmp_path / "all.zarr", strategy="batch")), atol=1e-13)


#: Types of text by format of zarr: strings of any length have none in the second.
TEXTS = [(kind, 2) for kind in ("<U4", object, "S4")] + [(kind, 3) for kind in ("<U4", object, "S4", np.dtypes.StringDType())]


@pytest.mark.parametrize(("kind", "zarr_format"), TEXTS, ids=str)
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")  # of the store that is given, format 3
def test_names_of_any_type_come_back_as_texts(toys: None, tmp_path: Path, kind: Any, zarr_format: Any) -> None:
    """Text of a fixed length has no stable type in zarr 3, and bytes are what netCDF files hold."""
    names = np.array(["AAPL", "B"], dtype=kind)
    given = xr.Dataset({"u": (("item", "x"), np.ones((2, 30)))}, coords={"item": names, "sector": ("item", names[::-1].copy())})
    given.to_zarr(tmp_path / "in.zarr", zarr_format=zarr_format, consolidated=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = series_job(str(tmp_path / "in.zarr")).run(tmp_path / "out.zarr")
        again = xr.open_zarr(tmp_path / "out.zarr", consolidated=False)
    for result in (found, again):
        assert result["item"].values.tolist() == ["AAPL", "B"] and result["sector"].values.tolist() == ["B", "AAPL"]
        assert result.sel(item="B")["sector"] == "AAPL"


def test_chunks_much_longer_than_a_region_count_among_what_a_task_needs(toys: None, tmp_path: Path) -> None:
    """A chunk is decoded whole for whatever part of it; where that does not fit, the remedy is to rechunk."""
    zarr.create_group(tmp_path / "in.zarr")
    zarr.create_array(
        tmp_path / "in.zarr" / "u", shape=(16384, 16384), chunks=(16384, 16384), dtype="float32", dimension_names=("y", "x")
    )
    job = field_job(str(tmp_path / "in.zarr"))
    assert job.plan(strategy="halo", region={"y": 256, "x": 256}, memory="4 GiB").max_projected_memory > 2**30
    with pytest.raises(PlanError, match=r"Remedies: rechunk the input, for example \.chunk\(\{\"y\": \d+, \"x\": \d+\}\)"):
        job.plan(strategy="halo", region={"y": 256, "x": 256}, memory="1 GiB")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("strategy", ["halo", "pyramid"])
def test_an_input_that_changes_while_it_is_read_is_no_complete_result(
    toys: None, tmp_path: Path, rng: np.random.Generator, strategy: Strategy, workers: int
) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal(SERIES), chunks=(1, 40))
    before = values_of(series_job(path).run(tmp_path / "before.zarr", strategy="batch"))

    def change(event: Any) -> None:
        if event["event"] == "region" and event["done"] == 9:
            zarr.open_array(tmp_path / "in.zarr" / "u", mode="r+")[1, 120:160] = 5.0

    def run(client: Any) -> None:
        with pytest.raises(JobError, match="changed while the job ran") as caught:
            series_job(path).run(tmp_path / "out.zarr", strategy=strategy, region={"x": 40}, progress=change, client=client)
        assert caught.value.code == "InputChanged"

    if workers:
        with cluster.local(workers=workers) as client:
            run(client)
    else:
        run(None)
    assert state(tmp_path / "out.zarr")["state"] == "error"
    with pytest.warns(UserWarning, match="out.zarr is error"):
        open_result(tmp_path / "out.zarr")
    after = series_job(path).run(tmp_path / "out.zarr", strategy=strategy, region={"x": 40}, overwrite=True)
    assert after.attrs["scatflow_state"] == "complete" and not np.array_equal(values_of(after), before)
