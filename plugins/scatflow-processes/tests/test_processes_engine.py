"""Sources and operators through the engine: lazy arrays, jobs, provenance."""

import functools
import json
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

from scatflow import Pipeline, ops
from scatflow_processes.operators.return_tails import HorizonMoments
from scatflow_processes.sources.flows import Turbulence2D
from scatflow_processes.sources.spins import Ising
from scatflow_processes.stylized_facts import leverage

LATTICE = {"size": 16, "temperature": 2.5, "realizations": 5, "seed": 1, "sweeps": 30}
FLOW = {"size": 32, "nu": 5e-3, "age": 1.0, "k_peak": 3.0, "realizations": 2, "seed": 3}


@pytest.fixture(autouse=True)
def one_thread() -> object:
    with dask.config.set(scheduler="synchronous"):
        yield


def test_lazy_spins_are_the_source() -> None:
    spins = Pipeline.from_source("ising", **LATTICE).lazy()
    assert spins.chunks is not None
    np.testing.assert_array_equal(spins.values, Ising(**LATTICE).read({}))
    part = spins.isel(realization=slice(2, 4), x=3).values
    np.testing.assert_array_equal(part, Ising(**LATTICE).read({"realization": slice(2, 4)})[:, :, 3])


def test_a_job_writes_the_same_spins_and_records_the_seed(tmp_path: Path) -> None:
    result = Pipeline.from_source("ising", **LATTICE).run(tmp_path / "spins.zarr")
    (name,) = result.data_vars
    np.testing.assert_array_equal(result[name].values, Ising(**LATTICE).read({}))
    assert result[name].attrs["temperature"] == 2.5
    assert float(result["x"].attrs["period"]) == 16
    record = json.dumps(result.attrs["scatflow"]) + json.dumps(result[name].attrs.get("scatflow", ""))
    assert "seed" in record


def test_lazy_flow_has_three_variables() -> None:
    flow = Pipeline.from_source("turbulence2d", **FLOW).lazy()
    assert isinstance(flow, xr.Dataset)
    source = Turbulence2D(**FLOW)
    for name in ("vorticity", "u", "v"):
        np.testing.assert_array_equal(flow[name].values, source.read({}, name))
        assert flow[name].attrs["forcing"] == "none"


def test_market_statistics_as_a_pipeline(tmp_path: Path) -> None:
    pytest.importorskip("arch")
    graph = {
        "returns": {"process_id": "sp500", "arguments": {}},
        "leverage": {
            "process_id": "leverage",
            "arguments": {"data": {"from_node": "returns"}, "dims": ["time"], "lags": [1, 2, 3, 4, 5]},
            "result": True,
        },
    }
    pipeline = Pipeline.from_document({"process_graph": graph})
    lazy = pipeline.lazy()
    assert lazy.round().values.tolist() == [-30, -23, -21, -27, -21]
    result = pipeline.run(tmp_path / "leverage.zarr")
    np.testing.assert_array_equal(result["leverage"].values, lazy.values)


def test_operators_are_lazy_over_names() -> None:
    values = np.random.default_rng(0).standard_normal((4, 300))
    array = xr.DataArray(values, dims=("name", "time"), attrs={"units": "1"})
    lazy = ops.leverage(array.chunk(name=1), dims="time", lags=(1, 5))
    assert lazy.chunks is not None
    assert len(lazy.chunks[0]) == 4
    np.testing.assert_array_equal(lazy.values, leverage(values, (1, 5)))
    tails = ops.hill(array, dims="time", extremes=(10, 20))
    assert set(tails.data_vars) == {"exponent", "low", "high", "threshold", "count"}
    assert tails.sizes == {"name": 4, "tail": 2, "extremes": 2}


def test_lazy_results_that_come_together_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    array = xr.DataArray(np.random.default_rng(0).standard_normal((4, 300)), dims=("name", "time")).chunk(name=2)
    calls: list[int] = []
    kernel = HorizonMoments.apply

    def counted(self: HorizonMoments, xp: object, *blocks: np.ndarray, **rest: object) -> object:
        calls.append(len(blocks[0]))
        return kernel(self, xp, *blocks, **rest)

    monkeypatch.setattr(HorizonMoments, "apply", functools.wraps(kernel)(counted))
    lazy = ops.horizon_moments(array, dims="time", horizons=(1, 5))
    assert not calls
    together = lazy.compute()
    assert calls == [2, 2]  # once for every block of names, with four results each
    np.testing.assert_array_equal(lazy["std"].isel(name=[3]).compute(), together["std"][[3]])
    assert calls == [2, 2, 2]
