"""What the statistics of returns share: types, running sums, the Gaussian quantile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

Vector = npt.NDArray[np.float64]
Lags = npt.NDArray[np.int_]


def running_sums(x: Vector, width: int) -> Vector:
    """Return the sums of ``width`` successive samples, shape (..., n - width + 1)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, width, axis=-1)
    return np.asarray(windows.sum(axis=-1))


def normal_quantile(probability: float) -> float:
    """Return z such that a standard Gaussian lies in [-z, z] with ``probability``, itself in (0, 1)."""
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie in (0, 1), got {probability}")
    return float(special.ndtri(0.5 + probability / 2))
