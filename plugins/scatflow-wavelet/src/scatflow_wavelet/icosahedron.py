"""Orientations in three dims: the axes of symmetry of an icosahedron, evenly spread without a preferred axis.

It has 6 axes through opposite vertices, 10 through the centers of opposite faces and 15 through the middles of opposite
edges. Every set goes over into itself under cyclic permutations of the coordinates and under changes of their signs, which
are exact symmetries of a cubic grid as well.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

#: Numbers of axes there are.
COUNTS = (6, 10, 15)
_GOLDEN = (1 + math.sqrt(5)) / 2

Axis = tuple[float, float, float]


@lru_cache(maxsize=len(COUNTS))
def axes(count: int) -> tuple[Axis, ...]:
    """Return one unit vector per axis, in kernel order (z, y, x).

    With g the golden ratio the vertices are the cyclic permutations of (0, 1, +-g), up to sign; the centers of faces lie
    along those of (0, g, +-1/g) and along (1, +-1, +-1), the middles of edges along those of (1, 0, 0) and (g, +-1, +-1/g).

    Parameters
    ----------
    count : {6, 10, 15}
        Vertices, faces or edges.

    Returns
    -------
    tuple of (float, float, float)
        Of e and -e the one whose first component that is not zero is positive; sorted by (z, y, x).

    Raises
    ------
    KeyError
        There are no such axes.

    Examples
    --------
    >>> [tuple(round(component, 3) for component in axis) for axis in axes(6)[:2]]
    [(0.0, 0.526, -0.851), (0.0, 0.526, 0.851)]
    >>> [len(axes(count)) for count in COUNTS]
    [6, 10, 15]
    """
    g, signs = _GOLDEN, (1.0, -1.0)
    seeds = {
        6: [(0.0, 1.0, a * g) for a in signs],
        10: [(0.0, g, a / g) for a in signs],
        15: [(1.0, 0.0, 0.0), *((g, a, b / g) for a in signs for b in signs)],
    }[count]
    found = [(*seed[k:], *seed[:k]) for seed in seeds for k in range(3)]
    found += [(1.0, a, b) for a in signs for b in signs] if count == 10 else []
    return tuple(sorted(_unit(vector) for vector in found))


def _unit(vector: tuple[float, ...]) -> Axis:
    z, y, x = (float(component) for component in np.asarray(vector) / math.hypot(*vector))
    return upper((z, y, x))


def upper(vector: Axis) -> Axis:
    """Return of a vector and its opposite the one whose first component that is not zero is positive.

    Examples
    --------
    >>> upper((0.0, -0.6, 0.8))
    (0.0, 0.6, -0.8)
    """
    first = next((component for component in vector if component), 1.0)
    z, y, x = (component + 0.0 if first > 0 else 0.0 - component for component in vector)
    return z, y, x
