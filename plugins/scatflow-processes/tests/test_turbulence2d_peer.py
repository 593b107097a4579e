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


def step(run: object) -> float:
    return run.PARAMETERS["duration"] / run.STEPS


def test_agrees_with_the_stored_run_of_exponax(record_property) -> None:
    """With steps of equal length they differ by 3e-13; at our adaptive step by 3e-7, which is its error."""
    run = peer()
    assert run.PARAMETERS["duration"] > initial_scales(run.SIZE, run.PARAMETERS["nu"], k_peak=run.K_PEAK).eddy_time
    with np.load(HERE / "vorticity_exponax.npz") as stored:
        start, end = stored["start"], stored["end"]
    np.testing.assert_allclose(start, initial_vorticity(run.SIZE, 0, 0, k_peak=run.K_PEAK), atol=1e-12)
    assert difference(start, end) > 0.3  # the flow has moved
    found = [difference(evolve(start, **run.PARAMETERS, dt=dt), end) for dt in (step(run), None)]
    record_property("relative difference at equal and at adaptive steps", found)
    assert found[0] < 1e-11 and found[1] < 2e-6


@pytest.mark.peers
@pytest.mark.parametrize("size", [48, 96])
def test_agrees_with_exponax(size: int, record_property) -> None:
    """As the stored run, of another flow and on a finer grid too: 5e-13 each."""
    pytest.importorskip("exponax", reason="the extra solvers is not installed, which make test-all AREA=peers does")
    run = peer()
    start = initial_vorticity(size, seed=5, realization=1, k_peak=run.K_PEAK)
    found = difference(evolve(start, **run.PARAMETERS, dt=step(run)), run.solve(start, **run.PARAMETERS))
    record_property("relative difference", found)
    assert found < 1e-11
