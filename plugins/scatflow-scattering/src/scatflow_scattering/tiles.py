"""Means of planes over tiles of the domain: what averages over the whole of it are put together from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scatflow_scattering.averages import Statistic
from scatflow_scattering.tree import Path, Tree
from scatflow_scattering.walk import Stack

Array = Any
#: In the place of a path: the modulus of the signal itself.
SIZE: Path = (-1,)


@dataclass(frozen=True)
class Tiles(Statistic):
    """Sums over the samples of a plane in each tile and in the signal, so weighted that the mean over all tiles is that over the signal.

    Where tiles divide the signal they are means.

    Attributes
    ----------
    named : mapping
        Paths of every result by its name.
    width : int
        Samples of the signal per tile and axis.
    shape : tuple of int
        Tiles of the block.
    start : tuple of int
        Its first sample, counted from the first of the signal, a multiple of the width.
    size : tuple of int
        Samples of the signal.
    base : int
        Exponents of planes count from a grid on multiples of 2^base samples.
    """

    named: Mapping[str, tuple[Path, ...]]
    width: int
    shape: tuple[int, ...]
    start: tuple[int, ...]
    size: tuple[int, ...]
    base: int = 0

    def results(self, tree: Tree) -> Mapping[str, tuple[Path, ...]]:
        """Return the paths of every result by its name."""
        return self.named

    def shape_of(self, exponent: int) -> tuple[int, ...]:
        """Return the tiles of the block."""
        return self.shape

    def apply(self, xp: Any, stack: Stack) -> Array:
        """Return the tiles of the planes: shape (items, planes, *tiles)."""
        return self.of(xp, stack.planes, stack.exponent)

    def of(self, xp: Any, planes: Array, exponent: int = 0) -> Array:
        """Return the tiles of planes of an exponent, summed in double precision: shape (..., *tiles)."""
        step, ndim, dtype = 2 ** (self.base + exponent), len(self.shape), planes.dtype
        factor = 1.0
        for axis in range(ndim):
            planes = self._ended(xp, planes, planes.ndim - ndim + axis, self.start[axis], self.size[axis], step)
            factor *= -(-self.size[axis] // self.width) / -(-self.size[axis] // step)
        for axis in range(planes.ndim - 1, planes.ndim - 1 - ndim, -1):
            shape = planes.shape
            split = (*shape[:axis], shape[axis] * step // self.width, self.width // step, *shape[axis + 1 :])
            planes = xp.sum(xp.reshape(planes, split), axis=axis + 1, dtype=xp.float64)
        return xp.astype(planes * factor, dtype)

    def _ended(self, xp: Any, planes: Array, axis: int, start: int, size: int, step: int) -> Array:
        """Return planes with zeros in the place of samples behind the signal, of the tile in which it ends."""
        last = -(-size // self.width) * self.width
        first, stop = (min(max(0, -(-(edge - start) // step)), planes.shape[axis]) for edge in (size, last))
        if first >= stop:
            return planes
        sample = xp.arange(planes.shape[axis], device=getattr(planes, "device", None))
        inside = xp.astype((sample < first) | (sample >= stop), planes.dtype)
        return planes * xp.reshape(inside, (-1,) + (1,) * (planes.ndim - axis - 1))


def tile_exponent(high: int, J: int, ndim: int) -> int:
    """Return the exponent of the tiles for octaves below ``high``: so few that they take little room beside the planes."""
    return min(J, high + {1: 5, 2: 1, 3: 0}[ndim])
