"""What importing costs: libraries that are not needed yet are not loaded, each case in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

HEAVY = ("dask", "distributed", "zarr", "cupy", "scipy", "matplotlib", "fastapi", "torch")
LABELS = ("xarray", "numpy", "pandas")


def loaded(code: str, suspects: tuple[str, ...]) -> set[str]:
    """Return which suspects a fresh interpreter has loaded after ``code``."""
    probe = f"import sys\ntry:\n    {code}\nexcept SystemExit as end:\n    assert not end.code, end\n"
    probe += f"print('loaded', *[name for name in {suspects!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_import_scatflow_loads_nothing_heavy() -> None:
    assert loaded("import scatflow", (*HEAVY, *LABELS)) == set()


def test_the_accessor_costs_nothing_more_than_xarray() -> None:
    """``da.scatflow`` is there after either order of imports, and brings in no engine."""
    engine = ("distributed", "zarr", "cupy", "matplotlib", "fastapi", "scatflow.lower", "scatflow.run", "scatflow.plan")
    for order in ("scatflow, xarray", "xarray, scatflow"):
        assert loaded(f"import {order}; assert hasattr(xarray.DataArray, 'scatflow')", engine) == set()


@pytest.mark.parametrize("words", ["--help", "plugins", "version"])
def test_commands_that_diagnose_load_no_arrays(words: str) -> None:
    """These must work, and fast, when the stack below is broken."""
    run = f"import runpy; sys.argv = ['scatflow', {words!r}]; runpy.run_module('scatflow.cli.main', run_name='__main__')"
    plugins = [point.module for point in entry_points(group="scatflow")]
    assert plugins and loaded(run, (*HEAVY, *LABELS, "pydantic", "packaging", *plugins)) == set()


def test_listing_operators_loads_no_arrays() -> None:
    run = "import runpy; sys.argv = ['scatflow', 'ops']; runpy.run_module('scatflow.cli.main', run_name='__main__')"
    assert loaded(run, (*HEAVY, *LABELS, "pydantic", "packaging", "scatflow.contract", "scatflow_wavelet.wavelet")) == set()


def test_the_registry_costs_no_contract() -> None:
    assert loaded("import scatflow.registry; scatflow.registry.registry()", (*HEAVY, *LABELS, "pydantic", "packaging")) == set()


def test_the_check_sees_what_is_loaded() -> None:
    assert loaded("import json", ("json", "numpy")) == {"json"}
