"""The kernels: scattering of blocks, and its adjoint derivative. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scatflow.arrays import in_threads
from scatflow_scattering.averages import Average, Statistic, Unaveraged
from scatflow_scattering.tree import Brood, Key, Path, Tree
from scatflow_scattering.walk import Stack, branches
from scatflow_wavelet.filtering import Multipliers, filtered, spread
from scatflow_wavelet.groups import groups, parts
from scatflow_wavelet.modulus import phase
from scatflow_wavelet.spectrum import axes
from scatflow_wavelet.workspace import Rooms

Array = Any


class _Places:
    """Where every path lies: name of its result, and place in it."""

    def __init__(self, results: Mapping[str, tuple[Path, ...]]) -> None:
        self._of = {path: (name, k) for name, paths in results.items() for k, path in enumerate(paths)}
        self._known: dict[tuple[Path, ...], list[tuple[str, slice, slice]]] = {}

    def runs(self, paths: tuple[Path, ...]) -> list[tuple[str, slice, slice]]:
        """Return the planes of a stack that are wanted: (result, slice of planes, slice of its paths), few and long."""
        if paths not in self._known:
            self._known[paths] = self._found(paths)
        return self._known[paths]

    def _found(self, paths: tuple[Path, ...]) -> list[tuple[str, slice, slice]]:
        runs: list[list[Any]] = []
        for mine, path in enumerate(paths):
            if path not in self._of:
                continue
            name, theirs = self._of[path]
            if runs and [name, mine, theirs] == [runs[-1][0], runs[-1][1] + runs[-1][3], runs[-1][2] + runs[-1][3]]:
                runs[-1][3] += 1
            else:
                runs.append([name, mine, theirs, 1])
        return [(name, slice(a, a + n), slice(b, b + n)) for name, a, b, n in runs]


def scatter(xp: Any, block: Array, ndim: int, tree: Tree, bands: Mapping[Key, Multipliers], average: Average) -> dict[str, Array]:
    """Return the scattering coefficients of a block of periodic planes, by result.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    block : array of real or complex, shape (*batch, *core)
        Every core length a multiple of 2^J. The tree of a complex block has a first bank over all directions.
    ndim : int
        Number of core axes.
    tree : Tree
        The paths.
    bands : mapping
        As :func:`scatflow_scattering.walk.filters` gives them.
    average : Average
        How planes become coefficients.

    Returns
    -------
    dict of str to array of real, shape (*batch, paths, *shape)
        Of a complex block, the modulus of its average; only where nothing is averaged, the block itself.

    Notes
    -----
    ``S[p](k) = sum over n of s^d U[p](s n) phi(k stride - s n)`` with U[p] on multiples of s. Items are taken in groups
    counted from the first of the block, whose size depends on the core shape alone, so that threads and workers
    cannot change a bit of the result.
    """
    return scatter_all(xp, block, ndim, tree, bands, (average,))


def scatter_all(
    xp: Any, block: Array, ndim: int, tree: Tree, bands: Mapping[Key, Multipliers], averages: Sequence[Statistic]
) -> dict[str, Array]:
    """Return the results of several averages, of different names, from one walk; see :func:`scatter`."""
    batch, core = block.shape[: block.ndim - ndim], block.shape[block.ndim - ndim :]
    items = xp.reshape(block, (math.prod(batch), *core))
    readers = [_Reader.of(xp, items, tree, average) for average in averages]
    # Threads share the groups of items, or the branches of the tree where there are few; the stacks are the same either way.
    found, threads = list(groups(items.shape[0], core)), getattr(xp, "threads", 1)
    outer, inner = (threads, 1) if len(found) >= threads else (1, threads)
    rooms, samples = Rooms(), max(average.samples() for average in averages)

    def read(group: slice, branch: Callable[[], Iterator[Stack]]) -> None:
        for stack in branch():
            for reader in readers:
                reader.take(xp, group, stack)

    def walk(group: slice) -> None:
        root, below = branches(xp, items[group, ...], tree, bands, samples, rooms)
        read(group, root)
        in_threads(inner, [partial(read, group, branch) for branch in below])

    in_threads(outer, [partial(walk, group) for group in found])
    return {name: xp.reshape(value, (*batch, *value.shape[1:])) for reader in readers for name, value in reader.out.items()}


@dataclass(frozen=True)
class _Reader:
    """One average on its way through the tree: where the paths lie, and its results."""

    average: Statistic
    places: _Places
    out: dict[str, Array]

    @classmethod
    def of(cls, xp: Any, items: Array, tree: Tree, average: Statistic) -> _Reader:
        results, out = average.results(tree), {}
        for name, paths in results.items():
            kind = items.dtype if paths == ((),) and isinstance(average, Unaveraged) else _real_dtype(xp, items)
            shape = (items.shape[0], len(paths), *average.shape_of(tree.exponent(paths[0])))
            out[name] = xp.empty(shape, dtype=kind, device=items.device)
        return cls(average, _Places(results), out)

    def take(self, xp: Any, group: slice, stack: Stack) -> None:
        """Write what the planes of a stack that are wanted become."""
        runs = self.places.runs(stack.paths)
        if runs:
            values = _read(xp, self.average, stack)
        for name, mine, theirs in runs:
            self.out[name][group, theirs, ...] = values[:, mine, ...]


def _real_dtype(xp: Any, block: Array) -> Any:
    return xp.real(block[(slice(0, 0), ...)]).dtype if _is_complex(xp, block) else block.dtype


def _is_complex(xp: Any, block: Array) -> bool:
    return bool(xp.isdtype(block.dtype, "complex floating"))


def _read(xp: Any, average: Statistic, stack: Stack) -> Array:
    """Return what planes become: of complex ones the modulus, where they are averaged."""
    if not _is_complex(xp, stack.planes) or isinstance(average, Unaveraged):
        return average.apply(xp, stack)
    return xp.abs(_complex_average(xp, average, stack))


def _complex_average(xp: Any, average: Statistic, stack: Stack) -> Array:
    real, imaginary = (Stack(xp, stack.paths, stack.exponent, part(stack.planes)) for part in (xp.real, xp.imag))
    return average.apply(xp, real) + 1j * average.apply(xp, imaginary)


def pull(
    xp: Any,
    cotangents: Mapping[str, Array],
    block: Array,
    ndim: int,
    tree: Tree,
    bands: Mapping[Key, Multipliers],
    average: Average,
) -> Array:
    """Return the cotangent of the block: the adjoint of the derivative of :func:`scatter`.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    cotangents : mapping of str to array
        Result name -> cotangent, of the shape of the result; paired with it by ``Re sum conj(a) b``.
    block : array of real or complex, shape (*batch, *core)
        Where the derivative is taken.
    ndim, tree, bands, average
        As for :func:`scatter`.

    Returns
    -------
    array of the block's dtype and shape

    Notes
    -----
    ``g[p] = phi* g_S[p] + sum over n of psi_n* (g[p + n] z / |z|)`` with ``z = U[p] * psi_n`` and 0 where z = 0, of which
    real planes take the real part; planes are computed anew on the way down instead of being kept.
    """
    core = tuple(block.shape[block.ndim - ndim :])
    items = xp.reshape(block, (-1, *core))
    results = average.results(tree)
    given = {name: xp.reshape(value, (items.shape[0], *value.shape[block.ndim - ndim :])) for name, value in cotangents.items()}
    out = xp.empty(items.shape, dtype=block.dtype, device=block.device)
    for group in groups(items.shape[0], core):
        part = {name: value[group, ...] for name, value in given.items()}
        walker = _Adjoint(xp, part, _Places(results), core, tree, bands, average)
        out[group, ...] = walker.cotangent(((),), 0, items[group, None, ...])[:, 0, ...]
    return xp.reshape(out, block.shape)


@dataclass(frozen=True)
class _Adjoint:
    """The way back through the tree for one group of items."""

    xp: Any
    given: Mapping[str, Array]
    places: _Places
    core: tuple[int, ...]
    tree: Tree
    bands: Mapping[Key, Multipliers]
    average: Average

    def cotangent(self, paths: tuple[Path, ...], exponent: int, planes: Array) -> Array:
        """Return the cotangents of sibling planes: shape (items, planes, *grid)."""
        xp, sizes = self.xp, tuple(length >> exponent for length in self.core)
        stack = Stack(xp, paths, exponent, planes)
        total = self._from_averages(stack, sizes)
        for index, path in enumerate(paths):
            if path not in self.tree.broods:
                continue
            spectrum = stack.spectra(slice(index, index + 1))[:, 0, ...]
            below = xp.zeros_like(spectrum)
            for brood in self.tree.broods[path]:
                self._from_below(spectrum, below, path, brood)
            found = xp.fft.ifftn(below, axes=axes(len(sizes)))
            total[:, index, ...] += found if _is_complex(xp, planes) else xp.real(found)
        return total

    def _from_averages(self, stack: Stack, sizes: tuple[int, ...]) -> Array:
        xp = self.xp
        total = xp.zeros_like(stack.planes)
        for name, mine, theirs in self.places.runs(stack.paths):
            given = self.given[name][:, theirs, ...]
            if not _is_complex(xp, stack.planes):
                total[:, mine, ...] = self.average.adjoint(xp, given, stack.exponent, sizes)
                continue
            if not isinstance(self.average, Unaveraged):
                given = given * phase(xp, _complex_average(xp, self.average, stack))
            real, imaginary = (self.average.adjoint(xp, part(given), stack.exponent, sizes) for part in (xp.real, xp.imag))
            total[:, mine, ...] = real + 1j * imaginary
        return total

    def _from_below(self, spectrum: Array, below: Array, path: Path, brood: Brood) -> None:
        """Add, as a spectrum, what reaches a plane from its children on one grid."""
        xp, sizes = self.xp, tuple(length >> brood.exponent for length in self.core)
        for part in parts(brood.numbers, spectrum.shape[0], max(self.average.samples(), math.prod(sizes)), len(sizes)):
            band = filtered(xp, spectrum, self.bands[brood.key], part, sizes)
            slope = self.cotangent(tuple((*path, n) for n in part), brood.exponent, xp.abs(band))
            band = slope * phase(xp, band)
            spread(xp, band, self.bands[brood.key], part, below, 2 ** (brood.exponent - brood.source))
