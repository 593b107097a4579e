"""What a block costs: flops of the transforms, bytes of filters and planes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scatflow.spec import Cost, itemsize
from scatflow_scattering.tree import Tree, stack_size
from scatflow_wavelet.groups import group_size
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.spectrum import kept_samples

if TYPE_CHECKING:
    from scatflow_scattering.scattering import Scattering


def tree_cost(tree: Tree, shape: tuple[int, ...], count: int, dtype: str, averages: int, samples: int = 1) -> Cost:
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
    samples : int, optional
        Samples of what is made of a plane, as given to the walk.

    Returns
    -------
    Cost
        Flops by order; bytes of filters and of the planes of one branch, neither the planes themselves nor results.
    """
    ndim, real, size = len(shape), itemsize(dtype), math.prod(shape)
    stored, work = 0, {}
    for key in tree.edges:
        first, exponent, n = key
        target = tree.sampled(first, n)
        m = size >> (target * ndim)
        grid = Grid(tuple(length >> exponent for length in shape), 2**exponent)
        kept = kept_samples(tree.banks[first], n, grid, 2 ** (target - exponent))
        stored += kept * real
        work[key] = 8 * kept + 2 * _real_transform(m) + 4 * m
    orders = [0.0] * (tree.depth + 1)
    orders[0] = _real_transform(size)
    for path, bands in tree.children.items():
        orders[len(path) + 1] += sum(work[tree.key(path, n)] for n in bands)
    for path in tree.paths:
        m = size >> (tree.exponent(path) * ndim)
        orders[len(path)] += _real_transform(m) * max(averages, int(bool(path) and path in tree.children))
    items = min(count, group_size(shape))
    working = real * items * (_spectra(tree, size, ndim, items, samples) + _widest(tree, size, ndim, items, samples))
    # A filter is evaluated in float64, by two planes of its size, before it is cut into tiles; a causal one by six complex.
    planes = 12 if tree.banks and tree.banks[0].family.causal else 2
    parts = {f"order {k}": count * flops for k, flops in enumerate(orders)}
    return Cost(flops=count * sum(orders), bytes=stored + max(working, planes * 8 * size), parts=parts)


def _spectra(tree: Tree, size: int, ndim: int, items: int, samples: int) -> int:
    """Return real numbers per item of the spectra alive on the way down: half ones of siblings, a whole one per order."""
    total, siblings = 0, 1
    inner = list(tree.broods)
    for k in range(max((len(path) for path in inner), default=-1) + 1):
        here = [path for path in inner if len(path) == k]
        m = max(size >> (tree.exponent(path) * ndim) for path in here)
        total += (2 + min(siblings, stack_size(items, max(samples, m)))) * m
        siblings = max(len(brood.numbers) for path in here for brood in tree.broods[path])
    return total


def _widest(tree: Tree, size: int, ndim: int, items: int, samples: int) -> int:
    """Return real numbers per item of the largest stack: products and transforms, or what is made of its planes."""
    widest = 2 * size + 4 * samples
    for broods in tree.broods.values():
        for brood in broods:
            m = size >> (brood.exponent * ndim)
            siblings = min(len(brood.numbers), stack_size(items, max(samples, m)))
            widest = max(widest, siblings * max(5 * m, 2 * m + 6 * samples))
    return widest


def _real_transform(size: int) -> float:
    return 2.5 * size * math.log2(max(2, size))


def scattering_cost(operator: Scattering, tree: Tree, count: int, shape: tuple[int, ...], dtype: str) -> Cost:
    """Return the cost of scattering an extended block of ``count`` items with core shape ``shape``."""
    real, size = itemsize(dtype), math.prod(shape)
    results = count * len(tree.paths) * real
    if operator.T == "global":
        walked = tree_cost(tree, shape, count, dtype, averages=0)
        return Cost(walked.flops, walked.bytes + results, walked.parts)
    profile = operator.conventions()
    step, sampling = profile.step, profile.grid
    samples = size // sampling ** len(shape)
    walked = tree_cost(tree, shape, count, dtype, averages=1, samples=samples)
    untrimmed = results * math.prod(-(-n // step) for n in shape)
    exponents = {tree.exponent(path) for path in tree.paths}
    # Low-passes are kept on the frequencies that matter, at most about twice the band of the result per axis; causal ones
    # on all of them, as complex numbers.
    low = real * min(size, 4 ** len(shape) * samples) * len(exponents)
    family = operator.bank(len(shape)).family
    if family.causal or family.dense:
        low = (1 + family.causal) * real * sum(size // min(sampling, 2**e) for e in exponents)
    # What is left of a path after averaging goes back in one small transform.
    parts = dict(walked.parts)
    for path in tree.paths:
        parts[f"order {len(path)}"] += count * _real_transform(samples)
    return Cost(sum(parts.values()), walked.bytes + untrimmed + low, parts)
