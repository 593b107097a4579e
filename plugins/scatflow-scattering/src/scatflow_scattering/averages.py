"""How planes of the tree become results: averages over a window or the core, or the planes themselves; and the adjoints."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scatflow_scattering.tree import Path, Tree
from scatflow_scattering.walk import Stack
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.smoothing import Low, LowPass, averaged, low_pass, unsmooth
from scatflow_wavelet.spectrum import axes

Array = Any


class Statistic(ABC):
    """What planes become; by default all paths are in one result."""

    def results(self, tree: Tree) -> Mapping[str, tuple[Path, ...]]:
        """Return the paths of every result by its name."""
        return {"": tree.paths}

    def samples(self) -> int:
        """Return the samples of what is made of a plane, where that may be more than the plane has."""
        return 1

    @abstractmethod
    def shape_of(self, exponent: int) -> tuple[int, ...]:
        """Return the core shape of what planes on multiples of 2^exponent become."""

    @abstractmethod
    def apply(self, xp: Any, stack: Stack) -> Array:
        """Return what real planes of a stack become: shape (items, planes, *shape)."""


class Average(Statistic):
    """A linear map from planes to samples of results."""

    @abstractmethod
    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of real planes of core shape ``sizes`` from that of what :meth:`apply` returns."""


@dataclass(frozen=True)
class Smoothing(Average):
    """Averages over a window: low-pass filters by exponent of the plane, and the samples kept per axis."""

    low: Mapping[int, Low]
    keep: tuple[slice, ...]
    shape: tuple[int, ...]

    def samples(self) -> int:
        """Return the samples of a low-passed plane before some are kept."""
        return max(math.prod(low.target) for low in self.low.values())

    def shape_of(self, exponent: int) -> tuple[int, ...]:
        """Return the number of samples kept per axis."""
        return self.shape

    def apply(self, xp: Any, stack: Stack) -> Array:
        """Return the low-passed planes at the samples kept."""
        return averaged(xp, stack.planes, stack.half, self.low[stack.exponent])[(..., *self.keep)]

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the planes."""
        low = self.low[exponent]
        whole = xp.zeros((*cotangent.shape[:2], *low.target), dtype=cotangent.dtype, device=cotangent.device)
        whole[(..., *self.keep)] = cotangent
        return unsmooth(xp, whole, low)


@dataclass(frozen=True)
class Named(Smoothing):
    """Averages of some paths, in results of their own names; the planes of the root may have a low-pass of theirs."""

    named: Mapping[str, tuple[Path, ...]]
    root: Low | None = None

    def results(self, tree: Tree) -> Mapping[str, tuple[Path, ...]]:
        """Return the paths of every result by its name."""
        return self.named

    def apply(self, xp: Any, stack: Stack) -> Array:
        """Return the low-passed planes at the samples kept."""
        low = self.root if stack.paths == ((),) and self.root is not None else self.low[stack.exponent]
        return averaged(xp, stack.planes, stack.half, low)[(..., *self.keep)]


@dataclass(frozen=True)
class Mean(Average):
    """Averages over the whole core: the range of the core per axis, in samples of the block."""

    core: tuple[tuple[int, int], ...]

    def shape_of(self, exponent: int) -> tuple[int, ...]:
        """Return no axes."""
        return ()

    def _window(self, exponent: int) -> tuple[slice, ...]:
        step = 2**exponent
        return tuple(slice(-(-low // step), -(-high // step)) for low, high in self.core)

    def apply(self, xp: Any, stack: Stack) -> Array:
        """Return the means of the planes over their samples inside the core."""
        return xp.mean(stack.planes[(..., *self._window(stack.exponent))], axis=axes(len(self.core)))

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the planes."""
        window = self._window(exponent)
        out = xp.zeros((*cotangent.shape, *sizes), dtype=cotangent.dtype, device=cotangent.device)
        share = cotangent / math.prod(part.stop - part.start for part in window)
        out[(..., *window)] = xp.reshape(share, (*cotangent.shape, *(1,) * len(sizes)))
        return out


@dataclass(frozen=True)
class Total(Mean):
    """Sums over the samples of a plane inside a range, whatever their number: finer planes have more of them.

    The global coefficients of profiles whose package sums.
    """

    def _count(self, exponent: int) -> int:
        return math.prod(part.stop - part.start for part in self._window(exponent))

    def apply(self, xp: Any, stack: Stack) -> Array:
        """Return the sums of the planes: shape (items, planes)."""
        return super().apply(xp, stack) * self._count(stack.exponent)

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the planes from that of their sums."""
        return super().adjoint(xp, cotangent * self._count(exponent), exponent, sizes)


@dataclass(frozen=True)
class Unaveraged(Average):
    """The planes themselves, one result per octave of the last wavelet: samples kept per axis, by exponent."""

    keep: Mapping[int, tuple[slice, ...]]
    shapes: Mapping[int, tuple[int, ...]]

    def results(self, tree: Tree) -> Mapping[str, tuple[Path, ...]]:
        """Return the paths by octave of the last wavelet."""
        return by_octave(tree)

    def shape_of(self, exponent: int) -> tuple[int, ...]:
        """Return the number of samples kept per axis."""
        return self.shapes[exponent]

    def apply(self, xp: Any, stack: Stack) -> Array:
        """Return the planes at the samples kept."""
        return stack.planes[(..., *self.keep[stack.exponent])]

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the planes: zero where samples are not kept."""
        out = xp.zeros((*cotangent.shape[:2], *sizes), dtype=cotangent.dtype, device=cotangent.device)
        out[(..., *self.keep[exponent])] = cotangent
        return out


def by_octave(tree: Tree) -> dict[str, tuple[Path, ...]]:
    """Return the paths by octave of the last wavelet: ``order0`` for the input itself, then ``j0``, ``j1``, ..."""
    found: dict[int, list[Path]] = {}
    for path in tree.paths:
        octave = tree.banks[len(path) - 1].bands[path[-1]].j if path else -1
        found.setdefault(octave, []).append(path)
    return {"order0" if j < 0 else f"j{j}": tuple(found[j]) for j in sorted(found)}


def low_passes(
    bank: LowPass, exponents: Iterable[int], shape: tuple[int, ...], step: int, xp: Any, dtype: str, device: Any = None,
    base: int = 0,
) -> dict[int, Low]:  # fmt: skip
    """Return the low-pass from planes on multiples of 2^exponent to multiples of ``step`` (a power of two up to 2^J).

    Exponents count from the grid of a root on multiples of 2^base of shape ``shape``; ``step`` counts samples of the signal.
    """
    grids = {e: Grid(tuple(length >> e for length in shape), 2 ** (base + e)) for e in sorted(exponents)}
    return {e: low_pass(bank, grid, step, xp, dtype, device) for e, grid in grids.items()}
