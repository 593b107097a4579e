"""What a block costs: flops of the transforms, bytes of filters and planes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scatflow.spec import Cost, itemsize
from scatflow_scattering.tree import Tree
from scatflow_wavelet.groups import group_size
from scatflow_wavelet.parameters import extended_shape

if TYPE_CHECKING:
    from scatflow_scattering.scattering import Scattering

#: Tiles of a decimated band that are not negligible, at most, by number of core dims (measured; a Morlet band
#: reaches a little beyond the quarter of the circle around its center).
_TILES = {1: 3, 2: 6}


def tree_cost(tree: Tree, shape: tuple[int, ...], count: int, dtype: str, averages: int) -> Cost:
    """Return the cost of walking a tree over ``count`` periodic planes.

    Parameters
    ----------
    tree : Tree
        The paths.
    shape : tuple of int
        Core shape of a plane.
    count : int
        Planes.
    dtype : str
        Real dtype of the planes.
    averages : int
        Transforms of real planes per path that the averages need (1 for a low-pass, 0 for a mean).

    Returns
    -------
    Cost
        Bytes of filters and of the planes of one branch; neither the planes themselves nor results.
    """
    ndim, real, size = len(shape), itemsize(dtype), math.prod(shape)
    stored, flops = 0, _real_transform(size)
    for (first, exponent, n), times in tree.edges.items():
        target = max(0, tree.banks[first].bands[n].j - tree.oversampling)
        m = size >> (target * ndim)
        tiles = min(2 ** ((target - exponent) * ndim), _TILES[ndim])
        stored += tiles * m * real
        flops += times * (8 * tiles * m + 2 * _real_transform(m) + 4 * m)
    for path in tree.paths:
        m = size >> (tree.exponent(path) * ndim)
        inner = path in tree.children
        flops += _real_transform(m) * max(averages, int(inner and bool(path)))
    branch = sum(2 * real * (size >> (exponent * ndim)) for exponent in _spine(tree))
    # The innermost step holds a product and its transform (or a modulus and its half spectrum) besides the spectra.
    widest = max((size >> (max(0, bank.bands[0].j - tree.oversampling) * ndim) for bank in tree.banks if bank.bands), default=0)
    working = (branch + 4 * real * widest) * min(count, group_size(shape))
    return Cost(flops=count * flops, bytes=stored + working)


def _spine(tree: Tree) -> list[int]:
    """Return the exponents of the finest branch: the planes whose whole spectra are alive together."""
    inner = list(tree.children)
    if not inner:
        return []
    deepest = max(len(path) for path in inner)
    return [min(tree.exponent(path) for path in inner if len(path) == k) for k in range(deepest + 1)]


def _real_transform(size: int) -> float:
    return 2.5 * size * math.log2(max(2, size))


def scattering_cost(
    operator: Scattering, tree: Tree, count: int, sizes: tuple[int, ...], dtype: str
) -> Cost:
    """Return the cost of scattering a block of ``count`` items with core ``sizes`` (before extension)."""
    shape = extended_shape(operator, sizes)
    walked = tree_cost(tree, shape, count, dtype, averages=0 if operator.T == "global" else 1)
    real, size = itemsize(dtype), math.prod(shape)
    results = count * len(tree.paths) * real
    if operator.T == "global":
        return Cost(walked.flops, walked.bytes + results)
    step = operator.step()
    sampling = math.gcd(step, 2**operator.J)
    untrimmed = results * math.prod(-(-n // step) for n in shape)
    exponents = {tree.exponent(path) for path in tree.paths}
    # Low-passes are kept on the frequencies that matter: at most about twice the band of the result per axis.
    low = sum(real * min(size, 4 ** len(shape) * (size // sampling ** len(shape))) for _ in exponents)
    flops = walked.flops + count * len(tree.paths) * _real_transform(size // sampling ** len(shape))
    # A filter is evaluated in float64 with one temporary of its size before it is cut into tiles.
    building = 3 * 8 * size
    return Cost(flops, walked.bytes + untrimmed + low + building)
