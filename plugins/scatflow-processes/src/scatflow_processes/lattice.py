"""The sides of lattices on the torus, which samplers and exact results take as one number or two."""

from __future__ import annotations

import math
import operator

import numpy as np

from scatflow_processes.bounds import check


def sides(size: int | tuple[int, int], largest: float = math.inf) -> tuple[int, int]:
    """Return the sites along y and x.

    Parameters
    ----------
    size : int or (int, int)
        One number for a square; 2 or more along each dim, since a site alone would be its own neighbor.
    largest : float
        Most sites along a dim.

    Returns
    -------
    (int, int)

    Raises
    ------
    ValueError
        If a side is outside its range, or there are not two.
    TypeError
        If a side is no whole number.

    Examples
    --------
    >>> sides(8), sides((4, 6))
    ((8, 8), (4, 6))
    """
    n, m = (size, size) if isinstance(size, int | np.integer) else size
    shape = operator.index(n), operator.index(m)
    check("size", shape, all(2 <= side <= largest for side in shape), f"in [2, {largest}] along each dim")
    return shape
