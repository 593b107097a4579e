"""Operators that take samples by position: no kernel, so a region reads only what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scatflow.contract.operator import Boundary, Operator, missing
from scatflow.spec import ArraySpec


@dataclass(frozen=True)
class Extension:
    """Positions ``start`` to ``stop`` of an axis that goes on beyond its ends by a boundary rule."""

    start: int
    stop: int
    rule: Boundary


Index = int | slice | tuple[int, ...] | Extension


class Select(Operator):
    """Takes samples by position along dims: no kernel, so a region reads only what it needs.

    Labels are turned into positions by :meth:`resolve`, at graph time.
    """

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Index]:
        """Return dim -> position (drops the dim), slice with positive step, positions, or an extension; after ``resolve``."""
        raise missing(self, "indexers(self, *specs)")
