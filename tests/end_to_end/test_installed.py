"""The first-party distributions as a user has them. `make dist` runs this against wheels, away from the checkout."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points, version
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import scatflow as sf

FIRST = ("scatflow-arrays", "scatflow-processes", "scatflow-scattering", "scatflow-wavelet")
from_wheels = pytest.mark.skipif("SCATFLOW_INSTALLED" not in os.environ, reason="the checkout is installed; make dist tests wheels")


@from_wheels
def test_everything_comes_from_the_installed_wheels() -> None:
    site = Path(sysconfig.get_paths()["purelib"])
    for name in ("scatflow", *(dist.replace("-", "_") for dist in FIRST)):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        assert Path(spec.origin).is_relative_to(site), spec.origin
        assert (Path(spec.origin).parent / "py.typed").exists(), f"{name} ships no py.typed"


def test_one_version_and_one_entry_point_each() -> None:
    assert {version(dist) for dist in FIRST} == {version("scatflow")} == {sf.__version__}
    values = {point.value for point in entry_points(group="scatflow")}
    assert values >= {f"{dist.replace('-', '_')}.plugin" for dist in FIRST}


def test_scattering_is_lazy_labelled_and_equal_to_eager() -> None:
    x = np.arange(32) * 0.5
    field = xr.DataArray(np.random.default_rng(0).standard_normal((4, 32, 32)), dims=("time", "y", "x"), coords={"y": x, "x": x})
    eager = sf.ops.scattering(field, dims=("y", "x"), J=2, L=4)
    lazy = field.chunk(time=2).scatflow.scattering(dims=("y", "x"), J=2, L=4)
    assert eager.chunks is None and lazy.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), eager, rtol=1e-12)
    first = eager.isel(path=(eager.order == 1).values)
    assert np.allclose(first.scale1 * first.xi1, 1.0)
    assert json.loads(eager.attrs["scatflow"])["graph"]


def test_the_program_starts() -> None:
    program = Path(sys.executable).parent / "scatflow"
    for command in (["--help"], ["version"], ["plugins"]):
        done = subprocess.run([program, *command], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    listed = subprocess.run([program, "plugins"], capture_output=True, text=True, check=True, timeout=120).stdout
    assert all(dist in listed for dist in FIRST)
