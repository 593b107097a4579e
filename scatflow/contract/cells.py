"""Jackknife cells of a field, and means of planes over them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scatflow.spec import Place

Array = Any

#: Most cells per axis, by number of core axes: 64 in all, which leaves 63 degrees of freedom and a state of
#: 64 numbers per statistic.
CELLS_PER_AXIS: Mapping[int, int] = {1: 64, 2: 8, 3: 4}


def cell_edges(size: int, width: int, most: int, multiple: int = 1) -> tuple[int, ...]:
    """Divide an axis into cells of nearly equal width.

    Parameters
    ----------
    size : int
        Samples of the whole axis.
    width : int
        Least width of a cell in samples, a multiple of ``multiple``.
    most : int
        Most cells.
    multiple : int
        Inner edges are multiples of this, so that planes sampled on any divisor of it have equal shares.

    Returns
    -------
    tuple of int
        Edges from 0 to ``size``; one cell where two would be too narrow. They depend on the whole axis alone,
        never on chunks.

    Examples
    --------
    >>> cell_edges(100, 32, 64, 16)
    (0, 32, 64, 100)
    >>> cell_edges(40, 32, 64, 16)
    (0, 40)
    """
    count = max(1, min(most, size // max(1, width)))
    inner = (i * size // count // multiple * multiple for i in range(1, count))
    return (0, *inner, size)


@dataclass(frozen=True)
class Cells:
    """The cells of a whole field, seen from one block.

    Attributes
    ----------
    at : Place
        Where the block lies.
    edges : mapping of str to tuple of int
        Role -> absolute edges of the cells along it, in role order.
    """

    at: Place
    edges: Mapping[str, tuple[int, ...]]

    @property
    def grid(self) -> tuple[int, ...]:
        """Cells per core axis."""
        return tuple(len(edges) - 1 for edges in self.edges.values())

    @property
    def count(self) -> int:
        """Cells in all; they are numbered in C order."""
        return math.prod(self.grid)

    def volume(self) -> tuple[float, ...]:
        """Return the share of the whole field that each cell has inside the core of this block."""
        shares = [1.0]
        for role, edges in self.edges.items():
            low, high = self.at.core[role]
            widths = [max(0, min(b, high) - max(a, low)) for a, b in itertools.pairwise(edges)]
            shares = [share * width / self.at.size[role] for share in shares for width in widths]
        return tuple(shares)

    def means(self, xp: Any, plane: Array, stride: int | Sequence[int] = 1, valid: Array | None = None) -> tuple[Array, Array]:
        """Average a plane over the part of each cell that lies in the core of the block.

        Parameters
        ----------
        xp : Namespace
            The plane's namespace.
        plane : array of real or complex, shape (..., *samples)
            Samples at the absolute multiples of ``stride`` in the block (:meth:`Place.samples`), finite.
        stride : int or sequence of int
            Step of the plane in samples of the block, one for all core axes or one for each.
        valid : array, shape (..., *samples), optional
            Weight of every sample, between 0 and 1; default 1.

        Returns
        -------
        values : array of float64 or complex128, shape (..., cells)
            Weighted means; 0 where the weight is.
        weights : array of float64, shape (cells,), or (..., cells) with ``valid``
            Shares of the whole field, which add up to 1 over all blocks of a field without gaps. Within a segment
            between walls all samples weigh the same, however it is cut into blocks; segments weigh by length.
        """
        strides = (stride,) * len(self.edges) if isinstance(stride, int) else tuple(stride)
        spans = [self._spans(role, step) for role, step in zip(self.edges, strides, strict=True)]
        scale = math.prod(self._weight(role, step) for role, step in zip(self.edges, strides, strict=True))
        device = getattr(plane, "device", None)
        if valid is None:
            counts = _counts(spans)
            number = xp.asarray([float(max(1, n)) for n in counts], dtype=xp.float64, device=device)
            weights = xp.asarray([n * scale for n in counts], dtype=xp.float64, device=device)
            return _sums(xp, plane, spans) / number, weights
        share = xp.astype(valid, xp.float64)
        number = _sums(xp, share, spans)
        safe = xp.where(number > 0, number, xp.ones_like(number))
        return _sums(xp, share * plane, spans) / safe, number * scale

    def weights(self, stride: int) -> tuple[float, ...]:
        """Return the weights of :meth:`means` for planes of one stride on all axes, without gaps."""
        scale = math.prod(self._weight(role, stride) for role in self.edges)
        return tuple(n * scale for n in _counts([self._spans(role, stride) for role in self.edges]))

    def _weight(self, role: str, stride: int) -> float:
        """Return the share of the axis that one sample stands for: its segment's, divided among the segment's samples."""
        low, high = self.at.span.get(role, self.at.core[role])
        count = -(-high // stride) - -(-low // stride)
        return 0.0 if count == 0 else (high - low) / (self.at.size[role] * count)

    def _spans(self, role: str, stride: int) -> list[tuple[int, int]]:
        """Return, per cell along a role, the plane's samples inside both the cell and the core."""
        first = self.at.samples(role, stride).start
        low, high = self.at.core[role]
        spans = []
        for a, b in itertools.pairwise(self.edges[role]):
            start, stop = (-(-(edge - first) // stride) for edge in (max(a, low), min(b, high)))
            spans.append((start, max(start, stop)))
        return spans


def _counts(spans: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    """Return the samples of boxes, in C order."""
    return [math.prod(choice) for choice in itertools.product(*([b - a for a, b in part] for part in spans))]


def _sums(xp: Any, plane: Array, spans: Sequence[Sequence[tuple[int, int]]]) -> Array:
    """Return sums over boxes of the last axes, in double precision: shape (..., boxes)."""
    double = xp.complex128 if xp.isdtype(plane.dtype, "complex floating") else xp.float64
    first = plane.ndim - len(spans)
    for axis, parts in enumerate(spans, first):
        head = (slice(None),) * axis
        plane = xp.stack([xp.sum(plane[(*head, slice(a, b), ...)], axis=axis, dtype=double) for a, b in parts], axis=axis)
    return xp.reshape(plane, (*plane.shape[:first], -1))


def stack(xp: Any, means: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Stack the means of several planes along a last axis, as :meth:`Average.observe` returns them.

    Parameters
    ----------
    xp : Namespace
        Namespace of the arrays.
    means : sequence of (values, weights)
        As :meth:`Cells.means` gives them.

    Returns
    -------
    values : array, shape (..., cells, P)
    weights : array of float64, shape (..., cells, 1) if all planes have the same weights, else (..., cells, P)
    """
    values = xp.stack([value for value, _ in means], axis=-1)
    weights = [weight for _, weight in means]
    if all(weight is weights[0] or _same(xp, weight, weights[0]) for weight in weights[1:]):
        return values, weights[0][..., None]
    shape = max((tuple(weight.shape) for weight in weights), key=len)
    return values, xp.stack([xp.broadcast_to(weight, shape) for weight in weights], axis=-1)


def _same(xp: Any, a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(xp.all(xp.abs(a - b) <= 1e-13 * xp.abs(b)))


def valid_share(xp: Any, valid: Array, widths: Sequence[int], periodic: bool = False) -> Array:
    """Return the share of valid samples within ``widths`` of every sample, along the last axes.

    Parameters
    ----------
    xp : Namespace
        The array's namespace.
    valid : array of bool, shape (..., *core)
        True where there is a value.
    widths : sequence of int
        Half-width of the window in samples, one for each of the last axes; windows are cut at the block's ends.
    periodic : bool, optional
        Windows go on at the other end instead, as filters of a block do; none counts a sample twice.

    Returns
    -------
    array of float64, shape of ``valid``

    Examples
    --------
    >>> import numpy as np
    >>> valid_share(np, np.array([True, True, False, True]), [1]).round(3).tolist()
    [1.0, 0.667, 0.667, 0.5]
    >>> valid_share(np, np.array([True, True, False, True]), [1], periodic=True).round(3).tolist()
    [1.0, 0.667, 0.667, 0.667]
    """
    # Samples are counted, which is exact, and divided once: a share on a threshold is the same in every block.
    found, wide = xp.astype(valid, xp.float64), xp.ones((1,) * valid.ndim, dtype=xp.float64, device=getattr(valid, "device", None))
    for axis, width in enumerate(widths, valid.ndim - len(widths)):
        found, lengths = _around(xp, found, axis, width) if periodic else _within(xp, found, axis, width)
        wide = wide * xp.reshape(lengths, (-1,) + (1,) * (valid.ndim - axis - 1))
    return found / wide


def _within(xp: Any, count: Array, axis: int, width: int) -> tuple[Array, Array]:
    """Return the sums over windows of half-width ``width`` that are cut at the ends of an axis, and their lengths."""
    n, device = count.shape[axis], getattr(count, "device", None)
    sample = xp.arange(n, device=device)
    low = xp.where(sample > width, sample - width, xp.zeros_like(sample))
    high = xp.where(sample + width + 1 < n, sample + width + 1, xp.full_like(sample, n))
    total = xp.cumulative_sum(count, axis=axis, include_initial=True)
    inside = xp.take(total, high, axis=axis) - xp.take(total, low, axis=axis)
    return inside, xp.astype(high - low, xp.float64)


def _around(xp: Any, count: Array, axis: int, width: int) -> tuple[Array, Array]:
    """Return the sums over windows along a periodic axis, and the length of all."""
    n, head = count.shape[axis], (slice(None),) * axis
    length = xp.asarray([float(min(n, 2 * width + 1))], dtype=xp.float64, device=getattr(count, "device", None))
    if 2 * width + 1 >= n:
        return xp.broadcast_to(xp.sum(count, axis=axis, keepdims=True), count.shape), length
    ends = [count[(*head, slice(n - width, None), ...)], count, count[(*head, slice(0, width), ...)]]
    total = xp.cumulative_sum(xp.concat(ends, axis=axis), axis=axis, include_initial=True)
    return total[(*head, slice(2 * width + 1, None), ...)] - total[(*head, slice(0, n), ...)], length
