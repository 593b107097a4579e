"""The scattering tree: which paths there are, on which grids, and the one walk through them.

``U[()] = x`` and ``U[p + n] = |U[p] * psi_n|``, sampled on absolute multiples of ``2^max(0, j_n - a)``, a being the
oversampling. The walk is depth-first: it holds one plane per order, or a few small siblings, and never the planes of two branches.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from scatflow.errors import ParameterError
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.layout import Band, Grid
from scatflow_wavelet.selection import Labels, select
from scatflow_wavelet.spectrum import Tiles, band_tiles, filtered, half_spectrum, whole_spectrum

Array = Any
Path = tuple[int, ...]
Kind = Literal["increasing", "all"]
#: A filter by (first order with the same bank, exponent of the grid it is applied on, band number).
Key = tuple[int, int, int]

#: Samples of sibling planes computed together: about half of a core's second-level cache, as complex numbers.
_SAMPLES = 1 << 17


@dataclass(frozen=True)
class Brood:
    """Children of one path that lie on one grid: exponent, band numbers, and what finds their filters."""

    exponent: int
    numbers: tuple[int, ...]
    first: int
    source: int

    def parts(self, size: int) -> Iterator[tuple[int, ...]]:
        """Yield the band numbers, at most ``size`` at a time."""
        for start in range(0, len(self.numbers), size):
            yield self.numbers[start : start + size]


@dataclass(frozen=True)
class Tree:
    """The paths of a scattering transform, in the order of the results.

    Attributes
    ----------
    banks : tuple of Bank
        Bank of every order, from the first.
    paths : tuple of tuple of int
        Band numbers per path, sorted by order and then by number.
    oversampling : int
        Octaves by which planes are sampled finer than 2^j.
    coarsest : int, optional
        Exponent beyond which planes are not sampled more coarsely; None for no limit.
    """

    banks: tuple[Bank, ...]
    paths: tuple[Path, ...]
    oversampling: int
    coarsest: int | None = None

    @property
    def depth(self) -> int:
        """Highest order among the paths."""
        return max((len(path) for path in self.paths), default=0)

    @cached_property
    def position(self) -> Mapping[Path, int]:
        """Path -> its place in the result."""
        return {path: k for k, path in enumerate(self.paths)}

    @cached_property
    def children(self) -> Mapping[Path, tuple[int, ...]]:
        """Path -> bands to apply to its plane; only what leads to a wanted path."""
        needed: dict[Path, set[int]] = {}
        for path in self.paths:
            for k in range(len(path)):
                needed.setdefault(path[:k], set()).add(path[k])
        return {path: tuple(sorted(bands)) for path, bands in needed.items()}

    def exponent(self, path: Path) -> int:
        """Return e such that the plane of ``path`` lies on absolute multiples of 2^e."""
        return self.sampled(len(path) - 1, path[-1]) if path else 0

    def sampled(self, first: int, n: int) -> int:
        """Return the exponent of the grid of planes of band n of the bank at position ``first``."""
        exponent = max(0, self.banks[first].bands[n].j - self.oversampling)
        return exponent if self.coarsest is None else min(exponent, self.coarsest)

    def key(self, path: Path, n: int) -> Key:
        """Return which filter takes the plane of ``path`` to that of ``path + (n,)``."""
        return (self._first[len(path)], self.exponent(path), n)

    @cached_property
    def broods(self) -> Mapping[Path, tuple[Brood, ...]]:
        """Path -> its children by the grid they lie on, finest first."""
        result = {}
        for path, numbers in self.children.items():
            of = {n: self.exponent((*path, n)) for n in numbers}
            result[path] = tuple(
                Brood(e, tuple(n for n in numbers if of[n] == e), self._first[len(path)], self.exponent(path))
                for e in sorted(set(of.values()))
            )
        return result

    @cached_property
    def _first(self) -> tuple[int, ...]:
        return tuple(self.banks.index(bank) for bank in self.banks)

    @cached_property
    def edges(self) -> Mapping[Key, int]:
        """Every filter of the tree -> how often it is applied."""
        count: dict[Key, int] = {}
        for path, bands in self.children.items():
            for n in bands:
                key = self.key(path, n)
                count[key] = count.get(key, 0) + 1
        return count


def grow(
    banks: Sequence[Bank],
    kind: Kind,
    oversampling: int,
    selection: tuple[Labels, ...] | None,
    subject: str,
    coarsest: int | None = None,
) -> Tree:
    """Return the tree of all paths up to the number of banks, or of those selected.

    Parameters
    ----------
    banks : sequence of Bank
        Bank of every order, from the first; none for order 0 alone.
    kind : {"increasing", "all"}
        ``increasing`` keeps paths with j1 < j2 < ..., which carry nearly all energy.
    oversampling : int
        Octaves by which planes are sampled finer than 2^j.
    selection : tuple of mapping, optional
        Labels of the paths wanted; default all.
    subject : str
        Operator name for errors.
    coarsest : int, optional
        Exponent beyond which planes are not sampled more coarsely.

    Raises
    ------
    ParameterError
        Nothing is selected, a label does not exist, or a path would need a finer grid than its parent has.

    Examples
    --------
    >>> from scatflow_wavelet import Morlet
    >>> bank = Bank(Morlet(), J=4, voices=8, aspect=(1.0, 1.0))
    >>> len(grow([bank, bank], "increasing", 1, None, "scattering").paths)
    417
    """
    level: list[tuple[Band, ...]] = [()]
    found = list(level)
    for bank in banks:
        level = [(*path, band) for path in level for band in bank.bands if kind == "all" or not path or band.j > path[-1].j]
        found += level
    if selection is not None:
        ndim = banks[0].ndim if banks else 1
        found = select(found, selection, len(banks), ndim, subject)
    _check_grids(found, oversampling, subject)
    paths = sorted((tuple(band.n for band in path) for path in found), key=lambda path: (len(path), path))
    return Tree(tuple(banks), tuple(paths), oversampling, coarsest)


def _check_grids(paths: Sequence[tuple[Band, ...]], oversampling: int, subject: str) -> None:
    """A plane cannot be brought to a finer grid: what the sampling has dropped is gone."""
    worst = max((max(a.j, b.j) for path in paths for a, b in itertools.pairwise(path) if b.j < a.j), default=0)
    if worst > oversampling:
        raise ParameterError(
            f"{subject}.tree", "paths whose octaves do not increase need planes that are not subsampled",
            expected=f"oversampling >= {worst}", got=f'tree="all", oversampling={oversampling}',
            remedy=f'Use oversampling={worst}, or tree="increasing".', code="TreeSubsampled",
        )  # fmt: skip


class Stack:
    """Sibling planes of the walk, on one grid: their paths and, once asked for, their half spectra.

    Attributes
    ----------
    paths : tuple of tuple of int
        Band numbers per plane.
    exponent : int
        The planes lie on absolute multiples of 2^exponent.
    planes : array of real, shape (items, planes, *grid)
        ``U[path]``; valid until the walk goes on.
    """

    __slots__ = ("_half", "_ndim", "_xp", "exponent", "paths", "planes")

    def __init__(self, xp: Any, paths: tuple[Path, ...], exponent: int, planes: Array) -> None:
        self.paths, self.exponent, self.planes = paths, exponent, planes
        self._xp, self._ndim, self._half = xp, planes.ndim - 2, None

    def half(self) -> Array:
        """Return the half spectra of the planes, computed once."""
        if self._half is None:
            self._half = half_spectrum(self._xp, self.planes, self._ndim)
        return self._half


class Node:
    """One plane of the walk: its path, its grid and, once asked for, its half spectrum.

    Attributes
    ----------
    path : tuple of int
        Band numbers.
    exponent : int
        The plane lies on absolute multiples of 2^exponent.
    plane : array of real, shape (items, *grid)
        ``U[path]``; valid until the walk goes on.
    """

    __slots__ = ("_index", "_stack", "exponent", "path", "plane")

    def __init__(self, stack: Stack, index: int) -> None:
        self.path, self.exponent = stack.paths[index], stack.exponent
        self.plane = stack.planes[:, index, ...]
        self._stack, self._index = stack, index

    def half(self) -> Array:
        """Return the half spectrum of the plane, computed once."""
        return self._stack.half()[:, self._index, ...]


def filters(tree: Tree, shape: tuple[int, ...], xp: Any, dtype: str, device: Any = None) -> dict[Key, Tiles]:
    """Return every filter of the tree for blocks of one shape.

    Parameters
    ----------
    tree : Tree
        The paths.
    shape : tuple of int
        Core shape of the blocks; every length a multiple of 2^J.
    xp, dtype, device
        Library, real dtype and device of the values.

    Returns
    -------
    dict
        Key -> tiles, as :func:`walk` takes them.
    """
    result = {}
    for first, exponent, n in tree.edges:
        grid = Grid(tuple(length >> exponent for length in shape), 2**exponent)
        factor = 2 ** (tree.sampled(first, n) - exponent)
        result[first, exponent, n] = band_tiles(tree.banks[first], n, grid, factor, xp, dtype, device)
    return result


def walk(xp: Any, block: Array, tree: Tree, bands: Mapping[Key, Tiles]) -> Iterator[Node]:
    """Yield the planes of the tree one by one, each before those below it.

    Parameters
    ----------
    xp, block, tree, bands
        As for :func:`stacks`.

    Yields
    ------
    Node
        ``path``, ``exponent``, ``plane`` of shape (items, *core / 2^exponent) and ``half()``; to be used before the
        next step.
    """
    for stack in stacks(xp, block, tree, bands):
        for index in range(len(stack.paths)):
            yield Node(stack, index)


def stacks(xp: Any, block: Array, tree: Tree, bands: Mapping[Key, Tiles], samples: int = 0) -> Iterator[Stack]:
    """Yield the planes of the tree, depth-first, small siblings together so that calls do not dominate.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    block : array of real, shape (items, *core)
        Periodic planes; every core length a multiple of 2^J.
    tree : Tree
        The paths; planes that only lead to wanted paths are yielded too.
    bands : mapping
        As :func:`filters` gives them.
    samples : int, optional
        Samples of what is made of a plane, where that is more than the plane has; limits the siblings of a stack.

    Yields
    ------
    Stack
        ``paths``, ``exponent``, ``planes`` of shape (items, siblings, *core / 2^exponent) and ``half()``; to be used
        before the next step.
    """
    root = Stack(xp, ((),), 0, block[:, None, ...])
    yield root
    yield from _below(xp, root, tree, bands, tuple(block.shape[1:]), samples)


def _below(xp: Any, stack: Stack, tree: Tree, bands: Mapping[Key, Tiles], core: tuple[int, ...], samples: int) -> Iterator[Stack]:
    inner = [(index, path) for index, path in enumerate(stack.paths) if path in tree.broods]
    if not inner:
        return
    half, items = stack.half(), stack.planes.shape[0]
    stack.planes = None  # not needed below
    n = core[-1] >> stack.exponent
    for index, path in inner:
        spectrum = whole_spectrum(xp, half[:, index, ...], n, len(core))
        for brood in tree.broods[path]:
            sizes = tuple(length >> brood.exponent for length in core)
            for part in brood.parts(stack_size(items, max(samples, math.prod(sizes)))):
                planes = xp.abs(siblings(xp, spectrum, brood, part, bands, sizes))
                child = Stack(xp, tuple((*path, k) for k in part), brood.exponent, planes)
                del planes
                yield child
                yield from _below(xp, child, tree, bands, core, samples)


def siblings(
    xp: Any, spectrum: Array, brood: Brood, part: tuple[int, ...], bands: Mapping[Key, Tiles], sizes: tuple[int, ...]
) -> Array:
    """Return complex bands of one plane, decimated: shape (items, len(part), *sizes)."""
    return filtered(xp, spectrum, [bands[brood.first, brood.source, n] for n in part], sizes)


def stack_size(items: int, samples: int) -> int:
    """Return how many sibling planes of so many samples are computed together for so many items."""
    return max(1, _SAMPLES // max(1, items * samples))
