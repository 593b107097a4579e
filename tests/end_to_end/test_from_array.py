"""From a notebook to a job and back (U20): results of every shape carry the whole of what made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    fields = {name: (("t", "y", "x"), rng.standard_normal((3, 32, 32)).astype("float32")) for name in ("u", "v")}
    xr.Dataset(fields).to_zarr(tmp_path / "in.zarr", consolidated=False)
    return tmp_path / "in.zarr"


def results_of(store: Path) -> dict[str, Any]:
    u = sf.open_source(store, "u")
    plane: dict[str, Any] = {"dims": ("y", "x"), "J": 2, "L": 2}
    return {
        "one array": u.scatflow.scattering(**plane),
        "several results": u.scatflow.scattering_moments(**plane),
        "results of different sizes": u.scatflow.wavelet(stride="octave", **plane),
        "a dataset of variables": xr.open_zarr(store, consolidated=False).scatflow.scattering(**plane),
        "two sources": sf.ops.add(u, sf.open_source(store, "v")).scatflow.modulus(),
    }


@pytest.mark.parametrize(
    "kind", ["one array", "several results", "results of different sizes", "a dataset of variables", "two sources"]
)
def test_the_job_stores_what_the_notebook_shows(store: Path, tmp_path: Path, kind: str) -> None:
    lazy = results_of(store)[kind]
    pipeline = sf.Pipeline.from_array(lazy)
    stored = pipeline.run(tmp_path / "out.zarr")
    pairs = [(lazy, stored)]
    if isinstance(lazy, xr.DataTree):
        assert set(lazy.children) == set(stored.children)
        pairs = [(lazy[name].to_dataset(), stored[name].to_dataset()) for name in lazy.children]
    elif isinstance(lazy, xr.DataArray):
        pairs = [(lazy.to_dataset(name=str(lazy.name)), stored)]
    for shown, kept in pairs:
        assert set(shown.data_vars) == set(kept.data_vars)
        xr.testing.assert_allclose(shown.compute().drop_attrs(), kept.compute().drop_attrs(), rtol=0, atol=0)
    again = sf.Pipeline.from_array(sf.open_result(tmp_path / "out.zarr"))
    assert again.graph.hash == pipeline.graph.hash == sf.Pipeline.from_array(pipeline.lazy()).graph.hash


def test_parameters_are_lifted_and_files_kept(store: Path, tmp_path: Path) -> None:
    lazy = results_of(store)["several results"]
    sf.Pipeline.from_array(lazy, parameters=["J"]).save(tmp_path / "moments.yaml")
    wider = sf.Pipeline.from_file(tmp_path / "moments.yaml", J=3).lazy()
    assert wider.sizes["path"] > lazy.sizes["path"] and set(wider.data_vars) == set(lazy.data_vars)
