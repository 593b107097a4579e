"""The vorticity equation solved by exponax (JAX, exponential time differencing), which shares no code with ours.

Run as ``python exponax_run.py vorticity_exponax.npz`` where exponax and scatflow-processes are installed, it writes the file that
``test_turbulence2d_peer.py`` compares with where exponax is not.
"""

from __future__ import annotations

import math
import sys

import numpy as np

PARAMETERS = {"nu": 2e-3, "drag": 0.2, "duration": 0.3}


def solve(vorticity: np.ndarray, nu: float, drag: float, duration: float, steps: int = 600) -> np.ndarray:
    """Return a vorticity field (y, x) on the box of side 2 pi after a time, in double precision."""
    import exponax
    import jax

    jax.config.update("jax_enable_x64", True)
    stepper = exponax.stepper.NavierStokesVorticity(
        2, 2 * math.pi, len(vorticity), duration / steps, diffusivity=nu, drag=-drag, order=4, dealiasing_fraction=2 / 3
    )
    # Its arrays are (x, y), with a leading axis of channels.
    return np.asarray(exponax.repeat(stepper, steps)(np.ascontiguousarray(vorticity.T)[None]))[0].T


def main(path: str) -> None:
    """Write start and end of a run."""
    import exponax

    from scatflow_processes.turbulence2d import initial_vorticity

    start = initial_vorticity(64, seed=0, realization=0)
    end = solve(start, **PARAMETERS)
    np.savez_compressed(path, start=start, end=end, version=exponax.__version__ if hasattr(exponax, "__version__") else "")


if __name__ == "__main__":
    main(sys.argv[1])
