"""Agreement with an independent solver of the same equation on the same initial condition."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from scatflow_processes.flow_solver import evolve
from scatflow_processes.turbulence2d import initial_scales, initial_vorticity

HERE = Path(__file__).parent


def peer() -> object:
    spec = importlib.util.spec_from_file_location("exponax_run", HERE / "exponax_run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()))


def test_agrees_with_the_stored_run_of_exponax(record_property) -> None:
    parameters, k_peak = peer().PARAMETERS, peer().K_PEAK
    assert parameters["duration"] > initial_scales(64, parameters["nu"], k_peak=k_peak).eddy_time
    with np.load(HERE / "vorticity_exponax.npz") as stored:
        start, end = stored["start"], stored["end"]
    np.testing.assert_allclose(start, initial_vorticity(64, 0, 0, k_peak=k_peak), atol=1e-12)
    assert difference(start, end) > 0.3  # the flow has moved
    found = difference(evolve(start, **parameters), end)
    record_property("relative difference", found)
    assert found < 5e-5


@pytest.mark.peers
def test_agrees_with_exponax(record_property) -> None:
    pytest.importorskip("exponax", reason="the package exponax is not installed")
    parameters = peer().PARAMETERS
    start = initial_vorticity(64, seed=5, realization=1, k_peak=peer().K_PEAK)
    found = difference(evolve(start, **parameters), peer().solve(start, **parameters))
    record_property("relative difference", found)
    assert found < 1e-3
