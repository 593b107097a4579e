"""The vorticity equation solved by exponax (JAX, exponential time differencing), which shares no code with ours.

Run as ``python exponax_run.py vorticity_exponax.npz`` where exponax and scatflow-processes are installed, it writes the file that
``test_turbulence2d_peer.py`` compares with where exponax is not.
"""

from __future__ import annotations

import importlib.metadata
import math
import sys

import numpy as np

PARAMETERS = {"nu": 5e-3, "duration": 0.5}
K_PEAK = 2.0
#: A multiple of three, so that both solvers drop the same modes: ours keep up to (n - 1) // 3, those of exponax up to n // 3 - 1.
SIZE = 48
STEPS = 300


def solve(vorticity: np.ndarray, nu: float, duration: float, steps: int = STEPS) -> np.ndarray:
    """Return a vorticity field (y, x) on the box of side 2 pi after a time, in double precision."""
    import exponax
    import jax

    jax.config.update("jax_enable_x64", True)
    # Its velocity is (d/dy, -d/dx) of the solution of lap psi = w, which turns the other way: hence the sign of the scale. (Its drag
    # counts twice in two dimensions and is left out.)
    stepper = exponax.stepper.NavierStokesVorticity(
        2, 2 * math.pi, len(vorticity), duration / steps, diffusivity=nu, vorticity_convection_scale=-1.0, order=4
    )
    # Its arrays are (x, y), with a leading axis of channels.
    return np.asarray(exponax.repeat(stepper, steps)(np.ascontiguousarray(vorticity.T)[None]))[0].T


def main(path: str) -> None:
    """Write start and end of a run."""
    from scatflow_processes.turbulence2d import initial_vorticity

    start = initial_vorticity(SIZE, seed=0, realization=0, k_peak=K_PEAK)
    end = solve(start, **PARAMETERS)
    np.savez_compressed(path, start=start, end=end, version=importlib.metadata.version("exponax"))


if __name__ == "__main__":
    main(sys.argv[1])
