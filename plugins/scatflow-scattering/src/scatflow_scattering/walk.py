"""The one walk through the planes of a scattering tree, and the filters it needs.

It is depth-first: it holds one plane per order, or a few small siblings, and never the planes of two branches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from scatflow_scattering.tree import Key, Path, Tree
from scatflow_wavelet.filtering import Bands, Multipliers, moduli, multipliers
from scatflow_wavelet.groups import parts
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.spectrum import axes, half_spectrum, whole_spectrum
from scatflow_wavelet.workspace import Rooms, Workspace

Array = Any


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


def filters(
    tree: Tree, shape: tuple[int, ...], xp: Any, dtype: str, device: Any = None, base: int = 0, root: Bands | None = None
) -> dict[Key, Multipliers]:
    """Return every filter of the tree for blocks of one shape.

    Parameters
    ----------
    tree : Tree
        The paths.
    shape : tuple of int
        Core shape of the blocks; every length a multiple of 2^J.
    xp, dtype, device
        Library, real dtype and device of the values.
    base : int, optional
        The root lies on multiples of 2^base samples of the signal; exponents of the tree count from there.
    root : Bands, optional
        Filters for the root, from whose grid no other plane then goes on.

    Returns
    -------
    dict
        Key -> multipliers, as :func:`walk` takes them.
    """
    result = {}
    for (first, source, target), numbers in tree.edges.items():
        grid = Grid(tuple(length >> source for length in shape), 2 ** (base + source))
        bank = tree.banks[first] if source or root is None else root
        result[first, source, target] = multipliers(bank, numbers, grid, 2 ** (target - source), xp, dtype, device)
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
    families = tree.families(stack.paths)
    if not families:
        return
    items, ndim = stack.planes.shape[0], len(core)
    for where, broods in families:
        paths, whole = stack.paths[where], stack.spectra(where)
        spectra = xp.reshape(whole, (items * len(paths), *whole.shape[2:]))
        for brood in broods:
            sizes = tuple(length >> brood.exponent for length in core)
            for numbers in parts(brood.numbers, spectra.shape[0], max(samples, math.prod(sizes)), ndim):
                below = tree.below(paths, numbers)
                yield partial(_child, xp, spectra, below, brood.exponent, bands[brood.key], numbers, sizes)


def _child(
    xp: Any, spectra: Array, paths: tuple[Path, ...], exponent: int, bands: Multipliers, numbers: tuple[int, ...],
    sizes: tuple[int, ...], room: Workspace,
) -> Stack:  # fmt: skip
    """Return the moduli of some bands of some planes, given as (items times planes, *grid) spectra."""
    planes = moduli(xp, spectra, bands, numbers, sizes, room, ("planes", len(paths[0])))
    return Stack(xp, paths, exponent, xp.reshape(planes, (-1, len(paths), *sizes)), room)
