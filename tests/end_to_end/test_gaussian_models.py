"""Gaussian models and surrogate tests with the filters of the other plugins: what analytic bands and scattering see of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import xarray as xr

from scatflow import Pipeline, ops
from scatflow_processes.operators.gaussian import GaussianModel
from scatflow_processes.surrogate_test import surrogate_test


def vortices(size: int = 128) -> xr.DataArray:
    """A sparse field: forty random spikes on a periodic plane."""
    rng = np.random.default_rng(0)
    values = np.zeros((size, size))
    values[rng.integers(0, size, 40), rng.integers(0, size, 40)] = rng.standard_normal(40)
    coords = {dim: xr.Variable(dim, np.arange(float(size)), {"period": float(size)}) for dim in ("y", "x")}
    return xr.DataArray(values, dims=("y", "x"), coords=coords)


def test_every_band_of_a_gaussian_model_has_the_ratio_of_complex_gaussians() -> None:
    """(E|z|)^2 / E|z|^2 is pi/4 for circular Gaussian z, and less for what is sparse.

    The finest bands along an axis reach beyond the Nyquist frequency, where they are not analytic and z is not circular.
    """
    field = vortices()
    samples = ops.gaussian_model(field, surrogates=120).transpose("surrogate", "y", "x")
    ratios = {}
    for name, data in (("model", samples), ("field", field)):
        z = abs(ops.wavelet(data, dims=("y", "x"), J=3, L=4))
        z = z.where(z.j1 >= 1, drop=True)
        over = [dim for dim in z.dims if dim != "path"]
        ratios[name] = (z.mean(over) ** 2 / (z**2).mean(over)).values
    assert ratios["model"].shape == (8,)
    assert np.abs(ratios["model"] - math.pi / 4).max() < 0.01
    assert (ratios["field"] < 0.6).all()


def test_scattering_tells_a_sparse_field_from_its_random_phases(tmp_path: Path) -> None:
    field = vortices(64)

    def moduli(data: xr.DataArray) -> xr.DataArray:
        return ops.scattering_moments(data, dims=("y", "x"), J=3, L=4)["mean"]

    surrogates = GaussianModel(phase_only=True, dims=("y", "x"))
    found = surrogate_test(moduli, field, surrogates, n=39, ledger=tmp_path / "ledger")
    first = found.where(found.order == 1, drop=True)
    assert (first.q <= 0.05 + 1e-12).all()  # 2 / 40 is the smallest p there is
    gaussian = ops.gaussian_model(field, seed=5).isel(surrogate=0, drop=True)
    null = surrogate_test(moduli, gaussian, surrogates, n=39)
    assert (null.q.dropna("path") > 0.05).mean() > 0.9


def test_fields_come_from_pipelines_and_jobs(tmp_path: Path) -> None:
    graph = {"process_graph": {
        "field": {"process_id": "gaussian_field", "arguments": {"size": [32, 32], "spectrum": "kolmogorov", "k_high": 10.0, "realizations": 3}},
        "twin": {"process_id": "gaussian_model", "arguments": {"data": {"from_node": "field"}, "dims": ["y", "x"], "surrogates": 2}},
        "score": {"process_id": "gaussian_neg_log_prob",
                  "arguments": {"data": {"from_node": "twin"}, "dims": ["y", "x"], "spectrum": "kolmogorov", "k_high": 10.0, "support": "masked"},
                  "result": True},
    }}  # fmt: skip
    pipeline = Pipeline.from_document(graph)
    lazy = pipeline.lazy().compute()
    assert dict(lazy.sizes) == {"realization": 3, "surrogate": 2}
    (stored,) = pipeline.run(tmp_path / "out.zarr").data_vars.values()
    np.testing.assert_allclose(stored.values, lazy.values, rtol=1e-6)
