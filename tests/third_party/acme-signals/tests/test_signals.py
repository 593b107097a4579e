"""The operators of acme-signals: held to the contract, to their formula, and used in every way."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.testing import parametrize_operators


@parametrize_operators("acme-signals", level=2)
def test_conformance(check: Callable[[], None]) -> None:
    check()


@pytest.fixture
def signal() -> xr.DataArray:
    values = np.random.default_rng(0).standard_normal((4, 300))
    return xr.DataArray(values, dims=("name", "time"), name="u", attrs={"units": "m"})


def test_a_wave_is_scaled_by_the_filter_at_its_frequency() -> None:
    time, w = np.arange(600), 0.25
    wave = xr.DataArray(np.cos(w * time), dims="time")
    found = sf.ops.mexican_hat(wave, dims="time", width=4.0)[100:-100]
    np.testing.assert_allclose(found, (4 * w) ** 2 * np.exp(-((4 * w) ** 2) / 2) * wave[100:-100], atol=1e-4)


def test_lazy_chunked_and_composite(signal: xr.DataArray) -> None:
    lazy = sf.ops.hat_energy(signal.chunk(name=1), dims=("time",), width=3.0)
    assert lazy.chunks is not None and lazy.attrs["units"] == "(m)2"
    expected = (sf.ops.mexican_hat(signal, dims="time", width=3.0) ** 2).mean("time")
    np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-12)


def test_pipeline_as_a_job_from_the_shell(signal: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.to_dataset().chunk(name=2).to_zarr(tmp_path / "u.zarr", consolidated=False)
    (tmp_path / "p.yaml").write_text(
        "process_graph:\n"
        "  u: {process_id: open_zarr, arguments: {path: u.zarr, variable: u}}\n"
        "  e: {process_id: hat_energy, arguments: {data: {from_node: u}, dims: [time]}, result: true}\n"
    )
    monkeypatch.setenv("ACME_SIGNALS_LOG", str(tmp_path / "log"))
    done = subprocess.run(
        ["scatflow", "run", "p.yaml", "-o", "out.zarr", "-q"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result = sf.open_result(tmp_path / "out.zarr")
    (array,) = result.data_vars.values()
    np.testing.assert_allclose(array, sf.ops.hat_energy(signal, dims=("time",)), rtol=1e-12)
    assert "acme-signals" in result.attrs["scatflow"]
    words = (tmp_path / "log").read_text().split()
    assert words[0] == "started" and words[-1] == "finished" and "region" in words


def test_its_command() -> None:
    done = subprocess.run(["scatflow", "hatreach", "4"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(sf.ops.mexican_hat.operator(width=4.0).depth()["x"][0]))
