"""Wavelet transforms octave by octave: every result is that of the whole, from a signal as coarse as its scale allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import PlanError
from scatflow_wavelet import Bank, Morlet
from scatflow_wavelet.schedule import edge_of, kept_edge, levels

PYRAMID = {"strategy": "pyramid"}


def stored(path: Path, values: np.ndarray, dims: tuple[str, ...], chunks: tuple[int, ...]) -> Path:
    xr.Dataset({"u": (dims, values)}).to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False, mode="w")
    return path


def wavelet(path: Path, **arguments: Any) -> sf.Pipeline:
    return sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}},
        "w": {"process_id": "wavelet", "arguments": {"data": {"from_node": "u"}, "stride": "octave", **arguments}, "result": True},
    }})  # fmt: skip


def results(run: Any) -> dict[str, xr.DataArray]:
    return {name: node["wavelet"].load() for name, node in run.children.items()}


def compared(path: Path, out: Path, *ways: tuple[dict[str, Any], float], **arguments: Any) -> None:
    """Compare strategies with whole cores, each to its tolerance: labels, and every result relative to its own rms."""
    pipeline = wavelet(path, **arguments)
    whole = results(pipeline.run(out, strategy="batch", overwrite=True))
    for options, tolerance in ways:
        alike(results(pipeline.run(out, overwrite=True, **options)), whole, tolerance)


def alike(found: dict[str, xr.DataArray], whole: dict[str, xr.DataArray], tolerance: float) -> None:
    assert set(found) == set(whole)
    for name, expected in whole.items():
        one = found[name]
        assert (one.dims, one.dtype) == (expected.dims, expected.dtype)
        xr.testing.assert_identical(one.coords.to_dataset().drop_attrs(), expected.coords.to_dataset().drop_attrs())
        error = np.sqrt((np.abs(one - expected) ** 2).mean() / (np.abs(expected) ** 2).mean())
        assert error <= tolerance, name


@pytest.mark.parametrize("rule", ["reflect", "symmetric", "periodic", "zero"])
def test_all_rules_edges_included(tmp_path: Path, rng: np.random.Generator, rule: str) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((131, 106)), ("y", "x"), (32, 25))
    parts = {**PYRAMID, "region": {"y": 48, "x": 64}}
    compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-11), (parts, 3e-7), J=5, L=3, boundary=rule)


@pytest.mark.parametrize("arguments", [
    {"L": 2}, {"oversampling": 0}, {"oversampling": 3}, {"scaling": "energy"}, {"dims": ["x", "y"]}, {"T": 50.0},
    {"paths": [{"j1": [1, 4]}, {"order": 0}]}, {"pad": 0, "boundary": "periodic"},
])  # fmt: skip
def test_what_levels_serve(tmp_path: Path, rng: np.random.Generator, arguments: dict[str, Any]) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((3, 96, 66)), ("t", "y", "x"), (2, 96, 66))
    compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-10), **{"J": 5, "L": 3, "dims": ["y", "x"], **arguments})


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 3e-5), ("float64", 3e-7)])
def test_series_and_volumes(tmp_path: Path, rng: np.random.Generator, dtype: str, tolerance: float) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((2, 5001)).astype(dtype), ("c", "t"), (1, 1024))
    compared(path, tmp_path / "out.zarr", ({**PYRAMID, "region": {"t": 1024}}, tolerance), J=8, Q=4, dims=["t"])
    path = stored(tmp_path / "in.zarr", rng.standard_normal((35, 32, 34)).astype(dtype), ("z", "y", "x"), (12, 32, 17))
    compared(path, tmp_path / "out.zarr", (PYRAMID, tolerance), J=5, pad=0.5)


def test_moduli_are_computed_with_their_bands(tmp_path: Path, rng: np.random.Generator) -> None:
    """Nothing is stored but the smoothed signal and the result."""
    path = stored(tmp_path / "in.zarr", rng.standard_normal((261, 210)), ("y", "x"), (64, 50))
    graph = dict(wavelet(path, J=6, L=4).document["process_graph"])
    graph["w"] = {key: value for key, value in graph["w"].items() if key != "result"}
    graph["v"] = {"process_id": "variable", "arguments": {"data": {"from_node": "w"}, "name": "j5"}}
    graph["m"] = {"process_id": "modulus", "arguments": {"data": {"from_node": "v"}}, "result": True}
    pipeline = sf.Pipeline({"process_graph": graph})
    plan = pipeline.plan(**PYRAMID)
    assert [tuple(target.result for target in stage.targets) for stage in plan.stages] == [(False,), (True,)]
    (work,) = plan.stages[0].targets
    assert work.spec.dims == ("y", "x") and work.spec.nbytes < 261 * 210 * 8
    whole, found = (pipeline.run(tmp_path / "out.zarr", overwrite=True, **some).load() for some in ({"strategy": "batch"}, PYRAMID))
    (name,) = whole.data_vars
    np.testing.assert_allclose(found[name], whole[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("arguments", [{"filters": "tight"}, {"J": 4}, {"nan": "mask", "stride": 1}, {"missing": -1.0}, {"T": 8.0}])
def test_what_levels_do_not_serve(tmp_path: Path, arguments: dict[str, Any]) -> None:
    path = stored(tmp_path / "in.zarr", np.zeros((128, 128)), ("y", "x"), (64, 64))
    with pytest.raises(PlanError, match='"pyramid" serves no operator'):
        wavelet(path, **{"J": 5, **arguments}).plan(**PYRAMID)


def test_planes_of_full_size_are_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    path = stored(tmp_path / "in.zarr", np.zeros((1024, 1024), "float32"), ("y", "x"), (256, 256))
    with pytest.raises(PlanError, match=r'wavelet\.stride: results on one grid .* Use stride="octave"'):
        wavelet(path, J=8, stride=1).plan(**PYRAMID)
    with pytest.raises(PlanError, match=r'Levels of octaves do not serve: .* Use stride="octave"'):
        wavelet(path, J=8, stride=1).plan(memory="480 MiB")
    assert wavelet(path, J=8).plan(memory="600 MiB").strategy == "pyramid"


def test_levels_have_the_frequencies_of_what_they_serve() -> None:
    for ndim, octaves in ((1, 6), (2, 4), (3, 3)):
        bank = Bank(Morlet(), J=12, voices=6, aspect=(1.0,) * ndim)
        found = levels([bank], 12, 1, octaves, least=1)
        assert edge_of(bank) <= kept_edge(found[-2])
        for one in found[:-1]:
            assert all(band.xi < kept_edge(one) for band in bank.bands if band.j >= one.high)
