"""Sums of planes over all of their samples, for profiles whose global coefficients are that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scatflow_scattering.transform import Mean
from scatflow_scattering.tree import Stack

Array = Any


@dataclass(frozen=True)
class Total(Mean):
    """Sums over the samples of a plane inside a range, whatever their number: finer planes have more of them."""

    def _count(self, exponent: int) -> int:
        return math.prod(part.stop - part.start for part in self._window(exponent))

    def read(self, xp: Any, stack: Stack) -> Array:
        """Return the sums of the planes: shape (items, planes)."""
        return super().read(xp, stack) * self._count(stack.exponent)

    def adjoint(self, xp: Any, cotangent: Array, exponent: int, sizes: tuple[int, ...]) -> Array:
        """Return the cotangent of the planes from that of their sums."""
        return super().adjoint(xp, cotangent * self._count(exponent), exponent, sizes)
