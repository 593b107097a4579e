"""Shapes, sounds, classes and molecules through the engine: lazy arrays, jobs, coordinates along realization."""

import subprocess
import sys
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

from scatflow import Pipeline
from scatflow_processes.sources.classes import StrokeDigits
from scatflow_processes.sources.molecules import Molecules
from scatflow_processes.sources.shapes import Cartoon, Shape
from scatflow_processes.sources.sounds import Impacts


@pytest.fixture(autouse=True)
def one_thread() -> object:
    with dask.config.set(scheduler="synchronous"):
        yield


def test_labels_of_examples_survive_a_job(tmp_path: Path) -> None:
    data = {"size": 16, "realizations": 14, "split": "test", "seed": 3, "deformation": 1.0}
    lazy = Pipeline.from_source("stroke_digits", **data).lazy()
    assert lazy.chunks is not None
    expected = StrokeDigits(**data).read({})
    np.testing.assert_array_equal(lazy.isel(realization=slice(9, 12), x=slice(2, 9)).values, expected[9:12, :, 2:9])
    assert lazy["class"].values.tolist() == [*range(10), *range(4)]
    twos = lazy.isel(realization=np.flatnonzero(lazy["class"] == 2))
    np.testing.assert_array_equal(twos.values, expected[[2, 12]])
    stored = Pipeline.from_source("stroke_digits", **data).run(tmp_path / "digits.zarr")
    np.testing.assert_array_equal(stored["stroke_digits"].values, expected)
    assert stored["class"].attrs["flag_meanings"] == "0 1 2 3 4 5 6 7 8 9"


@pytest.mark.parametrize(
    "value",
    [
        Shape(kind="star", size=16, pose="random", realizations=3),
        Cartoon(size=16, realizations=3),
        Impacts(size=200, realizations=3),
    ],
    ids=lambda value: value.name,
)
def test_stored_arrays_are_the_sources(value: Shape | Cartoon | Impacts, tmp_path: Path) -> None:
    given = {key: item for key, item in value.parameters().items() if item is not None}
    stored = Pipeline.from_source(value.name, **given).run(tmp_path / "out.zarr")
    (name,) = stored.data_vars
    np.testing.assert_array_equal(stored[name].values, value.read({}))
    assert stored[name].attrs["units"] == "1"
    assert stored[name].dims[0] == "realization"


def test_channels_are_variables(tmp_path: Path) -> None:
    path = str(tmp_path / "two.npz")
    np.savez(path, R=[[(0.0, 0.0), (0.0, 1.1)], [(0.0, 0.0), (0.0, 0.7)]], Z=[[6, 8], [1, 1]], energy=[-257.0, -104.0])
    data = {"path": path, "positions": "R", "units": "angstrom", "profile": "gaussian", "size": (35, 35), "box": (8.0, 8.0),
            "channels": ("atomic", "dirac"), "labels": ("energy",)}  # fmt: skip
    lazy = Pipeline.from_source("molecules", **data).lazy()
    assert isinstance(lazy, xr.Dataset)
    for channel in ("atomic", "dirac"):
        np.testing.assert_array_equal(lazy[channel].values, Molecules(**data).read({}, channel))
        assert lazy[channel]["energy"].values.tolist() == [-257.0, -104.0]
        assert lazy[channel].attrs["units"] == "electrons/angstrom2"


def test_sources_import_light() -> None:
    """Naming a source loads neither SciPy nor Dask: that is left to the worker that makes the data."""
    modules = [f"scatflow_processes.sources.{name}" for name in ("shapes", "sounds", "classes", "molecules")]
    code = (
        f"import sys, {', '.join(modules)}; print(sorted({{'scipy', 'dask', 'numba', 'pandas', 'matplotlib'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
