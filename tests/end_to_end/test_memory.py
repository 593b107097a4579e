"""The plan's promise: a region task's measured peak is at most 1.5 times what was projected, in every strategy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

HERE = Path(__file__).parent
FACTOR = 1.5
#: Allocator and interpreter slack that no plan can see, in bytes; the cases are large against it.
SLACK = 8 * 2**20


def read(path: Path) -> dict[str, Any]:
    return {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}}


CASES: dict[str, dict[str, Any]] = {
    "whole core axes, order 2": {"process_id": "scattering", "arguments": {"dims": ["y", "x"], "J": 4, "L": 8}},
    "element by element": {"process_id": "modulus", "arguments": {}},
    "partial sums": {"process_id": "reduce", "arguments": {"over": ["t", "y", "x"], "statistic": "mean"}},
    "averages from cells": {"process_id": "scattering_moments", "arguments": {"dims": ["y", "x"], "J": 4, "L": 8}},
    "long signals": {"process_id": "scattering", "arguments": {"dims": ["x"], "J": 5, "Q": 8, "T": 32.0}},
    "causal filters": {"process_id": "scattering", "arguments": {"dims": ["x"], "J": 4, "Q": 2, "filters": "gammatone"}},
    "masked gaps": {"process_id": "scattering", "arguments": {"dims": ["y", "x"], "J": 4, "L": 4, "nan": "mask"}},
    "one octave after the other": {"process_id": "wavelet", "arguments": {"dims": ["y", "x"], "J": 3, "L": 4, "stride": "octave"}},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "u.zarr"
    values = np.random.default_rng(0).standard_normal((16, 256, 256)).astype("float32")
    array = xr.DataArray(values, dims=("t", "y", "x"), name="u")
    array.to_dataset().chunk(t=4).to_zarr(path, consolidated=False)
    return path


@pytest.mark.parametrize("name", CASES)
def test_measured_peak_is_within_the_projection(name: str, store: Path, tmp_path: Path) -> None:
    node = {**CASES[name], "result": True}
    node["arguments"] = {"data": {"from_node": "u"}, **node["arguments"]}
    document = {"process_graph": {"u": read(store), "result": node}}
    region = {"t": 16 if name in ("element by element", "partial sums") else 4}
    command = [sys.executable, str(HERE / "memory_probe.py"), json.dumps(document), json.dumps(region), str(tmp_path / "out.zarr")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for projected, measured in json.loads(done.stdout):
        print(f"{name}: projected {projected / 2**20:.1f} MiB, measured {measured / 2**20:.1f} MiB")
        assert measured <= FACTOR * projected + SLACK
