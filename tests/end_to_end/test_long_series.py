"""A series of 2^24 samples on workers whose memory it exceeds with all that its transform needs: a piece of it has the numbers of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

import scatflow as sf
from scatflow import cluster

SAMPLES, PIECE = 2**24, 2**20
PARAMETERS = {"J": 12, "Q": 8}


def test_a_piece_of_a_long_series(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    values = rng.standard_normal(SAMPLES, dtype="float32") + np.cumsum(rng.standard_normal(SAMPLES, dtype="float32")) / 64
    xr.Dataset({"u": ("time", values)}).to_zarr(tmp_path / "in.zarr", encoding={"u": {"chunks": 2**20}}, consolidated=False)
    pipeline = sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "in.zarr"), "variable": "u"}},
        "s": {"process_id": "scattering", "arguments": {"data": {"from_node": "u"}, **PARAMETERS}, "result": True},
    }})  # fmt: skip
    with cluster.local(workers=2, memory="640 MiB") as client:
        assert len(pipeline.plan(client=client).stages) > 1
        found = pipeline.run(tmp_path / "out.zarr", client=client).scattering
    first = 5 * PIECE + 3 * 2**12  # a sample of the result, and not the start of a chunk
    piece = xr.DataArray(values[first : first + PIECE], dims="time")
    alone = sf.ops.scattering(piece, boundary="reflect", **PARAMETERS)
    stride = SAMPLES // found.sizes["time"]
    inside = slice(16 * 2**12 // stride, (PIECE - 16 * 2**12) // stride)  # beyond the reach of the ends of the piece
    part = found.isel(time=slice(first // stride, (first + PIECE) // stride)).isel(time=inside).load()
    error = np.sqrt(((part.values - alone.isel(time=inside).values) ** 2).mean(-1) / (part.values**2).mean())
    assert float(error.max()) < 1e-4
