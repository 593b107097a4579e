"""The strategies at the size of a simulation, in double precision: every one has the numbers of whole cores, edges included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf

#: Strategy -> filters it is held with, region, and the largest difference in L2, relative to all paths.
STRATEGIES: dict[str, tuple[str, dict[str, int], float]] = {
    "halo": ("morlet", {"y": 512, "x": 512}, 1e-6),
    "pyramid": ("morlet", {"y": 512, "x": 512}, 1e-6),
    "pencil": ("tight", {}, 1e-10),
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("rule", ["reflect", "symmetric", "periodic", "zero"])
@pytest.mark.parametrize("shape", [(2048, 2048), (2001, 2037)], ids=["2048", "ragged"])
def test_whole_numbers(
    tmp_path: Path, rng: np.random.Generator, strategy: str, rule: str, shape: tuple[int, int], record_property: Any
) -> None:
    filters, region, tolerance = STRATEGIES[strategy]
    values = rng.standard_normal(shape) + np.cumsum(rng.standard_normal(shape), axis=0) / 32
    xr.Dataset({"u": (("y", "x"), values)}).to_zarr(
        tmp_path / "in.zarr", encoding={"u": {"chunks": (512, 512)}}, consolidated=False
    )
    arguments = {"dims": ["y", "x"], "J": 6, "L": 4, "filters": filters, "boundary": rule, "data": {"from_node": "u"}}
    pipeline = sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "in.zarr"), "variable": "u"}},
        "s": {"process_id": "scattering", "arguments": arguments, "result": True},
    }})  # fmt: skip
    whole = pipeline.run(tmp_path / "whole.zarr", strategy="batch", memory="16 GiB").scattering.load()
    found: Any = pipeline.run(tmp_path / "parts.zarr", strategy=strategy, region=region, memory="2 GiB").scattering.load()
    error = float(np.sqrt(((found - whole) ** 2).sum() / (whole**2).sum()))
    record_property("error", error)
    assert error <= tolerance
