"""One level of long scattering moments as an operator: averages of a few octaves tile by tile, and what the next level goes on with.

Not for users: ``scattering_moments`` wires levels by :mod:`scatflow_scattering.moments_cascade` where its own reach exceeds a block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scatflow.contract import operator, param
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_scattering.budget import real_transform, tree_cost
from scatflow_scattering.level import ScatteringLevel
from scatflow_scattering.tiles import SIZE, Tiles
from scatflow_scattering.tree import Path

Array = Any


@operator("scattering_moments_level", version=1, signature="(z?,y?,x)->(part,z?,y?,x)", boundaries=("periodic",))
class ScatteringMomentsLevel(ScatteringLevel):
    """Means over tiles of the paths of a few octaves below planes of a periodic signal, and what later levels take.

    Results are those of :class:`~scatflow_scattering.level.ScatteringLevel` with tiles in the place of averages.
    """

    tile: int = param(doc="Tiles are 2^tile samples of the signal wide.", ge=0)
    inside: dict[str, tuple[int, int]] = param(
        doc="First sample of the signal on its periodic grid, a multiple of the tiles', and its samples, per dim."
    )
    size: bool = param(False, "Also average the modulus of the planes themselves, last.")

    def averaged(self, ndim: int) -> tuple[Path, ...]:
        """Return the paths of the result ``average``."""
        return (*super().averaged(ndim), *((SIZE,) if self.size else ()))

    def _steps(self) -> tuple[int, int]:
        return 2 ** (self.tile - self.level.exponent), super()._steps()[1]

    def align(self) -> Mapping[str, int]:
        """Return where blocks start: at multiples of the tiles, and of the coarsest grid."""
        coarsest = self.J if self.level.last else max(self.level.high, self.tile)
        return dict.fromkeys(self.signature.roles, 2 ** (coarsest - self.level.exponent))

    def smoothed(self) -> float:
        """Return the standard deviation of the Gaussian of what is passed on."""
        return self.level.field_blur

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters, and low-passes of what is passed on."""
        return self.passing(xp, block, device)

    def average(self, prepared: Mapping[str, Any], shape: tuple[int, ...], at: Place) -> Tiles:
        """Return the tiles of the planes."""
        within = [self.inside[dim] for dim in self.dims or ()]
        step = 2**self.level.exponent
        starts = tuple(at.start[role] * step - first for role, (first, _) in zip(at.start, within, strict=True))
        named = {"average": self.averaged(len(shape))}
        return Tiles(named, 2**self.tile, shape, starts, tuple(count for _, count in within), self.level.exponent)

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> Mapping[str, Array]:
        """Compute one block."""
        found = super().apply(xp, *blocks, at=at, **prepared)
        if self.size:
            (block,), tiles = blocks, found["average"].shape[-len(at.start) :]
            whole = (slice(None),) * len(tiles)
            found["average"][(..., -1, *whole)] = self.average(prepared, tiles, at).of(xp, xp.abs(block))
        return found

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops, and bytes of filters, planes and untrimmed results."""
        (spec,) = specs
        ready = self.resolve(spec)
        ndim = len(ready.dims or ())
        shape, count = spec.shape[len(spec.dims) - ndim :], math.prod(spec.shape[: len(spec.dims) - ndim])
        size, tree, passed = math.prod(shape), ready.tree_of(ndim), ready.passed(ndim)
        tile, field = (size // step**ndim for step in ready._steps())
        kept = len(ready.averaged(ndim)) * tile + sum(len(paths) for paths in passed.values()) * field
        walked = tree_cost(tree, shape, count, spec.dtype, averages=0, samples=field if passed else 1, base=self.level.exponent)
        low = count * sum(real_transform(size >> (tree.exponent(path) * ndim)) for paths in passed.values() for path in paths)
        return Cost(walked.flops + low, walked.bytes + count * kept * itemsize(spec.dtype), {**walked.parts, "passed on": low})
