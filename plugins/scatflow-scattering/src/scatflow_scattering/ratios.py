"""Coefficients over those of their parents: ``S[n1, n2] / S[n1]`` and so on, orders 0 and 1 over the average of ``|x|``.

The ratios of Anden and Mallat (2014), section III: order 2 loses what the first wavelet's amplitude put into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scatflow_scattering.tree import Path, Tree

Array = Any


@dataclass(frozen=True)
class Ratios:
    """Which coefficients are divided by which.

    Attributes
    ----------
    observed : tuple of tuple of int
        Paths whose coefficients are needed: those wanted, and parents of theirs.
    upper, lower : tuple of int
        Per wanted path, its place among those observed and that of its parent; one past them for the average of ``|x|``.
    """

    observed: tuple[Path, ...]
    upper: tuple[int, ...]
    lower: tuple[int, ...]

    def __call__(self, xp: Any, values: Array, axis: int = -1) -> Array:
        """Return the ratios of values whose axis has the observed paths and the average of ``|x|`` last; NaN over 0."""
        above, below = self._pair(xp, values, axis)
        return above / xp.where(below != 0, below, xp.nan * below)

    def adjoint(self, xp: Any, cotangent: Array, values: Array, axis: int) -> Array:
        """Return the cotangent of values from that of their ratios; nothing where these are undefined."""
        above, below = self._pair(xp, values, axis)
        over = xp.where(below != 0, cotangent / xp.where(below != 0, below, xp.ones_like(below)), xp.zeros_like(below))
        under = -over * above / xp.where(below != 0, below, xp.ones_like(below))
        out = xp.zeros_like(values)
        head = (slice(None),) * axis
        for k, (mine, parent) in enumerate(zip(self.upper, self.lower, strict=True)):
            out[(*head, mine, ...)] += over[(*head, k, ...)]
            out[(*head, parent, ...)] += under[(*head, k, ...)]
        return out

    def _pair(self, xp: Any, values: Array, axis: int) -> tuple[Array, Array]:
        above, below = (xp.take(values, xp.asarray(k, device=values.device), axis=axis) for k in (self.upper, self.lower))
        return above, below


def ratios(tree: Tree) -> Ratios:
    """Return the ratios of a tree's paths to their parents."""
    parents = {path[:-1] for path in tree.paths if len(path) > 1} - set(tree.paths)
    observed = (*tree.paths, *sorted(parents, key=lambda path: (len(path), path)))
    place = {path: k for k, path in enumerate(observed)}
    lower = tuple(place[path[:-1]] if len(path) > 1 else len(observed) for path in tree.paths)
    return Ratios(observed, tuple(place[path] for path in tree.paths), lower)
