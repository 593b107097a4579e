"""Arrays without data: what the graph, the plan and the operators know before anything is read.

Frozen values from the standard library only, so that describing a petabyte costs nothing and the
vocabulary can be imported from anywhere. Coordinate values are whatever array type the caller holds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

ITEMSIZE = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip


def itemsize(dtype: str) -> int:
    """Return bytes per element of a dtype name; datetimes and unknown fixed-size types count 8."""
    return ITEMSIZE.get(dtype, 8)


@dataclass(frozen=True, eq=False)
class Coord:
    """A coordinate variable: its dims, its values (any array that can be indexed), its attributes."""

    dims: tuple[str, ...]
    values: Any
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def take(self, dim: str, index: Any) -> Coord:
        """Return the coordinate indexed along ``dim`` (unchanged when it does not have that dim)."""
        if dim not in self.dims:
            return self
        key = tuple(index if name == dim else slice(None) for name in self.dims)
        return replace(self, values=self.values[key])


@dataclass(frozen=True)
class Axis:
    """How one dim is sampled.

    ``step`` is signed (a decreasing coordinate has a negative one) and given in ``unit``; an axis *by
    sample* has step 1 and unit ``""`` or the named step (``trading_day``). ``walls`` are the indices at
    which a new segment starts; no filter crosses them.
    """

    dim: str
    size: int
    step: float = 1.0
    unit: str = ""
    kind: Literal["uniform", "index"] = "index"
    periodic: bool = False
    walls: tuple[int, ...] = ()

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Return the segments as half-open index ranges; one span when there is no wall."""
        edges = (0, *self.walls, self.size)
        return tuple((a, b) for a, b in itertools.pairwise(edges) if b > a)


@dataclass(frozen=True, eq=False)
class ArraySpec:
    """A labelled array without its data.

    ``samples`` tells, for a dim whose samples are a subset of the input's, at which input indices they lie: those of
    a plain stride at its multiples.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[tuple[int, ...], ...] | None = None
    coords: Mapping[str, Coord] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    samples: Mapping[str, range] = field(default_factory=dict)

    @property
    def strides(self) -> dict[str, int]:
        """Dim name -> step in input samples, of dims whose samples are a subset of the input's."""
        return {dim: index.step for dim, index in self.samples.items()}

    @property
    def sizes(self) -> dict[str, int]:
        """Dim name -> length."""
        return dict(zip(self.dims, self.shape, strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * itemsize(self.dtype)

    def transpose(self, dims: Sequence[str]) -> ArraySpec:
        """Return the spec with its dims in another order."""
        order = [self.dims.index(dim) for dim in dims]
        chunks = None if self.chunks is None else tuple(self.chunks[i] for i in order)
        return replace(self, dims=tuple(dims), shape=tuple(self.shape[i] for i in order), chunks=chunks)

    def with_dtype(self, dtype: str) -> ArraySpec:
        """Return the spec with another dtype."""
        return replace(self, dtype=dtype)

    def with_attrs(self, **attrs: Any) -> ArraySpec:
        """Return the spec with attributes set; the value None drops one (``units`` never leaks through)."""
        merged = {**self.attrs, **attrs}
        return replace(self, attrs={key: value for key, value in merged.items() if value is not None})

    def without(self, *dims: str) -> ArraySpec:
        """Return the spec without these dims; coordinates that lie on them go with them."""
        keep = [i for i, dim in enumerate(self.dims) if dim not in dims]
        return replace(
            self,
            dims=tuple(self.dims[i] for i in keep),
            shape=tuple(self.shape[i] for i in keep),
            chunks=None if self.chunks is None else tuple(self.chunks[i] for i in keep),
            coords={key: coord for key, coord in self.coords.items() if not set(coord.dims) & set(dims)},
        )

    def with_dim(self, dim: str, size: int, coords: Mapping[str, Coord] | None = None, at: int | None = None) -> ArraySpec:
        """Return the spec with a new dim (last unless ``at`` is given) and the coordinates that come with it."""
        where = len(self.dims) if at is None else at
        chunks = None if self.chunks is None else (*self.chunks[:where], (size,), *self.chunks[where:])
        return replace(
            self,
            dims=(*self.dims[:where], dim, *self.dims[where:]),
            shape=(*self.shape[:where], size, *self.shape[where:]),
            chunks=chunks,
            coords={**self.coords, **(coords or {})},
        )

    def strided(self, dim: str, stride: int) -> ArraySpec:
        """Return the spec sampled at multiples of ``stride`` along ``dim``, its coordinates sampled alike."""
        return self.sampled(dim, range(0, self.sizes[dim], stride))

    def sampled(self, dim: str, index: range) -> ArraySpec:
        """Return the spec sampled at these positions along ``dim``, in increasing order, its coordinates sampled alike."""
        axis = self.dims.index(dim)
        if index == range(self.shape[axis]) and index.step == 1:  # ranges compare by their numbers, and one has no step
            return self
        chunks = None
        if self.chunks is not None:
            chunks = tuple((len(index),) if i == axis else sizes for i, sizes in enumerate(self.chunks))
        return replace(
            self,
            shape=tuple(len(index) if i == axis else n for i, n in enumerate(self.shape)),
            chunks=chunks,
            coords={key: coord.take(dim, slice(index.start, index.stop, index.step)) for key, coord in self.coords.items()},
            samples={**self.samples, dim: _among(self.samples.get(dim), index)},
        )

    def with_coords(self, coords: Mapping[str, Coord]) -> ArraySpec:
        """Return the spec with coordinates added or replaced."""
        return replace(self, coords={**self.coords, **coords})


@dataclass(frozen=True)
class Cost:
    """Floating-point operations of one block and its peak bytes beyond inputs and outputs.

    ``parts`` splits the operations by name where a user can choose how much of each to compute: ``{"order 1": ...}``.
    """

    flops: float
    bytes: int
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a block lies: everything positional that a kernel may use.

    Every mapping goes from axis role (``"y"``) to a number. ``start`` is the absolute index of the block's
    first sample (negative inside an extension), ``stop`` one past its last; ``core`` is the half-open
    absolute range whose results count (the rest is halo or extension); ``span`` the range between the walls
    around it, of which the core may be a part (empty: the core is all of it); ``size`` the length of the whole
    axis; ``step`` the signed spacing in ``unit``; ``batch`` the absolute index of the block's first item
    along each batch axis, and ``items`` how many there are along it, in block order.
    """

    start: Mapping[str, int] = field(default_factory=dict)
    stop: Mapping[str, int] = field(default_factory=dict)
    core: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    size: Mapping[str, int] = field(default_factory=dict)
    step: Mapping[str, float] = field(default_factory=dict)
    unit: Mapping[str, str] = field(default_factory=dict)
    periodic: Mapping[str, bool] = field(default_factory=dict)
    batch: tuple[int, ...] = ()
    items: tuple[int, ...] = ()
    span: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def samples(self, role: str, stride: int, origin: int = 0) -> range:
        """Return the absolute multiples of ``stride``, counted from ``origin``, inside the block along ``role``."""
        first = origin - (origin - self.start[role]) // stride * stride
        return range(first, self.stop[role], stride)

    def counted(self, role: str, stride: int, origin: int = 0) -> range:
        """Return those of :meth:`samples` whose results count."""
        return within(self.samples(role, stride, origin), *self.core[role])


def _among(earlier: range | None, index: range) -> range:
    """Return the input indices of samples of samples."""
    return index if earlier is None else earlier[index.start : index.stop : index.step]


def chunk_lengths(size: int, length: int) -> tuple[int, ...]:
    """Return the lengths of chunks of an axis: all alike, and the rest, as :attr:`ArraySpec.chunks` has them.

    Parameters
    ----------
    size : int
        Samples of the axis.
    length : int
        Samples of a chunk; less than 1 stands for 1.

    Examples
    --------
    >>> chunk_lengths(10, 4), chunk_lengths(8, 4), chunk_lengths(0, 4)
    ((4, 4, 2), (4, 4), ())
    """
    full, rest = divmod(size, max(1, length))
    return (max(1, length),) * full + ((rest,) if rest else ())


def within(index: range, low: int, high: int) -> range:
    """Return the part of an increasing range that lies in ``[low, high)``.

    Examples
    --------
    >>> within(range(3, 40, 8), 4, 28)
    range(11, 35, 8)
    """
    first, last = (max(0, -(-(edge - index.start) // index.step)) for edge in (low, high))
    return index[first:last]
