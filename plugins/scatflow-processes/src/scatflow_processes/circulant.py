"""Exact samples of stationary Gaussian sequences: a covariance laid on a circle, where Fourier modes are independent.

A sequence of n samples is the first part of a periodic one whose covariance agrees with the wanted one at the lags
below n. Nothing is approximated as long as the eigenvalues of the circle, the transform of its covariance, are not
negative (Davies and Harte, Biometrika 74 (1987) 95, doi:10.1093/biomet/74.1.95; Dietrich and Newsam, SIAM J. Sci.
Comput. 18 (1997) 1088, doi:10.1137/S1064827592240555).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

Vector = npt.NDArray[np.float64]
_ROUNDING = 1e-12  # of the largest eigenvalue; a transform of 2^25 samples errs by about 1e-15


def roots(half: npt.ArrayLike) -> Vector:
    """Return the square roots of the eigenvalues of a symmetric circulant matrix.

    Parameters
    ----------
    half : array_like of real, shape (h + 1,)
        Covariance at lags 0 to h of a circle of 2h samples; the lags beyond mirror these. h >= 1.

    Returns
    -------
    ndarray of float64, shape (h + 1,)
        Square roots of the eigenvalues at frequencies 0 to h; those within rounding (1e-12 of the largest) below 0
        count as 0.

    Raises
    ------
    ValueError
        If an eigenvalue is negative beyond rounding: no Gaussian sequence on this circle has the covariance.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.allclose(roots([1.0, 0.0, 0.0]), 1.0))
    True
    """
    from scipy.fft import dct

    row = np.asarray(half, dtype=np.float64)
    check("half", f"shape {row.shape}", row.ndim == 1 and row.size >= 2, "one row of at least 2 covariances")
    # The transform of an even sequence is the cosine transform of its half: a quarter of the memory.
    return eigenvalue_roots(dct(row, type=1), "sequence")


def eigenvalue_roots(values: Vector, what: str) -> Vector:
    """Return the square roots of the eigenvalues of a covariance, those within rounding (1e-12 of the largest) below 0 as 0.

    Parameters
    ----------
    values : ndarray of float64
        The eigenvalues; overwritten.
    what : str
        What has the covariance, for the error: a sequence, a field.

    Returns
    -------
    ndarray of float64, shape of ``values``

    Raises
    ------
    ValueError
        If an eigenvalue is negative beyond rounding, or not a number.

    Examples
    --------
    >>> import numpy as np
    >>> eigenvalue_roots(np.array([4.0, -1e-13]), "sequence").tolist()
    [2.0, 0.0]
    """
    lowest, largest = float(values.min()), float(values.max())
    if not lowest >= -_ROUNDING * largest:
        raise ValueError(f"the covariance is not that of a {what}: eigenvalue {lowest:.6g} < 0, the largest is {largest:.6g}")
    return np.asarray(np.sqrt(np.maximum(values, 0.0, out=values), out=values))


def white(scale: Vector, rng: np.random.Generator) -> npt.NDArray[np.complex128]:
    """Return independent standard normal numbers, one pair per frequency, for `shaped`.

    Parameters
    ----------
    scale : ndarray, shape (h + 1,)
        What will be shaped; only its length counts.
    rng : numpy.random.Generator
        Source of the numbers.

    Returns
    -------
    ndarray of complex128, shape (h + 1,)
        Real and imaginary parts are independent with variance 1.

    Examples
    --------
    >>> import numpy as np
    >>> white(np.ones(3), np.random.default_rng(0)).shape
    (3,)
    """
    return rng.standard_normal(2 * scale.size).view(np.complex128)


def shaped(scale: Vector, noise: npt.NDArray[np.complex128], size: int) -> Vector:
    """Return the first samples of the periodic sequence with these roots, linear in the noise.

    Parameters
    ----------
    scale : ndarray of float64, shape (h + 1,)
        Square roots of eigenvalues, of `roots`.
    noise : ndarray of complex128, shape (h + 1,)
        Numbers of `white`; overwritten, for long sequences take most of the memory. The imaginary parts at
        frequencies 0 and h have no effect.
    size : int
        Samples wanted, at most 2h.

    Returns
    -------
    ndarray of float64, shape (size,)
        A sample, a view of the whole circle; its covariance is the circle's.

    Examples
    --------
    >>> import numpy as np
    >>> shaped(np.ones(3), np.array([2.0, 0, 0], dtype=complex), 4).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    from scipy.fft import irfft

    noise *= scale
    noise[1:-1] *= np.sqrt(0.5)
    return np.asarray(irfft(noise, n=2 * (scale.size - 1), norm="ortho", overwrite_x=True)[:size])


def circle(size: int) -> int:
    """Return h for a circle of 2h samples that holds ``size`` without wrapping, and is fast to transform.

    Parameters
    ----------
    size : int
        Samples wanted, >= 1.

    Returns
    -------
    int
        At least ``max(size - 1, 1)``.

    Examples
    --------
    >>> circle(1), circle(65), circle(1000)
    (1, 64, 1000)
    """
    from scipy.fft import next_fast_len

    found: Any = next_fast_len(max(size - 1, 1), real=True)
    return int(found)
