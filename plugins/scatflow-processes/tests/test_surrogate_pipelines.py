"""Surrogates in pipelines: every kind between a source and a statistic, and pipelines as statistics of the surrogate test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from scatflow import Pipeline, apply, ops
from scatflow.contract import Operator
from scatflow.errors import GraphError
from scatflow_arrays.detrend import Detrend
from scatflow_arrays.increments import Cumsum, Increments
from scatflow_arrays.reduction import Reduction
from scatflow_processes.operators.garch import GarchModel
from scatflow_processes.operators.gaussian import GaussianModel
from scatflow_processes.operators.returns import Leverage
from scatflow_processes.operators.surrogates import IAAFT, BlockShuffle, SignFlip
from scatflow_processes.pipeline_statistic import PipelineStatistic
from scatflow_processes.sources.garch import Garch
from scatflow_processes.surrogate_test import surrogate_test

WALK = {
    "id": "mrw",
    "size": 512,
    "integral_scale": 128,
    "skew": 0.2,
    "input": "increments",
    "realizations": 3,
    "seed": 4,
    "dtype": "float64",
}


def node(process: str, data: str | None = None, result: bool = False, **arguments: Any) -> dict[str, Any]:
    inputs = {} if data is None else {"data": {"from_node": data}}
    return {"process_id": process, "arguments": {**inputs, **arguments}, **({"result": True} if result else {})}


def pipeline(**nodes: dict[str, Any]) -> Pipeline:
    return Pipeline.from_document({"process_graph": nodes})


def levers(**changes: Any) -> Pipeline:
    return pipeline(
        walk=node("load_process", **WALK, **changes), lever=node("leverage", "walk", dims=["time"], lags=[1, 2], result=True)
    )


LEVER = Leverage(dims=("time",), lags=(1, 2))


def lever(x: xr.DataArray) -> xr.DataArray:
    return apply(LEVER, x)


def refused(*args: object, **keywords: object) -> None:
    raise AssertionError("something is computed")


KINDS: dict[str, dict[str, Any]] = {
    "gaussian_model": {"phase_only": True, "shared": ["realization"]},
    "iaaft": {"iterations": 20},
    "block_shuffle": {"block": 32},
    "sign_flip": {},
    "time_reversal": {},
    "garch_model": {"asymmetric": True, "innovations": "residuals"},
}
# Long enough for fits of finite variance.
LONG = WALK | {"size": 2048}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_between_a_source_and_a_statistic(kind: str) -> None:
    if kind == "garch_model":
        pytest.importorskip("arch")
    arguments = {"dims": ["time"], **KINDS[kind]} | ({"surrogates": 2, "seed": 7} if kind != "time_reversal" else {})
    taken = {"one": node("variable", "twin", name="surrogates")} if kind == "iaaft" else {}
    graph = pipeline(walk=node("load_process", **LONG), twin=node(kind, "walk", **arguments), **taken,
                     lever=node("leverage", "one" if taken else "twin", dims=["time"], lags=[1, 2], result=True))  # fmt: skip
    with dask.config.set(scheduler=refused):
        lazy = graph.lazy()
    found = lazy.compute()
    data = pipeline(walk=node("load_process", **LONG, result=True)).lazy().compute()
    twin = getattr(ops, kind)(data, **arguments)
    twin = twin["surrogates"] if isinstance(twin, xr.Dataset) else twin
    expected = lever(twin)
    np.testing.assert_allclose(found.values, expected.transpose(*found.dims).values, rtol=1e-10)
    assert found.lag.values.tolist() == [1, 2] and dict(found.sizes) == dict(expected.sizes)
    if kind != "time_reversal":
        assert found.surrogate.values.tolist() == [0, 1]
        # The second surrogate is the same alone: seeds are those of its number.
        alone = getattr(ops, kind)(data, **{**arguments, "surrogates": 1, "first": 1})
        alone = alone["surrogates"] if isinstance(alone, xr.Dataset) else alone
        np.testing.assert_array_equal(alone.isel(surrogate=0).values, twin.isel(surrogate=1).values)


def test_a_pipeline_is_the_statistic_that_its_operators_are() -> None:
    data = pipeline(walk=node("load_process", **WALK, result=True)).lazy().compute()
    options: dict[str, Any] = {"n": 29, "alternative": "less"}
    surrogates = SignFlip(dims=("time",), seed=3)
    by_operator = surrogate_test(LEVER, data, surrogates, **options)
    by_pipeline = surrogate_test(levers(), surrogates=surrogates, **options)
    assert by_pipeline.p.dims == ("realization", "lag") and by_pipeline.lag.values.tolist() == [1, 2]
    assert float(by_pipeline.p.min()) < 0.2  # it is skewed
    assert json.loads(by_pipeline.attrs["surrogate_parameters"])["dims"] == ["time"] and by_pipeline.attrs["seed"] == 3
    again = surrogate_test(Pipeline.from_array(levers().lazy()), surrogates=surrogates, node="mrw_1", **options)
    for one in (by_pipeline, again, surrogate_test(lever, data, surrogates, **options)):
        xr.testing.assert_allclose(one, by_operator, rtol=1e-12)
        assert one.attrs == by_operator.attrs
    for together in (1, 4, 29):
        for held in (data, data.chunk(realization=1)):
            xr.testing.assert_allclose(
                surrogate_test(LEVER, held, surrogates, together=together, **options), by_operator, rtol=1e-12
            )


OPEN: dict[str, Operator] = {
    "leverage": Leverage(lags=(1, 2)),
    "detrend": Detrend(),
    "cumsum": Cumsum(),
    "increments": Increments(dim="time"),
}


@pytest.mark.parametrize("name", OPEN)
def test_operators_that_name_no_dims_take_those_of_the_data(name: str) -> None:
    """The further dim of surrogates is none of theirs, whatever number of core dims they admit."""
    one = pipeline(walk=node("load_process", **WALK, result=True)).lazy().compute().isel(realization=0, drop=True)
    named = {"dim": "time"} if name == "increments" else {"lags": [1, 2]} if name == "leverage" else {}
    graph = pipeline(walk=node("load_process", **WALK | {"realizations": 1}), single=node("select", "walk", isel={"realization": 0}),
                     found=node(name, "single", result=True, **named))  # fmt: skip
    surrogates = SignFlip(dims=("time",))
    expected = surrogate_test(lambda x: apply(OPEN[name], x), one, surrogates, n=6)
    for found in (
        surrogate_test(OPEN[name], one, surrogates, n=6),
        surrogate_test(graph, surrogates=surrogates, n=6, node="single"),
    ):
        for variable in ("observed", "mean", "std", "p"):
            np.testing.assert_allclose(found[variable], expected[variable], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "surrogates",
    [
        GaussianModel(dims=("time",), shared=("realization",)),
        IAAFT(dims=("time",), iterations=3),
        BlockShuffle(dims=("time",), block=8),
    ],
)
def test_lazy_data_stay_lazy_until_statistics_are_known(surrogates: Any) -> None:
    graph = levers()
    statistic = PipelineStatistic(graph)
    with dask.config.set(scheduler=refused):
        data = statistic.data()
        found = statistic(data)
    assert data.chunks is not None and found.chunks is not None
    xr.testing.assert_allclose(found.compute(), graph.lazy().compute(), rtol=1e-12)
    lazy, eager = (surrogate_test(graph, one, surrogates, n=5) for one in (data, data.compute()))
    xr.testing.assert_allclose(lazy, eager, rtol=1e-12)


def test_surrogates_are_those_of_the_node_that_is_named() -> None:
    """Of increments, not of the path that the source delivers."""
    nodes = {"path": node("load_process", **WALK | {"input": "path"}), "steps": node("increments", "path", dim="time")}
    graph = pipeline(**nodes, spread=node("reduce", "steps", over=["time"], statistic="std", result=True))
    steps = pipeline(**nodes, same=node("reduce", "steps", over=["realization"], statistic="mean", result=True))
    data = PipelineStatistic(steps, "steps").data().compute()
    np.testing.assert_allclose(data, PipelineStatistic(graph).data().diff("time"), rtol=1e-9)
    surrogates = SignFlip(dims=("time",))
    found = surrogate_test(graph, surrogates=surrogates, n=9, node="steps")
    xr.testing.assert_allclose(found, surrogate_test(Reduction(over=("time",), statistic="std"), data, surrogates, n=9), rtol=1e-9)
    # Signs of increments hardly change their spread; those of the path do.
    assert (found["mean"] < 1.1 * found.observed).all()
    assert (surrogate_test(graph, surrogates=surrogates, n=9)["mean"] > 3 * found.observed).all()


def test_what_does_not_depend_on_the_node_stays_what_it_is() -> None:
    graph = pipeline(walk=node("load_process", **WALK), other=node("load_process", **WALK | {"seed": 8}),
                     level=node("reduce", "other", over=["time"], statistic="std"),
                     scaled={"process_id": "divide", "arguments": {"x": {"from_node": "walk"}, "y": {"from_node": "level"}}},
                     spread=node("reduce", "scaled", over=["time"], statistic="max", result=True))  # fmt: skip
    found = surrogate_test(graph, surrogates=BlockShuffle(dims=("time",)), n=3, node="walk")
    np.testing.assert_allclose(found["mean"], found.observed, rtol=1e-12)  # a shuffle has the same largest value
    np.testing.assert_allclose(found.observed, graph.lazy().compute(), rtol=1e-12)
    with pytest.raises(ValueError, match="several sources, walk, other; name the node"):
        surrogate_test(graph, n=3)


def test_one_of_several_results_of_a_node_is_the_data() -> None:
    def of(*names: str) -> Pipeline:
        parts = {f"v{k}": node("variable", "cox", name=name) for k, name in enumerate(names)}
        total = {"sum": {"process_id": "add", "arguments": {"x": {"from_node": "v0"}, "y": {"from_node": f"v{len(names) - 1}"}}}}
        return pipeline(cox=node("cox_blocks", size=16, seed=2, dtype="float64"), **parts, **total,
                        mean=node("reduce", "sum", over=["y", "x"], statistic="max", result=True))  # fmt: skip

    found = surrogate_test(of("intensity"), surrogates=SignFlip(dims=("y", "x")), n=9)
    assert 0 < float(found["mean"].item()) <= float(found.observed.item()) < 2
    both = of("intensity", "points")
    with pytest.raises(ValueError, match="several results of node 'cox' are used, intensity, points"):
        surrogate_test(both, n=9)
    held = surrogate_test(both, surrogates=SignFlip(dims=("y", "x")), n=9, node="v0")
    assert 1 < float(held.observed.item()) < 2 and float(held["mean"].item()) < float(held.observed.item())


def test_an_array_that_a_pipeline_leaves_open_is_the_data() -> None:
    document = {
        "parameters": [{"name": "signal", "description": "Returns.", "schema": {"type": "object", "subtype": "datacube"}}],
        "process_graph": {"lever": {"process_id": "leverage", "result": True,
                                    "arguments": {"data": {"from_parameter": "signal"}, "dims": ["time"], "lags": [1, 2]}}},
    }  # fmt: skip
    graph = Pipeline.from_document(document)
    data = pipeline(walk=node("load_process", **WALK, result=True)).lazy().compute()
    xr.testing.assert_allclose(surrogate_test(graph, data, n=3), surrogate_test(LEVER, data, n=3), rtol=1e-12)
    with pytest.raises(GraphError, match="signal"):
        surrogate_test(graph, n=3)


def test_of_averages_the_mean_is_tested() -> None:
    graph = pipeline(field=node("gaussian_field", size=[16, 16], realizations=3, dtype="float64"),
                     average=node("structure_factor", "field", over=["realization"], dims=["y", "x"], result=True))  # fmt: skip
    found = surrogate_test(graph, surrogates=SignFlip(dims=("y", "x")), n=3)
    np.testing.assert_allclose(found.observed, graph.lazy()["mean"].compute(), rtol=1e-12)


def test_the_ledger_of_a_pipeline(tmp_path: Path) -> None:
    surrogates = SignFlip(dims=("time",))

    def tested(graph: Pipeline, n: int = 10, **options: Any) -> xr.Dataset:
        return surrogate_test(graph, surrogates=surrogates, n=n, ledger=tmp_path / "ledger", together=4, **options)

    whole = tested(levers())
    files = sorted((tmp_path / "ledger").glob("*.npy"))
    assert len(files) == 10
    kept = {file.name: file.read_bytes() for file in files}
    times = {file.name: file.stat().st_mtime_ns for file in files}
    for file in files[5:]:  # in the middle of a group
        file.unlink()
    xr.testing.assert_identical(tested(levers()), whole)
    again = sorted((tmp_path / "ledger").glob("*.npy"))
    assert {file.name: file.read_bytes() for file in again} == kept
    assert all(file.stat().st_mtime_ns == times[file.name] for file in again[:5])
    assert tested(levers(), n=12).attrs["n"] == 12
    with pytest.raises(ValueError, match="other data"):
        tested(levers(), data=PipelineStatistic(levers()).data() + 1)
    with pytest.raises(ValueError, match="other data, statistic"):
        tested(levers(lam2=0.05))


def several() -> Pipeline:
    return pipeline(walk=node("load_process", **WALK), lever=node("leverage", "walk", dims=["time"]),
                    both={"process_id": "dataset", "arguments": {"variables": {"a": {"from_node": "walk"}, "b": {"from_node": "lever"}}}, "result": True})  # fmt: skip


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: surrogate_test(levers(), node="level"), "no node 'level'; it has walk, lever"),
        (lambda: surrogate_test(levers(), node="lever"), "does not depend on node 'lever'"),
        (lambda: surrogate_test(several()), "several results, a, b"),
        (lambda: surrogate_test(LEVER), "needs data"),
        (lambda: surrogate_test(LEVER, xr.DataArray(np.ones(9), dims="time"), node="walk"), "only pipelines have nodes"),
        (lambda: surrogate_test(levers(), together=0), "together must be >= 1"),
        (
            lambda: surrogate_test(lambda x: x.mean(), xr.DataArray(np.ones(9), dims="time"), together=2),
            "for pipelines and operators that are no composites",
        ),
        (lambda: surrogate_test(levers(), surrogates=Garch(size=512), n=2), "set its size"),
    ],
)
def test_what_is_no_test_of_a_pipeline(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


def test_leverage_of_the_index_is_beyond_garch_and_within_gjr() -> None:
    """Symmetric models have volatility clusters and no leverage; falls that raise volatility explain that of the S&P 500."""
    pytest.importorskip("arch")
    graph = pipeline(
        index=node("load_process", id="sp500"), lever=node("leverage", "index", dims=["time"], lags=[1, 2, 3, 4, 5], result=True)
    )
    symmetric, asymmetric = (
        surrogate_test(graph, surrogates=GarchModel(dims=("time",), asymmetric=kind), n=99, alternative="less")
        for kind in (False, True)
    )
    np.testing.assert_allclose(symmetric.observed, [-30, -23, -21, -27, -21], atol=0.5)
    assert (symmetric.q <= 0.05).all() and (abs(symmetric["mean"]) < 4 * symmetric["std"] / np.sqrt(99)).all()
    assert (asymmetric.q > 0.05).all() and (asymmetric["mean"] < -10).all()
