"""The scattering tree: which paths there are, on which grids, and the one walk through them.

``U[()] = x`` and ``U[p + n] = |U[p] * psi_n|``, sampled on absolute multiples of ``2^max(0, j_n - a)``, a being the
oversampling. The walk is depth-first: it holds one plane per order, or a few small siblings, and never the planes of two branches.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

from scatflow.errors import ParameterError
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.filtering import Multipliers, moduli, multipliers
from scatflow_wavelet.groups import parts
from scatflow_wavelet.layout import Band, Grid
from scatflow_wavelet.selection import Labels, select
from scatflow_wavelet.spectrum import axes, half_spectrum, whole_spectrum
from scatflow_wavelet.workspace import Rooms, Workspace

Array = Any
Path = tuple[int, ...]
Kind = Literal["increasing", "all"]
#: Filters by (first order with the same bank, exponent of the grid they are applied on, exponent of the result).
Key = tuple[int, int, int]


@dataclass(frozen=True)
class Brood:
    """Children of one path that lie on one grid: exponent, band numbers, and what finds their filters."""

    exponent: int
    numbers: tuple[int, ...]
    first: int
    source: int

    @property
    def key(self) -> Key:
        """Which filters take the plane to its children."""
        return (self.first, self.source, self.exponent)


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

    @cached_property
    def broods(self) -> Mapping[Path, tuple[Brood, ...]]:
        """Path -> its children by the grid they lie on, finest first."""
        result: dict[Path, tuple[Brood, ...]] = {}
        known: dict[tuple[Brood, ...], tuple[Brood, ...]] = {}
        for path, numbers in self.children.items():
            of = {n: self.exponent((*path, n)) for n in numbers}
            broods = tuple(
                Brood(e, tuple(n for n in numbers if of[n] == e), self._first[len(path)], self.exponent(path))
                for e in sorted(set(of.values()))
            )
            result[path] = known.setdefault(broods, broods)  # one object for equal ones: the walk compares by identity
        return result

    @cached_property
    def _first(self) -> tuple[int, ...]:
        return tuple(self.banks.index(bank) for bank in self.banks)

    @cached_property
    def edges(self) -> Mapping[Key, tuple[int, ...]]:
        """Key -> the bands that are needed between these grids."""
        needed: dict[Key, set[int]] = {}
        for broods in self.broods.values():
            for brood in broods:
                needed.setdefault(brood.key, set()).update(brood.numbers)
        return {key: tuple(sorted(numbers)) for key, numbers in needed.items()}


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
        ``U[path]``, the input itself possibly complex; valid until the walk goes on.
    """

    __slots__ = ("_half", "_ndim", "_room", "_xp", "exponent", "paths", "planes")

    def __init__(self, xp: Any, paths: tuple[Path, ...], exponent: int, planes: Array, room: Workspace | None = None) -> None:
        self.paths, self.exponent, self.planes = paths, exponent, planes
        self._xp, self._ndim, self._half, self._room = xp, planes.ndim - 2, None, room

    def half(self) -> Array:
        """Return the half spectra of the planes, computed once."""
        if self._half is None:
            self._half = half_spectrum(self._xp, self.planes, self._ndim)
        return self._half

    def spectra(self, where: slice) -> Array:
        """Return the whole spectra of some planes: shape (items, planes, *grid)."""
        xp, planes = self._xp, self.planes[:, where, ...]
        if xp.isdtype(planes.dtype, "complex floating"):
            return xp.fft.fftn(planes, axes=axes(self._ndim))
        # Depth-first, only one stack per order is in use.
        use = ("whole", len(self.paths[0]))
        return whole_spectrum(xp, self.half()[:, where, ...], planes.shape[-1], self._ndim, self._room, use)


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


def filters(tree: Tree, shape: tuple[int, ...], xp: Any, dtype: str, device: Any = None) -> dict[Key, Multipliers]:
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
        Key -> multipliers, as :func:`walk` takes them.
    """
    result = {}
    for (first, source, target), numbers in tree.edges.items():
        grid = Grid(tuple(length >> source for length in shape), 2**source)
        result[first, source, target] = multipliers(tree.banks[first], numbers, grid, 2 ** (target - source), xp, dtype, device)
    return result


def walk(xp: Any, block: Array, tree: Tree, bands: Mapping[Key, Multipliers]) -> Iterator[Node]:
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


Branch = Callable[[], Iterator[Stack]]
#: Computes a stack in the room of the thread that asks.
Child = Callable[[Workspace], Stack]


def stacks(xp: Any, block: Array, tree: Tree, bands: Mapping[Key, Multipliers], samples: int = 0) -> Iterator[Stack]:
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
    root, below = branches(xp, block, tree, bands, samples)
    yield from root()
    for branch in below:
        yield from branch()


def branches(
    xp: Any, block: Array, tree: Tree, bands: Mapping[Key, Multipliers], samples: int = 0, rooms: Rooms | None = None
) -> tuple[Branch, Iterator[Branch]]:
    """Return what walks the parts of the tree: the root alone, and what lies below it, independent of each other.

    Parameters
    ----------
    xp, block, tree, bands, samples
        As for :func:`stacks`, which is all of these one after the other.
    rooms : Rooms, optional
        Memory that is used again, from one call to the next.

    Returns
    -------
    (callable, iterator of callable)
        Each returns an iterator over stacks. The root is to be walked before the next one is asked for.
    """
    mine = Rooms() if rooms is None else rooms
    root, core = Stack(xp, ((),), 0, block[:, None, ...]), tuple(block.shape[1:])

    def branch(child: Child) -> Iterator[Stack]:
        stack = child(mine.room)
        yield stack
        yield from _below(xp, stack, tree, bands, core, samples, mine.room)

    below = (partial(branch, child) for child in _children(xp, root, tree, bands, core, samples))
    return lambda: iter((root,)), below


def _below(
    xp: Any, stack: Stack, tree: Tree, bands: Mapping[Key, Multipliers], core: tuple[int, ...], samples: int, room: Workspace
) -> Iterator[Stack]:
    for part in _children(xp, stack, tree, bands, core, samples):
        child = part(room)
        yield child
        yield from _below(xp, child, tree, bands, core, samples, room)


def _children(
    xp: Any, stack: Stack, tree: Tree, bands: Mapping[Key, Multipliers], core: tuple[int, ...], samples: int
) -> Iterator[Child]:
    """Yield what computes the stacks of children of a stack."""
    families = _families(stack.paths, tree)
    if not families:
        return
    items, ndim = stack.planes.shape[0], len(core)
    for where, broods in families:
        paths, whole = stack.paths[where], stack.spectra(where)
        spectra = xp.reshape(whole, (items * len(paths), *whole.shape[2:]))
        for brood in broods:
            sizes = tuple(length >> brood.exponent for length in core)
            for numbers in parts(brood.numbers, spectra.shape[0], max(samples, math.prod(sizes)), ndim):
                yield partial(_child, xp, spectra, paths, brood.exponent, bands[brood.key], numbers, sizes)


def _child(
    xp: Any, spectra: Array, paths: tuple[Path, ...], exponent: int, bands: Multipliers, numbers: tuple[int, ...],
    sizes: tuple[int, ...], room: Workspace,
) -> Stack:  # fmt: skip
    """Return the moduli of some bands of some planes, given as (items times planes, *grid) spectra."""
    planes = moduli(xp, spectra, bands, numbers, sizes, room, ("planes", len(paths[0]) + 1))
    below = tuple((*path, n) for path in paths for n in numbers)
    return Stack(xp, below, exponent, xp.reshape(planes, (spectra.shape[0] // len(paths), len(below), *sizes)), room)


def _families(paths: tuple[Path, ...], tree: Tree) -> list[tuple[slice, tuple[Brood, ...]]]:
    """Return runs of planes that have the same children: (slice of the planes, broods)."""
    runs: list[tuple[slice, tuple[Brood, ...]]] = []
    for index, path in enumerate(paths):
        broods = tree.broods.get(path, ())
        if runs and runs[-1][1] is broods and runs[-1][0].stop == index:
            runs[-1] = (slice(runs[-1][0].start, index + 1), broods)
        elif broods:
            runs.append((slice(index, index + 1), broods))
    return runs
