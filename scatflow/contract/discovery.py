"""False-discovery rates: many coefficients are tested at once, by comparisons of results and by plugins that test data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def false_discovery(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the smallest false-discovery rate at which each of many tests is called significant.

    Parameters
    ----------
    p : array_like of float, shape (...)
        p-values in [0, 1]; NaN are left out and do not count as tests.

    Returns
    -------
    ndarray of float64, shape (...)
        q-values by Benjamini and Hochberg [1]_ over all finite p: ``min over p_j >= p_i of m p_j / rank(p_j)``, m being their number;
        NaN where p is.

    Raises
    ------
    ValueError
        A p-value is outside [0, 1].

    References
    ----------
    .. [1] Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57 (1995) 289,
       doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> false_discovery([0.01, 0.02, float("nan"), 0.9]).round(3).tolist()
    [0.03, 0.03, nan, 0.9]
    """
    import numpy as np
    from scipy import stats

    values = np.asarray(p, dtype=np.float64)
    q, finite = np.full(values.shape, np.nan), ~np.isnan(values)
    if not ((values[finite] >= 0) & (values[finite] <= 1)).all():
        raise ValueError("p-values must be in [0, 1]")
    if finite.any():
        q[finite] = stats.false_discovery_control(values[finite])
    return q
