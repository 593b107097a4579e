"""The kernels: windowed scattering of blocks, and its adjoint derivative. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from scatflow.arrays import in_threads
from scatflow_scattering.tree import Brood, Key, Path, Stack, Tree, branches
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.filtering import Multipliers, filtered, spread
from scatflow_wavelet.groups import groups, parts
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.smoothing import Low, averaged, low_pass, unsmooth
from scatflow_wavelet.spectrum import axes, half_spectrum, whole_spectrum

Array = Any


@dataclass(frozen=True)
class Smoothing:
    """Averages over a window: low-pass filters by exponent of the plane, and the samples kept per axis."""

    low: Mapping[int, Low]
    keep: tuple[slice, ...]
    shape: tuple[int, ...]

    @property
    def samples(self) -> int:
        """Samples of a low-passed plane before some are kept."""
        return max(math.prod(low.target) for low in self.low.values())

    def read(self, xp: Any, stack: Stack) -> Array:
        """Return the low-passed planes at the samples kept: shape (items, planes, *self.shape)."""
        return averaged(xp, stack.planes, stack.half, self.low[stack.exponent])[(..., *self.keep)]

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the planes from that of what :meth:`read` returns."""
        low = self.low[exponent]
        whole = xp.zeros((*cotangent.shape[:2], *low.target), dtype=cotangent.dtype, device=cotangent.device)
        whole[(..., *self.keep)] = cotangent
        return unsmooth(xp, whole, low)


@dataclass(frozen=True)
class Mean:
    """Averages over the whole core: the range of the core per axis, in samples of the block."""

    core: tuple[tuple[int, int], ...]
    shape: tuple[int, ...] = ()
    samples: int = 1

    def _window(self, exponent: int) -> tuple[slice, ...]:
        step = 2**exponent
        return tuple(slice(-(-low // step), -(-high // step)) for low, high in self.core)

    def read(self, xp: Any, stack: Stack) -> Array:
        """Return the means of the planes over their samples inside the core: shape (items, planes)."""
        return xp.mean(stack.planes[(..., *self._window(stack.exponent))], axis=axes(len(self.core)))

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the planes from that of their means."""
        window = self._window(exponent)
        out = xp.zeros((*cotangent.shape, *sizes), dtype=cotangent.dtype, device=cotangent.device)
        share = cotangent / math.prod(part.stop - part.start for part in window)
        out[(..., *window)] = xp.reshape(share, (*cotangent.shape, *(1,) * len(sizes)))
        return out


Average = Smoothing | Mean


def low_passes(
    bank: Bank, tree: Tree, shape: tuple[int, ...], step: int, xp: Any, dtype: str, device: Any = None
) -> dict[int, Low]:
    """Return the low-pass from every grid of the tree to multiples of ``step`` (a power of two up to 2^J)."""
    exponents = sorted({tree.exponent(path) for path in tree.paths})
    grids = {e: Grid(tuple(length >> e for length in shape), 2**e) for e in exponents}
    return {e: low_pass(bank, grid, step, xp, dtype, device) for e, grid in grids.items()}


def scatter(xp: Any, block: Array, tree: Tree, bands: Mapping[Key, Multipliers], average: Average) -> Array:
    """Return the scattering coefficients of a block of periodic planes.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    block : array of real, shape (*batch, *core)
        Every core length a multiple of 2^J.
    tree : Tree
        The paths.
    bands : mapping
        As :func:`scatflow_scattering.tree.filters` gives them.
    average : Smoothing or Mean
        How planes become coefficients.

    Returns
    -------
    array of real, shape (*batch, paths, *average.shape)

    Notes
    -----
    ``S[p](k) = sum over n of s^d U[p](s n) phi(k stride - s n)`` with U[p] on multiples of s. Items are taken in groups
    counted from the first of the block, whose size depends on the core shape alone, so that threads and workers
    cannot change a bit of the result.
    """
    ndim = tree_ndim(block, average)
    batch, core = block.shape[: block.ndim - ndim], block.shape[block.ndim - ndim :]
    items = xp.reshape(block, (math.prod(batch), *core))
    shape = (items.shape[0], len(tree.paths), *average.shape)
    out = xp.empty(shape, dtype=block.dtype, device=block.device)
    # Threads share the groups of items, or the branches of the tree where there are few; the stacks are the same either way.
    found, threads = list(groups(items.shape[0], core)), getattr(xp, "threads", 1)
    outer, inner = (threads, 1) if len(found) >= threads else (1, threads)

    def read(group: slice, branch: Callable[[], Iterator[Stack]]) -> None:
        for stack in branch():
            wanted = [(i, tree.position[path]) for i, path in enumerate(stack.paths) if path in tree.position]
            if not wanted:
                continue
            values = average.read(xp, stack)
            for mine, theirs in _runs(wanted):
                out[group, theirs, ...] = values[:, mine, ...]

    def walk(group: slice) -> None:
        root, below = branches(xp, items[group, ...], tree, bands, average.samples)
        read(group, root)
        in_threads(inner, [partial(read, group, branch) for branch in below])

    in_threads(outer, [partial(walk, group) for group in found])
    return xp.reshape(out, (*batch, *shape[1:]))


def _runs(pairs: list[tuple[int, int]]) -> list[tuple[slice, slice]]:
    """Return pairs of positions as pairs of slices, joining consecutive ones."""
    runs: list[list[int]] = []
    for mine, theirs in pairs:
        if runs and (mine, theirs) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]):
            runs[-1][2] += 1
        else:
            runs.append([mine, theirs, 1])
    return [(slice(a, a + n), slice(b, b + n)) for a, b, n in runs]


def tree_ndim(block: Array, average: Average) -> int:
    """Return the number of core axes."""
    return len(average.keep) if isinstance(average, Smoothing) else len(average.core)


def pull(xp: Any, cotangent: Array, block: Array, tree: Tree, bands: Mapping[Key, Multipliers], average: Average) -> Array:
    """Return the cotangent of the block: the adjoint of the derivative of :func:`scatter`.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    cotangent : array of real, shape (*batch, paths, *average.shape)
        Paired with the result by the plain sum of products.
    block : array of real, shape (*batch, *core)
        Where the derivative is taken.
    tree, bands, average
        As for :func:`scatter`.

    Returns
    -------
    array of real, shape of ``block``

    Notes
    -----
    ``g[p] = phi* g_S[p] + sum over n of Re psi_n* (g[p + n] z / |z|)`` with ``z = U[p] * psi_n`` and 0 where z = 0;
    planes are computed anew on the way down instead of being kept.
    """
    ndim = tree_ndim(block, average)
    core = tuple(block.shape[block.ndim - ndim :])
    items = xp.reshape(block, (-1, *core))
    given = xp.reshape(cotangent, (items.shape[0], len(tree.paths), *average.shape))
    out = xp.empty(items.shape, dtype=block.dtype, device=block.device)
    for group in groups(items.shape[0], core):
        walker = _Adjoint(xp, given[group, ...], core, tree, bands, average)
        out[group, ...] = walker.cotangent(((),), 0, items[group, None, ...])[:, 0, ...]
    return xp.reshape(out, block.shape)


@dataclass(frozen=True)
class _Adjoint:
    """The way back through the tree for one group of items."""

    xp: Any
    given: Array
    core: tuple[int, ...]
    tree: Tree
    bands: Mapping[Key, Multipliers]
    average: Average

    def cotangent(self, paths: tuple[Path, ...], exponent: int, planes: Array) -> Array:
        """Return the cotangents of sibling planes: shape (items, planes, *grid)."""
        xp, sizes = self.xp, tuple(length >> exponent for length in self.core)
        total = self._from_averages(paths, exponent, sizes, planes)
        inner = [(index, path) for index, path in enumerate(paths) if path in self.tree.broods]
        if not inner:
            return total
        half = half_spectrum(xp, planes, len(sizes))
        for index, path in inner:
            spectrum = whole_spectrum(xp, half[:, index, ...], sizes[-1], len(sizes))
            below = xp.zeros_like(spectrum)
            for brood in self.tree.broods[path]:
                self._from_below(spectrum, below, path, brood)
            total[:, index, ...] += xp.real(xp.fft.ifftn(below, axes=axes(len(sizes))))
        return total

    def _from_averages(self, paths: tuple[Path, ...], exponent: int, sizes: tuple[int, ...], planes: Array) -> Array:
        total = self.xp.zeros_like(planes)
        wanted = [(i, self.tree.position[path]) for i, path in enumerate(paths) if path in self.tree.position]
        for mine, theirs in _runs(wanted):
            total[:, mine, ...] = self.average.adjoint(self.xp, self.given[:, theirs, ...], exponent, sizes)
        return total

    def _from_below(self, spectrum: Array, below: Array, path: Path, brood: Brood) -> None:
        """Add, as a spectrum, what reaches a plane from its children on one grid."""
        xp, sizes = self.xp, tuple(length >> brood.exponent for length in self.core)
        for part in parts(brood.numbers, spectrum.shape[0], max(self.average.samples, math.prod(sizes)), len(sizes)):
            band = filtered(xp, spectrum, self.bands[brood.key], part, sizes)
            modulus = xp.abs(band)
            slope = self.cotangent(tuple((*path, n) for n in part), brood.exponent, modulus)
            band = band * (slope / xp.where(modulus > 0, modulus, xp.ones_like(modulus)))
            spread(xp, band, self.bands[brood.key], part, below, 2 ** (brood.exponent - brood.source))
