"""Jobs in parts whose data have gaps: filled with the mean of the whole, weighed, averaged as the whole is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow.errors import JobError, PlanError
from scatflow.pipeline import Pipeline

RULES = ("reflect", "symmetric", "periodic", "zero")


def stored(path: Path, values: np.ndarray, chunks: tuple[int, ...], **coords: Any) -> Path:
    dims = ("item", "y", "x")[3 - values.ndim :]
    data = xr.Dataset({"u": (dims, values)}, coords=coords)
    data.to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False, mode="w")
    return path


def job(path: Path, *steps: tuple[str, dict[str, Any]]) -> Pipeline:
    """Return a chain of operators over a store, each on the result of that name of the one before where it has several."""
    graph: dict[str, Any] = {"u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}}}
    last = "u"
    for n, (process, arguments) in enumerate(steps):
        graph[f"s{n}"] = {"process_id": process, "arguments": {"data": {"from_node": last}, **arguments}}
        last = f"s{n}"
    graph[last]["result"] = True
    return Pipeline({"process_graph": graph})


def same(pipeline: Pipeline, out: Path, tolerance: float = 1e-12, **options: Any) -> xr.Dataset:
    """Compare all results of parts and of the whole, NaN in the same places; return those of the whole."""
    parts = pipeline.run(out / "parts.zarr", overwrite=True, **options).load()
    whole = pipeline.run(out / "whole.zarr", overwrite=True, strategy="batch").load()
    assert set(parts.data_vars) == set(whole.data_vars)
    for name in whole.data_vars:
        np.testing.assert_allclose(parts[name], whole[name], rtol=tolerance, atol=tolerance, err_msg=str(name))
    return whole


def holes(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    """Return where a field is missing: single samples, and every other time long runs along the last axis as coasts have."""
    single = rng.random(shape) < share
    runs = np.cumsum(rng.standard_normal(shape), axis=-1)
    return single if rng.random() < 0.5 else single | (runs > np.quantile(runs, 1 - share))


@given(
    st.sampled_from(RULES), st.integers(1, 2), st.integers(0, 6), st.integers(1, 4), st.integers(1, 30), st.integers(1, 37),
    st.floats(0, 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 2**16),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_any_gaps_any_boxes_are_filled_as_in_the_whole(
    module_toys: None, tmp_path_factory: pytest.TempPathFactory, rule: str, ndim: int, radius: int, stride: int, region: int,
    size: int, share: float, least: float, seed: int,
) -> None:  # fmt: skip
    folder, rng = tmp_path_factory.mktemp("mask"), np.random.default_rng(seed)
    shape = (2, size) if ndim == 1 else (2, 11, size)
    values = np.where(holes(rng, shape, share), np.nan, 5 + rng.standard_normal(shape))
    dims = ["y", "x"][2 - ndim :]
    path = folder / "in.zarr"
    xr.Dataset({"u": (["item", *dims], values)}).to_zarr(path, consolidated=False)
    smooth = {"dims": dims, "radius": radius, "stride": stride, "boundary": rule, "nan": "mask", "min_valid": least}
    same(job(path, ("toy_smooth", smooth)), folder, region=dict.fromkeys(dims, region), strategy="halo")


@given(
    st.sampled_from(RULES), st.integers(1, 2), st.sampled_from(["mask", "propagate"]), st.booleans(), st.integers(1, 30),
    st.integers(1, 80), st.floats(0, 0.7), st.integers(0, 2**16),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_any_gaps_any_boxes_are_averaged_as_in_the_whole(
    module_toys: None, tmp_path_factory: pytest.TempPathFactory, rule: str, ndim: int, policy: str, pooled: bool, region: int,
    size: int, share: float, seed: int,
) -> None:  # fmt: skip
    folder, rng = tmp_path_factory.mktemp("average"), np.random.default_rng(seed)
    shape = (3, size) if ndim == 1 else (3, 33, size)
    values = 2 + rng.standard_normal(shape)
    gaps = holes(rng, shape, share)
    gaps[0] &= rng.random() < 0.5
    gaps[1] |= rng.random() < 0.2
    gaps[2, ..., : rng.integers(0, size + 1)] |= rng.random() < 0.4
    dims = ["y", "x"][2 - ndim :]
    path = folder / "in.zarr"
    xr.Dataset({"u": (["item", *dims], np.where(gaps, np.nan, values))}).to_zarr(path, consolidated=False)
    moments = {"dims": dims, "boundary": rule, "nan": policy, "over": ["item"] if pooled else None, "min_valid": 0.2}
    same(job(path, ("toy_moments", moments)), folder, 1e-10, region=dict.fromkeys(dims, region), strategy="halo")
