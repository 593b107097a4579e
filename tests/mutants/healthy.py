"""Operators that pass every check, one of each kind; each mutant is one of these with a single defect."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from scatflow.arrays import normal
from scatflow.contract import Composite, Pointwise, Reduce, Select, Whole, Window, operator, param, wire
from scatflow.errors import DimensionError, ParameterError
from scatflow.spec import ArraySpec, Cost, Place, itemsize

Array = Any
TAPS = (0.5 - 0.2j, 1.0 + 0.3j, -0.4 + 0.1j, 0.7 + 0.6j, 0.25 - 0.5j, 0.6 + 0.2j)
BEFORE, AFTER = 4, 1


@operator("taps", version=1, signature="(x)->(x)", dtypes="fc", linear=True, differentiable=True)
class Taps(Window):
    """Weighted sum over the four samples before and the one after, with complex weights."""

    gain: float = param(1.0, "Factor of all weights.", gt=0, le=100)

    def weights(self) -> dict[int, complex]:
        """Offset -> weight."""
        return dict(zip(range(-BEFORE, AFTER + 1), TAPS, strict=True))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        return spec.with_dtype({4: "complex64", 8: "complex128"}[itemsize(spec.dtype) // (2 if "c" in spec.dtype else 1)])

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return {"x": (BEFORE, AFTER)}

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        (x,) = blocks
        x = x if xp.isdtype(x.dtype, "complex floating") else x * xp.asarray(1 + 0j, dtype=_complex(xp, x), device=x.device)
        return sum(self.gain * weight * xp.roll(x, -offset, axis=-1) for offset, weight in self.weights().items())

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        pairs = self.weights().items()
        found = sum(self.gain * weight.conjugate() * xp.roll(cotangent, offset, axis=-1) for offset, weight in pairs)
        return (found if xp.isdtype(blocks[0].dtype, "complex floating") else xp.real(found),)

    def cost(self, *specs: ArraySpec) -> Cost:
        (spec,) = specs
        size = math.prod(spec.shape) * itemsize(spec.dtype) * (1 if "c" in spec.dtype else 2)
        return Cost(8.0 * len(TAPS) * math.prod(spec.shape), 3 * size)


def _complex(xp: Any, x: Array) -> Any:
    return xp.complex64 if x.dtype in (xp.float32, xp.complex64) else xp.complex128


@operator("thin", version=1, signature="(x)->(x)", linear=True)
class Thin(Window):
    """Mean over seven samples at every third one."""

    stride: int = param(3, "Output step.", ge=1, le=64, unit="sample")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        return spec.strided(spec.dims[-1], self.stride)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return {"x": (3, 3)}

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        mean = sum(xp.roll(blocks[0], shift, axis=-1) for shift in range(-3, 4)) / 7
        return mean[..., at.samples("x", self.stride).start - at.start["x"] :: self.stride]


@operator("saturated", version=1, signature="()->()", dtypes="fc", differentiable=True)
class Saturated(Pointwise):
    """z / (1 + |z|), which never exceeds 1."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_attrs(units=None)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return blocks[0] / (1 + xp.abs(blocks[0]))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        (z,) = blocks
        size = xp.abs(z)
        unit = z / xp.where(size > 0, size, xp.ones_like(size))
        along = xp.real(_conj(xp, unit) * cotangent)
        return (cotangent / (1 + size) - z * along / (1 + size) ** 2,)

    def cost(self, *specs: ArraySpec) -> Cost:
        return Cost(4.0 * math.prod(specs[0].shape), 2 * specs[0].nbytes)


def _conj(xp: Any, value: Array) -> Array:
    return xp.conj(value) if xp.isdtype(value.dtype, "complex floating") else value


@operator("leveled", version=1, signature="(y?,x)->(y?,x)", linear=True, differentiable=True)
class Leveled(Whole):
    """Data minus their mean over the core axes, in the way of a first difference where there is one axis."""

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        axes = tuple(range(blocks[0].ndim - len(at.core), blocks[0].ndim))
        return blocks[0] - xp.mean(blocks[0], axis=axes, keepdims=True)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, at: Place, **prepared: Array) -> tuple[Array, ...]:
        return (self.apply(xp, cotangent, at=at),)


@operator("averaged", version=1, signature="(x)->()")
class Averaged(Reduce):
    """Mean over the core axis and pooled dims."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        return spec.without(*(self.dims or ()), *(self.over or ())).with_dtype("float64")

    def chunk(self, xp: Any, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        (x,) = blocks
        count = xp.full(x.shape[:-2], float(x.shape[-2] * x.shape[-1]), dtype=xp.float64, device=x.device)
        return xp.sum(xp.astype(x, xp.float64), axis=(-2, -1)), count

    def finalize(self, xp: Any, *state: Array) -> Array:
        total, count = state
        return total / xp.where(count > 0, count, xp.ones_like(count))


@operator("flipped", version=1, signature="()->()", dtypes="fc", linear=True)
class Flipped(Select):
    """The samples of a dim in reverse order."""

    dim: str = param("x", "The dim.")

    def indexers(self, *specs: ArraySpec) -> Mapping[str, tuple[int, ...]]:
        if self.dim not in specs[0].dims:
            raise DimensionError(f"{self.name}.dim", f"the input has no dim {self.dim!r}", expected=specs[0].dims, got=self.dim)
        return {self.dim: tuple(range(specs[0].sizes[self.dim]))[::-1]}


@operator("shaped", version=1, signature="()->()", dtypes="f")
class Shaped(Composite):
    """Saturated values of leveled data."""

    dims: tuple[str, ...] = param(("x",), "Core dims of the leveling.")

    def expand(self, *refs: Any) -> Any:
        return wire(Saturated(), wire(Leveled(dims=self.dims), refs[0]))


@operator("bands", version=1, signature="(x)->(path,x)", linear=True, differentiable=True)
class Bands(Window):
    """Differences at two lags along a new dim, filters built once per block shape."""

    gains: tuple[float, ...] = param((1.0, 2.0), "Factor of each band.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        if len(self.gains) != 2:
            raise ParameterError(f"{self.name}.gains", "two bands", got=self.gains)
        return spec.with_dim("path", 2, at=len(spec.dims) - 1)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return {"x": (2, 0)}

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Array]:
        return {"gain": xp.asarray(self.gains, dtype=getattr(xp, block.dtype), device=device)}

    def apply(self, xp: Any, *blocks: Array, gain: Array) -> Array:
        (x,) = blocks
        return gain[:, None] * xp.stack([x - xp.roll(x, lag, axis=-1) for lag in (1, 2)], axis=-2)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, gain: Array) -> tuple[Array, ...]:
        scaled = gain[:, None] * cotangent
        return (sum(scaled[..., k, :] - xp.roll(scaled[..., k, :], -lag, axis=-1) for k, lag in enumerate((1, 2))),)

    def reference(self, *refs: Any) -> Any:
        """No operator here computes it otherwise."""
        return None


@operator("doubled", version=1, signature="()->()")
class Doubled(Pointwise):
    """Twice the data, as a kernel for every library and one for NumPy; the reference is a gain of two."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return 2 * blocks[0]

    def apply_numpy(self, xp: Any, *blocks: Array) -> Array:
        return np.add(blocks[0], blocks[0])

    def reference(self, *refs: Any) -> Any:
        return wire(Gain(factor=2.0), refs[0])


@operator("gain", version=1, signature="()->()")
class Gain(Pointwise):
    """The data times a number."""

    factor: float = param(1.0, "The number.", ge=0, le=10)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        return self.factor * blocks[0]

    @classmethod
    def examples(cls) -> Iterator[Gain]:
        yield cls()
        yield cls(factor=2.5)


@operator("dithered", version=1, signature="(x)->(x)", stochastic=True)
class Dithered(Whole):
    """The data and noise keyed by seed, item and sample."""

    seed: int = param(0, "Seed.", ge=0)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_attrs(units=None)

    def apply(self, xp: Any, *blocks: Array, at: Place) -> Array:
        (x,) = blocks
        noise = np.empty(x.shape)
        for item in np.ndindex(*x.shape[:-1]):
            noise[item] = self.noise(self.first(item, at) * x.shape[-1], x.shape[-1])
        return x + xp.asarray(noise, dtype=x.dtype, device=x.device)

    def first(self, item: tuple[int, ...], at: Place) -> int:
        """Return a number of its own for every item, wherever its block begins."""
        return functools.reduce(lambda number, place: 1_000_003 * number + sum(place), zip(at.batch, item, strict=True), 0)

    def noise(self, first: int, count: int) -> Array:
        """Return the numbers of an item."""
        return normal(self.seed, first, count)


HEALTHY = (Taps, Thin, Saturated, Leveled, Averaged, Flipped, Shaped, Bands, Doubled, Gain, Dithered)
