"""What a block costs: flops of the transforms, bytes of filters and planes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scatflow.spec import Cost, itemsize
from scatflow_scattering.tree import Path, Tree
from scatflow_wavelet.filtering import building_bytes, kept_samples, stored_bytes
from scatflow_wavelet.groups import group_size, together
from scatflow_wavelet.layout import Grid

if TYPE_CHECKING:
    from scatflow_scattering.scattering import Scattering


def tree_cost(tree: Tree, shape: tuple[int, ...], count: int, dtype: str, averages: int, samples: int = 1, base: int = 0) -> Cost:
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
    base : int, optional
        The planes lie on multiples of 2^base samples of the signal.

    Returns
    -------
    Cost
        Flops by order; bytes of filters and of the planes of one branch, neither the planes themselves nor results.
    """
    ndim, real, size = len(shape), itemsize(dtype), math.prod(shape)
    stored, building, work = 0, 0, {}
    for (first, source, target), numbers in tree.edges.items():
        m = size >> (target * ndim)
        grid, bank = Grid(tuple(length >> source for length in shape), 2 ** (base + source)), tree.banks[first]
        factor = 2 ** (target - source)
        bands = sum(stored_bytes(bank, n, grid, factor, real) for n in numbers)
        stored, building = stored + bands, max(building, building_bytes(bank, math.prod(grid.shape), bands))
        for n in numbers:
            work[first, source, n] = 4 * kept_samples(bank, n, grid, factor) + 2 * real_transform(m) + 4 * m
    orders = [0.0] * (tree.depth + 1)
    orders[0] = real_transform(size)
    for path, broods in tree.broods.items():
        orders[len(path) + 1] += sum(work[b.first, b.source, n] for b in broods for n in b.numbers)
    for path in tree.paths:
        m = size >> (tree.exponent(path) * ndim)
        orders[len(path)] += real_transform(m) * max(averages, int(bool(path) and path in tree.children))
    items = min(count, group_size(shape))
    working = real * items * _working(tree, size, ndim, items, samples)
    parts = {f"order {k}": count * flops for k, flops in enumerate(orders)}
    # Banks of one family share what it keeps. The low-pass is evaluated on two planes.
    stored += max((bank.family.kept_bytes(bank.layout, shape) for bank in tree.banks), default=0)
    return Cost(flops=count * sum(orders), bytes=stored + max(working, building, 16 * size), parts=parts)


def _working(tree: Tree, size: int, ndim: int, items: int, samples: int) -> int:
    """Return real numbers per item alive at most: planes and spectra of a stack per order, and what is made for a stack."""
    planes: dict[Path, int] = {(): 1}
    spectra, moduli = [0] * (tree.depth + 1), [0] * (tree.depth + 1)
    widest = 2 * size + 4 * samples
    for path in sorted(tree.broods, key=len):
        k = len(path)
        # Half and whole spectra of all planes of the stack.
        spectra[k] = max(spectra[k], 3 * planes[path] * (size >> (tree.exponent(path) * ndim)))
        for brood in tree.broods[path]:
            m = size >> (brood.exponent * ndim)
            most = max(planes[path], together(items, max(samples, m), ndim))
            count = min(planes[path] * len(brood.numbers), most)
            planes |= {(*path, n): count for n in brood.numbers}
            moduli[k + 1] = max(moduli[k + 1], count * m)
            # Products, their transform where that is not in place; or an average, from a half spectrum at most, of which a
            # low-pass that is negligible nowhere takes all frequencies, copied for the mirrored ones and for the product.
            dense = any(bank.family.dense for bank in tree.banks)
            widest = max(widest, count * max(8 * m if dense else 4 * m, m + 6 * samples))
    return sum(spectra) + sum(moduli) + widest


def real_transform(size: int) -> float:
    """Return the flops of a Fourier transform of so many real samples."""
    return 2.5 * size * math.log2(max(2, size))


def scattering_cost(operator: Scattering, tree: Tree, count: int, shape: tuple[int, ...], dtype: str) -> Cost:
    """Return the cost of scattering an extended block of ``count`` items with core shape ``shape``."""
    real, size = itemsize(dtype), math.prod(shape)
    results = count * len(tree.paths) * real
    if operator.T in ("global", 0):
        walked = tree_cost(tree, shape, count, dtype, averages=0)
        planes = count * real * sum(size >> (tree.exponent(path) * len(shape)) for path in tree.paths)
        return Cost(walked.flops, walked.bytes + (results if operator.T == "global" else planes), walked.parts)
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
        parts[f"order {len(path)}"] += count * real_transform(samples)
    return Cost(sum(parts.values()), walked.bytes + untrimmed + low, parts)
