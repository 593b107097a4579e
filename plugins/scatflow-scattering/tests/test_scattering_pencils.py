"""Wavelet transforms and scattering one core axis at a time: the numbers of the whole, to rounding, edges included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import JobError, PlanError

RULES = ("reflect", "symmetric", "periodic", "zero")


def stored(path: Path, values: np.ndarray, dims: tuple[str, ...], chunks: tuple[int, ...]) -> Path:
    xr.Dataset({"u": (dims, values)}).to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False, mode="w")
    return path


def job(path: Path, process: str, *more: str, **arguments: Any) -> sf.Pipeline:
    """Return a pipeline of an operator, and element-wise ones behind it."""
    graph: dict[str, Any] = {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}},
        process: {"process_id": process, "arguments": {"data": {"from_node": "u"}, **arguments}},
    }
    last = process
    for name in more:
        graph[name] = {"process_id": name, "arguments": {"data": {"from_node": last}}}
        last = name
    graph[last]["result"] = True
    return sf.Pipeline({"process_graph": graph})


def compare(pipeline: sf.Pipeline, out: Path, region: dict[str, int], tolerance: float) -> None:
    """Hold every result in pencils to that of whole cores, relative in L2, labels and dtype included."""
    whole = pipeline.run(out / "whole.zarr", strategy="batch", overwrite=True)
    found = pipeline.run(out / "pencils.zarr", strategy="pencil", region=region, overwrite=True)
    pairs = [(whole, found)]
    if isinstance(whole, xr.DataTree):
        pairs = [(node.to_dataset(), found[node.path].to_dataset()) for node in whole.leaves]
    for a, b in pairs:
        for name in a.data_vars:
            assert a[name].dims == b[name].dims and a[name].dtype == b[name].dtype
            xr.testing.assert_equal(a[name].coords.to_dataset(), b[name].coords.to_dataset())
            error = float(np.sqrt((np.abs(b[name] - a[name]) ** 2).sum() / (np.abs(a[name]) ** 2).sum()))
            assert error <= tolerance, (name, error)


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = rng.standard_normal(shape)
    return np.asarray(values + 1j * rng.standard_normal(shape) if dtype.startswith("c") else values).astype(dtype)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("filters", "dtype", "tolerance"), [
    ("tight", "float64", 1e-10), ("morlet", "float64", 1e-10), ("tight", "complex128", 1e-10), ("morlet", "float32", 1e-5),
])  # fmt: skip
def test_wavelet_with_all_rules(
    tmp_path: Path, rng: np.random.Generator, rule: str, filters: str, dtype: str, tolerance: float
) -> None:
    """Odd sizes, ragged chunks, a batch dim between the core dims."""
    path = stored(tmp_path / "in.zarr", draw(rng, (53, 2, 45), dtype), ("y", "t", "x"), (24, 1, 17))
    pipeline = job(path, "wavelet", J=3, L=4, dims=["y", "x"], filters=filters, boundary=rule, stride=2)
    compare(pipeline, tmp_path, {"y": 20, "x": 16, "t": 1}, tolerance)


@pytest.mark.parametrize("arguments", [
    {"stride": 1}, {"stride": 6}, {"stride": "octave", "scaling": "energy", "filters": "tight"}, {"paths": [{"j1": 1}]},
    {"paths": [{"order": 0}], "T": 20.0}, {"metric": [1.0, 1.7]}, {"dims": ["x", "y"], "boundary": ["zero", "periodic"]},
    {"filters": {"family": "morlet", "contractive": True}}, {"J": 0},
])  # fmt: skip
def test_wavelet_with_all_parameters(tmp_path: Path, rng: np.random.Generator, arguments: dict[str, Any]) -> None:
    path = stored(tmp_path / "in.zarr", draw(rng, (96, 80), "float64"), ("y", "x"), (40, 32))
    compare(job(path, "wavelet", **{"J": 3, "L": 3, **arguments}), tmp_path, {"y": 40, "x": 32}, 1e-10)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_wavelet_of_volumes(tmp_path: Path, rng: np.random.Generator, dtype: str) -> None:
    path = stored(tmp_path / "in.zarr", draw(rng, (26, 21, 33), dtype), ("z", "y", "x"), (13, 21, 8))
    compare(job(path, "wavelet", J=2, pad=1, stride=2, paths=[{"j1": 1}, {"order": 0}]), tmp_path, {"z": 10, "x": 8}, 1e-10)


@pytest.mark.parametrize("arguments", [
    {"filters": "tight", "boundary": "periodic"}, {"boundary": "zero", "oversampling": 2}, {"order": 3, "L": 2},
    {"tree": "all", "oversampling": 3, "L": 2, "filters": "tight"}, {"stride": 4, "order": 1}, {"paths": [{"order": 2, "j1": 1}]}, {"order": 0},
])  # fmt: skip
def test_scattering(tmp_path: Path, rng: np.random.Generator, arguments: dict[str, Any]) -> None:
    path = stored(tmp_path / "in.zarr", draw(rng, (75, 62), "float64"), ("y", "x"), (32, 25))
    compare(job(path, "scattering", **{"J": 3, "L": 3, "pad": 1, **arguments}), tmp_path, {"x": 25}, 1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("complex128", 1e-10)])
def test_scattering_of_other_numbers(tmp_path: Path, rng: np.random.Generator, dtype: str, tolerance: float) -> None:
    path = stored(tmp_path / "in.zarr", draw(rng, (70, 2, 62), dtype), ("y", "t", "x"), (32, 1, 25))
    compare(job(path, "scattering", J=2, L=3, dims=["y", "x"], filters="tight"), tmp_path, {"y": 40}, tolerance)


def test_scattering_of_volumes(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", draw(rng, (20, 21, 17), "float64"), ("z", "y", "x"), (10, 21, 8))
    paths = [{"l1": (0, 1), "l2": (1, 2)}, {"l1": (0, 1), "order": 1}]
    compare(job(path, "scattering", J=2, pad=1, paths=paths), tmp_path, {"x": 12}, 1e-10)


def test_the_plan_of_pencils(tmp_path: Path, rng: np.random.Generator) -> None:
    """A modulus is taken in the stage of its band; the work arrays are half spectra of one axis, then of both senses, and no more."""
    path = stored(tmp_path / "in.zarr", draw(rng, (192, 160), "float64"), ("y", "x"), (64, 64))
    pipeline = job(path, "wavelet", "modulus", J=3, L=4, filters="tight", boundary="periodic")
    plan = pipeline.plan(strategy="pencil", region={"y": 48, "x": 27})
    assert plan.strategy == "pencil" and [stage.graph.target.node for stage in plan.stages] == ["wavelet.1", "wavelet.3", "modulus"]
    assert [len(stage.regions) for stage in plan.stages] == [4, 3, 4] and plan.tasks == 11
    work = [target for stage in plan.stages for target in stage.targets if not target.result]
    assert [target.spec.nbytes for target in work] == [192 * 81 * 16, 192 * 81 * 13 * 2 * 16]
    assert [target.chunks for target in work] == [(48, 27), (48, 27, 13, 2)]
    assert plan.hash == pipeline.plan(strategy="pencil", region={"y": 48, "x": 27}, workers=9).hash != pipeline.plan().hash
    compare(pipeline, tmp_path, {"y": 48, "x": 27}, 1e-10)


def test_a_job_in_pencils_resumes_to_the_same_bytes(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", draw(rng, (96, 80), "float32"), ("y", "x"), (32, 32))
    pipeline, options = job(path, "wavelet", J=2, L=3, filters="tight"), {"strategy": "pencil", "region": {"y": 24, "x": 16}}
    whole = pipeline.run(tmp_path / "whole.zarr", **options).wavelet.load()

    def stop(event: Any) -> None:
        if event["event"] == "region" and event["done"] == 8:  # in the second stage
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.run(tmp_path / "out.zarr", progress=stop, **options)
    resumed = pipeline.run(tmp_path / "out.zarr", resume=True, memory="1 GiB")
    np.testing.assert_array_equal(resumed.wavelet, whole)
    assert not (tmp_path / "out.zarr" / "_scatflow" / "work").exists()


@pytest.mark.parametrize(("process", "arguments", "reason"), [
    ("wavelet", {"dims": ["x"]}, "along one core dim a task would hold whole lines"),
    ("wavelet", {"nan": "mask"}, "gaps cannot be filled one axis at a time"),
    ("wavelet", {"missing": -9.0}, "gaps cannot be filled one axis at a time"),
    ("scattering", {"filters": "kymatio"}, "its margins depend on the length of the whole signal"),
    ("scattering", {"T": 0}, "averages over a window alone"),
    ("scattering", {"T": "global"}, "averages over a window alone"),
    ("scattering", {"normalize": "parent"}, "averages over a window alone"),
    ("scattering", {"stride": 1}, "a multiple of the coarsest grid of planes"),
    ("orthogonal_wavelet", {"J": 2}, "declares no way to be computed one core axis at a time"),
    ("modulus", {}, '"pencil" serves no operator of the pipeline'),
])  # fmt: skip
def test_what_pencils_do_not_serve(tmp_path: Path, process: str, arguments: dict[str, Any], reason: str) -> None:
    path = stored(tmp_path / "in.zarr", np.zeros((64, 64)), ("y", "x"), (32, 32))
    with pytest.raises(PlanError, match=reason):
        job(path, process, **{**({} if process == "modulus" else {"J": 3}), **arguments}).plan(strategy="pencil")


def test_dims_that_pencils_need_are_refused(tmp_path: Path) -> None:
    for process, name in (("wavelet", "sense"), ("scattering", "planes1")):
        path = stored(tmp_path / "in.zarr", np.zeros((2, 64, 64)), (name, "y", "x"), (1, 32, 32))
        with pytest.raises(PlanError, match="whose name pencils need"):
            job(path, process, J=2, dims=["y", "x"]).plan(strategy="pencil")


def test_gaps_are_refused_where_they_are_read(tmp_path: Path, rng: np.random.Generator) -> None:
    values = draw(rng, (64, 64), "float64")
    values[3, 4] = np.nan
    path = stored(tmp_path / "in.zarr", values, ("y", "x"), (32, 32))
    with pytest.raises(JobError, match="NaN in what is transformed one axis at a time"):
        job(path, "wavelet", J=2).run(tmp_path / "out.zarr", strategy="pencil")


def test_the_plan_never_chooses_pencils_but_names_them(tmp_path: Path) -> None:
    path = stored(tmp_path / "in.zarr", np.zeros((2048, 2048), "float32"), ("y", "x"), (256, 256))
    tight = job(path, "wavelet", J=4, filters="tight", boundary="periodic")
    for strategy in (None, "halo", "batch"):
        with pytest.raises(PlanError, match=r'strategy="pencil", which has one core axis whole at a time:'):
            tight.plan(memory="550 MiB", strategy=strategy)
    assert tight.plan(memory="550 MiB", strategy="pencil").max_projected_memory <= 200 * 2**20
    with pytest.raises(PlanError) as error:  # no line fits, or there is no other axis: no false hope
        job(path, "wavelet", J=4, dims=["x"], filters="tight", boundary="periodic").plan(memory="350 MiB")
    assert "pencil" not in str(error.value)
