"""How far an operator sees: measured once per family, tabulated for the operator as a whole.

White noise was replaced by other noise beyond a distance of one output sample; the reach at a tolerance is the least
distance for which the rms change of the coefficients of no order exceeds that share of their rms
(``plugins/scatflow-scattering/tests/measure_reach.py``). In units of 2^J it hardly depends on J; the tables hold the
largest values over J = 1, 2, 3 in three dims, J = 2, 3 in two and J = 4 .. 7 in one (gammatones: J = 1 .. 6), rounded up. The sum of the radii of the filters along a
path is about twice as much.
"""

from __future__ import annotations

import math

from scatflow_wavelet.layout import Layout

Row = tuple[float, ...]

#: Columns of the tables: tolerances 1e-1, 1e-2, ..., 1e-9. The low-pass is the same in two and three dims.
_LOW_PLANE: Row = (0.85, 1.15, 1.40, 1.65, 1.90, 2.05, 2.20, 2.35, 2.50)
_LOW_1D: Row = (3.30, 4.80, 5.90, 6.65, 7.55, 8.25, 9.00, 9.65, 10.20)
#: Rows: bands alone, then orders 1, 2, ...; two dims, up to 4 orientations and 8.
_MORLET_4: tuple[Row, ...] = (
    _LOW_PLANE,
    (0.85, 1.20, 1.65, 2.05, 2.35, 2.60, 2.90, 3.15, 3.35),
    (0.95, 1.50, 1.95, 2.30, 2.65, 2.90, 3.20, 3.40, 3.65),
)
_MORLET_8: tuple[Row, ...] = (
    (1.60, 2.35, 2.85, 3.30, 3.75, 4.05, 4.40, 4.70, 5.00),
    (1.60, 2.35, 2.85, 3.30, 3.75, 4.05, 4.45, 4.75, 5.10),
    (1.60, 2.40, 3.05, 3.75, 4.20, 4.65, 5.05, 5.45, 5.80),
)
#: Three dims: envelopes are the same for all numbers of axes.
_MORLET_3D: tuple[Row, ...] = (
    (1.70, 2.45, 2.90, 3.35, 3.80, 4.15, 4.50, 4.80, 5.10),
    (1.70, 2.45, 2.90, 3.35, 3.80, 4.15, 4.55, 4.90, 5.25),
    (1.70, 2.55, 3.20, 3.75, 4.30, 4.75, 5.20, 5.60, 5.95),
)
#: One dim, one band per octave and more.
_MORLET_Q1: tuple[Row, ...] = (
    _LOW_1D,
    (3.30, 4.80, 5.90, 6.65, 8.05, 8.90, 9.90, 10.80, 11.45),
    (3.30, 4.80, 6.35, 7.55, 8.60, 9.75, 10.50, 11.30, 12.10),
    (3.30, 4.90, 6.40, 7.60, 8.70, 9.85, 10.70, 11.55, 12.40),
)
_MORLET_Q: tuple[Row, ...] = (
    (4.05, 5.45, 6.30, 6.95, 7.65, 8.50, 9.15, 9.80, 10.40),
    (4.05, 5.45, 6.90, 8.35, 9.65, 10.85, 11.70, 12.70, 13.60),
    (4.05, 5.65, 7.45, 9.15, 10.65, 11.75, 13.00, 13.95, 14.90),
)

#: Gammatones see into the past alone; rows hold the larger of both trees, and of all numbers of bands above one.
_GAMMATONE_LOW: Row = (6.75, 9.55, 12.05, 14.50, 16.80, 19.05, 21.30, 23.55, 25.65)
_GAMMATONE_Q1: tuple[Row, ...] = (
    _GAMMATONE_LOW,
    (6.95, 10.60, 13.35, 15.85, 18.30, 20.70, 23.00, 25.30, 27.50),
    (9.65, 13.30, 16.45, 19.05, 21.50, 24.00, 26.20, 28.60, 30.90),
    (11.70, 15.85, 19.05, 21.80, 24.50, 27.00, 29.45, 31.65, 34.10),
)
_GAMMATONE_Q: tuple[Row, ...] = (
    _GAMMATONE_LOW,
    (9.70, 13.35, 16.45, 19.20, 21.85, 24.40, 27.00, 29.35, 31.70),
    (13.10, 17.30, 20.60, 23.60, 26.60, 29.25, 31.95, 34.60, 36.90),
    (16.10, 20.30, 23.60, 26.60, 29.60, 32.25, 34.95, 37.60, 39.90),
)


def morlet(layout: Layout, order: int, tol: float) -> float:
    """Return the reach of a Morlet operator in samples of the coarsest axis.

    Parameters
    ----------
    layout : Layout
        The bank of the first order.
    order : int
        Highest order of a scattering tree; -1 for the wavelet transform.
    tol : float
        Relative tolerance, above 0.

    Returns
    -------
    float

    Examples
    --------
    >>> morlet(Layout(4, 8, 16.0, (1.0, 1.0)), 2, 1e-4) / 2**4
    3.75
    """
    low = _LOW_1D if layout.ndim == 1 else _LOW_PLANE
    smoothing = _at(low, tol)
    if order == 0:
        return smoothing * layout.T
    k = max(order, 0)
    if layout.ndim == 1:
        reach = _row(_MORLET_Q1 if layout.voices == 1 else _MORLET_Q, k, tol)
    elif layout.ndim == 3:
        reach = _row(_MORLET_3D, k, tol)
    else:
        narrow, wide = _row(_MORLET_4, k, tol), _row(_MORLET_8, k, tol)
        # Above 4 orientations envelopes widen across the wave like L, and the wavelets come to outreach the low-pass.
        reach = narrow + (wide - narrow) * min(1.0, max(0.0, layout.voices / 4 - 1))
        reach *= max(1.0, layout.voices / 8)
    wider = max(0.0, layout.T - 2.0**layout.J)
    return reach * 2.0**layout.J + smoothing * wider


def gammatone(layout: Layout, order: int, tol: float) -> float:
    """Return the reach of a causal operator into the past in samples; for later orders of no more bands per octave.

    Parameters
    ----------
    layout : Layout
        The bank of the order with most bands.
    order : int
        Highest order of a scattering tree; -1 for the wavelet transform.
    tol : float
        Relative tolerance, above 0.

    Returns
    -------
    float

    Examples
    --------
    >>> gammatone(Layout(5, 1, 32.0), 2, 1e-4) / 2**5
    19.05
    """
    smoothing = _at(_GAMMATONE_LOW, tol)
    if order == 0:
        return smoothing * layout.T
    reach = _row(_GAMMATONE_Q1 if layout.voices == 1 else _GAMMATONE_Q, max(order, 0), tol)
    return reach * 2.0**layout.J + smoothing * max(0.0, layout.T - 2.0**layout.J)


def _row(table: tuple[Row, ...], k: int, tol: float) -> float:
    """Return the entry of row ``k``; rows beyond the table grow by the last difference, which is an upper bound."""
    if k < len(table):
        return _at(table[k], tol)
    last, before = _at(table[-1], tol), _at(table[-2], tol)
    return last + (k - len(table) + 1) * (last - before)


def _at(row: Row, tol: float) -> float:
    """Return a row at a tolerance: linear in its logarithm, and beyond the table along the last segment."""
    x = max(0.0, -math.log10(tol) - 1)
    k = min(int(x), len(row) - 2)
    return row[k] + (x - k) * (row[k + 1] - row[k])
