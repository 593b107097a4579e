"""Gaussian fields on a periodic grid with a stated covariance, drawn exactly: Fourier modes of the torus are independent."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check, check_choice
from scatflow_processes.circulant import Vector, eigenvalue_roots

Correlation = Literal["gaussian", "exponential"]
CORRELATIONS: tuple[Correlation, ...] = ("gaussian", "exponential")
Shape = tuple[int, int]


def gaussian_field(shape: Shape, length: float, correlation: Correlation, rng: np.random.Generator) -> Vector:
    """Draw a Gaussian field of mean 0 and variance 1.

    Parameters
    ----------
    shape : (int, int)
        Cells along y and x.
    length, correlation
        As for `correlation_on_torus`.
    rng : numpy.random.Generator
        Source of the numbers, one per cell.

    Returns
    -------
    ndarray of float64, shape ``shape``
        Its correlation is that of `correlation_on_torus`, exactly.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_field((16, 32), 2.0, "gaussian", np.random.default_rng(0)).shape
    (16, 32)
    """
    return filtered(rng.standard_normal(shape), torus_roots(correlation_on_torus(shape, length, correlation)))


def correlation_on_torus(shape: Shape, length: float, correlation: Correlation) -> Vector:
    """Return the correlation between the origin and every cell of the torus.

    Parameters
    ----------
    shape : (int, int)
        Cells along y and x.
    length : float
        Correlation length l in cells, > 0 and at most an eighth of the shorter side.
    correlation : {"gaussian", "exponential"}
        ``exp(-r^2 / (2 l^2))`` or ``exp(-r / l)`` of the distance r.

    Returns
    -------
    ndarray of float64, shape ``shape``
        1 at the origin. Images a side away add to the correlation, so that it stays one on the torus; at the origin
        they weigh less than 5 exp(-32) or 5 exp(-8) before it is scaled to 1 there.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> correlation_on_torus((16, 16), 2.0, "gaussian")[0, :3].round(4).tolist()
    [1.0, 0.8825, 0.6065]
    """
    check_correlation(length, correlation)
    check_length(length, shape)
    y, x = (_images(side) for side in shape)
    if correlation == "gaussian":  # a product, which saves most of the exponentials
        down, right = (np.exp(-(along**2) / (2 * length**2)).sum(axis=0) for along in (y, x))
        total = np.outer(down, right)
    else:
        total = np.zeros(shape)
        for rows in y:
            for columns in x:
                total += np.exp(-np.hypot(rows[:, None], columns) / length)
    return np.asarray(total / total[0, 0])


def torus_roots(covariance: Vector) -> Vector:
    """Return the square roots of the eigenvalues of a covariance on the torus, for `filtered`.

    Parameters
    ----------
    covariance : ndarray of float64, shape (n, m)
        Covariance between the origin and every cell.

    Returns
    -------
    ndarray of float64, shape (n, m // 2 + 1)
        Those within rounding (1e-12 of the largest) below 0 count as 0.

    Raises
    ------
    ValueError
        If an eigenvalue is negative beyond rounding: no Gaussian field on this torus has the covariance.

    Examples
    --------
    >>> import numpy as np
    >>> torus_roots(np.array([[4.0, 0.0], [0.0, 0.0]])).tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    from scipy.fft import rfft2

    return eigenvalue_roots(np.array(rfft2(covariance).real), "field")


def filtered(field: npt.NDArray[Any], scale: Vector) -> Vector:
    """Return real fields with their half spectrum multiplied.

    Parameters
    ----------
    field : ndarray of real, shape (..., *grid)
        Fields, periodic.
    scale : ndarray of float64, shape (*grid[:-1], grid[-1] // 2 + 1)
        Real multipliers at the frequencies of ``rfftn``, the same at k and -k.

    Returns
    -------
    ndarray of float64, shape (..., *grid)
        The filtered fields.

    Examples
    --------
    >>> import numpy as np
    >>> filtered(np.eye(2), np.ones((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    from scipy.fft import irfftn, rfftn

    axes = tuple(range(-scale.ndim, 0))
    spectrum = rfftn(np.asarray(field, dtype=np.float64), axes=axes)
    spectrum *= scale
    return np.asarray(irfftn(spectrum, s=field.shape[field.ndim - scale.ndim :], axes=axes, overwrite_x=True))


def check_correlation(length: float, correlation: str) -> None:
    """Raise ValueError unless the length is finite and > 0 and the correlation known."""
    check("correlation_length", length, 0 < length < math.inf, "finite and > 0 cells")
    check_choice("correlation", correlation, CORRELATIONS)


def check_length(length: float, shape: Shape) -> None:
    """Raise ValueError unless the length is at most an eighth of the shorter side."""
    check("correlation_length", length, length <= min(shape) / 8, f"at most an eighth of the shorter side, {min(shape) / 8:g}")


def _images(side: int) -> Vector:
    """Return displacements along a periodic side in cells, and those to the images before and after, shape (3, side)."""
    return np.asarray(np.fft.fftfreq(side, 1 / side) + np.array([[-side], [0], [side]]))
