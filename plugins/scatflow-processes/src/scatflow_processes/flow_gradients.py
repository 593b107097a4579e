"""Derivatives of fields on uniform grids, and what flows are described by in terms of them.

Kernels on any array library, used by the operators and, with NumPy, without the engine. Differences have the weights of
the interpolating polynomial, found in rational numbers; spectral derivatives are those of the trigonometric one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

Array = Any
#: Gradient[a][c]: derivative along spatial axis a of the component that points along spatial axis c.
Gradient = Sequence[Sequence[Array]]


@lru_cache(maxsize=64)
def weights(offsets: tuple[int, ...]) -> tuple[float, ...]:
    """Return the weights of samples at integer offsets in the first derivative at 0, for a step of 1.

    Parameters
    ----------
    offsets : tuple of int, length n
        Distinct; the result is exact for polynomials of degree n - 1.

    Returns
    -------
    tuple of float, length n
        Correctly rounded.

    Raises
    ------
    ValueError
        Offsets repeat, or there are fewer than two.

    Notes
    -----
    The derivative at 0 of the Lagrange polynomials of the offsets.

    Examples
    --------
    >>> weights((-1, 0, 1))
    (-0.5, 0.0, 0.5)
    """
    if len(set(offsets)) != len(offsets) or len(offsets) < 2:
        raise ValueError(f"offsets must be distinct and at least two, got {offsets}")
    found = []
    for i, own in enumerate(offsets):
        others = [offset for j, offset in enumerate(offsets) if j != i]
        numerator = sum(math.prod(-b for k, b in enumerate(others) if k != j) for j in range(len(others)))
        found.append(float(Fraction(numerator, math.prod(own - other for other in others))))
    return tuple(found)


def difference(xp: Any, x: Array, axis: int, step: float, order: int, ends: tuple[int, int] | None = None) -> Array:
    """Return the first derivative along an axis by central differences.

    Parameters
    ----------
    xp : Namespace
        Of the array.
    x : array of real, shape (..., n, ...)
        The field; the axis is taken as periodic beyond the block.
    axis : int
        The axis.
    step : float
        Signed spacing.
    order : int
        Order of accuracy, even.
    ends : tuple of int, optional
        First sample of the signal in the block and one past its last; either may lie outside the block. Next to an end that
        lies inside, stencils are one-sided, of the same order. A signal of at most ``order`` samples gives NaN.

    Returns
    -------
    array, shape and dtype of ``x``

    Examples
    --------
    >>> import numpy as np
    >>> difference(np, np.array([0.0, 1.0, 4.0, 9.0]), 0, 1.0, 2, (0, 4))
    array([0., 2., 4., 6.])
    """
    axis %= x.ndim
    half = order // 2
    central = weights(tuple(range(-half, half + 1)))[half + 1 :]
    parts = [(weight / step) * (xp.roll(x, -k, axis=axis) - xp.roll(x, k, axis=axis)) for k, weight in enumerate(central, 1)]
    inner = sum(parts[1:], parts[0])
    if ends is None:
        return inner
    if ends[1] - ends[0] <= order:
        return xp.full_like(inner, math.nan)
    return _with_ends(xp, x, inner, axis, step, order, ends)


def _with_ends(xp: Any, x: Array, inner: Array, axis: int, step: float, order: int, ends: tuple[int, int]) -> Array:
    """Return central differences with one-sided ones next to those ends of the signal that the block has."""
    n, half, (low, high) = x.shape[axis], order // 2, ends
    head = (slice(None),) * axis

    def row(first: int, place: int) -> Array:
        found = weights(tuple(range(-place, order + 1 - place)))
        terms = [(w / step) * x[(*head, slice(first + j, first + j + 1), ...)] for j, w in enumerate(found)]
        return sum(terms[1:], terms[0])

    parts, start, stop = [], 0, n
    if low >= 0 and low + order < n:
        parts += [inner[(*head, slice(0, low), ...)], *(row(low, i) for i in range(half))]
        start = low + half
    tail: list[Array] = []
    if high <= n and high - 1 - order >= 0:
        first = high - 1 - order
        tail = [*(row(first, order - i) for i in range(half - 1, -1, -1)), inner[(*head, slice(high, n), ...)]]
        stop = high - half
    return xp.concat([*parts, inner[(*head, slice(start, stop), ...)], *tail], axis=axis)


def spectral(xp: Any, x: Array, axis: int, step: float) -> Array:
    """Return the first derivative along a periodic axis: exact for what the grid resolves, in double precision inside.

    Parameters
    ----------
    xp : Namespace
        Of the array, with ``fft``.
    x : array of real, shape (..., n, ...)
        One period.
    axis : int
        The axis.
    step : float
        Signed spacing.

    Returns
    -------
    array, shape and dtype of ``x``
        Of even n the highest frequency is left out, whose derivative has no value on the grid.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8) * 2 * np.pi / 8
    >>> bool(np.allclose(spectral(np, np.sin(3 * x), 0, 2 * np.pi / 8), 3 * np.cos(3 * x), atol=1e-12))
    True
    """
    axis %= x.ndim
    n = x.shape[axis]
    factor = xp.arange(n // 2 + 1, dtype=xp.float64, device=getattr(x, "device", None)) * (2 * math.pi / (n * step))
    if n % 2 == 0:
        factor = xp.where(factor == factor[-1], xp.zeros_like(factor), factor)
    factor = xp.reshape(factor, (-1,) + (1,) * (x.ndim - axis - 1))
    line = xp.fft.rfft(xp.astype(x, xp.float64), axis=axis) * (1j * factor)
    return xp.astype(xp.fft.irfft(line, n=n, axis=axis), x.dtype)


def vorticity(gradient: Gradient) -> list[Array]:
    """Return the curl: of two axes (y, x) its only component, of three (z, y, x) those along z, y and x.

    Examples
    --------
    >>> vorticity([[0.0, 2.0], [5.0, 0.0]])  # d u/d y = 2, d v/d x = 5
    [3.0]
    """
    if len(gradient) == 2:
        return [gradient[1][0] - gradient[0][1]]
    z, y, x = 0, 1, 2
    return [gradient[x][y] - gradient[y][x], gradient[z][x] - gradient[x][z], gradient[y][z] - gradient[z][y]]


def strain(gradient: Gradient) -> list[Array]:
    """Return S_ac = (d_a u_c + d_c u_a) / 2 for a <= c, in the order of :func:`tensor_pairs`.

    Examples
    --------
    >>> strain([[1.0, 2.0], [4.0, -1.0]])
    [1.0, 3.0, -1.0]
    """
    return [gradient[a][a] if a == c else (gradient[a][c] + gradient[c][a]) * 0.5 for a, c in tensor_pairs(len(gradient))]


def tensor_pairs(ndim: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs of axes of a symmetric tensor's independent components.

    Examples
    --------
    >>> tensor_pairs(2)
    ((0, 0), (0, 1), (1, 1))
    """
    return tuple(itertools.combinations_with_replacement(range(ndim), 2))


def q_criterion(gradient: Gradient) -> Array:
    """Return Q = (W:W - S:S) / 2 = -d_a u_c d_c u_a / 2: positive where rotation outweighs strain.

    Examples
    --------
    >>> q_criterion([[0.0, -1.0], [1.0, 0.0]])  # rigid rotation
    1.0
    """
    squares = [gradient[a][a] * gradient[a][a] * 0.5 for a in range(len(gradient))]
    products = [gradient[a][c] * gradient[c][a] for a, c in tensor_pairs(len(gradient)) if a != c]
    return -sum([*squares[1:], *products], squares[0])


def strain_square(gradient: Gradient) -> Array:
    """Return S:S, the sum over all components of the strain; dissipation is 2 nu times this.

    Examples
    --------
    >>> strain_square([[1.0, 2.0], [4.0, -1.0]])
    20.0
    """
    parts = [part * part * (1 if a == c else 2) for part, (a, c) in zip(strain(gradient), tensor_pairs(len(gradient)), strict=True)]
    return sum(parts[1:], parts[0])


def made_of(xp: Any, what: str, gradient: Gradient, numbers: Sequence[int], nu: float = 0.0) -> Array:
    """Return what is made of a velocity gradient, vectors and tensors along a last axis.

    Parameters
    ----------
    xp : Namespace
        Of the arrays.
    what : {"vorticity", "strain", "q_criterion", "dissipation"}
        Which.
    gradient : sequence of sequence of array, shape (...)
        As :data:`Gradient`.
    numbers : sequence of int
        Number of the component that points along each axis: the order of a vorticity vector.
    nu : float
        Viscosity, of dissipation.

    Examples
    --------
    >>> import numpy as np
    >>> float(made_of(np, "vorticity", [[0.0, 2.0], [5.0, 0.0]], (1, 0)))
    3.0
    """
    if what == "vorticity":
        found = vorticity(gradient)
        return (
            found[0] if len(found) == 1 else xp.stack([found[axis] for axis in sorted(range(3), key=numbers.__getitem__)], axis=-1)
        )
    if what == "strain":
        return xp.stack(strain(gradient), axis=-1)
    return q_criterion(gradient) if what == "q_criterion" else strain_square(gradient) * (2 * nu)
