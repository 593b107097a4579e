"""Velocity increments over a separation: pairs, powers and shares of them, as kernels on any array library."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

Array = Any


def increments(xp: Any, field: Array, axis: int, lag: int) -> Array:
    """Return x(i + lag) - x(i) along an axis, going on at the other end of the block.

    Examples
    --------
    >>> import numpy as np
    >>> increments(np, np.array([0.0, 1.0, 4.0]), 0, 1)
    array([ 1.,  3., -4.])
    """
    return xp.roll(field, -lag, axis=axis) - field


def power(modulus: Array, order: float) -> Array:
    """Return a power of numbers that are not negative; whole orders by multiplication, which is several times faster.

    Examples
    --------
    >>> import numpy as np
    >>> power(np.array([2.0]), 5.0), power(np.array([4.0]), 0.5)
    (array([32.]), array([2.]))
    """
    if order != int(order):
        return modulus**order
    found, square, left = None, modulus, int(order)
    while left:
        if left & 1:
            found = square if found is None else found * square
        left >>= 1
        square = square * square if left else square
    return found


def shares(below: Sequence[Array], total: Array) -> list[Array]:
    """Return the shares of the bins between edges from those below each edge: one more bin than edges.

    Examples
    --------
    >>> shares([0.25, 0.75], 1.0)
    [0.25, 0.5, 0.25]
    """
    ends = [*below, total]
    return [ends[0], *(high - low for low, high in itertools.pairwise(ends))]


def inside(xp: Any, start: int, length: int, lag: int, end: int, device: Any) -> Array:
    """Return which samples of a block have a partner ``lag`` ahead before ``end``, as booleans of shape (length,)."""
    return xp.arange(start, start + length, device=device) + lag < end
