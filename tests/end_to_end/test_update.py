"""Statistics of a growing archive: moments with errors from kept partial states equal those of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.run import job


@pytest.mark.parametrize(("over", "reused"), [(("time",), True), (None, True), (("time", "name"), True), (("name",), True), (("name", "time"), True)],
                         ids=["ordered items", "cells", "two pooled dims", "other dim pooled", "in another order"])  # fmt: skip
def test_moments_of_a_grown_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: Any, reused: bool) -> None:
    data = np.random.default_rng(0).standard_normal((12, 2, 256)).astype("float32")
    days = np.datetime64("2020-01-01", "ns") + np.arange(12) * np.timedelta64(1, "D")
    whole = xr.Dataset(
        {"u": (("time", "name", "x"), data)},
        coords={"time": days, "name": [1, 2], "x": ("x", np.arange(256) * 0.1, {"units": "m"})},
    )
    source, out = tmp_path / "in.zarr", tmp_path / "out.zarr"
    whole.isel(time=slice(8)).to_zarr(source, encoding={"u": {"chunks": (2, 2, 256)}}, consolidated=False)
    arguments = {"data": {"from_node": "u"}, "dims": ["x"], "J": 4, **({"over": list(over)} if over else {})}
    pipeline = sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(source), "variable": "u"}},
        "m": {"process_id": "scattering_moments", "arguments": arguments, "result": True},
    }})  # fmt: skip
    pipeline.run(out, region={"time": 2})
    whole.isel(time=slice(8, 12)).to_zarr(source, append_dim="time", consolidated=False)
    count = [0]
    run_region = job.run_region

    def counted(*arguments: Any) -> Any:
        count[0] += 1
        return run_region(*arguments)

    monkeypatch.setattr(job, "run_region", counted)
    if not reused:  # rows of items are numbered through both dims: all change their number
        with pytest.raises(sf.errors.StoreError, match="nothing of it is still right"):
            pipeline.run(out, update=True)
        return
    grown = pipeline.run(out, update=True)
    assert count[0] == 2
    xr.testing.assert_identical(grown.drop_attrs(), pipeline.run(tmp_path / "fresh.zarr", region={"time": 2}).drop_attrs())
