"""Jobs whose core dims are split: the numbers of the whole for every boundary, stride, chunk and gap, and clear refusals."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import job
from scatflow import cluster
from scatflow.errors import DataError, DimensionError, JobError, ParameterError, PlanError
from scatflow.pipeline import Pipeline
from scatflow.plan import Strategy
from scatflow.store import state

RULES = ("reflect", "symmetric", "periodic", "zero")


def stored(path: Path, values: np.ndarray, chunks: tuple[int, ...]) -> xr.DataArray:
    """Write values to a store and return them, read back."""
    dims = ("item", "y", "x")[3 - values.ndim :]
    xr.Dataset({"u": (dims, values)}).to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False, mode="w")
    return xr.open_zarr(path, chunks=None, consolidated=False).u.load()


def both(pipeline: Pipeline, out: Path, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the only result, computed in parts and whole."""
    parts, whole = (pipeline.run(out, overwrite=True, **choice).load() for choice in (options, {"strategy": "batch"}))
    (name,) = parts.data_vars
    return parts[name].values, whole[name].values


@pytest.mark.parametrize(("rule", "stride"), list(itertools.product(RULES, (1, 3))))
def test_parts_are_the_whole_in_two_dims(toys: None, tmp_path: Path, rng: np.random.Generator, rule: str, stride: int) -> None:
    stored(tmp_path / "in.zarr", rng.standard_normal((2, 53, 41)), (1, 16, 7))
    one = job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["y", "x"], "radius": 5, "stride": stride, "boundary": rule}))
    plan = one.plan(region={"y": 12, "x": 15})
    assert len(plan.stages[0].regions) == 2 * 5 * 3
    parts, whole = both(one, tmp_path / "out.zarr", region={"y": 12, "x": 15})
    np.testing.assert_allclose(parts, whole, atol=1e-13)


@given(
    st.sampled_from(RULES), st.integers(0, 9), st.integers(0, 6), st.integers(1, 4), st.integers(1, 4), st.integers(1, 30),
    st.integers(1, 40), st.integers(1, 37),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_chains_of_windows_are_the_whole(
    module_toys: None, tmp_path_factory: pytest.TempPathFactory, rule: str, radius: int, second: int, stride: int, again: int,
    region: int, size: int, chunk: int,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("chain")
    stored(folder / "in.zarr", np.random.default_rng(size).standard_normal((2, size)), (1, chunk))
    first = ("toy_smooth", {"dims": ["x"], "radius": radius, "stride": stride, "boundary": rule})
    one = job(folder / "in.zarr", first, ("toy_smooth", {"dims": ["x"], "radius": second, "stride": again, "boundary": rule}))
    parts, whole = both(one, folder / "out.zarr", region={"x": region}, strategy="halo")
    np.testing.assert_allclose(parts, whole, atol=1e-13)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("gaps", ["ends", "gap", "item", "all"])
def test_absence_and_gaps_are_those_of_the_whole(
    toys: None, tmp_path: Path, rng: np.random.Generator, rule: str, gaps: str
) -> None:
    values = rng.standard_normal((3, 90))
    if gaps in ("ends", "all"):
        values[0, :37], values[1, 50:], values[2, :11], values[2, 85:] = (np.nan,) * 4
    if gaps in ("gap", "all"):
        values[0, 60:63], values[2, 40] = np.nan, np.nan
    if gaps in ("item", "all"):
        values[1] = np.nan
    stored(tmp_path / "in.zarr", values, (2, 20))
    one = job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["x"], "radius": 4, "stride": 2, "boundary": rule}))
    parts, whole = both(one, tmp_path / "out.zarr", region={"x": 16})
    np.testing.assert_allclose(parts, whole, atol=1e-13)
    assert np.isfinite(whole).any()


@pytest.mark.parametrize("rule", RULES)
def test_absence_passes_through_chains_and_round_the_ends(toys: None, tmp_path: Path, rng: np.random.Generator, rule: str) -> None:
    """A window behind a window asks for more of the first; a halo longer than the margin goes on where the other end begins."""
    values = rng.standard_normal((3, 90))
    values[0, :7], values[1, 84:], values[2, :30] = (np.nan,) * 3
    stored(tmp_path / "in.zarr", values, (2, 20))
    first = ("toy_smooth", {"dims": ["x"], "radius": 3, "boundary": rule})
    one = job(tmp_path / "in.zarr", first, ("toy_smooth", {"dims": ["x"], "radius": 5, "stride": 2, "boundary": rule}))
    parts, whole = both(one, tmp_path / "out.zarr", region={"x": 16}, strategy="halo")
    np.testing.assert_allclose(parts, whole, atol=1e-13)
    far = job(tmp_path / "in.zarr", ("toy_far", {"dims": ["x"], "radius": 9, "boundary": rule}))
    parts, whole = both(far, tmp_path / "far.zarr", region={"x": 20}, strategy="halo")
    np.testing.assert_allclose(parts, whole, atol=1e-13)


def test_gaps_in_two_dims_reach_as_far_as_declared(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.standard_normal((40, 40))
    values[11:13, 20], values[39, 0] = np.nan, np.nan
    stored(tmp_path / "in.zarr", values, (16, 16))
    one = job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["y", "x"], "radius": 3, "boundary": "periodic"}))
    parts, whole = both(one, tmp_path / "out.zarr", region={"y": 8, "x": 8})
    np.testing.assert_array_equal(np.isnan(parts), np.isnan(whole))
    np.testing.assert_allclose(parts, whole, atol=1e-13)
    assert np.isnan(whole).sum() == 8 * 7 + 49


def test_the_policy_error_names_the_gap(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.standard_normal((1, 60))
    values[0, 33] = np.nan
    stored(tmp_path / "in.zarr", values, (1, 10))
    one = job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["x"], "nan": "error"}))
    with pytest.raises(JobError, match=r"first at \(0, 33\)"):
        one.run(tmp_path / "out.zarr", region={"x": 20})
    assert issubclass(DataError, ValueError)


def test_two_workers_give_the_bytes_of_one_process(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    stored(tmp_path / "in.zarr", rng.standard_normal((64, 64)).astype("float32"), (16, 16))
    one = job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["y", "x"], "radius": 3}))
    alone = one.run(tmp_path / "alone.zarr", region={"y": 16, "x": 16}, verify=True)
    with cluster.local(workers=2) as client:
        together = one.run(tmp_path / "together.zarr", region={"y": 16, "x": 16}, client=client)
    (name,) = alone.data_vars
    np.testing.assert_array_equal(together[name], alone[name])


@pytest.mark.parametrize("strategy", ["halo", "pyramid"])
def test_a_resumed_job_keeps_regions_and_strategy_whatever_memory_there_is(
    toys: None, tmp_path: Path, rng: np.random.Generator, strategy: Strategy
) -> None:
    stored(tmp_path / "in.zarr", rng.standard_normal((8, 64)), (1, 16))
    one = job(tmp_path / "in.zarr", ("toy_twice", {"dims": ["x"], "radius": 3, "boundary": "periodic"}))
    whole = one.run(tmp_path / "whole.zarr", strategy=strategy, memory="8 GiB")
    with pytest.raises(KeyboardInterrupt):
        one.run(tmp_path / "out.zarr", strategy=strategy, memory="8 GiB", progress=_stop_at(3))
    assert state(tmp_path / "out.zarr")["state"] == "canceled"
    resumed = one.run(tmp_path / "out.zarr", memory="1 GiB", resume=True)
    (name,) = whole.data_vars
    np.testing.assert_array_equal(resumed[name], whole[name])


def test_a_job_that_cuts_only_its_large_stage_is_resumed(
    toys: None, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one stage is cut for is not asked of the others: their own lengths tell."""
    monkeypatch.setattr("scatflow.plan.limits.RESERVED_BYTES", 0)
    stored(tmp_path / "in.zarr", rng.standard_normal((256, 1024)), (64, 256))
    smooth = {"boundary": "periodic", "radius": 3}
    mean = ("toy_mean", {"dims": ["x"]}), ("variable", {"name": "mean"})
    one = job(
        tmp_path / "in.zarr", ("toy_smooth", {"dims": ["y", "x"], **smooth}), *mean, ("toy_smooth", {"dims": ["y"], **smooth})
    )
    mixed = one.plan(memory="4 MiB")
    assert [stage.why.split()[0] for stage in mixed.stages] == ["halo", "batch:"]
    whole = one.run(tmp_path / "whole.zarr", memory="4 MiB").load()
    with pytest.raises(KeyboardInterrupt):
        one.run(tmp_path / "out.zarr", memory="4 MiB", progress=_stop_at(3))
    resumed = one.run(tmp_path / "out.zarr", memory="8 MiB", resume=True).load()
    (name,) = whole.data_vars
    np.testing.assert_array_equal(resumed[name], whole[name])


def _stop_at(count: int) -> Any:
    seen = itertools.count(1)

    def stop(event: Any) -> None:
        if event["event"] == "region" and next(seen) == count:
            raise KeyboardInterrupt

    return stop


def test_stages_are_the_operator(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    stored(tmp_path / "in.zarr", rng.standard_normal((3, 64)), (1, 16))
    one = job(
        tmp_path / "in.zarr",
        ("toy_twice", {"dims": ["x"], "radius": 5, "boundary": "periodic"}),
        ("toy_smooth", {"dims": ["x"], "radius": 1}),
    )
    plan = one.plan(strategy="pyramid", region={"x": 16})
    assert [stage.graph.target.node for stage in plan.stages] == ["s0.0", "s1"] and len(plan.stages[0].regions) == 12
    assert plan.hash == Pipeline(one.document).plan(strategy="pyramid", region={"x": 16}).hash != one.plan().hash
    found, whole = both(one, tmp_path / "out.zarr", strategy="pyramid", region={"x": 16})
    np.testing.assert_allclose(found, whole, atol=1e-13)
    assert not (tmp_path / "out.zarr" / "_scatflow" / "work").exists()


def test_stages_of_something_else_are_refused(toys: None, tmp_path: Path) -> None:
    stored(tmp_path / "in.zarr", np.zeros((3, 64)), (1, 16))
    with pytest.raises(DimensionError, match="its stages do not give the results that output"):
        job(tmp_path / "in.zarr", ("toy_twice", {"dims": ["x"], "lie": True, "boundary": "periodic"})).plan(strategy="pyramid")
    with pytest.raises(PlanError, match='"pyramid" serves no operator'):
        job(tmp_path / "in.zarr", ("toy_twice", {"dims": ["x"], "radius": 1, "boundary": "periodic"})).plan(strategy="pyramid")


def test_windows_that_declare_no_pencils_are_refused(toys: None, tmp_path: Path) -> None:
    stored(tmp_path / "in.zarr", np.zeros((64, 64)), (16, 16))
    with pytest.raises(
        PlanError, match=r'"pencil" cannot serve it; .* got operator toy_smooth: it declares no way .* \(no method pencils\)'
    ):
        job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["y", "x"]})).plan(strategy="pencil")
    with pytest.raises(PlanError, match='"pencil" serves no operator'):
        job(tmp_path / "in.zarr", ("toy_flip", {"dims": ["x"]})).plan(strategy="pencil")
    gaps = r"toy_smooth: gaps cannot be filled .* Leave strategy and region to the plan, which takes batch with \S+ KiB per task"
    with pytest.raises(PlanError, match=gaps):
        job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["y", "x"], "nan": "mask"})).plan(strategy="pencil")


@pytest.mark.parametrize("process", ["toy_smooth", "toy_flip"])
def test_samples_chosen_behind_a_window_are_of_the_whole(
    toys: None, tmp_path: Path, rng: np.random.Generator, process: str
) -> None:
    """A selection along core dims of what is computed whole, in the same task."""
    stored(tmp_path / "in.zarr", rng.standard_normal((3, 64)), (1, 16))
    first = ("toy_smooth", {"dims": ["x"]})
    chosen = job(tmp_path / "in.zarr", first, ("toy_every", {"dim": "x", "step": 5}))
    whole = job(tmp_path / "in.zarr", first).run(tmp_path / "whole.zarr").load()
    found = chosen.run(tmp_path / "out.zarr").load()
    (name,) = whole.data_vars
    np.testing.assert_array_equal(found[name], whole[name][:, ::5])


def test_several_results_have_stages(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    """One of them is an input of the other's stage; a pointwise operator behind one is computed with it."""
    stored(tmp_path / "in.zarr", rng.standard_normal((3, 64)), (1, 16))
    options: dict[str, Any] = {"strategy": "pyramid", "region": {"x": 16}}
    one = job(tmp_path / "in.zarr", ("toy_pair", {"dims": ["x"], "radius": 5, "boundary": "periodic"}))
    assert [stage.name for stage in one.plan(**options).stages] == ["s0.0", "s0.1"]
    whole, found = (one.run(tmp_path / "out.zarr", overwrite=True, **some).load() for some in ({"strategy": "batch"}, options))
    assert set(found) == {"near", "far"}
    for name in whole:
        np.testing.assert_allclose(found[name], whole[name], atol=1e-13)
    graph = one.document["process_graph"]
    graph["s0"].pop("result")
    graph["v"] = {"process_id": "variable", "arguments": {"data": {"from_node": "s0"}, "name": "far"}}
    graph["h"] = {"process_id": "toy_divide", "arguments": {"x": {"from_node": "v"}, "y": 2.0}, "result": True}
    half = Pipeline({"process_graph": graph})
    assert [stage.name for stage in half.plan(**options).stages] == ["s0.0", "h"]
    parts, _ = both(half, tmp_path / "half.zarr", **options)
    np.testing.assert_allclose(parts, whole["far"] / 2, atol=1e-13)


@pytest.mark.parametrize("over", [[], ["y"]])
def test_averages_have_stages(toys: None, tmp_path: Path, rng: np.random.Generator, over: list[str]) -> None:
    stored(tmp_path / "in.zarr", rng.standard_normal((3, 640)), (1, 160))
    arguments = {"dims": ["x"], "radius": 5, "boundary": "periodic", "over": over}
    one = job(tmp_path / "in.zarr", ("toy_average", arguments))
    options: dict[str, Any] = {"strategy": "pyramid", "region": {"x": 160}}
    assert [stage.kind for stage in one.plan(**options).stages] == ["map", "map", "reduce", "reduce"]  # the third tells of gaps
    whole, found = (one.run(tmp_path / "out.zarr", overwrite=True, **some).load() for some in ({"strategy": "batch"}, options))
    assert set(found) == set(whole) and found["mean"].attrs == whole["mean"].attrs
    for name in whole:
        np.testing.assert_allclose(found[name], whole[name], rtol=1e-10, err_msg=str(name))


def test_stages_that_cannot_be_are_explained(toys: None, tmp_path: Path) -> None:
    stored(tmp_path / "in.zarr", np.zeros((3, 64)), (1, 16))
    for arguments, error, text in (
        ({"radius": 1}, PlanError, "too short for stages; expected at least 2"),
        ({"radius": 2, "lie": True}, DimensionError, "its stages do not give the results that output"),
    ):
        with pytest.raises(error, match=text):
            job(tmp_path / "in.zarr", ("toy_pair", {"dims": ["x"], "boundary": "periodic", **arguments})).plan(strategy="pyramid")
    long = {"dims": ["x"], "radius": 1, "boundary": "periodic"}
    with pytest.raises(PlanError, match=r"Levels of octaves do not serve: toy_pair\.radius: too short"):
        job(tmp_path / "in.zarr", ("toy_pair", long)).plan(memory="1 MiB")


def test_the_plan_says_what_it_does(toys: None, tmp_path: Path) -> None:
    stored(tmp_path / "in.zarr", np.zeros((64, 64)), (16, 16))
    one = job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["y", "x"], "radius": 3}))
    assert "batch: core y, x whole" in str(one.plan())
    text = str(one.plan(strategy="halo", region={"y": 16, "x": 32}))
    assert "halo 3 × 3" in text and "y=16 x=32" in text
    assert one.plan(strategy="halo").hash == one.plan(strategy="halo", workers=9).hash
    assert one.plan(strategy="halo").hash != one.plan(strategy="halo", tol=1e-2).hash


def test_what_cannot_be_cut_is_refused(toys: None, tmp_path: Path) -> None:
    stored(tmp_path / "in.zarr", np.zeros((2, 64)), (1, 16))
    with pytest.raises(PlanError, match='"halo" cannot serve it; got toy_flip needs its core dims whole'):
        job(tmp_path / "in.zarr", ("toy_flip", {"dims": ["x"]})).plan(strategy="halo")
    smooth = job(tmp_path / "in.zarr", ("toy_smooth", {"dims": ["x"]}))
    with pytest.raises(ParameterError, match=r"strategy: unknown.*Did you mean 'halo'"):
        smooth.plan(strategy="hallo")  # type: ignore[arg-type]  # the mistake that is tested
    for tol in (0.0, 1.0, -1e-4):
        with pytest.raises(ParameterError, match="tol"):
            smooth.plan(tol=tol)
