"""Scattering moments octave by octave: the numbers of the whole, and nothing of full size stored but what later levels take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scatflow as sf
from scatflow.contract import Cells
from scatflow.errors import JobError, PlanError
from scatflow.spec import Place
from scatflow_scattering.tiles import Tiles

RULES = ("reflect", "symmetric", "periodic", "zero")
PYRAMID = {"strategy": "pyramid"}


def stored(path: Path, values: np.ndarray, dims: tuple[str, ...], chunks: tuple[int, ...]) -> Path:
    xr.Dataset({"u": (dims, values)}).to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False, mode="w")
    return path


def moments(path: Path, **arguments: Any) -> sf.Pipeline:
    return sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}},
        "s": {"process_id": "scattering_moments", "arguments": {"data": {"from_node": "u"}, **arguments}, "result": True},
    }})  # fmt: skip


def field(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return a field with steep spectrum, mean 1."""
    return np.asarray(1 + rng.standard_normal(shape).cumsum(-1).cumsum(-2) / shape[-1])


def compared(path: Path, out: Path, *ways: tuple[dict[str, Any], float], **arguments: Any) -> xr.Dataset:
    """Return the result of the last strategy, having compared all with that of whole cores: every number, label and attribute."""
    pipeline = moments(path, **arguments)
    whole = pipeline.run(out, strategy="batch", overwrite=True).load()
    for options, rtol in ways:
        found = alike(pipeline.run(out, overwrite=True, **options).load(), whole, rtol)
    return found


def alike(found: xr.Dataset, whole: xr.Dataset, rtol: float) -> xr.Dataset:
    assert set(found) == set(whole) and set(found.coords) == set(whole.coords)
    for label in whole.coords:
        xr.testing.assert_identical(found[label].variable, whole[label].variable)
    for name in whole:
        one, other = found[name], whole[name]
        assert (one.dims, one.dtype, one.attrs) == (other.dims, other.dtype, other.attrs)
        size = float(np.sqrt(np.nanmean(other.astype("float64") ** 2))) if np.isfinite(other).any() else 0.0
        np.testing.assert_allclose(one, other, rtol=0, atol=rtol * size, err_msg=str(name))
    return found


@pytest.mark.parametrize("rule", RULES)
def test_all_rules_edges_included(tmp_path: Path, rng: np.random.Generator, rule: str) -> None:
    """No size is a multiple of 2^J or of tiles, chunks are ragged: levels that are whole, and in parts."""
    path = stored(tmp_path / "in.zarr", field(rng, 131, 106), ("y", "x"), (64, 50))
    arguments = {"J": 5, "L": 3, "boundary": rule}
    options = {**PYRAMID, "region": {"y": 64, "x": 96}}
    assert len(moments(path, **arguments).plan(**options).stages[0].regions) > 1
    compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-12), (options, 1e-6), **arguments)


@pytest.mark.parametrize("arguments", [
    {"order": 1}, {"order": 3, "L": 2}, {"oversampling": 2, "L": 3}, {"filters": {"family": "morlet", "contractive": True}}, {"dims": ["x", "y"]},
    {"normalize": "ensemble", "covariance": True}, {"pad": 1, "L": 8}, {"over": ["t"], "normalize": "each"}, {"over": ["t", "c"], "covariance": True},
    {"over": ["t"], "ordered": [], "normalize": "ensemble"},
])  # fmt: skip
def test_what_levels_serve(tmp_path: Path, rng: np.random.Generator, arguments: dict[str, Any]) -> None:
    values = 1 + rng.standard_normal((2, 3, 70, 76))
    path = stored(tmp_path / "in.zarr", values, ("c", "t", "y", "x"), (2, 2, 70, 76))
    compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-10), **{"J": 5, "L": 3, "dims": ["y", "x"], **arguments})


def test_single_precision(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", field(rng, 131, 106).astype("float32"), ("y", "x"), (64, 50))
    parts = {**PYRAMID, "region": {"y": 64, "x": 96}}
    compared(path, tmp_path / "out.zarr", (parts, 2e-5), (PYRAMID, 1e-6), J=5, L=3)
    compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-12), J=5, L=3, dtype="float64")


@pytest.mark.parametrize("Q", [1, 8])
def test_long_series(tmp_path: Path, rng: np.random.Generator, Q: int) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((2, 10_001)), ("channel", "time"), (1, 1024))
    compared(path, tmp_path / "out.zarr", ({**PYRAMID, "region": {"time": 2048}}, 1e-6), J=9, Q=Q, dims=["time"])
    whole = compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-11), J=9, Q=Q, dims=["time"], order=3)
    assert (whole["count"] == 9).all()


def test_a_scale_as_long_as_the_domain(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", field(rng, 2, 256, 256), ("t", "y", "x"), (1, 64, 64))
    found = compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-12), J=8, L=3, dims=["y", "x"], boundary="periodic")
    assert (found["count"] == 1).all() and np.isnan(found["se"]).all()


def test_volumes(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((35, 32, 34)), ("z", "y", "x"), (12, 32, 17))
    compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-12), J=4, pad=1)
    compared(path, tmp_path / "out.zarr", (PYRAMID, 1e-12), J=5, pad=0, boundary="periodic", normalize="ensemble")
    compared(path, tmp_path / "out.zarr", ({**PYRAMID, "region": {"z": 32, "y": 32, "x": 32}}, 1e-6), J=4, pad=1, order=1)


def test_gaps_are_refused_before_anything_is_computed(tmp_path: Path, rng: np.random.Generator) -> None:
    values = field(rng, 128, 128)
    values[70, 71] = np.nan
    pipeline = moments(stored(tmp_path / "in.zarr", values, ("y", "x"), (64, 64)), J=5, L=2)
    with pytest.raises(JobError, match=r"region 0 .*NaN in core dims that are averaged in parts"):
        pipeline.run(tmp_path / "out.zarr", **PYRAMID)


@pytest.mark.parametrize("arguments", [
    {"filters": "tight"}, {"tree": "all", "oversampling": 4}, {"J": 4}, {"order": 0}, {"paths": [{"order": 1}]}, {"oversampling": 0}, {"nan": "mask"}, {"missing": -1.0},
])  # fmt: skip
def test_what_levels_do_not_serve(tmp_path: Path, arguments: dict[str, Any]) -> None:
    path = stored(tmp_path / "in.zarr", np.zeros((128, 128)), ("y", "x"), (64, 64))
    with pytest.raises(PlanError, match='"pyramid" serves no operator'):
        moments(path, **{"J": 5, **arguments}).plan(**PYRAMID)


def test_the_plan_takes_levels_where_halos_do_not_fit(tmp_path: Path) -> None:
    """Tiles take a small part of the field, and what is passed on is sampled coarsely."""
    path = stored(tmp_path / "in.zarr", np.zeros((1024, 1024), "float32"), ("y", "x"), (256, 256))
    plan = moments(path, J=8, L=8).plan(memory="600 MiB")
    assert plan.strategy == "pyramid" and plan.max_projected_memory <= 600 * 2**20
    sizes = {target.spec.dims[2:]: target.spec for target in plan.stages[0].targets}
    extended = 4 * (1024 + 4 * 256) ** 2
    assert sizes[("part",)].nbytes <= 0.5 * extended and sizes[()].nbytes == extended // 16
    assert sizes[("planes1",)].nbytes == 32 * extended // 16


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_tiles_add_up_to_the_mean(data: st.DataObject) -> None:
    """The mean over all tiles is that over the samples of the signal, whatever blocks the tiles are computed in."""
    ndim, exponent = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 2))
    width = 2 ** (exponent + data.draw(st.integers(0, 2)))
    size = tuple(data.draw(st.lists(st.integers(1, 40), min_size=ndim, max_size=ndim)))
    counts = tuple(-(-n // width) for n in size)
    shape = tuple(n * width // 2**exponent for n in counts)
    plane = np.random.default_rng(0).standard_normal((2, *shape))
    tiles = Tiles({}, width, counts, (0,) * ndim, size)
    found = tiles.of(np, plane, exponent)
    inside = plane[(slice(None), *(slice(0, -(-n // 2**exponent)) for n in size))]
    axes = tuple(range(1, ndim + 1))
    np.testing.assert_allclose(found.mean(axis=axes), inside.mean(axis=axes), atol=1e-14)
    cut = data.draw(st.integers(1, counts[0]))
    block = replace(tiles, shape=(counts[0] - cut, *counts[1:]), start=(cut * width, *(0,) * (ndim - 1)))
    step = width // 2**exponent
    np.testing.assert_array_equal(block.of(np, plane[:, cut * step :], exponent), found[:, cut:])


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_weights_of_cells_are_those_of_means(stride: int) -> None:
    at = Place(start={"y": 0, "x": 0}, stop={"y": 50, "x": 37}, core={"y": (0, 50), "x": (0, 37)}, size={"y": 50, "x": 37})
    cells = Cells(at, {"y": (0, 16, 50), "x": (0, 16, 32, 37)})
    plane = np.ones((-(-50 // stride), -(-37 // stride)))
    _, weights = cells.means(np, plane, stride)
    np.testing.assert_array_equal(cells.weights(stride), weights)
    assert sum(cells.weights(stride)) == pytest.approx(1, abs=1e-15)
