"""Jobs in parts whose data have gaps: filled with the mean of the whole, weighed, averaged as the whole is."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import job
from scatflow import cluster
from scatflow.errors import JobError
from scatflow.pipeline import Pipeline
from scatflow.run.calibrate import calibrate

RULES = ("reflect", "symmetric", "periodic", "zero")


def stored(path: Path, kind: str, values: np.ndarray, chunks: tuple[int, ...], **coords: Any) -> Path:
    """Write a field (y, x), several of them, or series (item, x)."""
    dims = {"series": ("item", "x"), "field": ("y", "x"), "fields": ("item", "y", "x")}[kind]
    data = xr.Dataset({"u": (dims, values)}, coords=coords)
    data.to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False)
    return path


def same(pipeline: Pipeline, out: Path, tolerance: float = 1e-12, **options: Any) -> xr.Dataset:
    """Compare all results of parts and of the whole, NaN in the same places; return those of the whole."""
    parts = pipeline.run(out / "parts.zarr", overwrite=True, **options).load()
    whole = pipeline.run(out / "whole.zarr", overwrite=True, strategy="batch").load()
    assert set(parts.data_vars) == set(whole.data_vars)
    for name in whole.data_vars:
        np.testing.assert_allclose(parts[name], whole[name], rtol=tolerance, atol=tolerance, err_msg=str(name))
    return whole


def land(rng: np.random.Generator, shape: tuple[int, ...], share: float = 0.3) -> np.ndarray:
    """Return where there is land: a smooth coast line, the same for all items."""
    noise = np.fft.rfft2(rng.standard_normal(shape[-2:]))
    ky, kx = np.meshgrid(np.fft.fftfreq(shape[-2]), np.fft.rfftfreq(shape[-1]), indexing="ij")
    height = np.fft.irfft2(noise * np.exp(-((40 * np.hypot(ky, kx)) ** 2)), s=shape[-2:])
    return np.broadcast_to(height > np.quantile(height, 1 - share), shape)


def holes(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    """Return where a field is missing: single samples, and every other time long runs along the last axis as coasts have."""
    single = rng.random(shape) < share
    runs = np.cumsum(rng.standard_normal(shape), axis=-1)
    return single if rng.random() < 0.5 else single | (runs > np.quantile(runs, 1 - share))


@given(
    st.sampled_from(RULES), st.integers(1, 2), st.integers(0, 6), st.integers(1, 4), st.integers(1, 30), st.integers(1, 37),
    st.floats(0, 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 2**16),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_any_gaps_any_boxes_are_filled_as_in_the_whole(
    module_toys: None, tmp_path_factory: pytest.TempPathFactory, rule: str, ndim: int, radius: int, stride: int, region: int,
    size: int, share: float, least: float, seed: int,
) -> None:  # fmt: skip
    folder, rng = tmp_path_factory.mktemp("mask"), np.random.default_rng(seed)
    shape = (2, size) if ndim == 1 else (2, 11, size)
    values = np.where(holes(rng, shape, share), np.nan, 5 + rng.standard_normal(shape))
    dims = ["y", "x"][2 - ndim :]
    path = stored(folder / "in.zarr", "series" if ndim == 1 else "fields", values, shape)
    smooth = {"dims": dims, "radius": radius, "stride": stride, "boundary": rule, "nan": "mask", "min_valid": least}
    same(job(path, ("toy_smooth", smooth)), folder, region=dict.fromkeys(dims, region), strategy="halo")


@given(
    st.sampled_from(RULES), st.integers(1, 2), st.sampled_from(["mask", "propagate"]), st.booleans(), st.integers(1, 30),
    st.integers(1, 80), st.floats(0, 0.7), st.integers(0, 2**16),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_any_gaps_any_boxes_are_averaged_as_in_the_whole(
    module_toys: None, tmp_path_factory: pytest.TempPathFactory, rule: str, ndim: int, policy: str, pooled: bool, region: int,
    size: int, share: float, seed: int,
) -> None:  # fmt: skip
    folder, rng = tmp_path_factory.mktemp("average"), np.random.default_rng(seed)
    shape = (3, size) if ndim == 1 else (3, 9, 1 + size // 3)  # regions may be single samples: few of them show what many do
    values = 2 + rng.standard_normal(shape)
    gaps = holes(rng, shape, share)
    gaps[0] &= rng.random() < 0.5
    gaps[1] |= rng.random() < 0.2
    gaps[2, ..., : rng.integers(0, size + 1)] |= rng.random() < 0.4
    dims = ["y", "x"][2 - ndim :]
    path = stored(folder / "in.zarr", "series" if ndim == 1 else "fields", np.where(gaps, np.nan, values), shape)
    moments = {"dims": dims, "boundary": rule, "nan": policy, "over": ["item"] if pooled else None, "min_valid": 0.2}
    same(job(path, ("toy_moments", moments)), folder, 1e-10, region=dict.fromkeys(dims, region), strategy="halo")


@pytest.mark.parametrize("policy", ["mask", "propagate"])
@pytest.mark.parametrize("rule", ["reflect", "periodic"])
def test_segments_are_filled_with_their_own_means(
    toys: None, tmp_path: Path, rng: np.random.Generator, rule: str, policy: str
) -> None:
    values = np.where(rng.random((3, 120)) < 0.2, np.nan, rng.standard_normal((3, 120)) + np.repeat([0, 50, -9], [37, 50, 33]))
    values[0, :40], values[1, 80:100], values[2, 37:87] = (np.nan,) * 3
    path = stored(tmp_path / "in.zarr", "series", values, (2, 16), segment=("x", np.repeat([0, 1, 2], [37, 50, 33])))
    smooth = {"dims": ["x"], "radius": 3, "stride": 2, "boundary": rule, "nan": policy}
    whole = same(job(path, ("toy_smooth", smooth)), tmp_path, region={"x": 22})
    assert any(np.isfinite(whole[name]).any() for name in whole.data_vars)
    for over in (None, ["item"]):
        one = job(path, ("toy_moments", {"dims": ["x"], "boundary": rule, "nan": policy, "over": over}))
        same(one, tmp_path, 1e-10, region={"x": 22})


def test_what_comes_before_is_computed_again_for_the_summary(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    """Nothing of full size is stored in between, and a window before an average is itself cut."""
    values = np.where(land(rng, (2, 60, 50)), np.nan, 3 + rng.standard_normal((2, 60, 50)))
    path = stored(tmp_path / "in.zarr", "fields", values, (1, 16, 20))
    dims = ["y", "x"]
    chain = job(path, ("toy_smooth", {"dims": dims, "radius": 2}), ("toy_moments", {"dims": dims, "nan": "mask", "over": ["item"]}))
    plan = chain.plan(region={"y": 16, "x": 20})
    assert [stage.kind for stage in plan.stages] == ["reduce", "reduce"] and len(plan.stages[1].regions) == 2 * 4 * 3
    work = [target for stage in plan.stages for target in stage.targets if not target.result]
    assert sum(target.own.nbytes for target in work) < 100
    assert plan.hash == Pipeline(chain.document).plan(region={"y": 16, "x": 20}).hash
    same(chain, tmp_path, 1e-10, region={"y": 16, "x": 20})
    bands = job(path, ("toy_bands", {"dims": ["x"]}), ("toy_smooth", {"dims": ["x"], "radius": 4, "nan": "mask"}))
    same(bands, tmp_path, region={"x": 20})


def test_data_without_gaps_need_no_summary(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", "series", rng.integers(0, 9, (2, 64)), (1, 16))
    counts = {"dims": ["x"], "dtype": "float64"}
    assert len(job(path, ("toy_moments", counts)).plan(region={"x": 16}).stages) == 1
    assert len(job(path, ("toy_moments", {**counts, "missing": 7.0})).plan(region={"x": 16}).stages) == 2
    assert len(job(path, ("toy_moments", {**counts, "missing": 7.0})).plan(strategy="batch").stages) == 1
    for policy in ("mask", "propagate"):
        same(job(path, ("toy_moments", {**counts, "missing": 7.0, "nan": policy})), tmp_path, 1e-10, region={"x": 16})


def test_the_policy_error_names_the_first_place(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.standard_normal((2, 90))
    values[0, :20], values[1, 53] = np.nan, np.nan
    path = stored(tmp_path / "in.zarr", "series", values, (1, 10))
    one = job(path, ("toy_moments", {"dims": ["x"], "nan": "error", "over": ["item"]}))
    for options in ({"region": {"x": 20}}, {"strategy": "batch"}):
        with pytest.raises(JobError, match=r"1 interior NaN under nan='error'; got first at \(1, 53\)"):
            one.run(tmp_path / "out.zarr", overwrite=True, **options)
    fine = stored(tmp_path / "fine.zarr", "series", values[:1], (1, 10))
    same(job(fine, ("toy_moments", {"dims": ["x"], "nan": "error"})), tmp_path, 1e-10, region={"x": 20})


def test_workers_a_kill_and_a_resume_give_the_same_bytes(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    """A field of 30 % land whose coast crosses the borders of regions."""
    values = np.where(land(rng, (96, 128)), np.nan, 10 + rng.standard_normal((96, 128))).astype("float32")
    path = stored(tmp_path / "in.zarr", "field", values, (32, 32))
    one = job(path, ("toy_smooth", {"dims": ["y", "x"], "radius": 3, "nan": "mask"}))
    options: Any = {"region": {"y": 32, "x": 32}, "verify": True}
    with cluster.local(workers=2) as client:
        together = one.run(tmp_path / "together.zarr", client=client, **options).load()
    seen = 0

    def stop(event: Any) -> None:
        nonlocal seen
        seen += event["event"] == "region"
        if seen == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.run(tmp_path / "out.zarr", progress=stop, **options)
    resumed = one.run(tmp_path / "out.zarr", resume=True).load()
    xr.testing.assert_identical(resumed.drop_attrs(), together.drop_attrs())
    whole = one.run(tmp_path / "whole.zarr", strategy="batch").load()
    for name in whole.data_vars:
        np.testing.assert_allclose(together[name], whole[name], rtol=1e-6, err_msg=str(name))
    share = together["valid_fraction"].values
    assert ((share > 0) & (share < 1)).any() and (share == 1).any() and (share == 0).any()
    assert not (tmp_path / "out.zarr" / "_scatflow" / "work").exists()


def test_a_store_that_has_grown_keeps_its_summaries(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    values = np.where(rng.random((4, 90)) < 0.1, np.nan, rng.standard_normal((4, 90)))
    path = stored(tmp_path / "in.zarr", "series", values[:3], (1, 30))
    one = job(path, ("toy_smooth", {"dims": ["x"], "radius": 3, "nan": "mask"}))
    one.run(tmp_path / "out.zarr", region={"x": 30})
    xr.Dataset({"u": (("item", "x"), values[3:])}).to_zarr(path, append_dim="item", consolidated=False)
    done: list[Any] = []
    grown = one.run(tmp_path / "out.zarr", update=True, progress=lambda event: done.append(event.get("stage"))).load()
    assert done.count("s0") == 3 and done.count("s0.summary") == 3 + 1  # regions, partial states and means of the new item alone
    whole = one.run(tmp_path / "whole.zarr", strategy="batch").load()
    np.testing.assert_allclose(grown["toy_smooth"], whole["toy_smooth"], atol=1e-13)


def test_a_machine_is_measured_on_what_the_whole_tells(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random numbers stand for data, and counts of signals without gaps for what is known of these."""
    monkeypatch.setenv("SCATFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.import_module("scatflow.run.calibrate"), "SECONDS", 0.01)
    path = stored(tmp_path / "in.zarr", "series", np.zeros((2, 64)), (1, 16))
    plan = job(path, ("toy_smooth", {"dims": ["x"], "nan": "mask"})).plan(region={"x": 16})
    assert len(plan.stages) == 2 and calibrate(plan, tmp_path).flops
