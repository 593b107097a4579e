"""Small operators and sources with known answers, for engine tests: no plugin is needed to test the engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from scatflow.contract import (
    Average,
    Cells,
    Composite,
    Operator,
    Pointwise,
    Reduce,
    Ref,
    Select,
    Source,
    Whole,
    Window,
    Wire,
    operator,
    param,
    source,
    stack,
    wire,
)
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Coord, Place


@operator("toy_smooth", version=1, signature="(y?,x)->(y?,x)", linear=True)
class Smooth(Window):
    """Mean over 2·radius + 1 samples along each core axis, sampled every ``stride``."""

    radius: int = param(2, "Half-width of the window.", ge=0, le=1000, unit="sample")
    stride: int = param(1, "Output step.", ge=1)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        for dim in self._core(spec):
            spec = spec.strided(dim, self.stride)
        return spec

    def _core(self, spec: ArraySpec) -> tuple[str, ...]:
        return spec.dims[-len(self.dims or ("x",)) :]

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return dict.fromkeys(("y", "x"), (self.radius, self.radius))

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        return dict.fromkeys(at.core, (self.radius, self.radius))

    def coverage(self, xp: Any, at: Place) -> Mapping[str, Any]:
        found = {}
        for role in at.core:
            where = np.arange(at.start[role], at.stop[role])
            near = np.abs(np.asarray(at.counted(role, self.stride))[:, None] - where) <= self.radius
            found[role] = near / near.sum(axis=1, keepdims=True)
        return found

    def apply(self, xp: Any, x: Any, at: Place) -> Any:
        for offset, role in enumerate(reversed(list(at.core))):
            axis = x.ndim - 1 - offset
            shifts = range(-self.radius, self.radius + 1)
            total = sum(xp.roll(x, shift, axis=axis) for shift in shifts) / (2 * self.radius + 1)
            keep = np.asarray(at.samples(role, self.stride), dtype=np.int64) - at.start[role]
            x = xp.take(total, xp.asarray(keep, device=x.device), axis=axis)
        return x


@operator("toy_bands", version=1, signature="(x)->(path,x)")
class Bands(Window):
    """Differences at lags 1, 2, 4, …: a new axis with labels."""

    count: int = param(3, "Number of lags.", ge=1, le=8)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        lag = Coord(("path",), 2 ** np.arange(self.count), {"units": "sample"})
        return spec.with_dim(
            "path", self.count, {"path": Coord(("path",), np.arange(self.count)), "lag": lag}, at=len(spec.dims) - 1
        )

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return {"x": (0, 2 ** (self.count - 1))}

    def apply(self, xp: Any, x: Any) -> Any:
        return xp.stack([xp.roll(x, -(2**i), axis=-1) - x for i in range(self.count)], axis=-2)


@operator("toy_far", version=1, signature="(y?,x)->(y?,x)", linear=True)
class Far(Smooth):
    """A mean that sees farther than the signal is extended: beyond the margin comes the other end."""

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        return dict.fromkeys(at.core, (2, 2))


@operator("toy_twice", version=1, signature="(x)->(x)", linear=True, boundaries=("periodic",))
class Twice(Window):
    """The mean over 2·radius + 1 samples of that mean: in stages, one after the other."""

    radius: int = param(2, "Half-width of the window.", ge=0, unit="sample")
    lie: bool = param(False, "Whether the stages give something else than declared.")

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return {"x": (2 * self.radius, 2 * self.radius)}

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        return {"x": (0, 0)}

    def stages(self, ref: Ref, spec: ArraySpec, at: Place) -> Wire | None:
        first = Smooth(dims=self.dims, radius=self.radius, boundary=self.boundary)
        return None if self.radius < 2 else wire(first.replace(stride=2) if self.lie else first, wire(first, ref))

    def apply(self, xp: Any, x: Any) -> Any:
        for _ in range(2):
            x = sum(xp.roll(x, k, axis=-1) for k in range(-self.radius, self.radius + 1)) / (2 * self.radius + 1)
        return x


@operator("toy_pair", version=1, signature="(x)->(x)", linear=True, boundaries=("periodic",))
class Pair(Twice):
    """Both means as results of their own, the first of which the stage of the second takes."""

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        (spec,) = specs
        return {"near": spec, "far": spec}

    def stages(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire] | None:
        if self.radius < 2:
            raise ChunkError("toy_pair.radius", "too short for stages", expected="at least 2", got=self.radius)
        mean = Smooth(dims=self.dims, radius=self.radius, boundary=self.boundary)
        near = wire(mean, ref)
        return {"near": near} if self.lie else {"near": near, "far": wire(mean, near)}

    def apply(self, xp: Any, x: Any) -> Any:
        near = sum(xp.roll(x, k, axis=-1) for k in range(-self.radius, self.radius + 1)) / (2 * self.radius + 1)
        return {"near": near, "far": super().apply(xp, x)}


@operator("toy_average", version=1, signature="(x)->(path)", boundaries=("periodic",))
class TwiceAverage(Average):
    """Averages of the values and the sizes of a mean over 2·radius + 1 samples of that mean."""

    radius: int = param(0, "Half-width of the window.", ge=0, unit="sample")

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return {"x": (2 * self.radius, 2 * self.radius)}

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        return {"x": (0, 0)}

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        return kept.with_dim("path", 2)

    def stages(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire] | None:
        mean = Smooth(dims=self.dims, radius=self.radius, boundary=self.boundary)
        last = wire(self.replace(radius=0), wire(mean, wire(mean, ref)))
        return {name: last[name] for name in self.output(spec)} if self.radius else None

    def observe(self, xp: Any, block: Any, at: Place, cells: Cells, valid: Any, **prepared: Any) -> tuple[Any, Any]:
        for _ in range(2):
            block = sum(xp.roll(block, k, axis=-1) for k in range(-self.radius, self.radius + 1)) / (2 * self.radius + 1)
        return stack(xp, [cells.means(xp, block), cells.means(xp, xp.abs(block))])


@operator("toy_mean", version=1, signature="(y?,x)->()")
class Mean(Reduce):
    """Mean over core and pooled dims, with the count as a second result."""

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        (spec,) = specs
        rest = spec.without(*(self.dims or ()), *(self.over or ())).with_dtype("float64")
        return {"mean": rest, "count": rest.with_dtype("int64")}

    def chunk(self, xp: Any, *blocks: Any) -> tuple[Any, ...]:
        (x,) = blocks
        core = len(self.dims or ("x",))
        axes = tuple(range(x.ndim - core - 1, x.ndim))
        count = int(np.prod(x.shape[-core - 1 :]))
        return (xp.sum(xp.astype(x, xp.float64), axis=axes), xp.full(x.shape[: -core - 1], count, dtype=xp.int64))

    def finalize(self, xp: Any, *state: Any) -> Mapping[str, Any]:
        total, count = state
        return {"mean": total / xp.astype(count, xp.float64), "count": count}


@operator("toy_divide", version=1, signature="(),()->()")
class Divide(Pointwise):
    """Quotient of two arrays or an array and a number."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        x, y = blocks
        return x / (y if isinstance(y, float) else xp.astype(y, x.dtype))

    def output(self, *specs: ArraySpec | float) -> ArraySpec:
        return max((spec for spec in specs if isinstance(spec, ArraySpec)), key=lambda spec: len(spec.dims))


@operator("toy_greedy", version=1, signature="()->()")
class Greedy(Pointwise):
    """Takes much more memory than it declares."""

    bytes: int = param(2**32, "What it takes.", ge=1)

    def apply(self, xp: Any, *blocks: Any) -> Any:
        taken = np.ones(self.bytes // 8)
        return blocks[0] + blocks[0].dtype.type(taken[0])


@operator("toy_ends", version=1, signature="()->()")
class Ends(Pointwise):
    """Ends the program, as if all had gone well, or kills the process."""

    kill: bool = param(False, "Whether by a signal that nothing survives.")

    def apply(self, xp: Any, *blocks: Any) -> Any:
        if self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        raise SystemExit(0)


@operator("toy_flip", version=1, signature="(x)->(x)")
class Flip(Whole):
    """Reverse a whole axis."""

    def apply(self, xp: Any, *blocks: Any, **prepared: Any) -> Any:
        return xp.flip(blocks[0], axis=-1)


@operator("toy_every", version=1, signature="()->()", dtypes="fci")
class Every(Select):
    """Take every ``step``-th sample along a dim."""

    dim: str = param(doc="Dim to thin out.")
    start: int = param(0, "First position.", ge=0)
    step: int = param(2, "Step.", ge=1)

    def indexers(self, *specs: ArraySpec) -> Mapping[str, int | slice | tuple[int, ...]]:
        return {self.dim: slice(self.start, None, self.step)}


@operator("toy_anomaly", version=1, signature="()->()")
class Anomaly(Composite):
    """An array divided by its mean: a composite with a shared input."""

    dims: tuple[str, ...] = param(doc="Dims to average.")

    def expand(self, *refs: Any) -> Any:
        return wire(Divide(), refs[0], wire(Mean(dims=self.dims), refs[0])["mean"])


@source("toy_noise", version=1)
class Noise(Source):
    """White noise whose item i depends on (seed, i) alone."""

    items: int = param(6, "Realizations.", ge=0)
    size: int = param(64, "Samples.", ge=1)
    seed: int = param(0, "Seed.", ge=0)

    def describe(self) -> ArraySpec:
        x = Coord(("x",), np.arange(self.size) * 0.5, {"units": "m"})
        chunks = ((1,) * self.items, (self.size,))
        return ArraySpec(("item", "x"), (self.items, self.size), "float32", chunks, {"x": x}, {"units": "m s-1"}, "u")

    def read(self, region: Mapping[str, slice], variable: str | None = None) -> Any:
        start, stop, _ = region.get("item", slice(None)).indices(self.items)
        rows = [np.random.default_rng([self.seed, i]).standard_normal(self.size) for i in range(start, stop)]
        block = np.array(rows, dtype="float32").reshape(stop - start, self.size)
        return block[:, region.get("x", slice(None))]


def all_operators() -> Iterator[Operator]:
    """Yield one instance of every toy operator."""
    yield from (Smooth(), Bands(), Mean(), Divide(), Flip(), Every(dim="x"))
